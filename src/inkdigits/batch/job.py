"""The job for every item: read it, and draw the reading on request."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inkdigits.batch.items import Item
from inkdigits.batch.rows import Row
from inkdigits.errors import CanvasError, shortened
from inkdigits.files import write_atomic
from inkdigits.reading import Reader, Reading
from inkdigits.reading.hints import Hints

if TYPE_CHECKING:
    from PIL import Image

NO_HINTS = Hints()


@dataclass(frozen=True)
class Job:
    """The artifact, the hints, and where annotated copies go.

    The same for every item and process. `model` is None for the shipped artifact.
    """

    model: Path | None = None
    hints: Hints = NO_HINTS
    annotate: Path | None = None
    show_glyphs: bool = False
    explain: bool = False


class Worker:
    """Does a job with one reader."""

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
            path = shortened(_printable(name)) if reading.error else _printable(name)
            rows.append({"path": path, **reading.to_dict()})
        return rows

    def _readings(self, item: Item) -> list[Reading]:
        source, hints = item.source, self.job.hints
        if isinstance(source, CanvasError):
            return [Reading("", (), error=source)]
        if isinstance(source, np.ndarray):
            readings = self.reader.read_glyphs(source)
            return [replace(reading, expected=hints.expect) for reading in readings]
        return list(
            self.reader.read_many(
                [source],
                page=item.page,
                single=hints.single,
                expect=hints.expect,
                grid=hints.grid,
                digits_only=hints.digits_only,
            )
        )

    def _draw(self, item: Item, reading: Reading) -> "Image.Image":
        """The picture with boxes, with the glyphs below on request; for tables, the glyph."""
        from inkdigits.reading.drawing import below, draw_glyphs

        assert not isinstance(item.source, CanvasError)  # noqa: S101
        digits = reading.digits
        maps = [self.reader.explain(digit) for digit in digits] if self.job.explain else None
        if isinstance(item.source, np.ndarray):
            return draw_glyphs(digits, maps)
        image = reading.draw(item.source, item.page)
        if self.job.show_glyphs or self.job.explain:
            image = below(image, draw_glyphs(digits, maps, image.width))
        return image


def _file_name(name: str) -> Path:
    """The path of an annotated picture: its own path, with "_up_" in place of ".."."""
    path = Path("stdin" if name == "-" else name)
    path = Path(*("_up_" if part == ".." else part for part in path.parts if part != path.anchor))
    return path.with_name(path.name + ".png")


def _printable(value: object) -> str:
    """Text that can be encoded even if a file name isn't UTF-8."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")
