"""Labelled pictures as text: a CSV row for each, with its pixels or its file, and its label."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from inkdigits.data.arrays import LABEL_KEYS
from inkdigits.data.pictures import Pictures, from_values, label_text, side_of
from inkdigits.errors import DataError

_LISTS = {"file", "label"}  # the columns of a list of pictures
_Table = list[tuple[int, list[str]]]
"""Rows, each with the number of its line."""


def read_csv(content: bytes, path: Path) -> Pictures:
    """A row for each picture: its pixels, and its label first, last, or where the header says.

    Other columns whose names have no number, such as an id or the writer, are kept beside.
    """
    rows = list(_csv_rows(content, path))
    if not rows:
        raise DataError(f"{path} is empty")
    header = [name.strip().lower() for name in rows[0][1]]
    if {*header} >= _LISTS:
        return read_list(content, path)
    names = header if _is_header(header) else []
    table = rows[1:] if names else rows
    if not table:
        raise DataError(f"{path} has a header and no rows")
    _check_widths(rows, path)
    label, others = _columns_of(names, table, path)
    pixels = [at for at in range(len(header)) if at != label and at not in others]
    side = side_of(len(pixels))
    if side is None:
        raise DataError(
            f"{path} has {len(header)} columns; it needs a label and the pixels of a square "
            "picture, such as 784, in each row"
        )
    values = np.empty((len(table), side * side), np.float32)
    for index, (number, row) in enumerate(table):
        try:
            with np.errstate(over="ignore"):  # what is too large is refused with its range
                values[index] = [float(row[at]) for at in pixels]
        except ValueError:
            wrong = next(row[at] for at in pixels if not _is_number(row[at]))
            raise DataError(
                f"{path}, line {number}: {wrong!r} is no number; the pixels must be"
            ) from None
    place = "first" if label < pixels[0] else "last" if label > pixels[-1] else "between"
    columns = {header[at]: [row[at].strip() for _, row in table] for at in others if header[at]}
    labels = [label_text(row[label]) for _, row in table]
    found = from_values(values, labels, path, f"CSV, label {place}", columns)
    return replace(found, names=[f"{path}, line {number}" for number, _ in table])


def read_list(content: bytes, path: Path) -> Pictures:
    """A row for each picture file, with the columns `file` and `label`, and others beside."""
    rows = list(_csv_rows(content, path))
    header = [name.strip().lower() for name in rows[0][1]] if rows else []
    if not {*header} >= _LISTS:
        raise DataError(f"{path}: the columns 'file' and 'label' are needed in its first line")
    _check_widths(rows, path)
    columns = {
        name: [row[at].strip() for _, row in rows[1:]] for at, name in enumerate(header) if name
    }
    names, labels = columns.pop("file"), [label_text(label) for label in columns.pop("label")]
    files: list[Path | bytes] = []
    for (number, _), name in zip(rows[1:], names, strict=True):
        file = path.parent / name
        if not name or not file.is_file():
            raise DataError(f"{path}, line {number}: there is no file {file}")
        files.append(file)
    if not files:
        raise DataError(f"{path} lists no pictures")
    return Pictures("a list of pictures", files, labels, names, [], columns)


def _is_header(names: list[str]) -> bool:
    """Words, or numbers that only count the columns, as pandas writes them."""
    if {*names} & {*LABEL_KEYS} or not all(map(_is_number, names[1:-1])):
        return True
    counted = [[str(start + at) for at in range(len(names) - 2)] for start in (0, 1)]
    return names[1:-1] in counted


def _columns_of(header: list[str], table: _Table, path: Path) -> tuple[int, list[int]]:
    """The place of the label, and those of columns that are neither label nor pixels."""
    named = [at for at, name in enumerate(header) if name in LABEL_KEYS]
    words = [at for at, name in enumerate(header) if not any(map(str.isdecimal, name))]
    words += [at for at, name in enumerate(header) if name.startswith("unnamed")]
    some = [row for _, row in table]
    if named:
        label = named[0]
    elif side_of(len(some[0]) - 1) is None and header[1:] and not header[0]:  # pandas' row numbers
        label = 1 + _label_column([row[1:] for row in some], path)
    else:
        label = _label_column(some, path)
    return label, [at for at in words if at != label]


def _label_column(rows: list[list[str]], path: Path) -> int:
    """The first or the last column, whichever looks like labels: words, or a few whole numbers.

    A column of one value, as a picture's corner has, is none. Digits look more like labels than
    larger numbers, and a mixture more than mostly one value. `DataError` if neither does, or both
    alike.
    """
    end = len(rows[0]) - 1
    likeness = {at: _like_labels([row[at].strip() for row in rows]) for at in (0, end)}
    if likeness[0] == likeness[end]:
        both = "both" if likeness[0][0] else "neither"
        raise DataError(
            f"{path}: {both} of the first and the last column look like labels; add a first line "
            "of names, with 'label' over the labels"
        )
    return max(likeness, key=lambda at: likeness[at])


def _like_labels(column: list[str]) -> tuple[int, bool]:
    """3 for words, 2 for digits, 1 for other whole numbers, 0 for no labels; whether they vary."""
    values = Counter(column)
    varies = max(values.values()) <= len(column) / 2
    if not all(map(_is_number, values)):
        return 3, varies
    whole = {label_text(value) for value in values}
    if len(values) == 1 or not all(value.isdecimal() for value in whole):
        return 0, False
    return 2 if all(len(value) == 1 for value in whole) else 1, varies


def _csv_rows(content: bytes, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that aren't empty; separated by comma, semicolon or tab, whichever occurs most."""
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


def _check_widths(rows: _Table, path: Path) -> None:
    width = len(rows[0][1])
    for number, row in rows:
        if len(row) != width:
            raise DataError(
                f"{path}, line {number}: it has {len(row)} columns, the first line {width}"
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
