"""The report of an evaluation: `report.json`, plots and an HTML page."""

import base64
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inkdigits.data import LabelledImages
from inkdigits.errors import UsageError
from inkdigits.evaluation.corruptions import corrupt
from inkdigits.evaluation.figures import CorruptionFigures, Mistake
from inkdigits.evaluation.measure import Report, Seen
from inkdigits.evaluation.plots import (
    encode_png,
    plot_confusion,
    plot_digits,
    plot_history,
    plot_trust,
)
from inkdigits.evaluation.templates import template, title_of
from inkdigits.files import write_atomic

SAMPLES = 30
MISTAKES = 30
UNSURE = 10
SOMETIMES = {"history", "sets", "corruptions", "mistakes"}  # plots that not every report has


def write_report(report: Report, folder: Path) -> Path:
    """Write `report.json`, `report.html` and `plots/*.png` into a folder; the path of the page."""
    if report.seen is None:
        raise UsageError("this report has lost its images; make it anew with evaluate")
    plots = _draw(report, report.seen)
    for name, content in plots.items():
        write_atomic(folder / "plots" / f"{name}.png", content)
    for name in SOMETIMES - plots.keys():  # from an earlier report in this folder
        (folder / "plots" / f"{name}.png").unlink(missing_ok=True)
    write_atomic(folder / "report.json", json.dumps(report.to_dict(), indent=2).encode())
    page = folder / "report.html"
    write_atomic(page, _render(report, plots, report.seen.data.about).encode())
    return page


def _draw(report: Report, seen: Seen) -> dict[str, bytes]:
    data, probabilities = seen.data, seen.probabilities
    names = data.class_names
    confusion = np.array(report.confusion_matrix)
    right = probabilities.argmax(axis=1) == data.labels
    figures = {
        "confusion": plot_confusion(confusion, names),
        "trust": plot_trust(probabilities.max(axis=1), right),
        "samples": _draw_samples(data, probabilities[:SAMPLES], names),
    }
    if report.artifact.history:
        figures["history"] = plot_history(report.artifact.history)
    unsure = np.flatnonzero(seen.sets.sum(axis=1) > 1)[:UNSURE]
    if len(unsure):
        figures["sets"] = _draw_sets(unsure, seen.sets, data, names)
    if report.corruptions:
        figures["corruptions"] = _draw_corruptions(data, report.corruptions)
    if report.mistakes:
        figures["mistakes"] = _draw_mistakes(report.mistakes[:MISTAKES], data, names)
    return {name: encode_png(figure) for name, figure in figures.items()}


def _draw_samples(
    data: LabelledImages, probabilities: NDArray[np.float32], names: tuple[str, ...]
) -> Figure:
    """The first images of the set, not hand-picked; one for each row of probabilities."""
    shown = len(probabilities)
    predicted, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    captions = [f"{names[p]} · {c:.1%}" for p, c in zip(predicted, confidences, strict=True)]
    right = list(predicted == data.labels[:shown])
    return plot_digits(_on_paper(data.images[:shown]), captions, right)


def _draw_sets(
    unsure: NDArray[np.intp],
    inside: NDArray[np.bool_],
    data: LabelledImages,
    names: tuple[str, ...],
) -> Figure:
    """The images at these indices, each with the labels of its prediction set."""
    captions = []
    for index in unsure:
        *others, last = [names[label] for label in np.flatnonzero(inside[index])]
        captions.append(f"{', '.join(others)} or {last}")
    held = list(inside[unsure, data.labels[unsure]])
    return plot_digits(_on_paper(data.images[unsure]), captions, held)


def _draw_corruptions(data: LabelledImages, rows: list[CorruptionFigures]) -> Figure:
    """The first image, plain and with each corruption at MNIST-C's severity, framed."""
    first = data.images[:1]
    images = np.concatenate([first, *(corrupt(first, row.corruption) for row in rows)])
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=128)
    captions = [f"{row.corruption.replace('_', ' ')}\n{row.paper:.1%}" for row in rows]
    return plot_digits(framed, ["original\n", *captions], [True] * len(framed), columns=8)


def _draw_mistakes(mistakes: list[Mistake], data: LabelledImages, names: tuple[str, ...]) -> Figure:
    captions = [
        f"{names[mistake.label]} read as {names[mistake.predicted]}\n{mistake.confidence:.1%}"
        for mistake in mistakes
    ]
    indices = [mistake.index for mistake in mistakes]
    return plot_digits(_on_paper(data.images[indices]), captions, [False] * len(mistakes))


def _on_paper(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bright ink on dark, inverted to dark ink on light."""
    return 255 - images


def _render(report: Report, plots: dict[str, bytes], about: str) -> str:
    encoded = {name: base64.b64encode(content).decode() for name, content in plots.items()}
    return template("report.html.jinja").render(
        report=report,
        artifact=report.artifact,
        plots=encoded,
        title=title_of(report.dataset),
        about=about,
        shown_mistakes=MISTAKES,
    )
