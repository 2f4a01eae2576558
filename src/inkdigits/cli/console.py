"""Results and progress of a command: bars on a terminal, plain lines in a pipe, or nothing."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inkdigits.data import Progress, ignore_progress


class Console:
    """Prints results and progress lines to standard output; draws bars on a terminal."""

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self._silent = quiet or as_json
        self._as_json = as_json
        self._bars: Any = None

    def note(self, line: str) -> None:
        """Print a line while the work goes on."""
        if self._silent:
            return
        if self._bars:
            self._bars.console.print(line, highlight=False, markup=False)
        else:
            print(line, flush=True)

    def result(self, lines: list[str], values: dict[str, Any]) -> None:
        """Print the result: lines for people, or the values as JSON."""
        print(json.dumps(values, indent=2) if self._as_json else "\n".join(lines), flush=True)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A `Progress` for the block: bars if this is a terminal, else a line for each new task."""
        if self._silent:
            yield ignore_progress
        elif sys.stdout.isatty():
            with _bars() as bars:
                self._bars = bars
                try:
                    yield _on_bars(bars)
                    _end_tasks(bars)
                finally:
                    self._bars = None
        else:
            yield self._on_lines()

    def _on_lines(self) -> Progress:
        announced = set()

        def show(task: str, _done: int, _total: int) -> None:
            if task not in announced:
                announced.add(task)
                self.note(f"{task} …")

        return show


def _bars() -> Any:
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
    )


def _on_bars(bars: Any) -> Progress:
    tasks: dict[str, Any] = {}

    def show(task: str, done: int, total: int) -> None:
        if task not in tasks:
            _end_tasks(bars)  # a new task means that the earlier ones are done
            tasks[task] = bars.add_task(task, total=total or None)
        bars.update(tasks[task], completed=done, total=total or None)

    return show


def _end_tasks(bars: Any) -> None:
    for task in bars.tasks:
        if task.total is None:  # of unknown length
            bars.update(task.id, total=1, completed=1)
        elif not task.finished:  # a source that failed midway
            bars.update(task.id, visible=False)
