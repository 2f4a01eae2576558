"""The look of the curves in the docs."""

from collections.abc import Sequence

from matplotlib.axes import Axes


def label_logarithms(axes: Axes, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> None:
    """Make both axes logarithmic, with these ticks, a grid and a legend."""
    axes.set(xscale="log", yscale="log")
    axes.minorticks_off()
    axes.set_xticks(x_ticks, map(str, x_ticks))
    axes.set_yticks(y_ticks, map(str, y_ticks))
    axes.grid(color="#e4e7eb")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
