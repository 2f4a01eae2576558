"""Two models on the same images, and one model on the pictures as they are and on each group."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from inkdigits.data import LabelledImages, Progress, ignore_progress
from inkdigits.evaluation.plots import encode_png, plot_digits
from inkdigits.files import write_atomic
from inkdigits.metrics import mcnemar, wilson_interval
from inkdigits.reading import Reader

SHOWN = 60  # changed digits in the plot


@dataclass(frozen=True)
class Changed:
    """An image on which two models differ: its place, its label, what each says."""

    image: int
    label: str
    first: str
    second: str


@dataclass(frozen=True)
class Comparison:
    """How many images only one of two models reads right, and how likely that is by chance.

    `p_value` is that of McNemar's test, exact (binomial) and two-sided.
    """

    images: int
    first_right: int
    second_right: int
    only_first: int
    only_second: int
    p_value: float
    changed: list[Changed]


def compare(first: Reader, second: Reader, data: LabelledImages) -> Comparison:
    """Both models on labelled images; they must have the same labels."""
    one, other = first.predict(data.images), second.predict(data.images)
    right, right_too = one == data.labels, other == data.labels
    only_first, only_second = int((right & ~right_too).sum()), int((~right & right_too).sum())
    names = data.class_names
    return Comparison(
        images=len(data),
        first_right=int(right.sum()),
        second_right=int(right_too.sum()),
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar(only_first, only_second),
        changed=[
            Changed(int(k), names[data.labels[k]], names[one[k]], names[other[k]])
            for k in np.flatnonzero(one != other)
        ],
    )


def write_comparison(found: Comparison, data: LabelledImages, folder: Path) -> Path | None:
    """Write `comparison.json`, and a plot of the changed digits if there are any: its path."""
    write_atomic(folder / "comparison.json", json.dumps(asdict(found), indent=2).encode())
    plot = folder / "comparison.png"
    if not found.changed:
        plot.unlink(missing_ok=True)
        return None
    some = found.changed[:SHOWN]
    captions = [f"{one.label}: {one.first}, {one.second}" for one in some]
    images = 255 - data.images[[one.image for one in some]]
    figure = plot_digits(images, captions, [one.first == one.label for one in some])
    write_atomic(plot, encode_png(figure))
    return plot


@dataclass(frozen=True)
class Share:
    """How many of some images are right, and the 95% interval of the share (Wilson)."""

    right: int
    total: int
    interval: tuple[float, float]


def by_group(reader: Reader, data: LabelledImages) -> dict[str, Share]:
    """The share that is right in each group, the worst first; {} where groups aren't known."""
    groups = np.array(data.groups)
    if len(np.unique(groups)) < 2:
        return {}
    right = reader.predict(data.images) == data.labels
    shares = {}
    for name in np.unique(groups):
        some = right[groups == name]
        count = int(some.sum())
        shares[str(name)] = Share(count, len(some), wilson_interval(count, len(some)))
    return dict(sorted(shares.items(), key=lambda entry: entry[1].right / entry[1].total))


@dataclass(frozen=True)
class AsPictures:
    """Pictures read whole, as `predict` does: how many are right, accepted, and both."""

    pictures: int
    right: int
    accepted: int
    accepted_wrong: int


def read_as_pictures(
    reader: Reader, data: LabelledImages, progress: Progress = ignore_progress
) -> AsPictures | None:
    """Read the pictures that the images were laid out from; None where there are only values."""
    if not data.pictures:
        return None
    right = accepted = accepted_wrong = 0
    readings = reader.read_many(data.pictures)
    for done, (reading, label) in enumerate(zip(readings, data.labels, strict=True), start=1):
        good = reading.text == data.class_names[label]
        right += good
        accepted += reading.accepted
        accepted_wrong += reading.accepted and not good
        progress("reading the pictures", done, len(data))
    return AsPictures(len(data), right, accepted, accepted_wrong)
