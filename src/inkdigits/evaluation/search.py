"""A page about a hyper-parameter search: history, importance and values, and the best recipe."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from inkdigits.evaluation.plots import BLUE, GREY, ORANGE, dress, encode_png
from inkdigits.evaluation.templates import template
from inkdigits.files import write_atomic
from inkdigits.recipes.file import encode_recipe
from inkdigits.recipes.space import Interval, Space
from inkdigits.training.search import Search, Trial

_SHOWN = 20  # trials in the table
_COLUMNS = 3
_CLEAR = 0.1  # of the scale, free above and below the points


def write_search(search: Search) -> Path:
    """Write the page into the search's folder; returns its path.

    Raises `TrainingDiverged` if no trial has finished.
    """
    trials = search.trials
    best, importances = search.best, search.importances()
    figures = {"history": plot_search(trials), "fields": plot_fields(trials, search.space)}
    if importances:
        figures["importance"] = plot_importances(importances)
    ranked = sorted(trials, key=lambda trial: -(trial.accuracy or 0.0))
    page = template("search.html.jinja").render(
        search=search,
        trials=trials,
        ranked=ranked[:_SHOWN],
        best=best,
        plots={name: base64.b64encode(encode_png(f)).decode() for name, f in figures.items()},
        seconds=sum(trial.seconds for trial in trials),
        recipe=encode_recipe(search.winner),
    )
    path = search.folder / "search.html"
    write_atomic(path, page.encode())
    return path


def plot_search(trials: Sequence[Trial]) -> Figure:
    """Validation error of every trial in the order of the search, and the least so far."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    axes = figure.subplots()
    finished = [trial for trial in trials if trial.accuracy is not None]
    errors = [_error(trial.accuracy) for trial in finished]
    top = _scale(axes, errors)
    numbers = [trial.number + 1 for trial in finished]
    axes.plot(numbers, np.minimum(errors, top), "o", color=BLUE, markersize=5, label="finished")
    least = np.minimum.accumulate([*errors, min(errors)])
    steps = [*numbers, trials[-1].number + 1]
    axes.step(steps, np.minimum(least, top), where="post", color=ORANGE, label="the best so far")
    if pruned := [trial for trial in trials if trial.accuracy is None and trial.accuracies]:
        numbers = [trial.number + 1 for trial in pruned]
        reached = np.minimum([_error(trial.accuracies[-1]) for trial in pruned], top)
        axes.plot(numbers, reached, "x", color=GREY, label="pruned, when it was")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    dress(axes, "validation error, %", "trial")
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
    return figure


def plot_importances(importances: dict[str, float]) -> Figure:
    """A bar for each field, the most important one at the top."""
    names = sorted(importances, key=lambda name: importances[name])
    shares = [100 * importances[name] for name in names]
    figure = Figure(figsize=(10, 0.6 + 0.36 * len(names)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(names, shares, color=BLUE, alpha=0.75, height=0.6)
    axes.bar_label(bars, [f"{share:.0f}%" for share in shares], padding=4, fontsize=9)
    axes.set(xlim=(0, max(shares) * 1.1), xticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def plot_fields(trials: Sequence[Trial], space: Space) -> Figure:
    """Validation error against the value of each field; a ring around the best."""
    finished = [trial for trial in trials if trial.accuracy is not None]
    errors = [_error(trial.accuracy) for trial in finished]
    best = int(np.argmin(errors))
    columns = min(len(space), _COLUMNS)
    rows = -(-len(space) // columns)
    figure = Figure(figsize=(10, 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    shown = np.minimum(errors, _scale(grid[0, 0], errors))
    for axes, (name, part) in zip(grid.ravel(), space.items(), strict=False):
        values: list[Any] = [trial.values[name] for trial in finished]
        if isinstance(part, Interval):
            axes.set_xscale("log" if part.log else "linear")
        else:
            values = [part.values.index(value) for value in values]
            axes.set_xticks(range(len(part.values)), [str(value) for value in part.values])
            axes.set_xlim(-0.5, len(part.values) - 0.5)
        axes.plot(values, shown, "o", color=BLUE, markersize=4, alpha=0.7)
        axes.plot(values[best], shown[best], "o", color=ORANGE, markersize=9, fillstyle="none")
        dress(axes, name, "")
    for axes in grid.ravel()[len(space) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("validation error, %")
    return figure


def _error(accuracy: float | None) -> float:
    return 100 - 100 * (accuracy or 0.0)


def _scale(axes: Axes, errors: list[float]) -> float:
    """Show the better three quarters, at least; returns the upper edge, where the others stand.

    On a scale with a few bad trials the good ones would lie on each other.
    """
    low, middle, high = min(errors), float(np.median(errors)), max(errors)
    top = min(high, max(float(np.quantile(errors, 0.75)), low + 4 * (middle - low)))
    room = _CLEAR * (top - low) or 0.1
    axes.set_ylim(low - room, top + 2 * room)
    return top + room
