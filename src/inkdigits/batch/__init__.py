"""Many pictures: items to read, one job for all of them, a row for each reading."""

from inkdigits.batch.items import Item, find_files, labelled_items, open_items
from inkdigits.batch.job import Job, Worker
from inkdigits.batch.pool import read_items
from inkdigits.batch.rows import WRITERS, Columns, Row, write_csv
from inkdigits.batch.tables import TABLES

__all__ = [
    "TABLES",
    "WRITERS",
    "Columns",
    "Item",
    "Job",
    "Row",
    "Worker",
    "find_files",
    "labelled_items",
    "open_items",
    "read_items",
    "write_csv",
]
