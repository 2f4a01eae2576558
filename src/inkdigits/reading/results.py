"""The results of reading: digits, marks and numbers, and the `Reading` of a picture."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import CanvasError, UsageError
from inkdigits.imaging import Box, Source, open_picture
from inkdigits.imaging.sources import PlainSource

if TYPE_CHECKING:
    from PIL import Image


UNREAD = "?"  # in a text: something of a digit's size that could not be read


@dataclass(frozen=True)
class Digit:
    """One digit that was read: `label` is the class 0…9, `probabilities` has all ten.

    With an artifact of other symbols `label` is the number of one of its labels, and `name` it.

    `confidence` is the probability that it is right: in a picture, that a digit stands there, that
    it is this one, and that none beside it was left out. `candidates` are the labels of the
    prediction set, most likely first; they include the true label for the share `coverage` of
    digits. `accepted` says whether the digit is probably there and probably that one; a lone digit
    must also resemble those that the network knows. `notes` list quality problems: "touches the
    border", "low contrast", "too small: 6 px". `glyph` is what the network saw, uint8 (28, 28).
    """

    label: int
    confidence: float
    probabilities: tuple[float, ...]
    candidates: tuple[int, ...]
    coverage: float
    box: Box
    accepted: bool
    notes: tuple[str, ...]
    glyph: NDArray[np.uint8] = field(repr=False, compare=False)
    name: str = ""

    def __str__(self) -> str:
        return self.name or str(self.label)

    def to_dict(self) -> dict[str, Any]:
        """The digit for the JSON output: the box as [x, y, width, height], without the glyph."""
        return {
            "label": self.label,
            **({"name": self.name} if self.name else {}),
            "confidence": self.confidence,
            "probabilities": list(self.probabilities),
            "candidates": list(self.candidates),
            "coverage": self.coverage,
            "box": as_list(self.box),
            "accepted": self.accepted,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Mark:
    """A sign beside digits: a point, comma, dash, plus, equals, slash, colon, bracket or times.

    The text "?" is something of a digit's size that could not be read.
    """

    text: str
    confidence: float
    box: Box

    def to_dict(self) -> dict[str, Any]:
        """The mark for the JSON output."""
        return {"text": self.text, "confidence": self.confidence, "box": as_list(self.box)}


@dataclass(frozen=True)
class Number:
    """Digits and marks that stand together: "5.5", "12/05/2019", "3+4=".

    `value` is None where the text has none or could have two (`values.parse_value`), or where marks
    were left out. The confidence is the product of its digits', or of its marks' if it has none. It
    is accepted if all its digits are, and nothing is unread.
    """

    text: str
    value: float | None
    box: Box
    confidence: float
    accepted: bool

    def to_dict(self) -> dict[str, Any]:
        """The number for the JSON output."""
        return {
            "text": self.text,
            "value": self.value,
            "box": as_list(self.box),
            "confidence": self.confidence,
            "accepted": self.accepted,
        }


def as_list(box: Box) -> list[int]:
    """The box for the JSON output: [x, y, width, height]."""
    return [box.x, box.y, box.width, box.height]


@dataclass(frozen=True)
class Reading:
    """What was read from one picture.

    `text` has the digits and marks where they stand: a space between numbers, a new line for each
    line. A blank picture gives the text "" and a note. `table` has the rows of a table, with None
    for an empty cell; () where numbers don't stand in columns. `expected` is the number of digits
    that the caller gave. `error` is why the picture could not be read, when many are read.
    `picture` and its `page` are what `Reader.read` was given, for `draw` and notebooks; other
    readings have none.
    """

    text: str
    digits: tuple[Digit, ...]
    marks: tuple[Mark, ...] = ()
    numbers: tuple[Number, ...] = ()
    table: tuple[tuple[Number | None, ...], ...] = ()
    notes: tuple[str, ...] = ()
    expected: int | None = None
    error: CanvasError | None = None
    picture: PlainSource | None = field(default=None, repr=False, compare=False)
    page: int = field(default=0, repr=False, compare=False)

    @property
    def confidence(self) -> float | None:
        """The probability that all digits are right, assuming independence; None without digits."""
        if not self.digits:
            return None
        return float(np.prod([digit.confidence for digit in self.digits]))

    @property
    def accepted(self) -> bool:
        """Whether there are digits, as many as expected, all are accepted, and none is unread."""
        as_expected = self.expected in {None, len(self.digits)}
        read = all(digit.accepted for digit in self.digits) and UNREAD not in self.text
        return bool(self.digits) and as_expected and read

    def to_dict(self) -> dict[str, Any]:
        """The reading for the JSON output."""
        error = {"code": self.error.code, "message": str(self.error)} if self.error else None
        return {
            "text": self.text,
            "confidence": self.confidence,
            "accepted": self.accepted,
            "digits": [digit.to_dict() for digit in self.digits],
            "marks": [mark.to_dict() for mark in self.marks],
            "numbers": [number.to_dict() for number in self.numbers],
            "table": [[cell and cell.to_dict() for cell in row] for row in self.table],
            "notes": list(self.notes),
            "error": error,
        }

    def draw(self, source: Source | None = None, page: int = 0) -> "Image.Image":
        """The picture in colour with the boxes and labels of digits and marks, as an RGB image.

        By default it is the one that was read; `source` and `page` are as in `read`. Green: the
        only candidate; orange: one of several; red: rejected; blue: a mark. Raises `CanvasError` if
        it can't be opened, `UsageError` if the reading has no picture.
        """
        from inkdigits.reading.drawing import draw_boxes, labels_of

        if source is None:
            if self.picture is None:
                raise UsageError("this reading has no picture; pass the one that was read")
            source, page = self.picture, self.page
        return draw_boxes(open_picture(source, page), labels_of(self))

    def _repr_png_(self) -> bytes | None:
        """For notebooks: the picture with boxes; None if there is none, or it is gone."""
        from inkdigits.reading.drawing import as_shown

        return as_shown(self)

    def _repr_html_(self) -> str:
        """For notebooks: the picture with boxes, the text, and how sure it is."""
        from inkdigits.reading.drawing import as_html

        return as_html(self)
