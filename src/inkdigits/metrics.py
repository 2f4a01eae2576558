"""Metrics of a classifier: arrays in, numbers out."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Z_95 = 1.959963984540054  # the normal quantile at 97.5 %


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """The 95 % confidence interval of a proportion, after Wilson (1927), in 0…1.

    Unlike mean ± 2 standard errors it stays within 0…1 and holds near 100 %.
    """
    share, spread = right / total, _Z_95**2 / total
    center = share + spread / 2
    reach = math.sqrt(share * (1 - share) * spread + spread**2 / 4)
    return max(0.0, (center - reach) / (1 + spread)), min(1.0, (center + reach) / (1 + spread))


def mcnemar(only_first: int, only_second: int) -> float:
    """The p-value of McNemar's exact test (1947): that both differ so much if they are as good."""
    total, fewer = only_first + only_second, min(only_first, only_second)
    below = sum(math.comb(total, k) for k in range(fewer + 1))
    return min(1.0, float(2 * below / 2**total))


def accuracy(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The share of rows, 0…1, whose highest score (n, classes) is that of the label (n,)."""
    return float((scores.argmax(axis=1) == labels).mean())


def cross_entropy(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The mean of -log(probability of the true label), in nats; finite even if one is 0."""
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(true.clip(np.finfo(np.float32).tiny)).mean())


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities of the same shape, along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype=np.float64)
    probabilities: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return probabilities


def log_sum_exp(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log Σ exp(logits) along the last axis, without overflow."""
    highest = logits.max(axis=-1, keepdims=True).astype(np.float64)
    summed: NDArray[np.float64] = np.log(np.exp(logits - highest).sum(axis=-1)) + highest[..., 0]
    return summed


def log_odds(share: float) -> float:
    """Log(share / (1 - share)) of a share 0…1; within ± 6.9, so it is finite for 0 and 1."""
    return float(np.log((share + 1e-3) / (1.001 - share)))


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature in 1/20…20 whose softmax(logits / temperature) has the lowest cross-entropy.

    It calibrates confidences without changing a prediction (Guo et al., 2017). The loss is convex
    in 1 / temperature, so bisection on its slope finds the minimum. If every prediction is right,
    the temperature would go towards 0, so it is at least 1 then.
    """
    low, high = 1 / 20, 20.0
    for _ in range(50):  # to 1 part in 10¹²
        inverse = (low + high) / 2
        expected = (softmax(logits * inverse) * logits).sum(axis=1)
        slope = (expected - logits[np.arange(len(labels)), labels]).mean()
        low, high = (low, inverse) if slope > 0 else (inverse, high)
    flawless = bool((logits.argmax(axis=1) == labels).all())
    return max(1 / low, 1.0) if flawless else 1 / low


@dataclass(frozen=True)
class Reliability:
    """Predictions in bins of equal width by confidence; arrays are (bins,).

    `count` is the number of predictions in a bin; mean `confidence` and `accuracy` are 0 for an
    empty bin. `expected_error` is the mean distance of the two, weighted by the count: the expected
    calibration error (Naeini, Cooper and Hauskrecht, 2015).
    """

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    expected_error: float


def reliability(
    confidences: NDArray[np.floating], right: NDArray[np.bool_], bins: int = 15
) -> Reliability:
    """How well confidences (n,) in 0…1 agree with the accuracy, from `right` (n,)."""
    places = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    count = np.bincount(places, minlength=bins)
    summed = np.bincount(places, confidences, bins).astype(np.float64)
    confidence = _ratio(summed, count)
    accuracy = _ratio(np.bincount(places, right, bins).astype(np.float64), count)
    expected_error = float((np.abs(confidence - accuracy) * count).sum() / count.sum())
    return Reliability(count, confidence, accuracy, expected_error)


def calibration_noise(
    confidences: NDArray[np.floating], draws: int = 500, seed: int = 0
) -> tuple[float, float, float]:
    """The expected error of a perfectly calibrated reader: its mean, 5 % and 95 % quantiles.

    In each draw, every prediction is right with a probability of its confidence (n,). On few images
    confidence and accuracy differ by chance alone, so compare a measured error with these.
    """
    rng = np.random.default_rng(seed)
    errors = [
        reliability(confidences, rng.random(len(confidences)) < confidences).expected_error
        for _ in range(draws)
    ]
    low, high = np.quantile(errors, (0.05, 0.95))
    return float(np.mean(errors)), float(low), float(high)


def selective_risk(scores: NDArray[np.floating], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The error rate (n,) among the 1, 2, … n predictions with the highest scores."""
    wrong = ~right[np.argsort(-scores, kind="stable")]
    risk: NDArray[np.float64] = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    return risk


def confusion_matrix(
    labels: NDArray[np.integer], predicted: NDArray[np.integer], classes: int = 10
) -> NDArray[np.int64]:
    """Counts (classes, classes): a row for each true label, a column for each predicted one."""
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


@dataclass(frozen=True)
class ClassScores:
    """Scores per class, each (classes,); 0 where a class was never predicted or never occurs."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]


def class_scores(confusion: NDArray[np.int64]) -> ClassScores:
    """Precision, recall, F1 and support of each class, from a confusion matrix."""
    right = np.diag(confusion).astype(np.float64)
    predicted, support = confusion.sum(axis=0), confusion.sum(axis=1)
    return ClassScores(
        precision=_ratio(right, predicted),
        recall=_ratio(right, support),
        f1=_ratio(2 * right, predicted + support),
        support=support,
    )


def _ratio(part: NDArray[np.float64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
