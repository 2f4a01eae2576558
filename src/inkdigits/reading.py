"""Reading digits with an artifact: needs ONNX Runtime, never PyTorch."""

from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import Artifact, ArtifactInfo, load_artifact, parse_artifact
from inkdigits.errors import UsageError
from inkdigits.imaging import Box
from inkdigits.pages import Found, find_digits

SHIPPED = "robust.onnx"
BLANK_CELL = "."  # in the text of a table
_BATCH = 512  # bounds memory; 64 to 1000 were equally fast


@dataclass(frozen=True)
class Digit:
    """One digit that was read: `label` is the class 0…9, `probabilities` has all ten.

    `candidates` are the labels of the prediction set, the likeliest first: they hold the truth at
    the coverage that the artifact states. `accepted` says whether the picture is like the digits
    that the network knows; where it isn't, the label means nothing.
    """

    label: int
    confidence: float
    probabilities: tuple[float, ...]
    candidates: tuple[int, ...]
    box: Box
    accepted: bool
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output has it; the box as [x, y, width, height]."""
        box = [self.box.x, self.box.y, self.box.width, self.box.height]
        lists = {
            name: list(getattr(self, name)) for name in ("probabilities", "candidates", "notes")
        }
        return {**asdict(self), **lists, "box": box}


@dataclass(frozen=True)
class Reading:
    """What was read from one canvas; a blank one has the text "" and no digits."""

    text: str
    digits: tuple[Digit, ...]

    @property
    def confidence(self) -> float | None:
        """The probability that all digits are right, taken as independent; None without digits."""
        if not self.digits:
            return None
        return float(np.prod([digit.confidence for digit in self.digits]))

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output has it."""
        digits = [digit.to_dict() for digit in self.digits]
        return {"text": self.text, "confidence": self.confidence, "digits": digits}


class Reader:
    """Reads digits with one artifact."""

    def __init__(self, artifact: Artifact) -> None:
        self._session = artifact.session
        self.info: ArtifactInfo = artifact.info

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Reader":
        """The reader of an artifact file; without a path, of the model inside the package.

        Raises `ArtifactError` or `StorageError`.
        """
        if path is not None:
            return cls(load_artifact(Path(path)))
        content = files("inkdigits").joinpath("shipped", SHIPPED).read_bytes()
        return cls(parse_artifact(content, f"the shipped {SHIPPED}"))

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (n, 10) of uint8 images (n, 28, 28), bright ink on black.

        Raises `UsageError` for another shape or type.
        """
        return self.judge(images)[0]

    def judge(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
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
        canvas: NDArray[np.uint8],
        *,
        single: bool = False,
        expect: int | None = None,
        grid: tuple[int, int] | None = None,
    ) -> Reading:
        """What stands on a grey canvas, uint8 (height, width).

        With `single` the whole is one digit, with `expect` there are that many, with `grid` it is
        a table of (rows, columns) with at most one digit in each cell.
        Raises `UsageError` for another shape or type.
        """
        found = find_digits(canvas, self.judge, single=single, expect=expect, grid=grid)
        lines = [[self._digit(cell) if cell else None for cell in line] for line in found]
        text = "\n".join("".join(self._text(digit) for digit in line) for line in lines)
        return Reading(text, tuple(digit for line in lines for digit in line if digit))

    def _text(self, digit: Digit | None) -> str:
        return self.info.labels[digit.label] if digit else BLANK_CELL

    def _digit(self, found: Found) -> Digit:
        probabilities = found.candidate.probabilities
        (inside,) = self.prediction_sets(probabilities[None])
        order = np.argsort(-probabilities, kind="stable")
        label = int(order[0])
        return Digit(
            label=label,
            confidence=float(probabilities[label]),
            probabilities=tuple(float(p) for p in probabilities),
            candidates=tuple(int(k) for k in order if inside[k]),
            box=found.box,
            accepted=bool(found.candidate.familiarity >= self.info.accept_at),
            notes=found.notes,
        )
