"""What `inkdigits predict` is given, as items: picture files, folders, stdin, tables of glyphs."""

import csv
import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import CanvasError, InkdigitsError
from inkdigits.imaging import IMAGE_SUFFIXES
from inkdigits.imaging.canvas import count_pages

STDIN = Path("-")
_PIXELS = 28 * 28
_CHUNK = 1000  # glyphs that are read at once


@dataclass(frozen=True)
class Item:
    """One picture (a path or bytes), some glyphs (n, 28, 28), or why there are none."""

    name: str
    source: Path | bytes | NDArray[np.uint8] | CanvasError
    page: int = 0

    def names(self) -> list[str]:
        """A name for each row that it will give."""
        if not isinstance(self.source, np.ndarray):
            return [self.name]
        return [f"{self.name}#{self.page + row + 1}" for row in range(len(self.source))]


def expand(paths: list[Path]) -> Iterator[Item]:
    """An item for each picture file, also in folders below those given, in order.

    Linked folders are looked into, but a link back to a folder that it is in is a fault.
    """
    for path in paths:
        if path == STDIN:
            yield Item("-", sys.stdin.buffer.read())
        elif os.path.isdir(path):  # noqa: PTH112 - Path.is_dir fails on too long a name
            yield from _walk(path)
        else:
            yield from _open(path)


def _walk(top: Path) -> Iterator[Item]:
    found = False
    for item in _below(top, frozenset()):
        found = True
        yield item
    if not found:
        yield Item(str(top), top)  # opening it says that it has no images


def _below(folder: Path, above: frozenset[str]) -> Iterator[Item]:
    here = os.path.realpath(folder)
    if here in above:
        fault = CanvasError("folder_loop", f"{folder} links back to a folder that it is in")
        yield Item(str(folder), fault)
        return
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: (entry.is_dir(), entry.name))
    except OSError:
        yield Item(str(folder), folder)  # opening it says why not
        return
    for entry in entries:
        if entry.is_dir():
            yield from _below(entry, above | {here})
        elif entry.suffix.lower() in IMAGE_SUFFIXES:
            yield from _open(entry)


def _open(path: Path) -> Iterator[Item]:
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(".csv"):
            yield from _read_csv(path)
        elif name.endswith(("idx3-ubyte", ".idx")):
            yield from _read_idx(path)
        else:
            pages = count_pages(path)
            names = [f"{path}#{page + 1}" for page in range(pages)] if pages > 1 else [str(path)]
            yield from (Item(name, path, page) for page, name in enumerate(names))
    except CanvasError as error:
        yield Item(str(path), error)


def _read_idx(path: Path) -> Iterator[Item]:
    from inkdigits.data import load_idx  # its sources take 0.07 s to import

    try:
        images = load_idx(path)
    except InkdigitsError as error:
        raise CanvasError("bad_table", str(error)) from None
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise CanvasError(
            "bad_table",
            f"{path} holds {images.dtype} {images.shape}; it must be uint8 (n, 28, 28) images",
        )
    for start in range(0, len(images), _CHUNK):
        yield Item(str(path), images[start : start + _CHUNK], start)


def _read_csv(path: Path) -> Iterator[Item]:
    """The table of Kaggle's Digit Recognizer: a header, a row of 784 pixels for each image.

    A first column `label` is passed over, and so are empty lines.
    """
    unpacked = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with unpacked(path, "rt", newline="", encoding="utf-8-sig") as file:
            rows = filter(None, csv.reader(file))
            header = next(rows, [])
            if header and all(name.isdecimal() for name in header):
                raise ValueError("its first row has numbers where the columns' names belong")
            first = int(header[:1] == ["label"])
            start = 0
            while chunk := list(islice(rows, _CHUNK)):
                values = np.array([row[first:] for row in chunk], np.uint8)
                yield Item(str(path), values.reshape(-1, 28, 28), start)
                start += len(chunk)
    except (ValueError, OverflowError, csv.Error, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CanvasError(
            "bad_table", f"{path} is not a table of {_PIXELS} pixels 0…255 a row: {error}"
        ) from None
    except OSError as error:
        raise CanvasError("unreadable", f"{path} can't be read: {error.strerror}") from None
