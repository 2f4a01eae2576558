"""Calibration of a trained network on the held-out part of the training set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkdigits.metrics import accuracy, cross_entropy, fit_temperature, log_sum_exp, softmax
from inkdigits.recipes.architectures import CLASSES

ACCEPTED_SHARE = 0.99
COVERAGE = 0.999  # needs 999 held-out digits: n of them support n/(n + 1) at most


@dataclass(frozen=True)
class Calibration:
    """`temperature` divides the logits before the softmax (Guo et al., 2017).

    `accept_at` is the familiarity that `ACCEPTED_SHARE` of the held-out digits reach.
    `set_threshold` is the least probability of a label in the prediction set: with it, the set
    holds the true label for the share `coverage` of new digits like these (split conformal
    prediction with the true label's probability as the score; Sadinle, Lei and Wasserman, 2019).
    `validation` has `accuracy`, `loss` and `images`.
    """

    temperature: float
    accept_at: float
    set_threshold: float
    coverage: float
    validation: dict[str, float]


def familiarity(logits: NDArray[np.floating], classes: int = CLASSES) -> NDArray[np.float64]:
    """How much each image resembles a digit, (n,), from logits (n, classes) or one more.

    The log-sum-exp of the digits' logits (the negative energy of Liu et al., 2020), minus the
    logit for junk if the network has one: then it is the log odds of digit against junk.
    """
    digits = log_sum_exp(logits[:, :classes])
    return digits - logits[:, classes] if logits.shape[1] > classes else digits


def calibrate(
    logits: NDArray[np.floating], labels: NDArray[np.integer], classes: int = CLASSES
) -> Calibration:
    """Fit everything on held-out logits (n, classes), or one more with junk, and labels (n,).

    Without any, nothing is calibrated: the temperature is 1, everything is accepted, and the sets
    hold every label.
    """
    if not len(labels):
        return Calibration(1.0, float(np.finfo(np.float32).min), 0.0, 1.0, {"images": 0})
    temperature = fit_temperature(logits[:, :classes], labels)
    probabilities = softmax(logits[:, :classes] / temperature)
    true = np.sort(probabilities[np.arange(len(labels)), labels])
    left_out = max(1, int((len(labels) + 1) * (1 - COVERAGE)))
    return Calibration(
        temperature=temperature,
        accept_at=float(np.quantile(familiarity(logits, classes), 1 - ACCEPTED_SHARE)),
        set_threshold=float(true[left_out - 1]),
        coverage=min(COVERAGE, len(labels) / (len(labels) + 1)),
        validation={
            "images": len(labels),
            "accuracy": accuracy(probabilities, labels),
            "loss": cross_entropy(probabilities, labels),
        },
    )
