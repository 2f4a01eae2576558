"""Metrics against scikit-learn and SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import logsumexp
from scipy.special import softmax as reference_softmax
from scipy.stats import binomtest
from sklearn import metrics as reference

from inkdigits.metrics import (
    calibration_noise,
    class_scores,
    confusion_matrix,
    cross_entropy,
    fit_temperature,
    log_sum_exp,
    reliability,
    selective_risk,
    softmax,
    wilson_interval,
)

label_pairs = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 200), st.just(2)), elements=st.integers(0, 9)
)


@given(label_pairs)
def test_confusion_and_class_scores_agree_with_scikit_learn(pairs):
    labels, predicted = pairs.T
    confusion = confusion_matrix(labels, predicted)
    np.testing.assert_array_equal(
        confusion, reference.confusion_matrix(labels, predicted, labels=range(10))
    )
    scores = class_scores(confusion)
    expected = reference.precision_recall_fscore_support(
        labels, predicted, labels=range(10), zero_division=0
    )
    for ours, theirs in zip(vars(scores).values(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_agrees_with_scipy(counts):
    expected = binomtest(*counts).proportion_ci(0.95, method="wilson")
    assert wilson_interval(*counts) == pytest.approx(tuple(expected), abs=1e-12)


@given(hnp.arrays(np.float64, (20, 10), elements=st.floats(-9, 9)))
def test_cross_entropy_agrees_with_scikit_learn(logits):
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.arange(20) % 10
    expected = reference.log_loss(labels, probabilities, labels=range(10))
    assert cross_entropy(probabilities.astype(np.float32), labels) == pytest.approx(
        expected, rel=1e-4
    )


@given(
    hnp.arrays(np.float64, (40, 10), elements=st.floats(-3, 3), fill=st.nothing()),
    st.floats(0.3, 3),
)
def test_the_fitted_temperature_undoes_a_scale_and_never_hurts(logits, scale):
    labels = np.random.default_rng(0).permuted(softmax(logits).argsort(axis=1)[:, -3:], axis=1)[
        :, 0
    ]
    fitted = fit_temperature(logits, labels)

    def loss(temperature: float) -> float:
        return cross_entropy(softmax(logits / temperature), labels)

    assert loss(fitted) <= min(map(loss, (0.06, 0.5, 1.0, 2.0, 19.0))) + 1e-9
    if 0.2 < fitted < 5:
        assert fit_temperature(logits * scale, labels) == pytest.approx(fitted * scale, rel=1e-6)


def test_a_flawless_validation_part_does_not_make_it_overconfident():
    assert fit_temperature(np.eye(10) * 5, np.arange(10)) == 1.0
    assert fit_temperature(np.eye(10) * 1e-9, np.arange(10)) >= 1.0


@given(hnp.arrays(np.float64, (5, 10), elements=st.floats(-700, 700)))
def test_softmax_agrees_with_scipy(logits):
    np.testing.assert_allclose(softmax(logits), reference_softmax(logits, axis=1), atol=1e-12)


def test_cross_entropy_is_finite_where_the_truth_has_no_probability():
    assert cross_entropy(np.eye(10, dtype=np.float32)[[3]], np.array([4])) == pytest.approx(
        87.3, abs=0.1
    )


@given(hnp.arrays(np.float64, (7, 10), elements=st.floats(-700, 700)))
def test_log_sum_exp_agrees_with_scipy(logits):
    np.testing.assert_allclose(
        log_sum_exp(logits), logsumexp(logits, axis=1), rtol=1e-12, atol=1e-12
    )


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_calibration_error_is_the_sum_over_the_bins(pairs):
    confidences = np.array([pair[0] for pair in pairs])
    right = np.array([pair[1] for pair in pairs])
    found = reliability(confidences, right)
    places = [min(int(confidence * 15), 14) for confidence in confidences]
    expected = 0.0
    for place in set(places):
        mine = np.array(places) == place
        expected += abs(right[mine].mean() - confidences[mine].mean()) * mine.mean()
    assert found.expected_error == pytest.approx(expected, abs=1e-12)
    assert found.count.sum() == len(pairs)


def test_chance_alone_parts_confidence_and_accuracy_less_the_more_images_there_are():
    few, many = (calibration_noise(np.full(n, 0.9), draws=200) for n in (100, 10_000))
    assert few[1] < few[0] < few[2]
    # One bin: the mean absolute deviation of a share is √(2/π) of its standard deviation.
    assert few[0] == pytest.approx(np.sqrt(2 / np.pi * 0.9 * 0.1 / 100), rel=0.15)
    assert many[0] == pytest.approx(few[0] / 10, rel=0.3)
    assert calibration_noise(np.ones(50)) == (0, 0, 0)


def test_selective_risk_counts_the_wrong_among_the_surest():
    scores, right = np.array([0.9, 0.5, 0.8, 0.7]), np.array([True, False, False, True])
    np.testing.assert_allclose(selective_risk(scores, right), [0, 1 / 2, 1 / 3, 1 / 2])
