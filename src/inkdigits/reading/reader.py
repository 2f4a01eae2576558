"""Reading digits with an artifact: needs ONNX Runtime, never PyTorch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import Artifact, ArtifactInfo, load_artifact, parse_artifact
from inkdigits.errors import CanvasError, UsageError
from inkdigits.imaging import Box, Source, load_canvas, open_picture
from inkdigits.imaging.layout import GLYPH_PX
from inkdigits.reading.explanation import evidence_map
from inkdigits.reading.finding import Found, find_digits
from inkdigits.reading.hints import Hints

if TYPE_CHECKING:
    from PIL import Image

    from inkdigits.reading.drawing import Mark

SHIPPED = "robust.onnx"
BLANK_CELL = "."  # in the text of a table
_BATCH = 512  # bounds memory; 64 to 1000 were equally fast


@dataclass(frozen=True)
class Digit:
    """One digit that was read: `label` is the class 0…9, `probabilities` has all ten.

    `candidates` are the labels of the prediction set, the likeliest first: they hold the truth for
    the share `coverage` of digits. `accepted` says whether the picture is like the digits that the
    network knows; where it isn't, the label means nothing. `notes` say what is poor about it:
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
        """As the JSON output has it; the box as [x, y, width, height], the glyph left out."""
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

    A blank one has the text "" and a note. `error` is why a picture could not be read at all,
    where many are read.
    """

    text: str
    digits: tuple[Digit, ...]
    notes: tuple[str, ...] = ()
    error: CanvasError | None = None

    @property
    def confidence(self) -> float | None:
        """The probability that all digits are right, taken as independent; None without digits."""
        if not self.digits:
            return None
        return float(np.prod([digit.confidence for digit in self.digits]))

    @property
    def accepted(self) -> bool:
        """Whether there are digits, and each is like those that the network knows."""
        return bool(self.digits) and all(digit.accepted for digit in self.digits)

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output has it."""
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
        """The picture in its colours, each digit's box and label drawn in, as an RGB image.

        `page` is that of `read`. Green: the only candidate; orange: one of several; red: not like
        a digit.
        """
        from inkdigits.reading.drawing import draw_boxes

        return draw_boxes(open_picture(source, page), self.marks())

    def marks(self) -> "list[Mark]":
        """The digits as `drawing` takes them."""
        from inkdigits.reading.drawing import REFUSED, SURE, UNSURE, Mark

        marks = []
        for digit in self.digits:
            sure = SURE if len(digit.candidates) == 1 else UNSURE
            caption = f"{digit.label}  {digit.confidence:.1%}"
            color = sure if digit.accepted else REFUSED
            marks.append(Mark(digit.box, str(digit.label), caption, digit.glyph, color))
        return marks


class Reader:
    """Reads digits with one artifact."""

    def __init__(self, artifact: Artifact) -> None:
        self._session = artifact.session
        self.info: ArtifactInfo = artifact.info

    @classmethod
    def load(cls, path: str | Path | None = None, *, threads: int = 0) -> "Reader":
        """The reader of an artifact file or a run folder; without one, of the package's model.

        `threads` of the processor run the network, 0: all. Raises `ArtifactError` or
        `StorageError`.
        """
        if path is not None:
            return cls(load_artifact(Path(path), threads))
        content = files("inkdigits.reading").joinpath("shipped", SHIPPED).read_bytes()
        return cls(parse_artifact(content, f"the shipped {SHIPPED}", threads))

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (n, 10) of uint8 images (n, 28, 28), bright ink on black.

        Raises `UsageError` for another shape or type.
        """
        return self.score_glyphs(images)[0]

    def score_glyphs(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities (n, 10), and familiarity (n,): how much each image is like a digit.

        Takes and raises what `predict_proba` does.
        """
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
            raise UsageError(
                f"images are {images.dtype} {images.shape}; they must be uint8 (n, 28, 28)"
            )
        probabilities = np.empty((len(images), len(self.info.labels)), np.float32)
        familiarity = np.empty(len(images), np.float32)
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
            probabilities[part], familiarity[part] = self._session.run(
                ["probabilities", "familiarity"], {"images": images[part]}
            )
        return probabilities, familiarity

    def prediction_sets(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which labels (n, 10) each set holds: the likely ones, and always the likeliest."""
        inside: NDArray[np.bool_] = probabilities >= self.info.set_threshold
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        return inside

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Classes (n,) of uint8 images (n, 28, 28)."""
        classes: NDArray[np.intp] = self.predict_proba(images).argmax(axis=1)
        return classes

    def read(
        self,
        source: Source,
        *,
        page: int = 0,
        single: bool = False,
        expect: int | None = None,
        grid: tuple[int, int] | None = None,
    ) -> Reading:
        """What stands on a picture: a path, a file's bytes, a Pillow image, or an array.

        With `single` the whole is one digit, with `expect` there are that many, with `grid` it is
        a table of (rows, columns) with at most one digit in each cell; an empty one is "." in the
        text. `page` counts the pages of a PDF or TIFF from 0.
        Raises `CanvasError` for what can't be opened, `UsageError` for contradictory hints.
        """
        hints = Hints(single, expect, grid)
        found = find_digits(load_canvas(source, page), self.score_glyphs, hints)
        if grid and not found:
            found = [[None] * grid[1]] * grid[0]
        lines = [[self._digit(cell) if cell else None for cell in line] for line in found]
        text = "\n".join("".join(self._text(digit) for digit in line) for line in lines)
        digits = tuple(digit for line in lines for digit in line if digit)
        notes = [] if digits else ["no ink found"]
        if digits and expect is not None and len(digits) != expect:
            notes.append(f"{len(digits)} digits found where {expect} were expected")
        return Reading(text, digits, tuple(notes))

    def read_many(self, sources: Iterable[Source], **hints: Any) -> Iterator[Reading]:
        """A reading for each picture as it comes; one that can't be opened has an `error`.

        `hints` are those of `read`. Of several pages the first is read, or the `page` among them.
        """
        for source in sources:
            try:
                yield self.read(source, **hints)
            except CanvasError as error:
                yield Reading("", (), error=error)

    def read_glyphs(self, images: NDArray[np.uint8]) -> list[Reading]:
        """A reading of one digit for each of the images (n, 28, 28), laid out as MNIST's are."""
        box = Box(0, 0, GLYPH_PX, GLYPH_PX)
        digits = [
            self._describe(p, familiarity, image, box, ())
            for p, familiarity, image in zip(*self.score_glyphs(images), images, strict=True)
        ]
        return [Reading(self.info.labels[digit.label], (digit,)) for digit in digits]

    def explain(self, digit: Digit) -> NDArray[np.float32]:
        """How each pixel of the digit's glyph (28, 28) speaks for its label (`explanation`)."""
        return evidence_map(digit.glyph, digit.label, self.predict_proba)

    def _text(self, digit: Digit | None) -> str:
        return self.info.labels[digit.label] if digit else BLANK_CELL

    def _digit(self, found: Found) -> Digit:
        seen = found.scored
        # Doubts are of the size that they need where the network knows junk.
        familiarity = seen.familiarity - (seen.doubt if self.info.knows_junk else 0.0)
        return self._describe(seen.probabilities, familiarity, seen.glyph, found.box, found.notes)

    def _describe(
        self,
        probabilities: NDArray[np.float32],
        familiarity: float,
        glyph: NDArray[np.uint8],
        box: Box,
        notes: tuple[str, ...],
    ) -> Digit:
        (inside,) = self.prediction_sets(probabilities[None])
        order = np.argsort(-probabilities, kind="stable")
        label = int(order[0])
        return Digit(
            label=label,
            confidence=float(probabilities[label]),
            probabilities=tuple(float(p) for p in probabilities),
            candidates=tuple(int(k) for k in order if inside[k]),
            coverage=self.info.coverage,
            box=box,
            accepted=bool(familiarity >= self.info.accept_at),
            notes=notes,
            glyph=glyph,
        )
