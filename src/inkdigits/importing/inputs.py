"""Which input a foreign network wants, and in which order its labels are: found on digits.

Nothing in a model file says it. So training digits are shown to it in every way that people use,
and the way in which it is right, and sure of it, is its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from inkdigits.data import LabelledImages
from inkdigits.errors import ArtifactError
from inkdigits.metrics import confusion_matrix, cross_entropy, softmax

_MEAN, _SPREAD = 33.3184, 78.5675  # of MNIST's training pixels: 0.1307 and 0.3081 of 255
_RANGES = {
    "0…1": (1 / 255, 0.0),
    "0…255": (1.0, 0.0),
    "−1…1": (2 / 255, -1.0),
    "standardised": (1 / _SPREAD, -_MEAN / _SPREAD),
}
_LEAST_RIGHT = 0.8
Logits = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A foreign network: pixels (n, 28, 28), as it wants them, to logits (n, 10)."""


@dataclass(frozen=True)
class Wanted:
    """What a network takes, pixel · `factor` + `offset`, and the place of each digit's logit.

    `accuracy` is its share of right answers among the digits that it was found on.
    """

    pixels: str
    ink: str
    factor: float
    offset: float
    order: tuple[int, ...]
    accuracy: float

    def prepared(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The images as the network wants them."""
        return images * np.float32(self.factor) + np.float32(self.offset)


def find_input(logits: Logits, digits: LabelledImages) -> Wanted:
    """The input with which a network predicts digits best; `ArtifactError` if none will do."""
    found = []
    for pixels, (factor, offset) in _RANGES.items():
        for ink in ("bright", "dark"):
            sign, start = (1, offset) if ink == "bright" else (-1, 255 * factor + offset)
            wanted = Wanted(pixels, ink, sign * factor, start, (), 0.0)
            found.append(_judged(wanted, logits(wanted.prepared(digits.images)), digits.labels))
    _, best = min(found, key=lambda pair: pair[0])
    if best.accuracy < _LEAST_RIGHT:
        raise ArtifactError(
            f"the model is right on {best.accuracy:.0%} of {len(digits):,} digits at best, "
            f"whatever their pixels are like; it was not made for MNIST's digits"
        )
    return best


def _judged(
    wanted: Wanted, logits: NDArray[np.float32], labels: NDArray[np.uint8]
) -> tuple[float, Wanted]:
    """The loss with an input, and the input with order and accuracy."""
    counts = confusion_matrix(labels, logits.argmax(axis=1))
    digits, places = linear_sum_assignment(counts, maximize=True)
    order = tuple(int(place) for place in places)
    right = float(counts[digits, places].sum() / len(labels))
    finite = np.nan_to_num(logits[:, places], nan=0.0, posinf=1e30, neginf=-1e30)
    loss = cross_entropy(softmax(finite), labels)
    return loss, Wanted(wanted.pixels, wanted.ink, wanted.factor, wanted.offset, order, right)
