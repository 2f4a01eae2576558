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


def label_at(label: int, size: float) -> int | None:
    """The class as the detector sees it at a size; None where it is no thing."""
    if label >= 0 and SMALLEST_PX / 1.04 <= size <= LARGEST_PX * 1.04:
        return label
    return IGNORED if SMALLEST_PX / _SOFT < size < LARGEST_PX * _SOFT else None
