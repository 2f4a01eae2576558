"""What the API takes and answers, as dataclasses; the OpenAPI document is made from them."""

from dataclasses import dataclass
from typing import Any

from inkdigits.reading import Reading


@dataclass(frozen=True)
class ReadOptions:
    """What is known of a picture: the options of `Reader.read`.

    `grid` is ROWSxCOLS, such as 9x9. `page` counts from 0. With `glyphs` the answer has what the
    network saw of each digit, with `picture` the picture itself, for browsers that can't open it.
    """

    page: int = 0
    single: bool = False
    expect: int | None = None
    grid: str | None = None
    digits_only: bool = False
    glyphs: bool = False
    picture: bool = False


@dataclass(frozen=True)
class RegionOptions:
    """What is known of the regions of a picture: the options of `Reader.read_regions`."""

    page: int = 0
    single: bool = False
    expect: int | None = None
    digits_only: bool = False
    glyphs: bool = False


@dataclass(frozen=True)
class NoOptions:
    """No options."""


@dataclass(frozen=True)
class ReadAnswer:
    """A reading, and the SHA-256 of the artifact that it was read with.

    If they were asked for, `glyphs` has 28×28 bytes in base64 for each digit, bright ink on black,
    and `picture` is a data URL of the picture, upright. `pages` is how many a PDF or TIFF has.
    """

    reading: Reading
    artifact: str
    pages: int
    glyphs: list[str]
    picture: str | None


@dataclass(frozen=True)
class RegionsAnswer:
    """A reading and glyphs for each region, as in `ReadAnswer`, and the artifact's SHA-256."""

    readings: dict[str, Reading]
    artifact: str
    glyphs: dict[str, list[str]]


@dataclass(frozen=True)
class Prediction:
    """What the network says of one glyph: `label` is the number of one of the model's labels.

    `accepted` says whether it resembles those that the network knows, `candidates` are the labels
    that are still possible, most likely first.
    """

    label: int
    confidence: float
    probabilities: list[float]
    candidates: list[int]
    accepted: bool


@dataclass(frozen=True)
class PredictAnswer:
    """A prediction for each glyph."""

    predictions: list[Prediction]
    artifact: str


@dataclass(frozen=True)
class ExplainAnswer:
    """The evidence (28 rows of 28) of a glyph's ink for a label, in units of its log odds.

    Positive where the ink supports the label, negative where it opposes it.
    """

    label: int
    evidence: list[list[float]]
    artifact: str


@dataclass(frozen=True)
class ModelAnswer:
    """What the reader is: version, labels, recipe, scores, licence.

    `report` is that of `inkdigits evaluate`, null if there is none beside the artifact.
    `corrections` says whether corrections are stored.
    """

    version: str
    artifact: str
    shipped: bool
    labels: list[str]
    dataset: str
    recipe: dict[str, Any]
    parameters: int
    coverage: float
    validation: dict[str, float]
    report: dict[str, Any] | None
    licence: str
    corrections: bool


@dataclass(frozen=True)
class Status:
    """How the server is: "alive" or "ready"."""

    status: str


@dataclass(frozen=True)
class Problem:
    """A problem (RFC 9457); `code` is stable and machine-readable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
