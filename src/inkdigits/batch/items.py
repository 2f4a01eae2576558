"""Items: a page of a picture file, or a thousand glyphs of a table."""

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkdigits.artifact import are_glyphs
from inkdigits.batch.archives import SUFFIXES, members, read_member
from inkdigits.batch.entries import Entry, Item, Member, Rows
from inkdigits.batch.glyphs import parse_csv, read_idx
from inkdigits.batch.parquet import PARQUET, list_rows, read_rows
from inkdigits.batch.places import STDIN, open_place
from inkdigits.errors import CanvasError, DataError
from inkdigits.files import Place
from inkdigits.imaging.canvas import count_pages
from inkdigits.imaging.sources import read_within

if TYPE_CHECKING:
    from inkdigits.data import LabelledImages

_ARRAYS = (".npz", ".npy")
_TABLES = (".csv", "idx3-ubyte", ".idx", *_ARRAYS)
_CHUNK = 1000  # glyphs read at once


def list_entries(files: Iterable[Place | Item]) -> Iterator[Entry]:
    """The files; instead of an archive or a Parquet file, what is in it."""
    for file in files:
        if isinstance(file, Item):
            yield file
        elif is_container(file):
            yield from members(file) if _ends(file, SUFFIXES) else list_rows(file)
        else:
            yield file


def is_container(file: Place) -> bool:
    """Whether a file holds many pictures that are read one by one."""
    return _ends(file, (*SUFFIXES, PARQUET))


def is_table(file: Place) -> bool:
    """Whether a file holds glyphs, and is read as a whole."""
    return _ends(file, _TABLES)


def _ends(file: Place, suffixes: tuple[str, ...]) -> bool:
    return str(file).lower().removesuffix(".gz").endswith(suffixes)


def open_items(entries: Iterable[Entry]) -> Iterator[Item]:
    """An item for each page of each file, and for every thousand glyphs of a table."""
    for entry in entries:
        if isinstance(entry, Item):
            yield entry
            continue
        try:
            yield from _open(entry)
        except CanvasError as error:
            yield Item(str(entry), error)


def labelled_items(data: "LabelledImages", source: str) -> Iterator[Item]:
    """An item for each picture of a labelled source, or for every thousand of its glyphs."""
    if not data.pictures:
        yield from _in_blocks(Path(source), iter(data.images))
        return
    for name, picture in zip(data.names, data.pictures, strict=True):
        yield Item(str(picture) if isinstance(picture, Path) else name, picture)


def _open(entry: Place | Member | Rows) -> Iterator[Item]:
    if isinstance(entry, Member):
        yield from _pages(str(entry), read_member(entry))
    elif isinstance(entry, Rows):
        yield from read_rows(entry)
    elif entry == STDIN:
        yield from _pages("-", _read_stdin())
    elif is_table(entry):
        yield from _glyphs(entry)
    elif isinstance(entry, Path):
        yield from _pages(str(entry), entry)
    else:
        with open_place(entry) as file:
            content = read_within(file, entry)
        yield from _pages(entry, content)


def _glyphs(table: Place) -> Iterator[Item]:
    with open_place(table) as file:
        if _ends(table, (".csv",)):
            yield from _in_blocks(table, parse_csv(file, table))
        elif _ends(table, _ARRAYS):
            yield from _stored(table, read_within(file, table))
        else:
            yield from _in_blocks(table, iter(read_idx(file, table)))


def _stored(path: Place, content: bytes) -> Iterator[Item]:
    """The pictures of a file of arrays: glyphs if they are 28×28 pixels."""
    from inkdigits.data.arrays import read_images
    from inkdigits.data.pictures import encode_png

    try:
        pictures = read_images(content, path)
    except DataError as error:
        raise CanvasError("bad_table", str(error)) from None
    if isinstance(pictures, np.ndarray) and are_glyphs(pictures):
        yield from _in_blocks(path, iter(pictures))
        return
    for number, picture in enumerate(pictures, start=1):
        content = picture if isinstance(picture, bytes) else encode_png(picture)
        yield Item(f"{path}#{number}", content)


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise CanvasError("unreadable", "standard input is closed")
    return read_within(sys.stdin.buffer, "standard input")


def _pages(name: str, source: Path | bytes) -> Iterator[Item]:
    pages = count_pages(source)
    for page in range(pages):
        yield Item(f"{name}#{page + 1}" if pages > 1 else name, source, page)


def _in_blocks(path: Place, glyphs: Iterator[Any]) -> Iterator[Item]:
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
