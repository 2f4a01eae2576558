"""The report of an evaluation: `report.json`, plots, and one page to look at."""

import base64
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inkdigits.corruptions import corrupt
from inkdigits.data import (
    DEFAULT_DATASET,
    LabelledImages,
    Progress,
    dataset_info,
    ignore_progress,
)
from inkdigits.evaluation import NO_FURTHER, Extent, Report, evaluate
from inkdigits.files import write_atomic
from inkdigits.plots import encode_png, plot_confusion, plot_digits, plot_history, plot_trust
from inkdigits.reading import Reader

SAMPLES = 30
MISTAKES = 30


def write_report(
    reader: Reader,
    data: LabelledImages,
    folder: Path,
    dataset: str = DEFAULT_DATASET,
    extent: Extent = NO_FURTHER,
    progress: Progress = ignore_progress,
) -> tuple[Report, Path]:
    """Measure, and write `report.json`, `report.html` and `plots/*.png` into a folder.

    The page is one self-contained file. Returns the report and the path of the page.
    """
    report = evaluate(reader, data, dataset, extent, progress)
    plots = _draw(report, data, reader.predict_proba(data.images[:SAMPLES]))
    for name, content in plots.items():
        write_atomic(folder / "plots" / f"{name}.png", content)
    write_atomic(folder / "report.json", json.dumps(report.to_dict(), indent=2).encode())
    page = folder / "report.html"
    write_atomic(page, _render(report, plots).encode())
    return report, page


def _draw(
    report: Report, data: LabelledImages, probabilities: NDArray[np.float32]
) -> dict[str, bytes]:
    names = dataset_info(report.dataset).class_names
    confusion = np.array(report.confusion_matrix)
    figures = {
        "confusion": plot_confusion(confusion, names),
        "samples": _draw_samples(data, probabilities, names),
    }
    if report.artifact["history"]:
        figures["history"] = plot_history(report.artifact["history"])
    figures["trust"] = plot_trust(report.calibration["bins"], report.selective)
    if report.corruptions:
        figures["corruptions"] = _draw_corruptions(data, report.corruptions)
    if report.mistakes:
        figures["mistakes"] = _draw_mistakes(report.mistakes[:MISTAKES], data, names)
    return {name: encode_png(figure) for name, figure in figures.items()}


def _draw_samples(
    data: LabelledImages, probabilities: NDArray[np.float32], names: tuple[str, ...]
) -> Figure:
    """The first images of the set, one for each row of probabilities: nobody picked them."""
    shown = len(probabilities)
    predicted, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    captions = [f"{names[p]} · {c:.1%}" for p, c in zip(predicted, confidences, strict=True)]
    return plot_digits(data.images[:shown], captions, list(predicted == data.labels[:shown]))


def _draw_corruptions(data: LabelledImages, rows: list[dict[str, Any]]) -> Figure:
    """An image for each corruption, damaged at the severity of MNIST-C."""
    chosen = [place % len(data) for place in range(len(rows))]
    images = [
        corrupt(data.images[place : place + 1], row["corruption"])[0]
        for place, row in zip(chosen, rows, strict=True)
    ]
    captions = [f"{row['corruption'].replace('_', ' ')}\n{row['paper']:.1%}" for row in rows]
    return plot_digits(np.stack(images), captions, [True] * len(images), columns=8)


def _draw_mistakes(
    mistakes: list[dict[str, Any]], data: LabelledImages, names: tuple[str, ...]
) -> Figure:
    captions = [
        f"{names[m['label']]} read as {names[m['predicted']]}\n{m['confidence']:.1%}"
        for m in mistakes
    ]
    indices = [mistake["index"] for mistake in mistakes]
    return plot_digits(data.images[indices], captions, [False] * len(mistakes))


@cache
def _template() -> jinja2.Template:
    source = files("inkdigits").joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["percent"] = lambda share: f"{share * 100:.2f} %"
    return environment.from_string(source)


def _render(report: Report, plots: dict[str, bytes]) -> str:
    encoded = {name: base64.b64encode(content).decode() for name, content in plots.items()}
    title = dataset_info(report.dataset).title
    return _template().render(
        report=report, artifact=report.artifact, plots=encoded, title=title, shown_mistakes=MISTAKES
    )
