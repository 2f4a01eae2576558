"""Many pictures: items to read, one job for all of them, a row for each reading."""

from inkdigits.batch.entries import Item
from inkdigits.batch.items import labelled_items, list_entries, open_items
from inkdigits.batch.job import Job, Worker, read_items
from inkdigits.batch.output import locked, text_writer, write_rows, write_text
from inkdigits.batch.places import STDIN, find_files
from inkdigits.batch.rows import WRITERS, Row
from inkdigits.batch.tables import TABLES

__all__ = [
    "STDIN",
    "TABLES",
    "WRITERS",
    "Item",
    "Job",
    "Row",
    "Worker",
    "find_files",
    "labelled_items",
    "list_entries",
    "locked",
    "open_items",
    "read_items",
    "text_writer",
    "write_rows",
    "write_text",
]
