"""A page about labelled pictures, to look at before training: samples, doubtful labels, twins."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.artifact import GLYPH_PX, parse_artifact
from inkdigits.data import LabelledImages, Progress, Split, ignore_progress, stratified_folds
from inkdigits.data.images import joined
from inkdigits.evaluation.plots import as_data_url
from inkdigits.evaluation.templates import template
from inkdigits.files import write_atomic
from inkdigits.reading import Reader
from inkdigits.recipes import RECIPES
from inkdigits.training import train_artifact
from inkdigits.training.tuning import repeated

SAMPLES, SHOWN = 16, 60  # of a class; of doubtful labels and of twins
FOLDS, SURE = 5, 0.9  # a label is doubtful if a network that hasn't seen it is so sure of another
TWINS = 0.995  # the correlation of two pictures that are nearly the same
_COMPARED, _BLOCK = 20_000, 1000  # pictures compared for twins; at once
_INK = 128  # of 255
_RECIPE = "standard"


@dataclass(frozen=True)
class Doubt:
    """A picture whose label a network doubts: its place, its label, the network's, how sure."""

    place: int
    label: int
    predicted: int
    confidence: float


@dataclass(frozen=True)
class Inspection:
    """What is notable about some pictures: places into them.

    `left_out` says which could not be used, and why.
    """

    doubts: list[Doubt]
    twins: list[tuple[int, int]]
    blank: list[int]
    clipped: list[int]
    left_out: tuple[str, ...]


def inspect(data: LabelledImages, progress: Progress = ignore_progress) -> Inspection:
    """Look for doubtful labels, twins, blank pictures and such as were cut off."""
    ink = data.images > _INK
    border = ink[:, [0, -1]].any(axis=(1, 2)) | ink[:, :, [0, -1]].any(axis=(1, 2))
    border |= np.isin(np.array(data.names or [""] * len(data)), data.cut_off)
    return Inspection(
        doubts=find_doubts(data, progress),
        twins=find_twins(data.images, progress),
        blank=np.flatnonzero(~ink.any(axis=(1, 2))).tolist(),
        clipped=np.flatnonzero(border).tolist(),
        left_out=data.left_out,
    )


def find_doubts(data: LabelledImages, progress: Progress = ignore_progress) -> list[Doubt]:
    """Labels that a network trained on the other folds surely contradicts; the surest first."""
    fold = stratified_folds(data.labels, FOLDS, seed=0)
    doubts: list[Doubt] = []
    for number in range(FOLDS):
        progress("checking labels", number, FOLDS)
        nothing = data.only(np.zeros(len(data), bool))
        split = repeated(Split(train=data.only(fold != number), validation=nothing))
        reader = Reader(parse_artifact(train_artifact(RECIPES[_RECIPE], split)))
        places = np.flatnonzero(fold == number)
        for start in range(0, len(places), _BLOCK):
            some = places[start : start + _BLOCK]
            probabilities = reader.predict_proba(data.images[some])
            doubts += _contradicted(some, data.labels[some], probabilities)
    progress("checking labels", FOLDS, FOLDS)
    return sorted(doubts, key=lambda doubt: -doubt.confidence)


def _contradicted(
    places: NDArray[np.intp], labels: NDArray[np.uint8], probabilities: NDArray[np.float32]
) -> Iterable[Doubt]:
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    for index in np.flatnonzero((predicted != labels) & (sure >= SURE)):
        yield Doubt(
            int(places[index]), int(labels[index]), int(predicted[index]), float(sure[index])
        )


def find_twins(
    images: NDArray[np.uint8], progress: Progress = ignore_progress
) -> list[tuple[int, int]]:
    """Pairs of pictures that are the same or nearly so, among the first 20,000."""
    vectors = images[:_COMPARED].reshape(-1, GLYPH_PX**2).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(vectors), _BLOCK):
        alike = vectors[start : start + _BLOCK] @ vectors[start:].T
        rows, columns = np.nonzero(np.triu(alike >= TWINS, k=1))
        pairs += zip((rows + start).tolist(), (columns + start).tolist(), strict=True)
        progress("looking for twins", min(start + _BLOCK, len(vectors)), len(vectors))
    return pairs


def write_inspection(
    parts: dict[str, LabelledImages], title: str, path: Path, progress: Progress = ignore_progress
) -> Inspection:
    """Write the page about a training set and a test set; what was found in both together."""
    whole, border = joined(parts["train"], parts["test"]), len(parts["train"])
    found = inspect(whole, progress)
    names = whole.names or tuple(f"image {place + 1}" for place in range(len(whole)))
    across = {pair for pair in found.twins if pair[0] < border <= pair[1]}
    page = template("inspection.html.jinja").render(
        title=title,
        parts=parts,
        class_names=whole.class_names,
        counts={
            part: np.bincount(data.labels, minlength=len(data.class_names)).tolist()
            for part, data in parts.items()
        },
        samples=[_sheet(whole, label) for label in range(len(whole.class_names))],
        found=found,
        across=across,
        twins=sorted(found.twins, key=lambda pair: pair not in across)[:SHOWN],
        shown=SHOWN,
        names=names,
        picture=lambda place: as_data_url(Image.fromarray(255 - whole.images[place])),
    )
    write_atomic(path, page.encode())
    return found


def _sheet(data: LabelledImages, label: int) -> str:
    """Some pictures of a class side by side, as a data URL; "" without any."""
    places = np.flatnonzero(data.labels == label)
    if not len(places):
        return ""
    chosen = places[np.linspace(0, len(places) - 1, min(SAMPLES, len(places))).astype(int)]
    return as_data_url(Image.fromarray(255 - np.concatenate(list(data.images[chosen]), axis=1)))
