"""The job for every item: read it, and draw the reading on request."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkdigits.batch.entries import Item
from inkdigits.batch.pool import in_processes
from inkdigits.batch.rows import Row
from inkdigits.errors import CanvasError, shortened
from inkdigits.files import write_atomic
from inkdigits.imaging import open_picture
from inkdigits.reading import Reader, Reading
from inkdigits.reading.hints import Hints
from inkdigits.reading.regions import Regions

if TYPE_CHECKING:
    from PIL import Image

NO_HINTS = Hints()


@dataclass(frozen=True)
class Job:
    """The artifact, the hints, the regions to read, and where annotated copies go.

    The same for every item and process. `model` is None for the shipped artifact.
    """

    model: Path | None = None
    hints: Hints = NO_HINTS
    regions: Regions | None = None
    annotate: Path | None = None
    show_glyphs: bool = False
    explain: bool = False

    def settings(self) -> dict[str, Any]:
        """What the readings depend on beside the artifact, for JSON."""
        regions = {"of": self.regions.of, **self.regions.boxes} if self.regions else None
        return {"regions": regions, **asdict(self.hints)}


class Worker:
    """Does a job with one reader."""

    def __init__(self, job: Job, reader: Reader) -> None:
        self.job = job
        self.reader = reader

    def read(self, item: Item) -> list[Row]:
        """A row for each picture, region of a picture, or glyph of the item."""
        rows = []
        for name, readings in zip(item.names(), self._readings(item), strict=True):
            if self.job.annotate and not any(reading.error for reading in readings.values()):
                picture = io.BytesIO()
                self._draw(item, list(readings.values())).save(picture, "PNG")
                write_atomic(self.job.annotate / _file_name(name), picture.getvalue())
            for region, reading in readings.items():
                path = shortened(_printable(name)) if reading.error else _printable(name)
                named = {"region": _printable(region)} if self.job.regions else {}
                rows.append({"path": path, **named, **reading.to_dict()})
        return rows

    def _readings(self, item: Item) -> list[dict[str, Reading]]:
        """The readings of each name of the item, by region; "" is a whole picture."""
        source, hints = item.source, self.job.hints
        if isinstance(source, CanvasError):
            return [{"": Reading("", (), error=source)}]
        if isinstance(source, np.ndarray):
            readings = self.reader.read_glyphs(source)
            return [{"": replace(reading, expected=hints.expect)} for reading in readings]
        try:
            return [self._read(source, item.page)]
        except CanvasError as error:
            return [{"": Reading("", (), error=error)}]

    def _read(self, source: Path | bytes, page: int) -> dict[str, Reading]:
        hints, regions = self.job.hints, self.job.regions
        options: dict[str, Any] = {
            "page": page,
            "single": hints.single,
            "expect": hints.expect,
            "digits_only": hints.digits_only,
        }
        if regions:
            return self.reader.read_regions(source, regions, **options)
        return {"": self.reader.read(source, grid=hints.grid, **options)}

    def _draw(self, item: Item, readings: list[Reading]) -> "Image.Image":
        """The picture with boxes, the glyphs below on request; for CSV and IDX files, the glyph."""
        from inkdigits.reading.drawing import below, draw_boxes, draw_glyphs, labels_of

        assert not isinstance(item.source, CanvasError)  # noqa: S101
        digits = [digit for reading in readings for digit in reading.digits]
        maps = [self.reader.explain(digit) for digit in digits] if self.job.explain else None
        if isinstance(item.source, np.ndarray):
            return draw_glyphs(digits, maps)
        labels = [label for reading in readings for label in labels_of(reading)]
        image = draw_boxes(open_picture(item.source, item.page), labels)
        if self.job.show_glyphs or self.job.explain:
            image = below(image, draw_glyphs(digits, maps, image.width))
        return image


def read_items(
    items: Iterable[Item], job: Job, reader: Reader, processes: int = 1
) -> Iterator[list[Row]]:
    """The rows of each item, in order; with one process, this one reads, with `reader`.

    Of several, each may be killed: its item is read again, and has an error the third time.
    """
    here = Worker(job, reader)
    if processes == 1:
        return map(here.read, items)

    def give_up(item: Item) -> list[Row]:
        return [row for failed in item.crashed() for row in here.read(failed)]

    return in_processes(items, partial(_start, job), processes, give_up)


def _start(job: Job) -> Callable[[Item], list[Row]]:
    return Worker(job, Reader.load(job.model, threads=1)).read


def _file_name(name: str) -> Path:
    """The path of an annotated picture: its own path, with "_up_" in place of ".."."""
    path = Path("stdin" if name == "-" else name)
    path = Path(*("_up_" if part == ".." else part for part in path.parts if part != path.anchor))
    return path.with_name(path.name + ".png")


def _printable(value: object) -> str:
    """Text that can be encoded even if a file name isn't UTF-8."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")
