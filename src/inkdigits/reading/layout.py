"""From things on a canvas to a `Reading` in pixels of the picture: text, digits, marks, numbers."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from inkdigits.imaging import Box
from inkdigits.reading.acceptance import is_likely
from inkdigits.reading.finding import Finder, Found, Look
from inkdigits.reading.hints import Hints
from inkdigits.reading.lines import find_numbers
from inkdigits.reading.results import UNREAD, Digit, Mark, Number, Reading
from inkdigits.reading.things import Thing
from inkdigits.reading.values import parse_value

BLANK_CELL = "."  # in the text of a table
_SMALL_PX, _FAINT = 12, 0.15

Line = Sequence[Thing]


class Describe(Protocol):
    """What the reader makes of a digit, its box on the picture and its notes.

    `alone` says that no other digit of the picture is likely.
    """

    def __call__(self, found: Found, box: Box, notes: tuple[str, ...], *, alone: bool) -> Digit:
        """The digit of the reading."""


class Layout:
    """Puts together what was found in one look at a canvas."""

    def __init__(
        self, look: Look, scale: int, describe: Describe, finder: Finder, hints: Hints
    ) -> None:
        self._look, self._scale, self._describe = look, scale, describe
        self._classes, self._acceptance, self._hints = finder.classes, finder.acceptance, hints
        self._alone = False

    def reading(self, lines: Sequence[Line]) -> Reading:
        """The reading of lines of digits and marks."""
        digits_of_all = [found for line in lines for found in _digits(line)]
        self._alone = sum(is_likely(found, self._acceptance) for found in digits_of_all) < 2
        if self._hints.digits_only:
            digits = [_digits(line) for line in lines]
            return self._put_together("\n".join(map(self._text, digits)), digits, [])
        numbers = [[self._number(number) for number in find_numbers(line)] for line in lines]
        text = "\n".join(" ".join(number.text for number in line) for line in numbers)
        return self._put_together(text, lines, [number for line in numbers for number in line])

    def table(self, cells: Sequence[Sequence[Line]]) -> Reading:
        """The reading of the rows of a table, each cell a number or empty."""
        if self._hints.digits_only:
            cells = [[_digits(cell) for cell in row] for row in cells]
        text = "\n".join(" ".join(self._text(cell) or BLANK_CELL for cell in row) for row in cells)
        lines = [[thing for cell in row for thing in cell] for row in cells]
        numbers = [self._number(cell) for row in cells for cell in row if cell]
        return self._put_together(text, lines, [] if self._hints.digits_only else numbers)

    def _put_together(self, text: str, lines: Sequence[Line], numbers: list[Number]) -> Reading:
        expect = self._hints.expect
        things = [thing for line in lines for thing in line]
        digits = tuple(self._digit(found) for found in _digits(things))
        marks = tuple(self._mark(thing) for thing in things if not thing.is_digit)
        notes = [] if digits else ["no digits found"]
        if digits and expect is not None and len(digits) != expect:
            notes.append(f"{len(digits)} digits found where {expect} were expected")
        return Reading(text, digits, marks, tuple(numbers), tuple(notes), expect)

    def _text(self, things: Line) -> str:
        return "".join(self._classes[thing.label] for thing in things)

    def _number(self, things: Line) -> Number:
        text = self._text(things)
        digits = [self._digit(found) for found in _digits(things)]
        marks = [self._mark(thing) for thing in things if not thing.is_digit]
        sure = [digit.confidence for digit in digits] + [mark.confidence for mark in marks]
        accepted = bool(digits) and all(digit.accepted for digit in digits)
        return Number(
            text=text,
            value=parse_value(text),
            box=self._box(things),
            confidence=float(np.prod(sure)),
            accepted=accepted and UNREAD not in text,
        )

    def _digit(self, found: Found) -> Digit:
        box = self._box([found])
        notes = []
        if self._touches_border(found):
            notes.append("touches the border")
        if self._look.ink.contrast < _FAINT:
            notes.append("low contrast")
        if box.height < _SMALL_PX and box.width < _SMALL_PX:
            notes.append(f"too small: {box.height} px")
        return self._describe(found, box, tuple(notes), alone=self._alone)

    def _touches_border(self, found: Found) -> bool:
        """Whether there is ink on the border of the canvas where the digit's box ends."""
        mask = self._look.ink.mask
        rows = slice(max(0, int(found.top)), int(np.ceil(found.bottom)))
        columns = slice(max(0, int(found.left)), int(np.ceil(found.right)))
        return bool(
            (found.left < 1 and mask[rows, 0].any())
            or (found.top < 1 and mask[0, columns].any())
            or (found.right > mask.shape[1] - 1 and mask[rows, -1].any())
            or (found.bottom > mask.shape[0] - 1 and mask[-1, columns].any())
        )

    def _mark(self, thing: Thing) -> Mark:
        return Mark(self._classes[thing.label], float(thing.score), self._box([thing]))

    def _box(self, things: Line) -> Box:
        """Around things, in whole pixels of the picture, not beyond the canvas."""
        height, width = self._look.ink.mask.shape
        sides = np.array([(t.left, t.top, t.right, t.bottom) for t in things])
        left, top = np.minimum(np.floor(sides[:, :2].min(axis=0)).clip(0), (width - 1, height - 1))
        right, bottom = np.minimum(np.ceil(sides[:, 2:].max(axis=0)), (width, height))
        corners = (left, top, max(1, right - left), max(1, bottom - top))
        return Box(*(int(side) * self._scale for side in corners))


def _digits(things: Line) -> list[Found]:
    return [thing for thing in things if isinstance(thing, Found) and thing.is_digit]
