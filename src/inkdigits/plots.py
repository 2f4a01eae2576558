"""Plots as matplotlib figures: arrays in, a figure out; nothing is shown or saved here."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

INK = "#1f2933"
BLUE, ORANGE, RED, GREY = "#2f6fdb", "#e8833a", "#c0392b", "#9aa5b1"
_DPI = 150


def encode_png(figure: Figure) -> bytes:
    """The figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def plot_history(history: list[dict[str, Any]]) -> Figure:
    """Accuracy, loss and learning rate against the epoch; a line for each network."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    accuracy, loss, rate = figure.subplots(1, 3)
    for network in range(1, max(row["network"] for row in history) + 1):
        rows = [row for row in history if row["network"] == network]
        epochs = [row["epoch"] for row in rows]
        for axes, quantity in ((accuracy, "accuracy"), (loss, "loss")):
            for part, color in (("train", BLUE), ("validation", ORANGE)):
                values = [row[f"{part}_{quantity}"] for row in rows]
                if None not in values:
                    label = part if network == 1 else None
                    axes.plot(epochs, values, "o-", color=color, label=label, markersize=4)
        rates = [row["learning_rate"] for row in rows]
        rate.plot(epochs, rates, "o-", color=GREY, markersize=4)
    for axes, title in (
        (accuracy, "accuracy"),
        (loss, "loss"),
        (rate, "learning rate at the epoch's end"),
    ):
        _dress(axes, title, "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    accuracy.legend(frameon=False)
    loss.legend(frameon=False)
    return figure


def plot_confusion(confusion: NDArray[np.int64], class_names: tuple[str, ...]) -> Figure:
    """Two heat maps of a confusion matrix: counts, and shares of each row.

    The colours leave the diagonal out, so that rare confusions can be seen.
    """
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    counts_axes, shares_axes = figure.subplots(1, 2)
    _heat_map(counts_axes, confusion, "{:d}", class_names, "counts")
    _heat_map(shares_axes, shares * 100, "{:.1f}", class_names, "% of the true class")
    return figure


def _heat_map(
    axes: Axes, values: NDArray[Any], form: str, class_names: tuple[str, ...], title: str
) -> None:
    mistakes = np.where(np.eye(len(values), dtype=bool), np.nan, values)
    top = max(float(np.nanmax(mistakes)), 1e-9)
    axes.imshow(mistakes, cmap="OrRd", vmin=0, vmax=top * 1.3)
    for (row, column), value in np.ndenumerate(values):
        right = row == column
        color = BLUE if right else _ink_on(value / top) if value else "#d5dade"
        weight = "bold" if right else "normal"
        text = form.format(value) if value or right else "0"
        axes.text(
            column, row, text, ha="center", va="center", color=color, fontsize=8, fontweight=weight
        )
    rotation = 0 if max(map(len, class_names)) < 3 else 45
    axes.set_xticks(range(len(values)), class_names, rotation=rotation)
    axes.set_yticks(range(len(values)), class_names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def plot_trust(bins: list[dict[str, Any]], selective: list[dict[str, float]]) -> Figure:
    """A reliability diagram, and the error among the most confident predictions."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    diagram, risk = figure.subplots(1, 2)
    filled = [row for row in bins if row["count"]]
    largest = max(row["count"] for row in filled)
    diagram.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    diagram.scatter(
        [row["confidence"] for row in filled],
        [row["accuracy"] for row in filled],
        s=[14 + 130 * (row["count"] / largest) ** 0.3 for row in filled],
        color=BLUE,
        alpha=0.8,
    )
    for row in filled:
        place = (row["confidence"], row["accuracy"])
        diagram.annotate(
            f"{row['count']:,}", place, (7, -9), textcoords="offset points", fontsize=7
        )
    diagram.set(xlim=(0, 1.05), ylim=(-0.05, 1.08), ylabel="share that is right")
    _dress(diagram, "reliability; the numbers are images", "confidence")
    kept = [row["kept"] * 100 for row in selective]
    risk.plot(kept, [row["error"] * 100 for row in selective], "o-", color=BLUE, markersize=4)
    risk.set(ylabel="% of these wrong", ylim=(0, None))
    _dress(risk, "error among the most confident", "% of the images kept")
    return figure


def plot_digits(
    images: NDArray[np.uint8], captions: list[str], right: list[bool], columns: int = 10
) -> Figure:
    """A grid of images (n, 28, 28) with a caption under each; red where `right` is False."""
    rows = max(1, -(-len(images) // columns))
    figure = Figure(figsize=(columns, 1.32 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for axes, image, caption, good in zip(grid, images, captions, right, strict=False):
        axes.imshow(255 - image, cmap="gray", vmin=0, vmax=255)
        axes.set_xlabel(caption, fontsize=8, color=INK if good else RED)
    return figure


def _ink_on(heat: float) -> str:
    return "white" if heat > 0.7 else INK


def _dress(axes: Axes, title: str, across: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(across)
    axes.grid(axis="y", color="#e4e7eb")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
