"""`inkdigits predict`: the digits in each picture, as a table, JSON, JSON Lines or CSV."""

import io
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkdigits.cli.formats import FORMATS, Row
from inkdigits.cli.sources import Item, find_files, open_items
from inkdigits.errors import CanvasError, UsageError
from inkdigits.files import open_atomic, write_atomic
from inkdigits.reading import Reader, Reading
from inkdigits.reading.hints import Hints

if TYPE_CHECKING:
    from concurrent.futures import Future

    from PIL import Image

_BAR_FROM = 20  # files: fewer are read before a bar is seen


@dataclass(frozen=True)
class Job:
    """What is done with every item, the same in all processes."""

    model: Path | None
    hints: dict[str, Any]
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
        with _progress(find_files(arguments.paths)) as found:
            for some in _in_order(open_items(found), job, reader, arguments.jobs):
                failed = failed or any(row["error"] for row in some)
                yield from some

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
    hints = {name: getattr(arguments, name) for name in ("single", "expect", "grid")}
    Hints(**hints)  # says what is wrong with them, also where no picture follows
    return Job(arguments.model, hints, arguments.annotate, arguments.show_glyphs, arguments.explain)


@contextmanager
def _progress(files: Iterable[Path | Item]) -> Iterator[Iterable[Path | Item]]:
    """The files; on a terminal, if they are many, a bar shows how many have been opened."""
    if sys.stderr.isatty():
        files = list(files)
        if len(files) >= _BAR_FROM:
            from rich.console import Console  # takes 0.1 s to import
            from rich.progress import Progress

            with Progress(console=Console(stderr=True), transient=True) as bar:
                yield bar.track(files, description="reading")
            return
    yield files


def _in_order(items: Iterator[Item], job: Job, reader: Reader, jobs: int) -> Iterator[list[Row]]:
    """The rows of each item; with several jobs a bounded number of items is under way."""
    if jobs == 1:
        yield from map(_Worker(job, reader).read, items)
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
        rows = []
        for name, reading in zip(item.names(), self._readings(item), strict=True):
            if self.job.annotate and not reading.error:
                picture = io.BytesIO()
                self._draw(item, reading).save(picture, "PNG")
                write_atomic(self.job.annotate / _file_name(name), picture.getvalue())
            rows.append({"path": _printable(name), **reading.to_dict()})
        return rows

    def _readings(self, item: Item) -> list[Reading]:
        source = item.source
        if isinstance(source, CanvasError):
            return [Reading("", (), error=source)]
        if isinstance(source, np.ndarray):
            return self.reader.read_glyphs(source)
        return list(self.reader.read_many([source], page=item.page, **self.job.hints))

    def _draw(self, item: Item, reading: Reading) -> "Image.Image":
        """The picture with boxes, the glyphs beneath it if asked for; of a table the glyph."""
        from inkdigits.reading.drawing import below, draw_glyphs

        assert not isinstance(item.source, CanvasError)  # noqa: S101
        digits = reading.digits
        maps = [self.reader.explain(digit) for digit in digits] if self.job.explain else None
        if isinstance(item.source, np.ndarray):
            return draw_glyphs(reading.marks(), maps)
        image = reading.draw(item.source, item.page)
        if self.job.show_glyphs or self.job.explain:
            image = below(image, draw_glyphs(reading.marks(), maps, image.width))
        return image


_worker: _Worker | None = None  # in a process of the pool


def _start_worker(job: Job) -> None:
    global _worker
    _worker = _Worker(job, Reader.load(job.model, threads=1))


def _read_in_worker(item: Item) -> list[Row]:
    assert _worker  # noqa: S101
    return _worker.read(item)


def _file_name(name: str) -> Path:
    """Where an annotated picture goes: its own path, with "_up_" for what leads out of it."""
    path = Path("stdin" if name == "-" else name)
    path = Path(*("_up_" if part == ".." else part for part in path.parts if part != path.anchor))
    return path.with_name(path.name + ".png")


def _printable(value: object) -> str:
    """As text that can be encoded, also where a file name isn't UTF-8."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _default_format(out: Path | None) -> str:
    suffix = out.suffix[1:].lower() if out else ""
    if suffix in FORMATS:
        return suffix
    return "table" if not out and sys.stdout.isatty() else "jsonl"
