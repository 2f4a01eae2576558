"""Readings in a folder of part files, so that a job that was killed goes on where it stopped.

A part has the rows of consecutive entries. Which ones depends on the inputs alone, not on how many
processes or shards there are; so a part is missing or whole, and anybody can make it.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from inkdigits.batch.entries import Entry, Item, Member, Rows
from inkdigits.batch.items import is_container, is_table, open_items
from inkdigits.batch.job import Job, Worker
from inkdigits.batch.notes import Notes
from inkdigits.batch.output import locked, write_rows
from inkdigits.batch.rows import Row
from inkdigits.errors import StorageError, UsageError
from inkdigits.files import Place, make_folder, read_bytes, storage_errors, write_atomic
from inkdigits.reading import Reader

PART_FORMS = ("jsonl", "parquet")
_MANIFEST = "manifest.json"
_PATIENCE_S = 60  # with other shards, which look at the manifest for a moment
_SIZE = 256  # pictures in a part: 2 to 15 seconds of a core, which is what a kill costs
_WEIGHT = 1 << 18  # bytes from a packed archive that count as a picture: at most 64 MB in a part


@dataclass(frozen=True)
class Part:
    """Consecutive entries whose rows make a file."""

    number: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Done:
    """What was written: the entries and the rows of a part, and how many rows have an error."""

    entries: int
    rows: int
    errors: int


def parts_of(entries: Iterable[Entry]) -> Iterator[Part]:
    """Parts of 256 pictures, or of one table of glyphs."""
    number, some, size = 0, list[Entry](), 0
    for entry in entries:
        weight = _weight(entry)
        if some and size + weight > _SIZE:
            yield Part(number, tuple(some))
            number, some, size = number + 1, [], 0
        some.append(entry)
        size += weight
    if some:
        yield Part(number, tuple(some))


def _weight(entry: Entry) -> int:
    if isinstance(entry, Rows):
        return entry.count
    if isinstance(entry, Member):
        return max(1, len(entry.content or b"") // _WEIGHT)
    return _SIZE if not isinstance(entry, Item) and is_table(entry) else 1


@dataclass(frozen=True)
class Inputs:
    """How many files there are, a hash, and whether some hold many pictures.

    The hash is of their names, and of the sizes of archives and tables.
    """

    files: int
    sha256: str
    hold_many: bool


def look_at(files: Iterable[Place | Item]) -> Inputs:
    """What is to be read, to be compared when a job is resumed."""
    number, digest, hold_many = 0, hashlib.sha256(), False
    for file in files:
        number += 1
        digest.update(os.fsencode(str(file)) + b"\0")
        if not isinstance(file, Item) and (is_container(file) or is_table(file)):
            hold_many = True
            with suppress(OSError, ValueError):  # a missing one is a row with an error
                digest.update(b"%d\0" % os.stat(file).st_size)  # noqa: PTH116 - URLs too
    return Inputs(number, digest.hexdigest(), hold_many)


class PartFolder:
    """A folder of part files, and the manifest that says of what and how they are made."""

    def __init__(self, path: Path, form: str) -> None:
        self.path, self.form = path, form

    def part(self, number: int) -> Path:
        """The path of a part."""
        return self.path / f"part-{number:07}.{self.form}"

    def notes(self, number: int) -> Path:
        """The path of the notes on a part that is being read."""
        return self.path / f".part-{number:07}.notes"

    @contextmanager
    def opened(
        self, manifest: dict[str, Any], shard: tuple[int, int], *, resume: bool
    ) -> Iterator[set[int]]:
        """The numbers of the shard's parts that are there; nobody else works on it meanwhile.

        Raises `UsageError` if parts are there without `resume`, if they are not what `manifest`
        says, or if the folder holds anything else.
        """
        make_folder(self.path)
        with locked(self.path / ".shard-{}-of-{}".format(*shard)):
            with locked(self.path / f".{_MANIFEST}", _PATIENCE_S):
                self._check(manifest)
            done = self._tidied(*shard)
            if done and not resume:
                raise UsageError(
                    f"{self.path} has {len(done)} parts of an earlier run: go on with --resume, or "
                    "choose another --output"
                )
            yield done
            self._tidied(*shard)

    def _check(self, manifest: dict[str, Any]) -> None:
        path = self.path / _MANIFEST
        if not path.exists():
            other = next((one for one in self.path.iterdir() if one.name[0] != "."), None)
            if other:
                raise UsageError(f"{other} is in the way; choose a new folder for --output")
            write_atomic(path, json.dumps(manifest, indent=1).encode())
        try:
            before = json.loads(read_bytes(path))
            changed = [key for key in manifest if before[key] != manifest[key]]
        except (ValueError, KeyError, TypeError):
            raise StorageError(f"{path} is damaged; choose another --output") from None
        if changed:
            was, now = ({key: one[key] for key in changed} for one in (before, manifest))
            raise UsageError(
                f"{self.path} was begun with {json.dumps(was)}, and this is {json.dumps(now)}: "
                "do as before, or choose another --output"
            )

    def _tidied(self, shard: int, shards: int) -> set[int]:
        """The numbers of the shard's parts; what the killed left of others is removed."""
        done, hidden = set(), []
        with storage_errors("read", self.path):
            for path in self.path.iterdir():
                found = re.fullmatch(r"(\.?)part-([0-9]+)\..*", path.name)
                if found and int(found[2]) % shards == shard:
                    if found[1]:
                        hidden.append((int(found[2]), path))
                    else:
                        done.add(int(found[2]))
        for number, path in hidden:
            if number in done or path.suffix != ".notes":
                path.unlink(missing_ok=True)
        return done


class PartWriter:
    """Makes parts; it is small until it is started, in a process of its own."""

    def __init__(self, folder: PartFolder, job: Job, artifact: bytes) -> None:
        self._folder, self._job, self._artifact = folder, job, artifact

    def start(self) -> Callable[[Part], Done]:
        """What makes a part."""
        return partial(self.write, Worker(self._job, Reader.load(self._artifact, threads=1)))

    def write(self, worker: Worker, part: Part) -> Done:
        """Read what is in a part and write its file; `StorageError` if that fails."""
        path, rows, errors = self._folder.part(part.number), 0, 0

        def read() -> Iterator[Row]:
            nonlocal rows, errors
            for item in _items(part, notes):
                for row in worker.read(item):
                    rows, errors = rows + 1, errors + bool(row["error"])
                    yield row
            if notes.is_fatal("end"):
                raise StorageError(f"{path} can't be written: it ends whatever writes it")

        with Notes(self._folder.notes(part.number)) as notes:
            write_rows(path, self._folder.form, self._job, read())
        return Done(len(part.entries), rows, errors)


def _items(part: Part, notes: Notes) -> Iterator[Item]:
    """The items of a part; errors instead of those that are fatal to whatever reads them."""
    for place, entry in enumerate(part.entries):
        items = open_items([entry])
        for number in count():
            if notes.is_fatal(f"{place}+{number}"):  # to be opened
                yield from Item(str(entry), b"").crashed()
                break
            item = next(items, None)
            if item is None:
                break
            yield from item.crashed() if notes.is_fatal(f"{place}.{number}") else [item]
