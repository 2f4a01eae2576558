"""The figures of a report, by name; shares are in 0…1."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ChanceError:
    """The calibration error of a perfectly calibrated reader, by chance: mean and quantiles."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class ConfidenceBin:
    """A bin of predictions by confidence: their number, mean confidence and accuracy."""

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
    """The error among the most confident share `kept` of the images."""

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
    """Accuracy under one corruption, at `severities` 1 to 5; `paper` is at MNIST-C's severity.

    So are the shares `accepted` and `in_set`: the prediction set holds the true label.
    """

    corruption: str
    paper_severity: int
    severities: list[float]
    accepted: float
    in_set: float
    paper: float


@dataclass(frozen=True)
class MeanScores:
    """The unweighted mean over the classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassFigures:
    """The scores of one class; its accuracy is its recall."""

    label: str
    precision: float
    recall: float
    f1: float
    accuracy: float
    support: int


@dataclass(frozen=True)
class Mistake:
    """One misread image: its index in the set, the true class, the predicted one.

    `glyph` has its 28×28 bytes in base64; "" for all but the most confident mistakes.
    """

    index: int
    label: int
    predicted: int
    confidence: float
    glyph: str
