"""`inkdigits watch`: read what arrives in a folder into a file."""

import sys
from argparse import Namespace
from collections.abc import Iterable
from typing import Any

from inkdigits.batch import Job, Row, Worker, locked
from inkdigits.batch.watch import Journal, journal_of, watch
from inkdigits.cli.predict import form_of, parse_job, write_to
from inkdigits.errors import UsageError
from inkdigits.reading import Reader


def run(arguments: Namespace) -> int:
    """Run the command until it is interrupted: that is its end, exit code 0."""
    if arguments.every <= 0:
        raise UsageError(f"--every is {arguments.every:g}; it must be above 0 seconds")
    if not arguments.folder.is_dir():
        raise UsageError(f"{arguments.folder} is no folder; make it, or pass the one that fills up")
    if arguments.output is None:
        raise UsageError("say where the readings go with --output FILE")
    job, form = parse_job(arguments), form_of(arguments.output, arguments.format)
    worker = Worker(job, Reader.load(job.model))
    with locked(journal_of(arguments.output)):
        return _watch(arguments, form, worker)


def _watch(arguments: Namespace, form: str, worker: Worker) -> int:
    out, job = arguments.output, worker.job
    journal = Journal(journal_of(out), _settings(job))

    def write(rows: Iterable[Row]) -> None:
        write_to(out, form, job, rows)

    def tell(name: str, rows: list[Row]) -> None:
        texts = [row["error"]["code"] if row["error"] else row["text"] for row in rows]
        print(f"{name}  {' | '.join(texts)}".replace("\n", " / "), flush=True)

    known = len(journal.rows)
    print(
        f"watching {arguments.folder} into {out}; {known} files are read; Ctrl-C ends", flush=True
    )
    try:
        watch(arguments.folder, journal, worker, write, arguments.every, tell)
    except KeyboardInterrupt:
        write(journal.all_rows())  # what was read since it was written last
        print(f"{len(journal.rows) - known} more files were read", file=sys.stderr)
    return 0


def _settings(job: Job) -> dict[str, Any]:
    """What the readings depend on: an output has those of one way of reading."""
    return {"model": str(job.model.resolve()) if job.model else None, **job.settings()}
