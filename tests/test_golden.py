"""Guards against unnoticed changes: readings of a fixed set of pages, and the public names."""

import importlib
import json

import numpy as np
import pytest
from PIL import Image

from tests.augmented import COLUMNS, SHEET, rows, sheet
from tests.drawn_pages import READINGS, held_out, read_all


def test_the_pages_are_read_exactly_as_before():
    expected = json.loads(READINGS.read_text(encoding="utf-8"))
    found = dict(read_all(held_out()))
    assert found.keys() == expected.keys()
    assert {name: row for name, row in found.items() if row != expected[name]} == {}


def test_augmentations_look_as_they_did():
    with Image.open(SHEET) as image:
        expected = np.asarray(image).astype(int).reshape(-1, 28, 28 * COLUMNS)
    found = sheet().astype(int).reshape(-1, 28, 28 * COLUMNS)
    differences = np.abs(found - expected).mean(axis=(1, 2))
    names = [name for name, _ in rows()]
    assert {n: d for n, d in zip(names, differences, strict=True) if d > 0.1} == {}


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("inkdigits.data", ["LabelledImages", "Split", "load_dataset", "stratified_split"]),
        ("inkdigits.errors", ["CanvasError", "DataError", "InkdigitsError", "UsageError"]),
        ("inkdigits.evaluation", ["Extent", "Report", "evaluate"]),
        ("inkdigits.imaging", ["Box", "open_canvas", "open_picture"]),
        ("inkdigits.reading", ["Digit", "Reader", "Reading"]),
        ("inkdigits.recipes", ["RECIPES", "find_recipe"]),
        ("inkdigits.training", ["fit"]),
    ],
)
def test_the_public_paths(path, names):
    module = importlib.import_module(path)
    assert [name for name in names if not hasattr(module, name)] == []
