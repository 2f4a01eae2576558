"""The reader that a server uses now; a newer artifact takes its place without a restart."""

import logging
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from inkdigits.artifact import artifact_path, parse_artifact, shipped
from inkdigits.errors import InkdigitsError
from inkdigits.files import read_bytes, sha256
from inkdigits.reading import Reader

LOG = logging.getLogger("inkdigits.web")
_EVERY_S = 1.0
_BLANK = np.full((32, 32), 255, np.uint8)


@dataclass(frozen=True)
class Loaded:
    """A reader and the bytes of its artifact."""

    reader: Reader
    content: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """Of the artifact."""
        return sha256(self.content)


def load(content: bytes, name: str) -> Loaded:
    """The reader of an artifact's bytes, in one thread; `ArtifactError` if they are none."""
    reader = Reader(parse_artifact(content, name, threads=1), threads=1)
    reader.read(_BLANK)  # loads the detector: the first picture isn't slower than the others
    return Loaded(reader, content)


class LiveReader:
    """The reader of an artifact file or run folder; None: of the model in the package.

    `current` is replaced as a whole: a request that holds the old one finishes with it. The first
    loading raises `ArtifactError` or `StorageError`; later a damaged file is refused, and the old
    reader stays.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._stop = threading.Event()
        self._seen = self._look()
        self.current = self._load()

    def reload(self) -> None:
        """Take the artifact as it is on the disk now."""
        try:
            loaded = self._load()
        except InkdigitsError as error:
            LOG.error("the new artifact is refused, the old one stays: %s", error)
            return
        if loaded.sha256 != self.current.sha256:
            self.current = loaded
            LOG.info("the artifact is now %s", loaded.sha256[:12])

    def watch(self) -> None:
        """Reload whenever the file changes, in a thread, until `close`."""
        if self.path is not None:
            threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY_S):
            now = self._look()
            if now is not None and now != self._seen:
                self._seen = now
                self.reload()

    def _look(self) -> tuple[int, int, int] | None:
        """What changes with the file; None if it is not there."""
        if self.path is None:
            return None
        try:
            found = artifact_path(self.path).stat()
        except (OSError, InkdigitsError):
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _load(self) -> Loaded:
        if self.path is None:
            return load(shipped(), "the shipped artifact")
        path = artifact_path(self.path)
        return load(read_bytes(path), str(path))
