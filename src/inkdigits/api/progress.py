"""Progress bars, by rich, in a terminal or a notebook."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from inkdigits.data import Progress, ignore_progress


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Progress]:
    """A `Progress` that draws bars, where there is something to draw them on."""
    if quiet or not _can_draw():
        yield ignore_progress
    else:
        with drawn_bars() as bars:
            yield on_bars(bars)
            end_tasks(bars)


def _can_draw() -> bool:
    """Whether this is a terminal, or a notebook where rich can draw."""
    from rich.console import Console

    console = Console()
    return find_spec("ipywidgets") is not None if console.is_jupyter else sys.stdout.isatty()


def drawn_bars(console: Any = None) -> Any:
    """Bars for several tasks, to be entered; on rich's `console`, by default standard output."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def on_bars(bars: Any) -> Progress:
    """A `Progress` with a bar for each task."""
    tasks: dict[str, Any] = {}

    def show(task: str, done: int, total: int) -> None:
        if task not in tasks:
            end_tasks(bars)  # a new task means that the earlier ones are done
            tasks[task] = bars.add_task(task, total=total or None)
        bars.update(tasks[task], completed=done, total=total or None)

    return show


def end_tasks(bars: Any) -> None:
    """Show all tasks as done."""
    for task in bars.tasks:
        if task.total is None:  # of unknown length
            bars.update(task.id, total=1, completed=1)
        elif not task.finished:  # a source that failed midway
            bars.update(task.id, visible=False)
