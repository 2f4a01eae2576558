"""How a reader stands up to damaged digits, and to what is no digit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from inkdigits.data import LabelledImages, Progress, ignore_progress
from inkdigits.outsiders import draw_every_kind
from inkdigits.reading import Reader


def measure_corruptions(
    reader: Reader, data: LabelledImages, progress: Progress = ignore_progress
) -> list[dict[str, Any]]:
    """The accuracy on each corruption: `paper` at the severity of MNIST-C, and at 1…5.

    A row has `corruption`, `paper`, `paper_severity` (which of 1…5 that is) and `severities`, a
    list of five; shares in 0…1.
    """
    rows, total = [], len(CORRUPTIONS) * len(SEVERITIES)
    for done, (name, corruption) in enumerate(CORRUPTIONS.items()):
        accuracies = []
        for severity in SEVERITIES:
            progress("damaging digits", done * len(SEVERITIES) + severity, total)
            predicted = reader.predict(corrupt(data.images, name, severity))
            accuracies.append(float((predicted == data.labels).mean()))
        severity = corruption.paper_severity
        rows.append(
            {
                "corruption": name,
                "paper": accuracies[severity - 1],
                "paper_severity": severity,
                "severities": accuracies,
            }
        )
    return rows


def measure_rejection(
    reader: Reader, outside: dict[str, NDArray[np.uint8]]
) -> list[dict[str, Any]]:
    """The share of images that the reader refuses: drawings of no digit, and others by name.

    A row has `name`, `images` and `rejected` in 0…1.
    """
    rows = []
    for name, images in {**outside, **draw_every_kind()}.items():
        _, familiarity = reader.judge(images)
        rejected = float((familiarity < reader.info.accept_at).mean())
        rows.append({"name": name, "images": len(images), "rejected": rejected})
    return rows
