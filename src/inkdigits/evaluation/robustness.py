"""How a reader stands up to damaged digits, and to what is no digit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.data import LabelledImages, Progress, ignore_progress
from inkdigits.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from inkdigits.evaluation.non_digits import draw_every_kind
from inkdigits.metrics import accuracy
from inkdigits.reading import Reader

DRAWN_WITH = 1  # the seed of the pictures of no digit; recipes were chosen on those of 0


def measure_corruptions(
    reader: Reader, data: LabelledImages, progress: Progress = ignore_progress
) -> list[dict[str, Any]]:
    """The accuracy on each corruption: `paper` at the severity of MNIST-C, and at 1…5.

    A row has `corruption`, `paper`, `paper_severity` (which of 1…5 that is) and `severities`, a
    list of five; and at the paper's severity the shares `accepted` and `in_set`, of the truths
    that the prediction sets hold. Shares are in 0…1.
    """
    rows, total = [], len(CORRUPTIONS) * len(SEVERITIES)
    for done, (name, corruption) in enumerate(CORRUPTIONS.items()):
        accuracies, row = [], {"corruption": name, "paper_severity": corruption.paper_severity}
        for severity in SEVERITIES:
            progress("damaging digits", done * len(SEVERITIES) + severity, total)
            probabilities, familiarity = reader.score_glyphs(corrupt(data.images, name, severity))
            accuracies.append(accuracy(probabilities, data.labels))
            if severity == corruption.paper_severity:
                sets = reader.prediction_sets(probabilities)
                row["accepted"] = float(reader.accepts(familiarity).mean())
                row["in_set"] = float(sets[np.arange(len(data)), data.labels].mean())
        row["paper"] = accuracies[corruption.paper_severity - 1]
        rows.append({**row, "severities": accuracies})
    return rows


def measure_rejection(
    reader: Reader, outside: dict[str, NDArray[np.uint8]]
) -> list[dict[str, Any]]:
    """The share of images that the reader refuses: drawings of no digit, and others by name.

    A row has `name`, `images` and `rejected` in 0…1.
    """
    rows = []
    for name, images in {**outside, **draw_every_kind(DRAWN_WITH)}.items():
        _, familiarity = reader.score_glyphs(images)
        rejected = 1 - float(reader.accepts(familiarity).mean())
        rows.append({"name": name, "images": len(images), "rejected": rejected})
    return rows
