"""Calibration: temperature, acceptance and prediction sets hold on new data."""

import numpy as np
import pytest

from inkdigits.metrics import softmax
from inkdigits.training.calibration import ACCEPTED_SHARE, COVERAGE, calibrate, familiarity


def draw(count, seed):
    """Logits of a made-up network with a class for junk, and labels that follow them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (count, 11))
    cumulated = softmax(logits[:, :10] / 1.7).cumsum(axis=1)
    labels = (rng.random((count, 1)) > cumulated[:, :9]).sum(axis=1)
    return logits, labels


def test_what_was_found_holds_for_new_data():
    found = calibrate(*draw(40_000, seed=0))
    logits, labels = draw(40_000, seed=1)
    assert found.temperature == pytest.approx(1.7, rel=0.02)
    probabilities = softmax(logits[:, :10] / found.temperature)
    true = probabilities[np.arange(len(labels)), labels]
    assert (true >= found.set_threshold).mean() == pytest.approx(COVERAGE, abs=0.0005)
    assert (familiarity(logits) >= found.accept_at).mean() == pytest.approx(
        ACCEPTED_SHARE, abs=0.002
    )
    assert found.validation["images"] == 40_000


def test_familiarity_is_the_log_of_the_odds_against_junk():
    logits = np.array([[0.0] * 10 + [2.0], [5.0] + [0.0] * 9 + [-3.0]])
    shares = softmax(logits)
    odds = shares[:, :10].sum(axis=1) / shares[:, 10]
    np.testing.assert_allclose(familiarity(logits), np.log(odds))
    np.testing.assert_allclose(familiarity(logits[:, :10]), np.log(odds) + logits[:, 10])


def test_few_digits_state_the_coverage_that_they_can_tell():
    logits, labels = draw(10_000, seed=99)
    shares = []
    for seed in range(40):
        few = calibrate(*draw(199, seed))
        assert few.coverage == pytest.approx(0.995)
        probabilities = softmax(logits[:, :10] / few.temperature)
        shares.append((probabilities[np.arange(len(labels)), labels] >= few.set_threshold).mean())
    assert np.mean(shares) == pytest.approx(0.995, abs=0.002)


def test_without_any_digits_the_sets_hold_everything():
    logits, labels = draw(0, seed=0)
    none = calibrate(logits, labels)
    assert (none.temperature, none.set_threshold, none.coverage) == (1.0, 0.0, 1.0)
    assert none.accept_at < -1e30
