"""What a notebook shows of a training run and of a report: figures, a plot, a table."""

import base64
from typing import Any

import numpy as np

from inkdigits.artifact import ArtifactInfo
from inkdigits.evaluation.measure import Report
from inkdigits.evaluation.plots import encode_png, plot_confusion, plot_history
from inkdigits.evaluation.templates import template, title_of


def report_card(report: Report) -> str:
    """The accuracy with its interval, the confusion matrix, the scores of each class."""
    names = tuple(row.label for row in report.per_class)
    low, high = report.accuracy_interval
    return _card(
        title=f"{report.artifact.recipe['name']} on {title_of(report.dataset)}",
        subtitle=report.seen.data.about if report.seen else "",
        figures=[
            (
                f"{report.accuracy:.2%}",
                f"accuracy; 95% interval {low:.2%} to {high:.2%}",
            ),
            (f"{report.images - report.right:,}", f"of {report.images:,} images wrong"),
            (f"{report.macro.f1:.4f}", "macro F1"),
            (f"{report.accepted:.2%}", "of the images accepted"),
        ],
        plot=plot_confusion(np.array(report.confusion_matrix), names),
        about_plot="Confusion matrix, counts and shares",
        heads=("class", "precision", "recall", "F1", "images"),
        rows=[
            (row.label, f"{row.precision:.4f}", f"{row.recall:.4f}", f"{row.f1:.4f}", row.support)
            for row in report.per_class
        ],
    )


def run_card(info: ArtifactInfo, where: str) -> str:
    """The recipe, the validation accuracy, and how it was learned."""
    validation, history = info.validation, info.history
    figures = [(f"{info.parameters:,}", "parameters")]
    if validation["images"]:
        kept = "training images" if info.is_imported else "images held out"
        caption = f"validation accuracy, on {validation['images']:,} {kept}"
        figures.insert(0, (f"{validation['accuracy']:.2%}", caption))
    title = info.recipe["name"]
    if history:
        title += f", seed {info.seed}, on {title_of(info.dataset)}"
        seconds = sum(row["seconds"] for row in history)
        figures += [(f"{len(history)}", "epochs"), (f"{seconds:.1f} s", "in training")]
    return _card(
        title=title,
        subtitle=f"{info.recipe['summary']}; {where}",
        figures=figures,
        plot=plot_history(history) if history else None,
        about_plot="Error, loss and learning rate for each epoch",
        heads=(),
        rows=[],
    )


def _card(plot: Any, **values: Any) -> str:
    encoded = base64.b64encode(encode_png(plot)).decode() if plot else ""
    return template("card.html.jinja").render(plot=encoded, **values)
