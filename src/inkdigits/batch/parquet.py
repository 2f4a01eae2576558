"""Pictures in a Parquet file, a column with the bytes of picture files, some rows at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inkdigits.batch.entries import Item, Rows
from inkdigits.batch.places import open_place
from inkdigits.data.arrays import IMAGE_KEYS
from inkdigits.errors import CanvasError, InkdigitsError, MissingExtra
from inkdigits.files import Place

PARQUET = ".parquet"
_ROWS = 256  # in a slice: reading one begins at the start of its group
_BATCH = 64  # read at a time: 64 pictures of 5 MB are 320 MB
_BUFFER = 1 << 20  # bytes; without it pyarrow reads all pictures of a group at once


def list_rows(table: Place) -> Iterator[Rows | Item]:
    """The rows of a Parquet file in slices; only its metadata are read."""
    try:
        with _opened(table) as file:
            first = 0
            for group in range(file.num_row_groups):
                inside = file.metadata.row_group(group).num_rows
                for start in range(0, inside, _ROWS):
                    yield Rows(table, group, start, min(_ROWS, inside - start), first + start)
                first += inside
            if not first:
                raise CanvasError("empty", f"{table} holds no images")
    except CanvasError as error:
        yield Item(str(table), error)


def read_rows(rows: Rows) -> Iterator[Item]:
    """An item for each of the rows; `CanvasError` if the file is damaged or has no pictures."""
    with _opened(rows.table) as file:
        column = _image_column(file.schema_arrow.names, rows.table)
        batches = file.iter_batches(_BATCH, row_groups=[rows.group], columns=[column])
        number = 0  # of the first row of a batch, in the group
        for batch in batches:
            if number >= rows.start + rows.count:
                return
            for place in range(len(batch)):
                if rows.start <= number + place < rows.start + rows.count:
                    name = f"{rows.table}#{rows.first + number + place - rows.start + 1}"
                    yield _item(name, batch.column(0)[place].as_py())
            number += len(batch)


def _item(name: str, value: Any) -> Item:
    content = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        return Item(name, CanvasError("bad_table", f"{name} holds no picture as bytes"))
    return Item(name, content)


def _image_column(names: list[str], table: Place) -> str:
    """The name of the column of pictures; `CanvasError` without one."""
    known = {name.lower(): name for name in names}
    found = next((known[key] for key in IMAGE_KEYS if key in known), None)
    if found is None:
        reason = f"{table} has the columns {', '.join(names)}; it needs one named image"
        raise CanvasError("bad_table", reason)
    return found


@contextmanager
def _opened(table: Place) -> Iterator[Any]:
    """An open Parquet file; whatever is wrong with it becomes a `CanvasError`."""
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise MissingExtra("Parquet needs pyarrow: pip install 'inkdigits[scale]'") from None
    with open_place(table) as source:
        try:
            yield ParquetFile(source, buffer_size=_BUFFER)
        except InkdigitsError:
            raise
        except Exception as error:  # pyarrow's errors have no common base class
            raise CanvasError("bad_table", f"{table} can't be read: {error}") from None
