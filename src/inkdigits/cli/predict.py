"""`inkdigits predict`: the digits in each picture, as a table, JSON, JSON Lines or CSV."""

import io
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from inkdigits.batch import (
    TABLES,
    WRITERS,
    Columns,
    Item,
    Job,
    Row,
    find_files,
    labelled_items,
    open_items,
    read_items,
    write_csv,
)
from inkdigits.cli.table import write_table
from inkdigits.errors import UsageError
from inkdigits.files import open_atomic
from inkdigits.reading import Reader
from inkdigits.reading.hints import Hints
from inkdigits.reading.regions import load_regions

_BAR_FROM = 20  # files; fewer are read before a bar would appear


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code: 1 if a row has an error."""
    if arguments.jobs < 1:
        raise UsageError(f"--jobs is {arguments.jobs}; it must be 1 or more")
    if bool(arguments.paths) == (arguments.data is not None):
        raise UsageError("pass the paths of pictures, or --data SOURCE")
    job = parse_job(arguments)
    reader = Reader.load(job.model)  # a bad model fails before anything is written
    failed, form = False, form_of(arguments)

    def rows() -> Iterator[Row]:
        nonlocal failed
        with _progress(_found(arguments)) as found:
            for some in read_items(open_items(found), job, reader, arguments.jobs):
                failed = failed or any(row["error"] for row in some)
                yield from some

    if arguments.output:
        write_to(arguments.output, form, job, rows())
    else:
        _writer(form, _columns(job))(rows(), sys.stdout)
    return int(failed)


def _found(arguments: Namespace) -> Iterable[Path | Item]:
    """What is to be read: the paths given, or the test pictures of a labelled source."""
    if arguments.data is None:
        return find_files(arguments.paths)
    from inkdigits.data import AS_FOUND, DATASETS, Handling, load_dataset

    handling = AS_FOUND if arguments.data in DATASETS else Handling(whole=True)
    return labelled_items(load_dataset(arguments.data, "test", handling=handling), arguments.data)


def form_of(arguments: Namespace) -> str:
    """The format: the one that is given, or that of the output's extension."""
    out = arguments.output
    suffix = out.suffix[1:].lower() if out else ""
    if suffix and not arguments.format:
        if suffix not in {*WRITERS, *TABLES}:
            known = ", ".join(sorted({*WRITERS, *TABLES} - {"kaggle"}))
            raise UsageError(f"{out} ends in no known form; choose {known}, or say --format")
        return suffix
    form = arguments.format or ("table" if not out and sys.stdout.isatty() else "jsonl")
    if form in TABLES and not out:
        raise UsageError(f"--format {form} is no text; say where it goes with --output FILE")
    return str(form)


def write_to(out: Path, form: str, job: Job, rows: Iterable[Row]) -> None:
    """Write rows into a file, whole or not at all."""
    with open_atomic(out) as file:
        if form in TABLES:
            TABLES[form](rows, file, _columns(job))
        else:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            _writer(form, _columns(job))(rows, text)
            text.detach()


def _columns(job: Job) -> Columns:
    return Columns(job.regions is not None, job.hints.grid[1] if job.hints.grid else 0)


def _writer(form: str, columns: Columns) -> Callable[[Iterable[Row], TextIO], None]:
    """What writes rows as text."""
    if form == "csv":
        return partial(write_csv, columns=columns)
    return write_table if form == "table" else WRITERS[form]


def parse_job(arguments: Namespace) -> Job:
    """What is to be done with each picture."""
    if (arguments.show_glyphs or arguments.explain) and not arguments.annotate:
        raise UsageError("--show-glyphs and --explain need --annotate FOLDER")
    if arguments.regions and arguments.format == "kaggle":
        raise UsageError("Kaggle's format has one label for an image, so it can't have --regions")
    if arguments.regions and arguments.grid:
        raise UsageError("choose only one of --regions and --grid")
    return Job(
        model=arguments.model,
        regions=load_regions(arguments.regions) if arguments.regions else None,
        hints=Hints(arguments.single, arguments.expect, arguments.grid, arguments.digits_only),
        annotate=arguments.annotate,
        show_glyphs=arguments.show_glyphs,
        explain=arguments.explain,
    )


@contextmanager
def _progress(files: Iterable[Path | Item]) -> Iterator[Iterable[Path | Item]]:
    """The files, with a progress bar on a terminal if there are many."""
    if sys.stderr.isatty():
        files = list(files)
        if len(files) >= _BAR_FROM:
            from rich.console import Console  # takes 0.1 s to import
            from rich.progress import Progress

            with Progress(console=Console(stderr=True), transient=True) as bar:
                yield bar.track(files, description="reading")
            return
    yield files
