"""`inkdigits predict --output FOLDER/`: many pictures into a folder of part files."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import inkdigits
from inkdigits.artifact import artifact_path, shipped
from inkdigits.batch import STDIN, Job, find_files, list_entries
from inkdigits.batch.parts import (
    PART_FORMS,
    Inputs,
    Part,
    PartFolder,
    PartWriter,
    look_at,
    parts_of,
)
from inkdigits.batch.pool import in_processes
from inkdigits.errors import UsageError
from inkdigits.files import read_bytes, sha256
from inkdigits.reading import Reader


def run_parts(arguments: Namespace, job: Job) -> int:
    """Make the parts that are missing, and return the exit code: 1 if a row has an error."""
    form = arguments.format or PART_FORMS[0]
    if form not in PART_FORMS:
        raise UsageError(f"parts can't be {form}; choose --format {' or '.join(PART_FORMS)}")
    if not arguments.paths or STDIN in arguments.paths:
        raise UsageError("parts are made of files; pass their paths")
    artifact = read_bytes(artifact_path(job.model)) if job.model else shipped()
    Reader.load(artifact)  # a bad model fails before anything is written
    folder = PartFolder(Path(arguments.output).absolute(), form)
    inputs = look_at(find_files(arguments.paths))
    manifest = {
        "version": inkdigits.__version__,
        "artifact": sha256(artifact),
        "format": form,
        "inputs": {"files": inputs.files, "sha256": inputs.sha256},
        "settings": job.settings(),
    }
    with folder.opened(manifest, arguments.shard, resume=arguments.resume) as there:
        rows, errors = _make(arguments, inputs, there, PartWriter(folder, job, artifact))
    print(f"{folder.path}: {rows:,} rows, {errors:,} with an error; {len(there)} parts were there")
    return int(errors > 0)


def _make(
    arguments: Namespace, inputs: Inputs, there: set[int], writer: PartWriter
) -> tuple[int, int]:
    """Make the shard's parts that aren't there: the numbers of rows, and of those with an error."""
    shard, shards = arguments.shard
    total = None if inputs.hold_many else inputs.files // shards
    entries = rows = errors = 0

    def missing() -> Iterator[Part]:
        nonlocal entries
        for part in parts_of(list_entries(find_files(arguments.paths))):
            if part.number in there:
                entries += len(part.entries)
            elif part.number % shards == shard:
                yield part

    if arguments.engine == "ray":
        from inkdigits.batch.on_ray import on_ray

        results = on_ray(missing(), writer.start, arguments.jobs)
    else:
        results = in_processes(missing(), writer.start, arguments.jobs or 1, ordered=False)
    with _shown(total) as show:
        for done in results:
            entries, rows, errors = entries + done.entries, rows + done.rows, errors + done.errors
            show(entries, f"{rows:,} rows, {errors:,} with an error")
    return rows, errors


@contextmanager
def _shown(total: int | None) -> Iterator[Callable[[int, str], None]]:
    """A progress bar on a terminal, to be called with what is done, in numbers and words."""
    if not sys.stderr.isatty():
        yield lambda _done, _text: None
        return
    from rich.console import Console  # takes 0.1 s to import

    from inkdigits.api.progress import drawn_bars

    with drawn_bars(Console(stderr=True)) as bars:
        task = bars.add_task("reading", total=total)
        yield lambda done, text: bars.update(task, completed=done, description=text)
