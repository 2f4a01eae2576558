"""Test doubles of a disk: one that fails at a call, and one that knows what a power cut leaves."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CALLS = {
    "open": (Path, "open"),
    "flush": (os, "fsync"),
    "rename": (Path, "replace"),
}
"""What writing a file is made of: by its name, where the function is found."""


@contextmanager
def before(call: str, number: int, act: Callable[[], None]) -> Iterator[None]:
    """Do something before the call of that number, counted from 1; reading files isn't counted."""
    owner, name = CALLS[call]
    real, left = getattr(owner, name), [number]

    def watched(first: object, *more: object, **named: object) -> object:
        mode = str(named.get("mode", more[0] if more else "r"))
        if call != "open" or {*mode} & {*"wxa"}:
            left[0] -= 1
            if left[0] == 0:
                act()
        return real(first, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, watched)
        yield


@contextmanager
def failing(call: str, number: int, code: int) -> Iterator[None]:
    """A disk whose call of that number fails with an error's code."""

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    with before(call, number, fail):
        yield


@dataclass
class File:
    """What was written, and what of it is surely on the disk."""

    written: bytes = b""
    flushed: bytes = b""


Folder = dict[str, bytes]
"""The names and contents of files."""


@dataclass
class PowerCuts:
    """Watches a folder, and knows what may be in it if the power is cut after any of the calls.

    A disk keeps what was flushed: a file's bytes, and a folder's names. Of the rest it may keep
    all, nothing, or names without their bytes.
    """

    root: Path
    names: dict[str, File] = field(default_factory=dict)
    flushed: dict[str, File] = field(default_factory=dict)
    left: list[Folder] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        real_open, real_flush, real_rename = Path.open, os.fsync, Path.replace

        def open_(path: Path, mode: str = "r", *more: object, **named: object) -> io.IOBase:
            opened = real_open(path, mode, *more, **named)
            if self._is_inside(path) and {*mode} & {*"wxa"}:
                self.names.setdefault(path.name, File()).written = b""
                self._remember()
            return opened

        def flush(descriptor: int) -> None:
            real_flush(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            if path == self.root:
                self.flushed = dict(self.names)
            elif self._is_inside(path):
                file = self.names[path.name]
                file.written = file.flushed = path.read_bytes()
            self._remember()

        def rename(path: Path, target: Path) -> Path:
            if self._is_inside(path):
                file = self.names.pop(path.name)
                file.written = path.read_bytes()
                self.names[Path(target).name] = file
            moved = real_rename(path, target)
            self._remember()
            return moved

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "open", open_)
            patch.setattr(os, "fsync", flush)
            patch.setattr(Path, "replace", rename)
            yield

    def _is_inside(self, path: Path) -> bool:
        return path.parent == self.root

    def _remember(self) -> None:
        everything = {name: file.written for name, file in self.names.items()}
        names_alone = {name: file.flushed for name, file in self.names.items()}
        least = {name: file.flushed for name, file in self.flushed.items()}
        self.left += [everything, names_alone, least]
