"""Results and progress of a command: bars on a terminal, plain lines in a pipe, or nothing."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inkdigits.api.progress import drawn_bars, end_tasks, on_bars
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
            with drawn_bars() as bars:
                self._bars = bars
                try:
                    yield on_bars(bars)
                    end_tasks(bars)
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
