"""A fixed set of drawn pages, whose readings are kept in `golden/readings.json`.

make golden        # after an intended change of the reader: rewrite them
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from handwriting import Page, grid, single, string
from scenes import scene

from inkdigits import Reader, Reading
from inkdigits.data import LabelledImages, load_dataset, stratified_split

READINGS = Path(__file__).parent / "golden" / "readings.json"
PAGES_OF_A_KIND = 5


@dataclass(frozen=True)
class Kind:
    """One way to draw a page, and the hints for the reader."""

    draw: Callable[[LabelledImages, np.random.Generator], Page]
    hints: dict[str, Any] = field(default_factory=dict)


KINDS = {
    "single": Kind(single),
    "single, told": Kind(single, {"single": True}),
    "single in styles": Kind(lambda data, rng: single(data, rng, styles=True)),
    "string": Kind(string),
    "string in styles": Kind(lambda data, rng: string(data, rng, styles=True)),
    "touching": Kind(lambda data, rng: string(data, rng, touching=True)),
    "touching, told": Kind(lambda data, rng: string(data, rng, touching=True), {"expect": 5}),
    "scene": Kind(scene),
    "table": Kind(lambda data, rng: grid(data, rng, 4, 6), {"grid": (4, 6)}),
}


def read_all(data: LabelledImages) -> Iterator[tuple[str, dict[str, Any]]]:
    """A name and the reading of each page; the digits come from `data`."""
    reader = Reader.load()
    for kind_number, (name, kind) in enumerate(KINDS.items()):
        for number in range(PAGES_OF_A_KIND):
            page = kind.draw(data, np.random.default_rng([kind_number, number]))
            reading = reader.read(page.canvas, **kind.hints)
            yield f"{name} {number}", {"truth": page.text, **summary(reading)}


def summary(reading: Reading) -> dict[str, Any]:
    """The results that a refactoring must not change: text, boxes, acceptance, marks."""
    return {
        "text": reading.text,
        "accepted": reading.accepted,
        "digits": [
            [digit.box.x, digit.box.y, digit.box.width, digit.box.height, digit.accepted]
            for digit in reading.digits
        ],
        "marks": [
            [mark.text, mark.box.x, mark.box.y, mark.box.width, mark.box.height]
            for mark in reading.marks
        ],
    }


def held_out() -> LabelledImages:
    """The digits held out from the training of the shipped network (seed 0)."""
    return stratified_split(load_dataset("mnist", "train"), 0.1, seed=0).validation


if __name__ == "__main__":
    rows = [f"{json.dumps(name)}: {json.dumps(row)}" for name, row in read_all(held_out())]
    READINGS.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
