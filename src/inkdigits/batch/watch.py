"""Read what arrives in a folder, each file once, also after a restart.

What was read stands in a journal beside the output, a line of JSON for each file: it is appended
and flushed to the disk before the output is written anew from it, whole. So any format can be
watched into, and a kill or a power cut at any moment loses nothing and doubles nothing.

A file is known by its path below the folder, and by size and time when it is moved within it. One
that couldn't be read is read again when it changes; one that was read stays as it was read.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from inkdigits.batch.items import open_items
from inkdigits.batch.job import Worker
from inkdigits.batch.places import find_files
from inkdigits.batch.rows import Row
from inkdigits.errors import StorageError, UsageError
from inkdigits.files import read_bytes, storage_errors

Write = Callable[[Iterable[Row]], None]
"""Writes the output anew."""

State = tuple[int, int]
"""Size and time (ns) of a file."""


class Journal:
    """The rows of each file that was read; opened, it drops a last line that was cut off.

    Its first line says how the files were read: `UsageError` if that was in another way.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.rows: dict[str, list[Row]] = {}
        self._states: dict[str, State] = {}
        content = read_bytes(path) if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        try:
            first, *entries = [json.loads(line) for line in whole.splitlines()] or [None]
            before = first["settings"] if first else None
            for entry in entries:
                self.rows[entry["file"]] = entry["rows"]
                self._states[entry["file"]] = (entry["size"], entry["time_ns"])
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{path} is no journal of 'inkdigits watch' ({error}); move it away to start anew"
            ) from error
        settings = json.loads(json.dumps(settings))
        if before not in (None, settings):
            raise UsageError(
                f"what is in {path} was read with other options: {json.dumps(before)}; use these "
                "again, or choose another --output"
            )
        if len(whole) < len(content):
            with storage_errors("write", path), path.open("r+b") as file:
                file.truncate(len(whole))
        if before is None:
            self._append({"settings": settings})

    def is_done(self, file: str, state: State) -> bool:
        """Whether a file needn't be read: it was, or it couldn't be and hasn't changed."""
        rows = self.rows.get(file)
        return rows is not None and (
            self._states[file] == state or not all(row["error"] for row in rows)
        )

    def left(self, files: Iterable[str]) -> set[State]:
        """The states of known files that are none of these: they were moved, or removed."""
        gone = self._states.keys() - {*files}
        return {self._states[file] for file in gone}

    def append(self, file: str, state: State, rows: list[Row]) -> None:
        """Add the rows of a file; they are on the disk when this returns."""
        self._append({"file": file, "size": state[0], "time_ns": state[1], "rows": rows})
        self.rows[file], self._states[file] = rows, state

    def _append(self, entry: dict[str, Any]) -> None:
        with storage_errors("write", self.path), self.path.open("ab") as journal:
            journal.write((json.dumps(entry) + "\n").encode())
            journal.flush()
            os.fsync(journal.fileno())

    def all_rows(self) -> Iterator[Row]:
        """The rows of all files, in the order in which they were first read."""
        for rows in self.rows.values():
            yield from rows


def journal_of(out: Path) -> Path:
    """The journal beside an output."""
    return out.with_name(out.name + ".journal")


def watch(
    folder: Path,
    journal: Journal,
    worker: Worker,
    write: Write,
    every_s: float,
    on_file: Callable[[str, list[Row]], None],
) -> None:
    """Read each new picture in and below a folder as soon as it has stopped growing; no end.

    Looks every `every_s` seconds. The output is written at the beginning, and after each look that
    found something.
    """
    write(journal.all_rows())
    before: dict[str, State] = {}
    while True:
        states = {
            path.relative_to(folder).as_posix(): state
            for path in _pictures(folder)
            if (state := _state(path))
        }
        moved = journal.left(states)
        waiting = {
            file: state
            for file, state in states.items()
            if state not in moved and not journal.is_done(file, state)
        }
        settled = [file for file, state in waiting.items() if before.get(file) == state]
        for file in settled:
            rows = [row for item in open_items([folder / file]) for row in worker.read(item)]
            journal.append(file, waiting[file], rows)
            on_file(file, rows)
        if settled:
            write(journal.all_rows())
        before = waiting
        time.sleep(every_s)


def _pictures(folder: Path) -> Iterator[Path]:
    return (found for found in find_files([folder]) if isinstance(found, Path))


def _state(path: Path) -> State | None:
    """Size and time of a file; None if it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
