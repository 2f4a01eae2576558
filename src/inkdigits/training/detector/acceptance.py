"""How likely a found digit is right: fitted on drawn pages of held-out digits."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from inkdigits.reading import Reader
from inkdigits.reading.acceptance import features
from inkdigits.reading.detector import Detector
from inkdigits.reading.finding import Finder, Found
from inkdigits.reading.hints import Hints
from inkdigits.reading.things import Area, overlap
from inkdigits.training.detector.classes import LARGEST_PX, SMALLEST_PX
from inkdigits.training.detector.glyphs import GlyphBank
from inkdigits.training.detector.pages import draw_page
from inkdigits.training.detector.things import Thing

PAGES = 1500
_SAME = 0.3  # intersection over union
_NEWTON_STEPS, _RIDGE = 20, 1e-3

OnPage = Callable[[int, int], None]


def fit_acceptance(content: bytes, on_page: OnPage, pages: int = PAGES) -> list[float]:
    """Weights of `reading.acceptance.features` for a detector's bytes, beside the shipped glyphs.

    A logistic regression of whether a digit is the one that was drawn there. Digits that were cut
    off, or drawn larger or smaller than one scale sees, don't count.
    """
    finder = Finder(Detector(content, "the new detector"), Reader.load().score_glyphs)
    rows = list(_found_and_drawn(finder, on_page, pages))
    inputs = np.array([features(found) for found, _ in rows])
    right = np.array([is_right for _, is_right in rows], np.float64)
    return [float(weight) for weight in _fit_logistic(inputs, right)]


def _found_and_drawn(finder: Finder, on_page: OnPage, pages: int) -> Iterator[tuple[Found, bool]]:
    """Each digit found on drawn pages, and whether it is right."""
    bank = GlyphBank(7, size=4000, holdout=True)
    for number in range(pages):
        on_page(number + 1, pages)
        ink, drawn = draw_page(bank, np.random.default_rng([99, number]))
        look = finder.look(255 - ink)
        if look is None:
            continue
        for found in (thing for line in finder.lines(look, Hints()) for thing in line):
            if not (isinstance(found, Found) and found.is_digit):
                continue
            if SMALLEST_PX <= found.height <= LARGEST_PX:
                label = _label_at(found, drawn)
                if label is None or label >= 0:
                    yield found, label == found.label


def _label_at(found: Found, drawn: list[Thing]) -> int | None:
    """The label of what was drawn there, negative if it doesn't count; None for nothing."""
    unions = [overlap(found, Area(*thing.sides))[0] for thing in drawn]
    if not unions or max(unions) < _SAME:
        return None
    return drawn[int(np.argmax(unions))].label


def _fit_logistic(inputs: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights of a logistic regression, by Newton's method."""
    weights = np.zeros(inputs.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (right - chance) - _RIDGE * weights
        spread = (inputs * (chance * (1 - chance))[:, None]).T @ inputs
        weights += np.linalg.solve(spread + _RIDGE * np.eye(len(weights)), gradient)
    return weights
