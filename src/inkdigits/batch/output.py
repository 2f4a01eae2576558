"""Rows into files, whole or not at all."""

import io
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TextIO

from inkdigits.batch.job import Job
from inkdigits.batch.rows import WRITERS, Columns, Row, write_csv
from inkdigits.batch.tables import TABLES
from inkdigits.files import held, open_atomic

WriteText = Callable[[Iterable[Row], TextIO], None]
"""Writes rows as text."""


def text_writer(form: str, job: Job) -> WriteText:
    """What writes a job's rows as JSON, JSON Lines or CSV."""
    return partial(write_csv, columns=_columns(job)) if form == "csv" else WRITERS[form]


def write_text(out: Path, write: WriteText, rows: Iterable[Row]) -> None:
    """Write rows into a file as text."""
    with open_atomic(out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        write(rows, text)
        text.detach()


def write_rows(out: Path, form: str, job: Job, rows: Iterable[Row]) -> None:
    """Write a job's rows into a file, in one of the forms of `WRITERS` or `TABLES`."""
    if form in WRITERS:
        write_text(out, text_writer(form, job), rows)
        return
    with open_atomic(out) as file:
        TABLES[form](rows, file, _columns(job))


def _columns(job: Job) -> Columns:
    return Columns(job.regions is not None, job.hints.grid[1] if job.hints.grid else 0)


def locked(path: Path, patience_s: float = 0) -> AbstractContextManager[None]:
    """Nobody else writes `path` meanwhile; `UsageError` if somebody does for longer than that."""
    busy = f"another 'inkdigits' writes {path}; end it, or choose another --output"
    return held(path.with_name(path.name + ".lock"), "write", path, busy, patience_s)
