"""Digits and marks as boxes, and the sightings of one thing at several scales as one."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

DIGITS = 10  # the first of the classes
_SAME_UNION, _SAME_INSIDE = 0.4, 0.7  # overlaps from which two boxes are one thing
_SMALL_MARKS, _NEAR = ".,:-", 0.3  # of the line's height: marks nearer than that are one
# Heights, of digits and of the lines of marks, at which every scale should see a thing.
_DIGIT_SEEN_PX, _MARK_SEEN_PX, _SEEN_TO_PX = 14.5, 22.0, 33.0
_AGREEMENT = 0.6  # of the score: the mean over those scales; the rest is the best of them
_COMMA = 0.32  # of the line's height: what is lower is a point, if it is one or a comma


@dataclass(frozen=True, eq=False)
class Area:
    """Sides in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """In pixels."""
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        """Across and down, in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True, eq=False)
class Sighting(Area):
    """A thing as one scale shows it: a score 0…1 for each class, the height of its line."""

    scores: NDArray[np.float32]
    line_px: float
    scale: float

    @property
    def is_digit(self) -> bool:
        """Whether the class with the highest score is a digit."""
        return int(self.scores.argmax()) < DIGITS

    @property
    def size_px(self) -> float:
        """The height of a digit, wide as it may be; of a mark that of its line."""
        return digit_px(self.width, self.height) if self.is_digit else self.line_px

    def scaled(self, across: float, down: float) -> "Sighting":
        """The same in other pixels."""
        return replace(
            self,
            left=self.left * across,
            right=self.right * across,
            top=self.top * down,
            bottom=self.bottom * down,
            line_px=self.line_px * down,
        )


@dataclass(frozen=True, eq=False)
class Thing(Area):
    """A digit or a mark: shares (classes,) of the classes, a score 0…1, the height of its line.

    `darkness` 0…1 is that of its ink, where it is known; `doubt` 0…1 the score of what was left
    out on it or beside it.
    """

    shares: NDArray[np.float32]
    score: float
    line_px: float
    darkness: float = 1.0
    doubt: float = 0.0

    @property
    def label(self) -> int:
        """The likeliest class."""
        return int(self.shares.argmax())

    @property
    def is_digit(self) -> bool:
        """Whether that is a digit."""
        return self.label < DIGITS

    @property
    def size_px(self) -> float:
        """The height of a digit, wide as it may be; of a mark that of its line."""
        return digit_px(self.width, self.height) if self.is_digit else self.line_px


def digit_px(width: float, height: float) -> float:
    """The size of a digit: its height, unless it lies on its side."""
    return max(height, 0.6 * width)


def gap_between(one: Area, other: Area) -> float:
    """How far apart two boxes are across; negative if they overlap."""
    return max(one.left - other.right, other.left - one.right)


def overlap(one: Area, other: Area) -> tuple[float, float]:
    """The shared area over the union of two boxes, and over the smaller of them."""
    wide = max(0.0, min(one.right, other.right) - max(one.left, other.left))
    high = max(0.0, min(one.bottom, other.bottom) - max(one.top, other.top))
    shared, areas = wide * high, (one.width * one.height, other.width * other.height)
    return shared / (sum(areas) - shared + 1e-9), shared / (min(areas) + 1e-9)


def merge(found: list[Sighting], scales: list[float], classes: str) -> list[Thing]:
    """The sightings of each thing as one, best first (greedy non-maximum suppression)."""
    groups: list[list[Sighting]] = []
    for seen in sorted(found, key=lambda seen: -float(seen.scores.max())):
        for group in groups:
            if _is_point(seen, classes) != _is_point(group[0], classes):
                continue  # a point may lie in the box of a slanted digit
            union, inside = overlap(seen, group[0])
            same = union > _SAME_UNION or _are_one_mark(seen, group[0], classes)
            if same:
                group.append(seen)
            if same or inside > _SAME_INSIDE:
                break
        else:
            groups.append([seen])
    return [_as_thing(group, scales, classes) for group in groups]


def _is_point(seen: Sighting, classes: str) -> bool:
    return classes[int(seen.scores.argmax())] in ".,"


def _are_one_mark(one: Sighting, other: Sighting, classes: str) -> bool:
    """Whether two small marks lie at one place: boxes of points hardly overlap."""
    if not all(classes[int(seen.scores.argmax())] in _SMALL_MARKS for seen in (one, other)):
        return False
    apart = np.hypot(*np.subtract(one.middle, other.middle))
    return bool(apart < _NEAR * min(one.line_px, other.line_px))


def _as_thing(group: list[Sighting], scales: list[float], classes: str) -> Thing:
    """Boxes and scores weighted by the scores; scales that should have seen it and didn't count."""
    points = [classes.index("."), classes.index(",")]

    def score_of(seen: Sighting) -> float:
        """That it is there, whichever it is: points and commas are hard to tell apart."""
        return max(float(seen.scores.max()), min(1.0, float(seen.scores[points].sum())))

    weights = np.array([float(seen.scores.max()) for seen in group])
    shares = (weights[:, None] * [seen.scores for seen in group]).sum(axis=0)
    shares = (shares / max(float(shares.sum()), 1e-6)).astype(np.float32)
    sides = [(seen.left, seen.top, seen.right, seen.bottom, seen.line_px) for seen in group]
    squares = weights**2 / (weights**2).sum()
    left, top, right, bottom, line_px = (float(side) for side in squares @ np.array(sides))
    seen_at: dict[float, float] = {}
    for seen in group:
        seen_at[seen.scale] = max(seen_at.get(seen.scale, 0.0), score_of(seen))
    point, comma = points
    if bottom - top < _COMMA * line_px and shares.argmax() == comma:
        shares[[point, comma]] = shares[[comma, point]]
    thing = Thing(left, top, right, bottom, shares, 0.0, line_px)
    least = _DIGIT_SEEN_PX if thing.is_digit else _MARK_SEEN_PX
    for scale in scales:
        if least < thing.size_px * scale < _SEEN_TO_PX:
            seen_at.setdefault(scale, 0.0)
    agreed = sum(seen_at.values()) / len(seen_at)
    return replace(thing, score=_AGREEMENT * agreed + (1 - _AGREEMENT) * score_of(group[0]))
