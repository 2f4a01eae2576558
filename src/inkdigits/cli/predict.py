"""`inkdigits predict`: the digits in each picture, printed, in a file, or in a folder of parts."""

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inkdigits.batch import (
    TABLES,
    WRITERS,
    Item,
    Job,
    Row,
    find_files,
    labelled_items,
    list_entries,
    open_items,
    read_items,
    text_writer,
    write_rows,
    write_text,
)
from inkdigits.cli.table import write_table
from inkdigits.errors import UsageError
from inkdigits.files import Place
from inkdigits.reading import Reader
from inkdigits.reading.hints import Hints
from inkdigits.reading.regions import load_regions

_BAR_FROM = 20  # files; fewer are read before a bar would appear


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code: 1 if a row has an error."""
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError(f"--jobs is {arguments.jobs}; it must be 1 or more")
    if bool(arguments.paths) == (arguments.data is not None):
        raise UsageError("pass the paths of pictures, or --data SOURCE")
    if arguments.output and arguments.output.endswith("/"):
        from inkdigits.cli.parts import run_parts

        return run_parts(arguments, parse_job(arguments))
    if arguments.resume or arguments.shard != (0, 1) or arguments.engine != "processes":
        raise UsageError("--resume, --shard and --engine need a folder: --output FOLDER/")
    job, out = parse_job(arguments), arguments.output and Path(arguments.output)
    form = form_of(out, arguments.format)
    reader = Reader.load(job.model)  # a bad model fails before anything is written
    failed = False

    def rows() -> Iterator[Row]:
        nonlocal failed
        with _progress(_found(arguments)) as found:
            items = open_items(list_entries(found))
            for some in read_items(items, job, reader, arguments.jobs or 1):
                failed = failed or any(row["error"] for row in some)
                yield from some

    if out:
        write_to(out, form, job, rows())
    else:
        write = write_table if form == "table" else text_writer(form, job)
        write(rows(), sys.stdout)
    return int(failed)


def _found(arguments: Namespace) -> Iterable[Place | Item]:
    """What is to be read: the paths given, or the test pictures of a labelled source."""
    if arguments.data is None:
        return find_files(arguments.paths)
    from inkdigits.data import AS_FOUND, DATASETS, Handling, load_dataset

    handling = AS_FOUND if arguments.data in DATASETS else Handling(whole=True)
    return labelled_items(load_dataset(arguments.data, "test", handling=handling), arguments.data)


def form_of(out: Path | None, form: str | None) -> str:
    """The format: the one that is given, or that of the output's extension."""
    suffix = out.suffix[1:].lower() if out else ""
    if suffix and not form:
        if suffix not in {*WRITERS, *TABLES}:
            known = ", ".join(sorted({*WRITERS, *TABLES} - {"kaggle"}))
            raise UsageError(f"{out} ends in no known form; choose {known}, or say --format")
        return suffix
    form = form or ("table" if not out and sys.stdout.isatty() else "jsonl")
    if form in TABLES and not out:
        raise UsageError(f"--format {form} is no text; say where it goes with --output FILE")
    return form


def write_to(out: Path, form: str, job: Job, rows: Iterable[Row]) -> None:
    """Write rows into a file, whole or not at all."""
    if form == "table":
        write_text(out, write_table, rows)
    else:
        write_rows(out, form, job, rows)


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
def _progress(files: Iterable[Place | Item]) -> Iterator[Iterable[Place | Item]]:
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
