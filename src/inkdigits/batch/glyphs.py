"""Tables of glyphs: CSV files in Kaggle's format, and IDX files; packed by gzip or not."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import GLYPH_PX, are_glyphs
from inkdigits.errors import CanvasError, InvalidIdx
from inkdigits.files import Place
from inkdigits.imaging.sources import read_within

_PIXELS = GLYPH_PX**2
_GZIP_FAULTS = (EOFError, zlib.error, gzip.BadGzipFile)
_NO_GLYPHS = np.empty((0, GLYPH_PX, GLYPH_PX), np.uint8)
_LONGEST_LINE = (
    1 << 16
)  # characters in a line of a table; the names of 784 columns take about 8,000


def read_idx(file: IO[bytes], path: Place) -> NDArray[np.uint8]:
    """The glyphs (n, 28, 28) in an IDX file; `CanvasError` if it holds something else."""
    from inkdigits.data import parse_idx  # takes 0.07 s to import

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


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """The file itself, or its decompressed content if it is gzip."""
    is_gzip = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_gzip else file


def parse_csv(file: IO[bytes], path: Place) -> Iterator[NDArray[np.uint8] | CanvasError]:
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


def _bad_header(path: Place, fault: str) -> CanvasError:
    reason = f"{path} is not a table of {_PIXELS} pixels 0…255 a row: its first row {fault}"
    return CanvasError("bad_table", reason)


def _csv_rows(file: IO[bytes], path: Place) -> Iterator[list[str]]:
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
