"""`inkdigits watch`: read what arrives in a folder into a file."""

import sys
from argparse import Namespace
from collections.abc import Iterable

from inkdigits.batch import Row, Worker
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
    job = parse_job(arguments)
    form = form_of(arguments)
    out, worker = arguments.output, Worker(job, Reader.load(job.model))
    journal = Journal(journal_of(out))

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
