"""The network for cuts: what it is trained on, and its word on what is cut out of a page."""

import numpy as np

from inkdigits.data import ignore_progress
from inkdigits.reading.cutout import load_cutout
from inkdigits.training.detector.cuts import cut_digits


def test_digits_are_cut_out_of_drawn_pages():
    cuts = cut_digits(120, ignore_progress)
    assert (cuts.images.shape, cuts.images.dtype) == ((120, 28, 28), np.uint8)
    assert set(cuts.labels.tolist()) == set(range(10))
    assert (cuts.images.max(axis=(1, 2)) > 200).mean() > 0.9
    again = cut_digits(120, ignore_progress)
    assert np.array_equal(cuts.images, again.images)


def test_the_shipped_network_tells_digits_among_other_ink():
    """Cut out of pages with held-out digits; a fifth of them people can't read either."""
    cuts = cut_digits(400, ignore_progress, holdout=True)
    probabilities = load_cutout()(cuts.images)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == cuts.labels).mean() > 0.85
