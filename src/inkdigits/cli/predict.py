"""`inkdigits predict`: the digits in each picture, as a table, JSON, JSON Lines or CSV."""

import io
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkdigits.cli.formats import FORMATS, Row
from inkdigits.cli.sources import Item, expand
from inkdigits.errors import CanvasError, UsageError
from inkdigits.files import open_atomic, write_atomic
from inkdigits.reading import Reader, Reading

if TYPE_CHECKING:
    from concurrent.futures import Future

_BAR_FROM = 20  # items: fewer are read before a bar is seen


@dataclass(frozen=True)
class Job:
    """What is done with every item, the same in all processes."""

    model: Path | None
    wishes: dict[str, Any]
    annotate: Path | None
    show_glyphs: bool
    explain: bool


def run(arguments: Namespace) -> int:
    """Run the command; the exit code: 1 if a row has an error."""
    job = _parse_job(arguments)
    reader = Reader.load(job.model)  # a wrong one is said before anything is written
    out, failed = arguments.output, False
    write = FORMATS[arguments.format or _default_format(out)]

    def rows() -> Iterator[Row]:
        nonlocal failed
        for row in _read_all(list(expand(arguments.paths)), job, reader, arguments.jobs):
            failed = failed or row["error"] is not None
            yield row

    if out:
        with open_atomic(out) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            write(rows(), text)
            text.detach()
    else:
        write(rows(), sys.stdout)
    return int(failed)


def _parse_job(arguments: Namespace) -> Job:
    if (arguments.show_glyphs or arguments.explain) and not arguments.annotate:
        raise UsageError("--show-glyphs and --explain draw into the pictures of --annotate FOLDER")
    if arguments.jobs < 1:
        raise UsageError(f"--jobs is {arguments.jobs}; it must be 1 or more")
    wishes = {name: getattr(arguments, name) for name in ("single", "expect", "grid")}
    return Job(
        arguments.model, wishes, arguments.annotate, arguments.show_glyphs, arguments.explain
    )


def _read_all(items: list[Item], job: Job, reader: Reader, jobs: int) -> Iterator[Row]:
    """The rows of all items in order, with a bar while it takes long."""
    if len(items) < _BAR_FROM or not sys.stderr.isatty():  # Rich takes 0.1 s to import
        for rows in _in_order(items, job, reader, jobs):
            yield from rows
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=len(items))
        for rows in _in_order(items, job, reader, jobs):
            yield from rows
            bar.advance(task)


def _in_order(items: list[Item], job: Job, reader: Reader, jobs: int) -> Iterator[list[Row]]:
    """The rows of each item; with several jobs a bounded number of items is under way."""
    if jobs == 1 or len(items) < 2:
        worker = _Worker(job, reader)
        yield from map(worker.read, items)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs, initializer=_start_worker, initargs=(job,)) as pool:
        waiting: deque[Future[list[Row]]] = deque()
        for item in items:
            waiting.append(pool.submit(_read_in_worker, item))
            if len(waiting) > 4 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Worker:
    """Reads items with one reader."""

    def __init__(self, job: Job, reader: Reader) -> None:
        self.job = job
        self.reader = reader

    def read(self, item: Item) -> list[Row]:
        """A row for each picture or glyph of the item."""
        return [
            {"path": _printable(name), **reading.to_dict()}
            for name, reading in zip(item.names(), self._readings(item), strict=True)
        ]

    def _readings(self, item: Item) -> list[Reading]:
        source = item.source
        if isinstance(source, CanvasError):
            return [Reading("", (), error=source)]
        if isinstance(source, np.ndarray):
            return self.reader.read_glyphs(source)
        try:
            reading = self.reader.read(source, page=item.page, **self.job.wishes)
        except CanvasError as error:
            return [Reading("", (), error=error)]
        if self.job.annotate:
            self._annotate(item, reading)
        return [reading]

    def _annotate(self, item: Item, reading: Reading) -> None:
        """The picture with boxes, as PNG, under its own path in the folder."""
        from inkdigits.drawing import below, draw_glyphs

        assert not isinstance(item.source, CanvasError | np.ndarray)  # noqa: S101
        image = reading.draw(item.source, item.page)
        if self.job.show_glyphs or self.job.explain:
            digits = reading.digits
            maps = [self.reader.explain(digit) for digit in digits] if self.job.explain else None
            image = below(image, draw_glyphs(reading.marks(), maps))
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        assert self.job.annotate  # noqa: S101
        write_atomic(self.job.annotate / _file_name(item.name), buffer.getvalue())


_worker: _Worker | None = None  # in a process of the pool


def _start_worker(job: Job) -> None:
    global _worker
    _worker = _Worker(job, Reader.load(job.model, threads=1))


def _read_in_worker(item: Item) -> list[Row]:
    assert _worker  # noqa: S101
    return _worker.read(item)


def _file_name(name: str) -> Path:
    """Where an annotated picture goes: its own path, without what leads out of the folder."""
    path = Path("stdin" if name == "-" else name)
    path = Path(*(part for part in path.parts if part not in {path.anchor, ".."}))
    return path.with_name(path.name + ".png")


def _printable(value: object) -> str:
    """As text that can be encoded, also where a file name isn't UTF-8."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _default_format(out: Path | None) -> str:
    if out and out.suffix[1:] in FORMATS:
        return out.suffix[1:]
    return "table" if not out and sys.stdout.isatty() else "jsonl"
