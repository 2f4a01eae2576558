"""Plots as matplotlib figures: arrays in, a figure out; nothing is shown or saved here."""

import base64
import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray
from PIL import Image

from inkdigits.metrics import selective_risk, wilson_interval

INK = "#1f2933"
BLUE, ORANGE, RED, GREY = "#2f6fdb", "#e8833a", "#c0392b", "#9aa5b1"
_DPI = 150
# 100 % minus the confidence, in %: bin edges of the reliability diagram, and its range.
_DOUBTS = np.array([0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100])
_PLAIN = FuncFormatter(lambda value, _: f"{value:g}")


def encode_png(figure: Figure) -> bytes:
    """The figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def encode_image(image: Image.Image) -> bytes:
    """The image as PNG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def as_data_url(image: Image.Image) -> str:
    """The image as the source of an `img` in a page."""
    return "data:image/png;base64," + base64.b64encode(encode_image(image)).decode()


def plot_history(history: list[dict[str, Any]]) -> Figure:
    """Error, loss and learning rate against the epoch; a line for each network."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    error, loss, rate = figure.subplots(1, 3)
    for network in range(1, max(row["network"] for row in history) + 1):
        rows = [row for row in history if row["network"] == network]
        epochs = [row["epoch"] for row in rows]
        for part, color in (("train", BLUE), ("validation", ORANGE)):
            losses = [row[f"{part}_loss"] for row in rows]
            if None in losses:
                continue
            wrong = [100 - 100 * row[f"{part}_accuracy"] for row in rows]
            label = part if network == 1 else None
            for axes, values in ((error, wrong), (loss, losses)):
                above = np.maximum(values, 1e-3)  # a log scale has no 0
                axes.plot(epochs, above, "o-", color=color, label=label, markersize=4)
        rates = [row["learning_rate"] for row in rows]
        rate.plot(epochs, rates, "o-", color=GREY, markersize=4)
    for axes, title in (
        (error, "error, %"),
        (loss, "loss, nats"),
        (rate, "learning rate at end of epoch"),
    ):
        dress(axes, title, "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (error, loss):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(_PLAIN)
        axes.yaxis.set_minor_locator(NullLocator())
        axes.legend(frameon=False)
    return figure


def plot_confusion(confusion: NDArray[np.int64], class_names: tuple[str, ...]) -> Figure:
    """Two heat maps of a confusion matrix: counts, and shares of each row.

    The colour scale ignores the diagonal, so rare confusions are visible.
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


def plot_trust(confidences: NDArray[np.floating], right: NDArray[np.bool_]) -> Figure:
    """A reliability diagram, and the error of the rest as the least confident are set aside.

    `confidences`, in 0…1, and `right` are (n,).
    """
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(4, 1), width_ratios=(6, 5))
    diagram = figure.add_subplot(grid[0, 0])
    counts = figure.add_subplot(grid[1, 0], sharex=diagram)
    _plot_reliability(diagram, counts, confidences, right)
    _plot_risk(figure.add_subplot(grid[:, 1]), selective_risk(confidences, right) * 100)
    return figure


def _plot_reliability(
    diagram: Axes, counts: Axes, confidences: NDArray[np.floating], right: NDArray[np.bool_]
) -> None:
    """Accuracy and number of images per confidence bin.

    Most confidences are very close to 1, so both axes are logarithmic in the distance to 100 %.
    """
    doubt = np.maximum(100 - 100 * confidences.astype(np.float64), _DOUBTS[0])
    group = np.digitize(doubt, _DOUBTS[1:-1])
    for place in np.unique(group):
        mine = group == place
        total, wrong = int(mine.sum()), int((mine & ~right).sum())
        low, high = wilson_interval(wrong, total)
        said, found = doubt[mine].mean(), max(100 * wrong / total, _DOUBTS[0])
        reach = [max(100 * low, _DOUBTS[0]), 100 * high]
        diagram.plot([said, said], reach, color=BLUE, linewidth=2, alpha=0.35)
        diagram.plot(said, found, "o" if wrong else "^", color=BLUE, markersize=6)
    diagram.plot(_DOUBTS[[0, -1]], _DOUBTS[[0, -1]], color=GREY, linewidth=1)
    _note(diagram, 0.03, 0.87, "left", "underconfident")
    _note(diagram, 0.97, 0.04, "right", "overconfident")
    dress(diagram, "reliability: accuracy against confidence", "")
    diagram.set(xscale="log", yscale="log", ylabel="accuracy, % (with 95% interval)")
    diagram.set(xlim=_DOUBTS[[-1, 0]] * (1, 0.7), ylim=_DOUBTS[[-1, 0]] * (1, 0.7))
    number = np.bincount(group, minlength=len(_DOUBTS) - 1)
    bars = counts.bar(_DOUBTS[:-1], number, np.diff(_DOUBTS), align="edge", color=BLUE, alpha=0.35)
    counts.bar_label(bars, [f"{n:,}" if n else "" for n in number], fontsize=8, padding=1)
    counts.set(yticks=[], ylabel="images", ylim=(0, number.max() * 1.4))
    dress(counts, "", "confidence, %")
    for axis in (diagram.xaxis, diagram.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda doubt, _: f"{100 - doubt:.5g}"))
        axis.set_minor_locator(NullLocator())
    diagram.tick_params(labelbottom=False)


def _plot_risk(axes: Axes, wrong: NDArray[np.float64]) -> None:
    """Plot the error among the 1, 2, … n most confident images, in %."""
    aside = 100 - 100 * np.arange(1, len(wrong)) / len(wrong)
    axes.plot(aside, wrong[:-1], color=BLUE)
    axes.axhline(wrong[-1], color=GREY, linewidth=1, linestyle="--")
    _note(axes, 0.98, 0.95, "right", f"no images set aside: {wrong[-1]:.2f}%")
    axes.set(xscale="log", ylabel="error of the rest, %", ylim=(0, wrong[-1] * 1.15 or 1))
    axes.set(xlim=(min(100 / len(wrong), 50), 100))
    axes.xaxis.set_major_formatter(_PLAIN)
    axes.xaxis.set_minor_locator(NullLocator())
    dress(axes, "error without the least confident images", "least confident images set aside, %")


def plot_digits(
    images: NDArray[np.uint8], captions: list[str], right: list[bool], columns: int = 10
) -> Figure:
    """A grid of images (n, 28, 28), 0 black, with a caption under each; red where not `right`."""
    rows = max(1, -(-len(images) // columns))
    figure = Figure(figsize=(columns, 1.32 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for axes, image, caption, good in zip(grid, images, captions, right, strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_xlabel(caption, fontsize=8, color=INK if good else RED)
    return figure


def _note(axes: Axes, across: float, up: float, side: str, text: str) -> None:
    axes.text(across, up, text, ha=side, fontsize=8, color="#616e7c", transform=axes.transAxes)


def _ink_on(heat: float) -> str:
    return "white" if heat > 0.7 else INK


def dress(axes: Axes, title: str, across: str) -> None:
    """Give axes a title, the label of the x axis and the look of all plots here."""
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(across)
    axes.grid(axis="y", color="#e4e7eb")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
