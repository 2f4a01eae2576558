"""What stands on a page and where, and a page's part while it is drawn."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inkdigits.training.detector.classes import LARGEST_PX, SMALLEST_PX
from inkdigits.training.detector.grounds import Extent

PAGE_PX = (96, 224)
IGNORED = -1
_SOFT = 1.25  # beyond the sizes that are found by up to this factor, either answer is right


@dataclass(frozen=True)
class Thing:
    """A digit or a mark: its box by centre and size, its class or `IGNORED`, its line's height."""

    x: float
    y: float
    width: float
    height: float
    label: int
    line_px: float

    @property
    def sides(self) -> Extent:
        """Left, top, right and bottom."""
        half_width, half_height = self.width / 2, self.height / 2
        return self.x - half_width, self.y - half_height, self.x + half_width, self.y + half_height


def thing_of(box: Extent, label: int, line_px: float) -> Thing:
    """The thing in a box of left, top, right and bottom."""
    left, top, right, bottom = box
    return Thing((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, label, line_px)


@dataclass
class Panel:
    """A part of a page while it is drawn."""

    ink: NDArray[np.uint8]
    things: list[Thing] = field(default_factory=list)

    def extent(self) -> Extent | None:
        """Around all that was written."""
        return extent_of(self.things) if self.things else None


def extent_of(things: list[Thing]) -> Extent:
    """Left, top, right and bottom of some things, at least one."""
    sides = np.array([thing.sides for thing in things])
    left, top = sides[:, :2].min(axis=0).tolist()
    right, bottom = sides[:, 2:].max(axis=0).tolist()
    return left, top, right, bottom


def within(box: Extent, window: Extent) -> tuple[Extent, float]:
    """The part of a box inside a window, and which share of the box that is."""
    left, top = max(box[0], window[0]), max(box[1], window[1])
    right, bottom = min(box[2], window[2]), min(box[3], window[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    return (left, top, right, bottom), shared / ((box[2] - box[0]) * (box[3] - box[1]))


def label_at(label: int, size: float) -> int | None:
    """The class as the detector sees it at a size; None where it is no thing."""
    if label >= 0 and SMALLEST_PX / 1.04 <= size <= LARGEST_PX * 1.04:
        return label
    return IGNORED if SMALLEST_PX / _SOFT < size < LARGEST_PX * _SOFT else None
