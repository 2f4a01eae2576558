"""Rows as tables for other programs: Parquet, SQLite, Excel."""

import sqlite3
from collections.abc import Callable, Iterable
from itertools import islice
from typing import IO

from inkdigits.batch.rows import Columns, Row
from inkdigits.errors import MissingExtra

TABLE = "readings"  # in SQLite; the sheet's name in Excel
_GROUP = 10_000  # lines in a group of Parquet


def _write_parquet(rows: Iterable[Row], file: IO[bytes], columns: Columns) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise _missing("Parquet needs pyarrow") from None
    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    names = columns.names()
    schema = pa.schema([(name, kinds[kind]) for name, kind in names.items()])
    with parquet.ParquetWriter(file, schema) as writer:
        lines = columns.lines(rows)
        while group := list(islice(lines, _GROUP)):
            values = zip(*group, strict=True)
            writer.write_table(pa.table(dict(zip(names, values, strict=True)), schema))


def _write_sqlite(rows: Iterable[Row], file: IO[bytes], columns: Columns) -> None:
    kinds = {str: "TEXT", int: "INTEGER", float: "REAL", bool: "INTEGER"}
    names = columns.names()
    described = ", ".join(f'"{name}" {kinds[kind]}' for name, kind in names.items())
    base = sqlite3.connect(":memory:")
    try:
        base.execute(f"CREATE TABLE {TABLE} ({described})")
        marks = ", ".join("?" * len(names))
        base.executemany(f"INSERT INTO {TABLE} VALUES ({marks})", columns.lines(rows))  # noqa: S608
        base.commit()
        file.write(base.serialize())
    finally:
        base.close()


def _write_xlsx(rows: Iterable[Row], file: IO[bytes], columns: Columns) -> None:
    try:
        from openpyxl import Workbook
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    except ImportError:
        raise _missing("Excel needs openpyxl") from None
    book = Workbook(write_only=True)
    sheet = book.create_sheet(TABLE)
    sheet.append(list(columns.names()))
    for line in columns.lines(rows):
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("", v) if isinstance(v, str) else v for v in line])
    book.save(file)


def _missing(what: str) -> MissingExtra:
    return MissingExtra(f"{what}: pip install 'inkdigits[data]'")


TABLES: dict[str, Callable[[Iterable[Row], IO[bytes], Columns], None]] = {
    "parquet": _write_parquet,
    "sqlite": _write_sqlite,
    "xlsx": _write_xlsx,
}
