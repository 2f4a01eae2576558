"""The network for cuts: what it is trained on, and its word on what is cut out of a page."""

from dataclasses import replace

import numpy as np

from inkdigits.artifact import parse_artifact, shipped
from inkdigits.data import ignore_progress
from inkdigits.export.detector import unseal_detector
from inkdigits.reading import Reader
from inkdigits.reading.acceptance import FEATURES
from inkdigits.reading.detector import SHIPPED_DETECTOR, Detector
from inkdigits.reading.finding import SHIPPED_CUTOUT
from inkdigits.training.detector import cutout, runs
from inkdigits.training.detector.cuts import cut_digits
from inkdigits.training.loop import ignore_epoch


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
    probabilities = Reader.load(shipped(SHIPPED_CUTOUT)).predict_proba(cuts.images)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == cuts.labels).mean() > 0.85


def test_training_ends_in_an_artifact(monkeypatch):
    monkeypatch.setattr(cutout, "CUTS", 300)
    monkeypatch.setattr(cutout, "HELD_OUT", 100)
    monkeypatch.setattr(cutout, "RECIPE", replace(cutout.RECIPE, epochs=1))
    artifact = parse_artifact(cutout.train_cutout(ignore_progress, ignore_epoch))
    assert artifact.info.recipe["name"] == "cutout"
    assert artifact.info.validation["images"] == 100


def test_the_acceptance_of_a_detector_is_fitted_again(monkeypatch):
    monkeypatch.setattr(runs, "FITTED_PAGES", range(30))
    before = shipped(SHIPPED_DETECTOR)
    after = runs.with_acceptance(before, ignore_progress)
    (graph, metadata), (same_graph, same) = unseal_detector(before), unseal_detector(after)
    acceptance = same.pop("acceptance")
    assert len(acceptance) == FEATURES
    assert acceptance != metadata.pop("acceptance")
    assert (graph, metadata) == (same_graph, same)
    assert Detector(after, "the new detector").acceptance == acceptance
