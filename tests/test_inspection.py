"""The page about labelled pictures: doubtful labels, twins, blank and cut-off pictures."""

import json

import numpy as np
import pytest

from inkdigits.data import LabelledImages
from inkdigits.evaluation.inspection import find_doubts, find_twins
from tests.command_line import call, error_of


@pytest.fixture(scope="module")
def some(mnist_test):
    return mnist_test.only(np.arange(400))


@pytest.fixture(scope="module")
def spoilt(some):
    """Four wrong labels, a picture twice, a blank one, and one that was cut off."""
    images, labels = some.images.copy(), some.labels.copy()
    labels[:4] = (labels[:4] + 5) % 10
    images[10], labels[10] = images[399], labels[399]
    images[20] = 0
    images[30] = np.roll(images[30], 14, axis=1)
    return LabelledImages(images, labels)


@pytest.fixture(scope="module")
def page(spoilt, tmp_path_factory):
    path = tmp_path_factory.mktemp("spoilt") / "spoilt.npz"
    parts = {"train": slice(0, 320), "test": slice(320, 400)}
    arrays = {f"x_{part}": spoilt.images[rows] for part, rows in parts.items()}
    np.savez(path, **arrays, **{f"y_{part}": spoilt.labels[rows] for part, rows in parts.items()})
    return path


def test_wrong_labels_are_doubted(spoilt):
    doubts = find_doubts(spoilt)
    assert len({0, 1, 2, 3} & {doubt.place for doubt in doubts}) >= 3
    assert len(doubts) < 30
    assert [d.confidence for d in doubts] == sorted((d.confidence for d in doubts), reverse=True)


def test_the_same_picture_twice_is_found_and_others_are_not(some):
    ones = some.labels == 1  # upright strokes are nearly the same
    plain = some.images[~ones]
    assert find_twins(plain) == []
    again = np.concatenate([plain, plain[7:8]])
    faint = (again.astype(np.float32) * 0.9 + 5).astype(np.uint8)
    assert find_twins(again) == find_twins(faint) == [(7, len(plain))]


def test_the_page_names_what_is_wrong(capsys, page, tmp_path):
    out = tmp_path / "page.html"
    where = ("--as-is", "--out", out, "--json")
    code, printed, err = call(capsys, "data", "inspect", page, *where)
    assert code == 0, err
    result = json.loads(printed)
    assert result["images"] == {"train": 320, "test": 80}
    assert result["blank"] == 1
    assert 1 <= result["clipped"] <= 10
    html = out.read_text()
    assert "labelled <b>" in html
    assert "across the split</b>" in html
    assert f"{page}, image 21" in html  # blank
    assert f"{page}, image 31" in html  # cut off
    assert html.count('class="sheet"') == 10


def test_a_source_that_is_none_is_refused(capsys, tmp_path):
    code, error = error_of(capsys, "data", "inspect", tmp_path / "nothing")
    assert (code, "there is no data set, file or folder" in error) == (2, True)
