"""From things on a canvas to a `Reading` in pixels of the picture: text, digits, marks, numbers."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from inkdigits.imaging import Box, Canvas
from inkdigits.reading.acceptance import is_likely
from inkdigits.reading.finding import Finder, Found, Look, digits_among
from inkdigits.reading.hints import Hints
from inkdigits.reading.lines import find_numbers
from inkdigits.reading.results import UNREAD, Digit, Mark, Number, Reading
from inkdigits.reading.tables import find_columns, ruled_between
from inkdigits.reading.things import Area, Thing
from inkdigits.reading.values import parse_value

BLANK_CELL = "."  # in the text of a table
_SMALL_PX, _FAINT = 12, 0.15

Line = Sequence[Thing]


def empty_reading(hints: Hints) -> Reading:
    """The reading of a picture without ink."""
    rows, columns = hints.grid or (0, 0)
    text = "\n".join([" ".join([BLANK_CELL] * columns)] * rows)
    cells = ((None,) * columns,) * rows
    return Reading(text, (), table=cells, notes=("no ink found",), expected=hints.expect)


class Describe(Protocol):
    """What the reader makes of a digit, its box on the picture and its notes.

    `alone` says that no other digit of the picture is likely.
    """

    def __call__(self, found: Found, box: Box, notes: tuple[str, ...], *, alone: bool) -> Digit:
        """The digit of the reading."""


class Layout:
    """Puts together what was found in one look at a canvas."""

    def __init__(
        self, canvas: Canvas, look: Look, describe: Describe, finder: Finder, hints: Hints
    ) -> None:
        self._canvas, self._look, self._describe = canvas, look, describe
        self._classes, self._acceptance, self._hints = finder.classes, finder.acceptance, hints

    def reading(self, lines: Sequence[Line]) -> Reading:
        """The reading of lines of digits and marks."""
        if self._hints.digits_only:
            lines = [digits for line in lines if (digits := digits_among(line))]
        ruled = ruled_between(self._look, lines)
        rows = [find_numbers(line, ruled) for line in lines]
        columns = find_columns([[_around(number) for number in row] for row in rows])
        space = "" if self._hints.digits_only else " "
        text = "\n".join(space.join(map(self._text, row)) for row in rows)
        return self._put_together(text, rows, _spread(rows, columns))

    def table(self, cells: Sequence[Sequence[Line]]) -> Reading:
        """The reading of the rows of a table, each cell a number or empty."""
        if self._hints.digits_only:
            cells = [[digits_among(cell) for cell in row] for row in cells]
        text = "\n".join(" ".join(self._text(cell) or BLANK_CELL for cell in row) for row in cells)
        return self._put_together(text, cells, cells)

    def _put_together(
        self, text: str, rows: Sequence[Sequence[Line]], table: Sequence[Sequence[Line]]
    ) -> Reading:
        expect = self._hints.expect
        things = [thing for row in rows for number in row for thing in number]
        alone = sum(is_likely(found, self._acceptance) for found in digits_among(things)) < 2
        parts = {id(thing): self._part(thing, alone=alone) for thing in things}
        digits = tuple(part for part in parts.values() if isinstance(part, Digit))
        marks = tuple(part for part in parts.values() if isinstance(part, Mark))
        numbers = {
            id(number): self._number(number, [parts[id(thing)] for thing in number])
            for row in rows
            for number in row
            if number
        }
        notes = [] if digits else ["no digits found"]
        if digits and expect is not None and len(digits) != expect:
            notes.append(f"{len(digits)} digits found where {expect} were expected")
        cells = tuple(tuple(numbers.get(id(number)) for number in row) for row in table)
        shown = () if self._hints.digits_only else tuple(numbers.values())
        return Reading(text, digits, marks, shown, cells, tuple(notes), expect)

    def _text(self, things: Line) -> str:
        return "".join(self._classes[thing.label] for thing in things)

    def _number(self, things: Line, parts: Sequence[Digit | Mark]) -> Number:
        text = self._text(things)
        digits = [part for part in parts if isinstance(part, Digit)]
        accepted = bool(digits) and all(digit.accepted for digit in digits)
        return Number(
            text=text,
            value=None if self._hints.digits_only else parse_value(text),
            box=self._box(_around(things)),
            confidence=float(np.prod([part.confidence for part in digits or parts])),
            accepted=accepted and UNREAD not in text,
        )

    def _part(self, thing: Thing, *, alone: bool) -> Digit | Mark:
        box = self._box(thing)
        if isinstance(thing, Found) and thing.is_digit:
            return self._describe(thing, box, self._notes(thing, box), alone=alone)
        return Mark(self._classes[thing.label], float(thing.score), box)

    def _notes(self, found: Found, box: Box) -> tuple[str, ...]:
        notes = []
        if self._touches_border(found):
            notes.append("touches the border")
        if self._look.ink.contrast < _FAINT:
            notes.append("low contrast")
        if box.height < _SMALL_PX and box.width < _SMALL_PX:
            notes.append(f"too small: {box.height} px")
        return tuple(notes)

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

    def _box(self, area: Area) -> Box:
        return self._canvas.box(area.left, area.top, area.right, area.bottom)


def _around(things: Line) -> Area:
    """The box of things, at least one."""
    sides = np.array([(thing.left, thing.top, thing.right, thing.bottom) for thing in things])
    return Area(*sides[:, :2].min(axis=0).tolist(), *sides[:, 2:].max(axis=0).tolist())


def _spread(rows: Sequence[Sequence[Line]], columns: list[list[int]]) -> list[list[Line]]:
    """The rows with an empty cell where a column has no number; no rows without columns."""
    if not columns:
        return []
    count = 1 + max(column for taken in columns for column in taken)
    table: list[list[Line]] = [[()] * count for _ in columns]
    for cells, row, taken in zip(table, rows, columns, strict=True):
        for number, column in zip(row, taken, strict=True):
            cells[column] = number
    return table
