"""The results of reading: a `Digit`, and the `Reading` of a picture."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import CanvasError
from inkdigits.imaging import Box, Source, open_picture

if TYPE_CHECKING:
    from PIL import Image

    from inkdigits.reading.drawing import Mark


@dataclass(frozen=True)
class Digit:
    """One digit that was read: `label` is the class 0…9, `probabilities` has all ten.

    `candidates` are the labels of the prediction set, most likely first; they include the true
    label for the share `coverage` of digits. `accepted` says whether the glyph resembles the digits
    that the network knows; if not, the label means nothing. `notes` list quality problems:
    "touches the border", "low contrast", "2 pieces", "too small: 6 px". `glyph` is what the network
    saw, uint8 (28, 28).
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

    def to_dict(self) -> dict[str, Any]:
        """The digit for the JSON output: the box as [x, y, width, height], without the glyph."""
        return {
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": list(self.probabilities),
            "candidates": list(self.candidates),
            "coverage": self.coverage,
            "box": [self.box.x, self.box.y, self.box.width, self.box.height],
            "accepted": self.accepted,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Reading:
    """What was read from one picture; `text` has a line for each line of digits.

    A blank picture gives the text "" and a note. `expected` is the number of digits that the caller
    gave. `error` is why the picture could not be read, when many are read.
    """

    text: str
    digits: tuple[Digit, ...]
    notes: tuple[str, ...] = ()
    expected: int | None = None
    error: CanvasError | None = None

    @property
    def confidence(self) -> float | None:
        """The probability that all digits are right, assuming independence; None without digits."""
        if not self.digits:
            return None
        return float(np.prod([digit.confidence for digit in self.digits]))

    @property
    def accepted(self) -> bool:
        """Whether there are digits, as many as expected, and all are accepted."""
        as_expected = self.expected in {None, len(self.digits)}
        return bool(self.digits) and as_expected and all(digit.accepted for digit in self.digits)

    def to_dict(self) -> dict[str, Any]:
        """The reading for the JSON output."""
        error = {"code": self.error.code, "message": str(self.error)} if self.error else None
        return {
            "text": self.text,
            "confidence": self.confidence,
            "accepted": self.accepted,
            "digits": [digit.to_dict() for digit in self.digits],
            "notes": list(self.notes),
            "error": error,
        }

    def draw(self, source: Source, page: int = 0) -> "Image.Image":
        """The picture in colour with each digit's box and label, as an RGB image.

        `page` is as in `read`. Green: the only candidate; orange: one of several; red: rejected.
        """
        from inkdigits.reading.drawing import draw_boxes

        return draw_boxes(open_picture(source, page), self.marks())

    def marks(self) -> "list[Mark]":
        """The digits in the form that `drawing` takes."""
        from inkdigits.reading.drawing import REJECTED, SURE, UNSURE, Mark

        marks = []
        for digit in self.digits:
            sure = SURE if len(digit.candidates) == 1 else UNSURE
            caption = f"{digit.label}  {digit.confidence:.1%}"
            color = sure if digit.accepted else REJECTED
            marks.append(Mark(digit.box, str(digit.label), caption, digit.glyph, color))
        return marks
