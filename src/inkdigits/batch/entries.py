"""What is read: an item, and what stands for one or several until they are opened."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import CanvasError
from inkdigits.files import Place


@dataclass(frozen=True)
class Item:
    """One picture (a path or bytes), glyphs (n, 28, 28), or the error that prevents reading."""

    name: str
    source: Path | bytes | NDArray[np.uint8] | CanvasError
    page: int = 0

    def __str__(self) -> str:
        return self.name

    def names(self) -> list[str]:
        """A name for each row that the item gives."""
        if not isinstance(self.source, np.ndarray):
            return [self.name]
        return [f"{self.name}#{self.page + row + 1}" for row in range(len(self.source))]

    def crashed(self) -> "list[Item]":
        """An item with an error for each row: whatever reads this one is killed."""
        return [
            Item(name, CanvasError("crashed", f"{name} can't be read: it ends whatever reads it"))
            for name in self.names()
        ]


@dataclass(frozen=True)
class Member:
    """A file in an archive: where its bytes begin, and how many there are; or they themselves.

    In a zip, `start` is that of its header, and `zipped` the method, the size unpacked and the CRC.
    """

    archive: Place
    inner: str
    start: int = 0
    size: int = 0
    zipped: tuple[int, int, int] | None = None
    content: bytes | None = None

    def __str__(self) -> str:
        return f"{self.archive}/{self.inner}"


@dataclass(frozen=True)
class Rows:
    """Rows of a group of a Parquet file that holds pictures.

    `start` counts from the beginning of the group, `first` from that of the file.
    """

    table: Place
    group: int
    start: int
    count: int
    first: int

    def __str__(self) -> str:
        return f"{self.table}#{self.first + 1}"


Entry = Place | Item | Member | Rows
"""A file, what is in one, or an item: small, so that it is cheap to hand to a process."""
