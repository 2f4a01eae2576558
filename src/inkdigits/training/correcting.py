"""Learning from corrections: an artifact trained further on them, if MNIST isn't forgotten."""

from dataclasses import dataclass, replace

import numpy as np

from inkdigits.artifact import DIGITS, parse_artifact
from inkdigits.data import DEFAULT_DATASET, LabelledImages, Split
from inkdigits.data.images import joined
from inkdigits.data.learnt import Learnt
from inkdigits.errors import DataError, TrainingRefused, UsageError
from inkdigits.metrics import reliability
from inkdigits.reading import Reader
from inkdigits.recipes import Recipe
from inkdigits.training.devices import AUTO, choose_device
from inkdigits.training.loop import OnStep, fit, ignore_step
from inkdigits.training.sealing import describe_training, seal_checkpoint
from inkdigits.training.tuning import Start, repeat, spread, tuning_recipe

LEAST, TEST_SHARE = 10, 0.2  # corrections; the share of them that is never trained on
# 40 corrections of a writer whose ones look like sevens: 8 of 8 held-out ones were right after, 2
# before, and the shipped artifact lost 0.02 points on MNIST. At three times the rate it lost 0.3.
REPLAYED, REPEATED = 12_000, 400  # MNIST digits, and corrections, in an epoch
EPOCHS, GENTLER = 3, 0.1  # than other tuning
_CORRECTIONS = "corrections"  # the name of the data set


@dataclass(frozen=True)
class Limits:
    """How much worse on MNIST a corrected artifact may be, in percentage points."""

    accuracy_loss: float = 0.05
    calibration_loss: float = 0.1


@dataclass(frozen=True)
class Scores:
    """What an artifact is worth: right held-out corrections, and MNIST's held-out part in %.

    What is no digit is right if it isn't accepted.
    """

    corrections: int
    accuracy: float
    calibration_error: float


@dataclass(frozen=True)
class Corrected:
    """The bytes of the corrected artifact, and the scores before and after.

    `held_out` is the number of corrections that were never trained on, `left_out` that of those
    that are no digits, for a network without a class for junk.
    """

    content: bytes
    before: Scores
    after: Scores
    trained_on: int
    held_out: int
    left_out: int


def learn(
    corrections: LabelledImages,
    start: Start,
    mnist: LabelledImages,
    limits: Limits,
    on_step: OnStep = ignore_step,
) -> Corrected:
    """Train an artifact further on corrections, with MNIST replayed beside them.

    Those labelled 10 are no digits; a network with a class for junk learns them as such. A fifth of
    the corrections is held out, of those that the artifact doesn't know, and the part of MNIST's
    training set that the artifact itself held out. Raises `UsageError` for an artifact of other
    symbols or one that held nothing out, `DataError` for fewer than `LEAST` corrections, and
    `TrainingRefused` if MNIST's scores fall by more than the limits.
    """
    if corrections.class_names != DIGITS:
        raise UsageError("corrections are of digits, and this artifact reads other symbols")
    recipe = tuning_recipe(start, corrections.class_names)
    usable = corrections
    if not recipe.junk_share:
        usable = corrections.only(corrections.labels < len(DIGITS))
    if len(usable) < LEAST:
        raise DataError(f"there are {len(usable)} corrections to learn from; collect {LEAST}")
    seed, before = start.info.seed, Learnt.by(start.info)
    own = before.split(_CORRECTIONS, usable, TEST_SHARE, seed)
    replayed = before.split(DEFAULT_DATASET, mnist, recipe.validation_fraction, seed)
    if not len(replayed.validation):
        raise UsageError("the artifact held nothing of MNIST out, so what it forgets can't be told")
    split = Split(
        train=joined(repeat(own.train, REPEATED), spread(replayed.train, REPLAYED)),
        validation=replayed.validation,
    )
    recipe = replace(recipe, epochs=EPOCHS, peak_lr=recipe.peak_lr * GENTLER)
    learnt = before.after(_CORRECTIONS, own, TEST_SHARE, seed)
    learnt = learnt.after(DEFAULT_DATASET, replayed, recipe.validation_fraction, seed)
    content = _train(recipe, split, start, learnt, on_step)
    worth_before, worth_after = (
        _score(each, own.validation, replayed.validation) for each in (start.content, content)
    )
    _check(worth_before, worth_after, limits)
    return Corrected(
        content,
        worth_before,
        worth_after,
        trained_on=len(own.train),
        held_out=len(own.validation),
        left_out=len(corrections) - len(usable),
    )


def _train(recipe: Recipe, split: Split, start: Start, learnt: Learnt, on_step: OnStep) -> bytes:
    """The artifact, which keeps what it has learnt."""
    environment = describe_training(recipe, split.train.sha256, choose_device(AUTO))
    environment["learnt"] = learnt.to_dict()
    seed = start.info.seed
    checkpoint = fit(recipe, split, seed, start=start, on_step=on_step)
    return seal_checkpoint(checkpoint, recipe, seed, split.validation, DEFAULT_DATASET, environment)


def _score(content: bytes, unseen: LabelledImages, mnist: LabelledImages) -> Scores:
    reader = Reader(parse_artifact(content))
    probabilities = reader.predict_proba(mnist.images)
    right = probabilities.argmax(axis=1) == mnist.labels
    found, familiarity = reader.score_glyphs(unseen.images)
    is_digit = unseen.labels < len(DIGITS)
    as_said = np.where(
        is_digit, found.argmax(axis=1) == unseen.labels, ~reader.accepts(familiarity)
    )
    return Scores(
        corrections=int(as_said.sum()),
        accuracy=100 * float(right.mean()),
        calibration_error=100 * reliability(probabilities.max(axis=1), right).expected_error,
    )


def _check(before: Scores, after: Scores, limits: Limits) -> None:
    """Raise `TrainingRefused` if MNIST was forgotten."""
    lost = before.accuracy - after.accuracy
    if lost > limits.accuracy_loss:
        raise TrainingRefused(
            f"held-out MNIST accuracy would fall from {before.accuracy:.2f} to "
            f"{after.accuracy:.2f}%, by more than {limits.accuracy_loss:g} points; look through "
            "the corrections, or allow more with --max-accuracy-loss"
        )
    if after.calibration_error - before.calibration_error > limits.calibration_loss:
        raise TrainingRefused(
            f"the calibration error would rise from {before.calibration_error:.2f} to "
            f"{after.calibration_error:.2f} points, by more than {limits.calibration_loss:g}; look "
            "through the corrections, or allow more with --max-calibration-loss"
        )
