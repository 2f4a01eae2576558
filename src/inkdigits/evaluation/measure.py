"""Evaluation: the figures of an artifact on a test set.

It runs the file that will be deployed, through ONNX Runtime; PyTorch isn't needed. Training never
reads a report.
"""

import base64
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import ArtifactInfo
from inkdigits.data import (
    DEFAULT_DATASET,
    LabelledImages,
    Progress,
    ignore_progress,
)
from inkdigits.environment import describe_environment
from inkdigits.errors import UsageError
from inkdigits.evaluation.figures import (
    CalibrationFigures,
    ChanceError,
    ClassFigures,
    ConfidenceBin,
    CorruptionFigures,
    MeanScores,
    Mistake,
    Rejection,
    SelectiveError,
    SetFigures,
)
from inkdigits.evaluation.robustness import measure_corruptions, measure_rejection
from inkdigits.metrics import (
    ClassScores,
    calibration_noise,
    class_scores,
    confusion_matrix,
    cross_entropy,
    reliability,
    selective_risk,
    wilson_interval,
)
from inkdigits.reading import Reader

SHOWN = 12  # mistakes whose images are in the report
KEPT_SHARES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0)


@dataclass(frozen=True, eq=False)
class Seen:
    """What a report was made from, for its pictures: which labels (n, 10) each set holds."""

    data: LabelledImages
    probabilities: NDArray[np.float32]
    sets: NDArray[np.bool_]


@dataclass(frozen=True)
class Report:
    """The measured figures of one artifact on one test set; shares are in 0…1.

    `accuracy_interval` is the 95% interval after Wilson, `accepted` the share of images whose
    familiarity reaches the artifact's `accept_at`. `corruptions` is empty where they were not
    measured. `mistakes` has the most confident ones first. `artifact` is the artifact's metadata,
    `environment` where the evaluation ran. `seen` is what it was measured on, and isn't compared.
    """

    dataset: str
    images: int
    right: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    accepted: float
    calibration: CalibrationFigures
    prediction_sets: SetFigures
    selective: list[SelectiveError]
    rejection: list[Rejection]
    corruptions: list[CorruptionFigures]
    macro: MeanScores
    per_class: list[ClassFigures]
    confusion_matrix: list[list[int]]
    mistakes: list[Mistake]
    artifact: ArtifactInfo
    environment: dict[str, str | int | None]
    seen: Seen | None = field(default=None, repr=False, compare=False)

    def headline(self) -> str:
        """The accuracy with its interval, in one line."""
        low, high = self.accuracy_interval
        return (
            f"test accuracy {self.accuracy:.2%} (95% interval {low:.2%} to {high:.2%}; "
            f"{self.images - self.right} of {self.images} wrong)"
        )

    def summary(self) -> dict[str, Any]:
        """The figures of the whole set, without classes, mistakes and provenance.

        `corruption_mean` is None where no corruptions were measured.
        """
        names = (
            *("dataset", "images", "right", "accuracy", "accuracy_interval", "loss", "macro"),
            *("accepted", "prediction_sets", "selective", "rejection", "corruptions"),
        )
        figures = self.to_dict()
        return {name: figures[name] for name in names} | {
            "calibration_error": self.calibration.expected_error,
            "corruption_mean": self.corruption_mean() if self.corruptions else None,
        }

    def corruption_mean(self) -> float:
        """The mean accuracy over the corruptions, at the severities of MNIST-C."""
        return float(np.mean([row.paper for row in self.corruptions]))

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        figures = asdict(replace(self, seen=None))
        del figures["seen"]
        return figures

    def write(self, folder: str | Path) -> Path:
        """Write `report.json`, `report.html` and `plots/*.png` into a folder; the page's path.

        The page is one self-contained file. Raises `StorageError`, and `UsageError` for a report
        that was not made by `evaluate`.
        """
        from inkdigits.evaluation.report import write_report

        return write_report(self, Path(folder))

    def _repr_html_(self) -> str:
        """For notebooks: the accuracy with its interval, the classes, the confusion matrix."""
        from inkdigits.evaluation.cards import report_card

        return report_card(self)


@dataclass(frozen=True)
class Extent:
    """What to measure beyond the test images themselves.

    `corruptions`: the fifteen of MNIST-C at five severities, which takes two minutes. `outside`:
    non-digit images by the name of their data set, uint8 (n, 28, 28), to measure rejection.
    """

    corruptions: bool = False
    outside: dict[str, NDArray[np.uint8]] = field(default_factory=dict)


NO_FURTHER = Extent()


def evaluate(
    reader: Reader,
    data: LabelledImages,
    dataset: str = DEFAULT_DATASET,
    extent: Extent = NO_FURTHER,
    progress: Progress = ignore_progress,
) -> Report:
    """Measure a reader on labelled images; `UsageError` if there are none."""
    if not len(data):
        raise UsageError("there are no images to evaluate on")
    probabilities, familiarity = reader.score_glyphs(data.images)
    labels, predicted = data.labels, probabilities.argmax(axis=1)
    confidences = probabilities.max(axis=1)
    confusion = confusion_matrix(labels, predicted, len(data.class_names))
    scores = class_scores(confusion)
    right = int(np.trace(confusion))
    return Report(
        dataset=dataset,
        images=len(data),
        right=right,
        accuracy=right / len(data),
        accuracy_interval=wilson_interval(right, len(data)),
        loss=cross_entropy(probabilities, labels),
        accepted=float(reader.accepts(familiarity).mean()),
        calibration=_calibration(confidences, labels == predicted),
        prediction_sets=_prediction_sets(reader, probabilities, labels),
        selective=_selective(confidences, labels == predicted),
        rejection=measure_rejection(reader, extent.outside),
        corruptions=measure_corruptions(reader, data, progress) if extent.corruptions else [],
        macro=MeanScores(
            precision=float(scores.precision.mean()),
            recall=float(scores.recall.mean()),
            f1=float(scores.f1.mean()),
        ),
        per_class=_class_rows(scores, data.class_names),
        confusion_matrix=confusion.tolist(),
        mistakes=_mistakes(data, probabilities),
        artifact=reader.info,
        environment=describe_environment(),
        seen=Seen(data, probabilities, reader.prediction_sets(probabilities)),
    )


def _class_rows(scores: ClassScores, names: tuple[str, ...]) -> list[ClassFigures]:
    return [
        ClassFigures(
            label=name,
            precision=float(scores.precision[index]),
            recall=float(scores.recall[index]),
            f1=float(scores.f1[index]),
            accuracy=float(scores.recall[index]),
            support=int(scores.support[index]),
        )
        for index, name in enumerate(names)
    ]


def _mistakes(data: LabelledImages, probabilities: NDArray[np.float32]) -> list[Mistake]:
    """The most confident first."""
    predicted, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(data.labels != predicted)
    return [
        Mistake(
            index=int(index),
            label=int(data.labels[index]),
            predicted=int(predicted[index]),
            confidence=float(confidences[index]),
            glyph=base64.b64encode(data.images[index].tobytes()).decode() if rank < SHOWN else "",
        )
        for rank, index in enumerate(wrong[np.argsort(-confidences[wrong], kind="stable")])
    ]


def _calibration(confidences: NDArray[np.float32], right: NDArray[np.bool_]) -> CalibrationFigures:
    found = reliability(confidences, right)
    bins = zip(found.count, found.confidence, found.accuracy, strict=True)
    return CalibrationFigures(
        expected_error=found.expected_error,
        by_chance=ChanceError(*calibration_noise(confidences)),
        bins=[ConfidenceBin(int(n), float(said), float(share)) for n, said, share in bins],
    )


def _prediction_sets(
    reader: Reader, probabilities: NDArray[np.float32], labels: NDArray[np.integer]
) -> SetFigures:
    inside = reader.prediction_sets(probabilities)
    sizes = inside.sum(axis=1)
    return SetFigures(
        stated=reader.info.coverage,
        measured=float(inside[np.arange(len(labels)), labels].mean()),
        mean_size=float(sizes.mean()),
        larger_than_one=float((sizes > 1).mean()),
        sizes=np.bincount(sizes, minlength=inside.shape[1] + 1)[1:].tolist(),
    )


def _selective(confidences: NDArray[np.float32], right: NDArray[np.bool_]) -> list[SelectiveError]:
    risk = selective_risk(confidences, right)
    kept = [max(1, round(len(risk) * share)) for share in KEPT_SHARES]
    return [SelectiveError(kept=n / len(risk), error=float(risk[n - 1])) for n in kept]
