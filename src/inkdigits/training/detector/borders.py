"""Small pictures: a panel's part cut out, with sides of a cell, and what is beyond its border."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.training.augment.skeletons import Random
from inkdigits.training.detector.classes import DIGITS
from inkdigits.training.detector.grounds import Extent
from inkdigits.training.detector.things import (
    IGNORED,
    Thing,
    extent_of,
    thing_of,
    within,
)

_SEEN_DIGIT, _SEEN_MARK, _IN_SIGHT = 0.75, 0.6, 0.25  # shares of a box inside the picture


def with_own_border(
    ink: NDArray[np.float32], things: list[Thing], line_px: float, random: Random
) -> tuple[NDArray[np.float32], list[Thing]]:
    """A smaller picture on the panel; what is beyond repeats its border, or is blank."""
    rows, columns = ink.shape
    known = [t for t in things if t.label in range(len(DIGITS))]
    if known and random.random() < 0.75:
        near = random.uniform(0, [1, 0.6, 1.3, 0.6]) * line_px
        if random.random() < 0.25:
            near *= 0.2
        left, top, right, bottom = np.array(extent_of(known)) + near * [-1, -1, 1, 1]
    else:
        left, right = sorted(random.uniform(0, columns, 2))
        top, bottom = sorted(random.uniform(0, rows, 2))
    x0, x1 = int(np.clip(left, 0, columns - 9)), int(np.clip(np.ceil(right), 8, columns))
    y0, y1 = int(np.clip(top, 0, rows - 9)), int(np.clip(np.ceil(bottom), 8, rows))
    if x1 - x0 <= 8 or y1 - y0 <= 8:
        return ink, things
    if random.random() < 0.4:
        _draw_sides(ink[y0:y1, x0:x1], line_px, random)
    beyond = cv2.BORDER_REPLICATE if random.random() < 0.75 else cv2.BORDER_CONSTANT
    ink = cv2.copyMakeBorder(ink[y0:y1, x0:x1], y0, rows - y1, x0, columns - x1, beyond, value=0)
    return ink, _clipped(things, (x0, y0, x1, y1))


def _draw_sides(ink: NDArray[np.float32], line_px: float, random: Random) -> None:
    """Along the borders of a cut-out cell the cell's own sides, whole or in part."""
    strength = random.uniform(0.3, 1)
    for side in range(4):
        if random.random() < 0.55:
            turned = np.rot90(ink, side)
            rows, columns = turned.shape
            inset = round(random.uniform(0, 0.25) * line_px)
            thick = max(1, round(random.uniform(0.02, 0.15) * line_px))
            start, end = (
                (0, columns)
                if random.random() < 0.5
                else sorted(random.integers(0, columns + 1, 2))
            )
            line = turned[inset : min(inset + thick, rows // 3), start:end]
            np.maximum(line, np.float32(strength * random.uniform(0.6, 1)), out=line)


def _clipped(things: list[Thing], window: Extent) -> list[Thing]:
    """What is left of the things in a window: cut ones are ignored, what is mostly gone is none."""
    kept = []
    for thing in things:
        part, seen = within(thing.sides, window)
        enough = _SEEN_DIGIT if thing.label < len(DIGITS) else _SEEN_MARK
        if seen > enough:
            kept.append(thing_of(part, thing.label, thing.line_px))
        elif seen > _IN_SIGHT:
            kept.append(replace(thing, label=IGNORED))
    return kept
