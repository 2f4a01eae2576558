"""A reader's robustness: accuracy on corrupted digits, rejection of non-digits."""

import numpy as np
from numpy.typing import NDArray

from inkdigits.data import LabelledImages, Progress, ignore_progress
from inkdigits.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from inkdigits.evaluation.figures import CorruptionFigures, Rejection
from inkdigits.evaluation.non_digits import draw_every_kind
from inkdigits.metrics import accuracy
from inkdigits.reading import Reader

DRAWN_WITH = 1  # the seed of the drawn non-digits; recipes were chosen with seed 0


def measure_corruptions(
    reader: Reader, data: LabelledImages, progress: Progress = ignore_progress
) -> list[CorruptionFigures]:
    """The accuracy on each corruption, at every severity."""
    return [
        _measure_corruption(reader, data, name, progress, place * len(SEVERITIES))
        for place, name in enumerate(CORRUPTIONS)
    ]


def _measure_corruption(
    reader: Reader, data: LabelledImages, name: str, progress: Progress, done: int
) -> CorruptionFigures:
    """Measure one corruption, after `done` severities of others."""
    paper_severity = CORRUPTIONS[name].paper_severity
    scores = {}
    for severity in SEVERITIES:
        progress("measuring corruptions", done + severity, len(CORRUPTIONS) * len(SEVERITIES))
        scores[severity] = reader.score_glyphs(corrupt(data.images, name, severity))
    probabilities, familiarity = scores[paper_severity]
    sets = reader.prediction_sets(probabilities)
    return CorruptionFigures(
        corruption=name,
        paper_severity=paper_severity,
        severities=[accuracy(scores[severity][0], data.labels) for severity in SEVERITIES],
        accepted=float(reader.accepts(familiarity).mean()),
        in_set=float(sets[np.arange(len(data)), data.labels].mean()),
        paper=accuracy(probabilities, data.labels),
    )


def measure_rejection(reader: Reader, outside: dict[str, NDArray[np.uint8]]) -> list[Rejection]:
    """The share of images that the reader rejects: drawn non-digits, and others by name."""
    rows = []
    for name, images in {**outside, **draw_every_kind(DRAWN_WITH)}.items():
        _, familiarity = reader.score_glyphs(images)
        rejected = 1 - float(reader.accepts(familiarity).mean())
        rows.append(Rejection(name, len(images), rejected))
    return rows
