"""The items to read: picture files, folders, standard input, tables of glyphs."""

import csv
import gzip
import io
import os
import sys
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import GLYPH_PX, are_glyphs
from inkdigits.errors import CanvasError, DataError, InvalidIdx
from inkdigits.imaging import IMAGE_SUFFIXES
from inkdigits.imaging.canvas import count_pages, open_file
from inkdigits.imaging.sources import read_within

if TYPE_CHECKING:
    from inkdigits.data import LabelledImages

STDIN = Path("-")
_PIXELS = GLYPH_PX**2
_GZIP_FAULTS = (EOFError, zlib.error, gzip.BadGzipFile)
_NO_GLYPHS = np.empty((0, GLYPH_PX, GLYPH_PX), np.uint8)
_CHUNK = 1000  # glyphs read at once
_LONGEST_LINE = (
    1 << 16
)  # characters in a line of a table; the names of 784 columns take about 8,000


@dataclass(frozen=True)
class Item:
    """One picture (a path or bytes), glyphs (n, 28, 28), or the error that prevents reading."""

    name: str
    source: Path | bytes | NDArray[np.uint8] | CanvasError
    page: int = 0

    def names(self) -> list[str]:
        """A name for each row that the item gives."""
        if not isinstance(self.source, np.ndarray):
            return [self.name]
        return [f"{self.name}#{self.page + row + 1}" for row in range(len(self.source))]


def find_files(paths: Iterable[Path]) -> Iterator[Path | Item]:
    """The files given, and the picture files in and below the folders given, in order, unopened.

    Links to folders are followed last and each folder is read once, so usually by its own path. A
    link to one of its own parent folders is an error, and so is an unreadable folder: both give an
    item instead of a path.
    """
    for path in paths:
        if path != STDIN and os.path.isdir(path):  # noqa: PTH112 - is_dir fails on too long a name
            yield from _walk(path)
        else:
            yield path


def open_items(files: Iterable[Path | Item]) -> Iterator[Item]:
    """An item for each page of each file, and for every thousand glyphs of a table."""
    for file in files:
        if isinstance(file, Item):
            yield file
            continue
        try:
            yield from _open(file)
        except CanvasError as error:
            yield Item(str(file), error)


def labelled_items(data: "LabelledImages", source: str) -> Iterator[Item]:
    """An item for each picture of a labelled source, or for every thousand of its glyphs."""
    if not data.pictures:
        yield from _in_blocks(Path(source), iter(data.images))
        return
    for name, picture in zip(data.names, data.pictures, strict=True):
        yield Item(str(picture) if isinstance(picture, Path) else name, picture)


def _walk(top: Path) -> Iterator[Path | Item]:
    waiting, seen, found = deque([top]), set(), False  # folders on the right, links on the left
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            entries = sorted((entry.is_dir(), entry.name, entry) for entry in folder.iterdir())
        except OSError as error:
            fault = CanvasError("unreadable", f"{folder} can't be read: {error.strerror}")
            yield Item(str(folder), fault)
            found = True
            continue
        if (status.st_dev, status.st_ino) in seen:
            if folder.parent.resolve().is_relative_to(folder.resolve()):
                fault = CanvasError("folder_loop", f"{folder} links back to a folder that it is in")
                yield Item(str(folder), fault)
            continue
        seen.add((status.st_dev, status.st_ino))
        for is_folder, name, entry in entries:
            if not is_folder and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield entry
                found = True
        folders = [entry for is_folder, _, entry in entries if is_folder]
        waiting.extendleft(folder for folder in folders if folder.is_symlink())
        waiting.extend(folder for folder in reversed(folders) if not folder.is_symlink())
    if not found:
        fault = CanvasError("no_images", f"{top} is a folder without image files")
        yield Item(str(top), fault)


def _open(path: Path) -> Iterator[Item]:
    name = path.name.lower().removesuffix(".gz")
    if path == STDIN:
        yield from _pages("-", _read_stdin())
    elif name.endswith(".csv"):
        with open_file(path) as file:
            yield from _in_blocks(path, _parse_csv(file, path))
    elif name.endswith(("idx3-ubyte", ".idx")):
        yield from _in_blocks(path, iter(_read_idx(path)))
    elif name.endswith((".npz", ".npy", ".parquet")):
        yield from _stored(path)
    else:
        yield from _pages(str(path), path)


def _stored(path: Path) -> Iterator[Item]:
    """The pictures of a file of arrays or of picture files: glyphs if they are 28×28 pixels."""
    from inkdigits.data.arrays import read_images
    from inkdigits.data.pictures import encode_png

    with open_file(path) as file:
        content = read_within(file, path)
    try:
        pictures = read_images(content, path)
    except DataError as error:
        raise CanvasError("bad_table", str(error)) from None
    if isinstance(pictures, np.ndarray) and are_glyphs(pictures):
        yield from _in_blocks(path, iter(pictures))
        return
    for number, picture in enumerate(pictures, start=1):
        yield Item(
            f"{path}#{number}", picture if isinstance(picture, bytes) else encode_png(picture)
        )


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise CanvasError("unreadable", "standard input is closed")
    return read_within(sys.stdin.buffer, "standard input")


def _pages(name: str, source: Path | bytes) -> Iterator[Item]:
    pages = count_pages(source)
    for page in range(pages):
        yield Item(f"{name}#{page + 1}" if pages > 1 else name, source, page)


def _in_blocks(path: Path, glyphs: Iterator[Any]) -> Iterator[Item]:
    """Items of up to a thousand consecutive glyphs (28, 28), and one for each `CanvasError`."""
    start = 0
    for is_fault, run in groupby(glyphs, lambda glyph: isinstance(glyph, CanvasError)):
        while block := list(islice(run, 1 if is_fault else _CHUNK)):
            if is_fault:
                yield Item(f"{path}#{start + 1}", block[0])
            else:
                yield Item(str(path), np.stack(block), start)
            start += len(block)
    if not start:
        raise CanvasError("empty", f"{path} holds no images")


def _read_idx(path: Path) -> NDArray[np.uint8]:
    from inkdigits.data import parse_idx  # takes 0.07 s to import

    with open_file(path) as file:
        try:
            content = read_within(_unpacked(file), path)
            images = parse_idx(content, str(path)) if content else _NO_GLYPHS
        except InvalidIdx as error:
            raise CanvasError("bad_table", str(error)) from None
        except _GZIP_FAULTS as error:
            raise CanvasError("bad_table", f"{path}: the gzip data is damaged: {error}") from None
    if not are_glyphs(images):
        raise CanvasError(
            "bad_table",
            f"{path} holds {images.dtype} {images.shape}; it must be uint8 (n, 28, 28) images",
        )
    return images


def _unpacked(file: io.BufferedReader) -> IO[bytes]:
    """The file itself, or its decompressed content if it is gzip."""
    is_gzip = file.peek(2).startswith(b"\x1f\x8b")
    return cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_gzip else file


def _parse_csv(file: io.BufferedReader, path: Path) -> Iterator[NDArray[np.uint8] | CanvasError]:
    """The glyphs in a table in the format of Kaggle's Digit Recognizer; an error for a bad row.

    It has a header, then a row of 784 pixels for each image. A first column `label` is skipped,
    and so are empty lines.
    """
    rows = _csv_rows(file, path)
    header = next(rows, None)
    if header is None:
        return
    has_label = header[0].strip().lower() == "label"
    if all(name.isdecimal() for name in header):
        raise _bad_header(path, "has numbers; add a header row before it")
    if len(header) - has_label != _PIXELS:
        names = f"{len(header) - has_label} names of pixels, separated by commas"
        raise _bad_header(path, f"has {names}")
    try:
        for number, row in enumerate(rows, start=1):
            pixels = row[has_label:]
            try:
                yield np.array(pixels, np.uint8).reshape(GLYPH_PX, GLYPH_PX)
            except (ValueError, OverflowError):
                where = f"row {number} of {path} is not {_PIXELS} pixels 0…255"
                yield CanvasError("bad_table", f"{where}: {_wrong_with(pixels)}")
    except CanvasError as error:
        yield error  # after the rows before it


def _wrong_with(pixels: list[str]) -> str:
    if len(pixels) != _PIXELS:
        return f"it has {len(pixels)}"
    number, text = next((n, t) for n, t in enumerate(pixels, start=1) if not _is_pixel(t))
    return f"pixel {number} is {text!r}"


def _is_pixel(text: str) -> bool:
    return text.strip().isdecimal() and int(text) <= 255


def _bad_header(path: Path, fault: str) -> CanvasError:
    reason = f"{path} is not a table of {_PIXELS} pixels 0…255 a row: its first row {fault}"
    return CanvasError("bad_table", reason)


def _csv_rows(file: io.BufferedReader, path: Path) -> Iterator[list[str]]:
    """The non-empty lines, each parsed on its own: an open quote can't swallow the rest."""
    try:
        with io.TextIOWrapper(_unpacked(file), encoding="utf-8-sig", newline="") as text:
            while line := text.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE:
                    reason = f"{path} has a line of more than {_LONGEST_LINE} characters"
                    raise CanvasError("too_large", reason)
                if row := next(csv.reader([line]), []):
                    yield row
    except (*_GZIP_FAULTS, UnicodeDecodeError, csv.Error) as error:
        raise CanvasError("bad_table", f"{path} is not a CSV file: {error}") from None
