"""The figures of a report, by name; shares are in 0…1."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ChanceError:
    """The calibration error that a perfectly calibrated reader shows by chance, with quantiles."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class ConfidenceBin:
    """Predictions of about one confidence: how many, the mean confidence, the share right."""

    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class CalibrationFigures:
    """The expected calibration error over 15 bins of equal width."""

    expected_error: float
    by_chance: ChanceError
    bins: list[ConfidenceBin]


@dataclass(frozen=True)
class SetFigures:
    """Prediction sets: the coverage `stated` by the artifact and `measured`, and their sizes.

    `sizes[i]` is the number of sets with i + 1 labels.
    """

    stated: float
    measured: float
    mean_size: float
    larger_than_one: float
    sizes: list[int]


@dataclass(frozen=True)
class SelectiveError:
    """The share wrong among the most confident, of whom the share `kept` is left."""

    kept: float
    error: float


@dataclass(frozen=True)
class Rejection:
    """The share of one kind of non-digit images that was rejected."""

    name: str
    images: int
    rejected: float


@dataclass(frozen=True)
class CorruptionFigures:
    """Accuracy on images damaged in one way: `severities` 1 to 5, of which `paper` is MNIST-C's.

    At that severity, the shares `accepted` and `in_set` (the truth is in the prediction set).
    """

    corruption: str
    paper_severity: int
    severities: list[float]
    accepted: float
    in_set: float
    paper: float


@dataclass(frozen=True)
class MeanScores:
    """The plain mean over the classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassFigures:
    """The scores of one class; its accuracy, the share of its images recognised, is its recall."""

    label: str
    precision: float
    recall: float
    f1: float
    accuracy: float
    support: int


@dataclass(frozen=True)
class Mistake:
    """One misread image: its index in the set, the true class, the predicted one."""

    index: int
    label: int
    predicted: int
    confidence: float
