"""Whether a digit in a picture is accepted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkdigits.metrics import log_odds
from inkdigits.reading.finding import Found

# Of 278 real pictures of a digit none of the accepted ones was wrong and 97 % of the right ones
# were accepted; of 355 of several digits 1.1 % and 83 %.
_CHANCE, _PROBABILITY = 0.78, 0.7
_ALONE = 0.9  # the chance of a lone digit: most things that are none look like one digit


FEATURES = 4
"""The length of `features`."""


def features(found: Found) -> NDArray[np.float64]:
    """What tells right digits from wrong ones: log odds of probability and score, doubt, 1."""
    odds = [log_odds(float(found.probabilities.max())), log_odds(found.score)]
    return np.array([*odds, found.doubt, 1.0])


def is_likely(found: Found, weights: Sequence[float], *, alone: bool = False) -> bool:
    """Whether a digit is probably there, and probably that digit; a lone one must be surer."""
    probability = float(found.probabilities.max())
    least = _ALONE if alone else _CHANCE
    return chance(found, weights) >= least and probability >= _PROBABILITY


def chance(found: Found, weights: Sequence[float]) -> float:
    """The probability 0…1 that a digit stands there, is that one, and none beside it is missing."""
    return float(1 / (1 + np.exp(-features(found) @ np.array(weights))))
