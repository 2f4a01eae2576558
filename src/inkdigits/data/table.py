"""Labelled pictures as text: a CSV row for each, with its pixels and its label."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inkdigits.data.arrays import LABEL_KEYS, Pictures, label_text, side_of, to_bytes
from inkdigits.errors import DataError

_NUMBERS = ("", "id", "index", "unnamed: 0")  # a first column of row numbers
_LABEL_SAMPLE = 500  # rows that tell in which column of a table the label is


def read_csv(content: bytes, path: Path) -> Pictures:
    """A row for each picture: its pixels, and its label first, last, or where the header says."""
    rows = _csv_rows(content, path)
    first = next(rows, (0, []))[1]
    if not first:
        raise DataError(f"{path} is empty")
    header = [name.strip().lower() for name in first]
    has_header = not all(map(_is_number, first[1:-1])) or bool({*header} & {*LABEL_KEYS})
    table = [] if has_header else [(1, first)]
    table += rows
    if not table:
        raise DataError(f"{path} has a header and no rows")
    if has_header and side_of(len(first) - 1) is None and header[0] in _NUMBERS:
        table, first, header = [(n, row[1:]) for n, row in table], first[1:], header[1:]
    named = [at for at, name in enumerate(header) if has_header and name in LABEL_KEYS]
    at = named[0] if named else _label_column([row for _, row in table[:_LABEL_SAMPLE]])
    side = side_of(len(first) - 1)
    if side is None:
        raise DataError(
            f"{path} has {len(first)} columns; it needs a label and the pixels of a square "
            "picture, such as 784, in each row"
        )
    values = np.empty((len(table), side * side), np.float32)
    labels = []
    for index, (number, row) in enumerate(table):
        if len(row) != len(first):
            raise DataError(
                f"{path}, line {number}: it has {len(row)} columns, the first line {len(first)}"
            )
        pixels = row[:at] + row[at + 1 :]
        try:
            values[index] = np.array(pixels, np.float32)
        except ValueError:
            wrong = next(value for value in pixels if not _is_number(value))
            raise DataError(
                f"{path}, line {number}: {wrong!r} is no number; the pixels must be"
            ) from None
        labels.append(label_text(row[at].strip()))
    place = "first" if at == 0 else "last" if at == len(first) - 1 else f"in column {at + 1}"
    form = f"CSV, label {place}"
    names = [f"{path}, line {number}" for number, _ in table]
    return Pictures(form, to_bytes(values.reshape(-1, side, side), path), labels, names)


def _csv_rows(content: bytes, path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a CSV file: {error}; save it as UTF-8") from None
    separator = max(",;\t", key=text[:10_000].count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None


def _label_column(rows: list[list[str]]) -> int:
    """The first or the last column, whichever looks like labels.

    Text is a label; a column with one value, as a picture's corner has, is none; of two others the
    one with fewer values, in doubt the first.
    """
    first, last = [row[0] for row in rows], [row[-1] for row in rows]
    texts = [not all(map(_is_number, column)) for column in (first, last)]
    counts = [len(set(column)) for column in (first, last)]
    if texts[0] != texts[1]:
        return 0 if texts[0] else -1 % len(rows[0])
    if min(counts) == 1 < max(counts):
        return 0 if counts[0] > 1 else -1 % len(rows[0])
    return 0 if counts[0] <= counts[1] else -1 % len(rows[0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
