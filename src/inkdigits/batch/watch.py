"""Read what arrives in a folder, each file once, also after a restart.

What was read stands in a journal beside the output, a line of JSON for each file: it is appended
and flushed to the disk before the output is written anew from it, whole. So any format can be
watched into, and a kill or a power cut at any moment loses nothing and doubles nothing.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from inkdigits.batch.items import Item, find_files, open_items
from inkdigits.batch.job import Worker
from inkdigits.batch.rows import Row
from inkdigits.errors import StorageError
from inkdigits.files import read_bytes, storage_errors

Write = Callable[[Iterable[Row]], None]
"""Writes the output anew."""


class Journal:
    """The rows of each file that was read; opened, it drops a last line that was cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        content = read_bytes(path) if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        try:
            entries = [json.loads(line) for line in whole.splitlines()]
            self.rows: dict[str, list[Row]] = {entry["file"]: entry["rows"] for entry in entries}
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{path} is no journal of 'inkdigits watch' ({error}); move it away to start anew"
            ) from error
        if len(whole) < len(content):
            with storage_errors("write", path), path.open("r+b") as file:
                file.truncate(len(whole))

    def append(self, file: str, rows: list[Row]) -> None:
        """Add the rows of a file; they are on the disk when this returns."""
        self.rows[file] = rows
        line = json.dumps({"file": file, "rows": rows}) + "\n"
        with storage_errors("write", self.path), self.path.open("ab") as journal:
            journal.write(line.encode())
            journal.flush()
            os.fsync(journal.fileno())

    def all_rows(self) -> Iterator[Row]:
        """The rows of all files, in the order in which they were read."""
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
    sizes: dict[Path, tuple[int, int]] = {}
    while True:
        new = [path for path in _pictures(folder) if str(path) not in journal.rows]
        before, sizes = sizes, {path: state for path in new if (state := _state(path))}
        settled = [path for path in sizes if before.get(path) == sizes[path]]
        for path in settled:
            rows = [row for item in open_items([path]) for row in worker.read(item)]
            journal.append(str(path), rows)
            on_file(str(path), rows)
        if settled:
            write(journal.all_rows())
        time.sleep(every_s)


def _pictures(folder: Path) -> Iterator[Path]:
    return (found for found in find_files([folder]) if not isinstance(found, Item))


def _state(path: Path) -> tuple[int, int] | None:
    """Size and time of a file; None if it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
