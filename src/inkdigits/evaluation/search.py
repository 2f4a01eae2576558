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

PAGE_NAME = "search.html"
_SHOWN = 20  # trials in the table
_COLUMNS = 4
_CLEAR = 0.1  # of the scale, free above the best and below the worst that is shown


def write_search(search: Search) -> Path:
    """Write the page into the search's folder; returns its path.

    Raises `TrainingDiverged` if no trial has finished.
    """
    trials = search.trials
    best, importances = search.best, search.importances()
    figures = {"history": plot_search(trials), "values": plot_values(trials, search.space)}
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
    path = search.folder / PAGE_NAME
    write_atomic(path, page.encode())
    return path


def plot_search(trials: Sequence[Trial]) -> Figure:
    """Validation error of every trial in the order of the search, and the least so far."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    axes = figure.subplots()
    finished = [trial for trial in trials if trial.accuracy is not None]
    pruned = [trial for trial in trials if trial.accuracy is None and trial.accuracies]
    numbers = [trial.number + 1 for trial in finished]
    errors = _errors(finished)
    axes.plot(numbers, errors, "o", color=BLUE, markersize=5, label="finished")
    axes.step(
        [*numbers, trials[-1].number + 1],
        [*np.minimum.accumulate(errors), min(errors)],
        where="post",
        color=ORANGE,
        label="the best so far",
    )
    if pruned:
        stopped = [100 - 100 * trial.accuracies[-1] for trial in pruned]
        places = [trial.number + 1 for trial in pruned]
        axes.plot(places, stopped, "x", color=GREY, markersize=5, label="pruned, where it stood")
    _scale(axes, errors)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    dress(axes, "validation error, %", "trial")
    axes.legend(frameon=False, loc="upper right")
    return figure


def plot_importances(importances: dict[str, float]) -> Figure:
    """A bar for each field, the most important one at the top."""
    names = sorted(importances, key=lambda name: importances[name])
    shares = [100 * importances[name] for name in names]
    figure = Figure(figsize=(10, 0.6 + 0.36 * len(names)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(names, shares, color=BLUE, alpha=0.75, height=0.6)
    axes.bar_label(bars, [f"{share:.0f} %" for share in shares], padding=4, fontsize=9)
    axes.set(xlim=(0, max(shares) * 1.1), xticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def plot_values(trials: Sequence[Trial], space: Space) -> Figure:
    """Validation error against the value of each field; a ring around the best."""
    finished = [trial for trial in trials if trial.accuracy is not None]
    errors = _errors(finished)
    rows = -(-len(space) // _COLUMNS)
    figure = Figure(figsize=(10, 2.4 * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, squeeze=False, sharey=True)
    for axes, (name, part) in zip(grid.ravel(), space.items(), strict=False):
        values: list[Any] = [trial.values[name] for trial in finished]
        if isinstance(part, Interval):
            axes.set_xscale("log" if part.log else "linear")
        else:
            values = [part.values.index(value) for value in values]
            axes.set_xticks(range(len(part.values)), [str(value) for value in part.values])
            axes.set_xlim(-0.5, len(part.values) - 0.5)
        axes.plot(values, errors, "o", color=BLUE, markersize=4, alpha=0.7)
        best = int(np.argmin(errors))
        axes.plot(values[best], errors[best], "o", color=ORANGE, markersize=9, fillstyle="none")
        dress(axes, name, "")
    for axes in grid.ravel()[len(space) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("validation error, %")
    _scale(grid[0, 0], errors)
    return figure


def _errors(trials: Sequence[Trial]) -> list[float]:
    return [100 - 100 * (trial.accuracy or 0.0) for trial in trials]


def _scale(axes: Axes, errors: list[float]) -> None:
    """Show the better three quarters at least: bad trials would press the good ones together."""
    low, middle, high = min(errors), float(np.median(errors)), max(errors)
    top = min(high, max(float(np.quantile(errors, 0.75)), low + 4 * (middle - low)))
    room = _CLEAR * (top - low) or 0.1
    axes.set_ylim(low - room, top + room)
