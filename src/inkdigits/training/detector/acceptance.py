"""How likely a found digit is right: fitted on drawn pages of held-out digits."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from inkdigits.reading.acceptance import FEATURES, features
from inkdigits.training.detector.validation import ReadPage

_NEWTON_STEPS, _RIDGE = 20, 1e-3


def fit_acceptance(pages: Iterable[ReadPage]) -> list[float]:
    """Weights of `reading.acceptance.features`: a logistic regression over found digits.

    A digit is right if it is the one that was drawn there, and none that was drawn beside it is
    missing. Digits that were cut off, or drawn larger or smaller than one scale sees, don't count.
    """
    rows = [
        (features(found), label == found.label and not missing)
        for page in pages
        for found, label, missing in page.judged
    ]
    inputs = np.array([values for values, _ in rows]).reshape(-1, FEATURES)
    right = np.array([is_right for _, is_right in rows], np.float64)
    return [float(weight) for weight in _fit_logistic(inputs, right)]


def _fit_logistic(inputs: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights of a logistic regression, by Newton's method."""
    weights = np.zeros(inputs.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (right - chance) - _RIDGE * weights
        spread = (inputs * (chance * (1 - chance))[:, None]).T @ inputs
        weights += np.linalg.solve(spread + _RIDGE * np.eye(len(weights)), gradient)
    return weights
