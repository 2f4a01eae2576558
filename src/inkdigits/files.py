"""Files: hashes, atomic writes, the cache folder, and clear messages for disk errors."""

import contextlib
import errno
import hashlib
import os
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from inkdigits.errors import StorageError, UsageError

Place = Path | str
"""A path; or a URL, as text."""

_CAUSES = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "permission denied; choose a folder that you may write to",
    errno.EPERM: "operation not permitted; choose a folder that you may write to",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another folder",
    errno.EEXIST: "it exists and is in the way; choose another name",
    errno.EISDIR: "it is a folder; choose a file name",
}


@contextlib.contextmanager
def storage_errors(action: str, path: Path) -> Iterator[None]:
    """Turn an `OSError` inside the block into a `StorageError`: "can't `action` `path`: cause"."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        cause = _CAUSES.get(number, (error.strerror or str(error)).lower())
        raise StorageError(f"can't {action} {path}: {cause}") from error


def as_place(text: str) -> Place:
    """A URL such as `s3://bucket/a.png` as it is, anything else as a path."""
    return text if "://" in text else Path(text)


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def cache_folder() -> Path:
    """The per-user cache folder of inkdigits; it may not exist yet."""
    from platformdirs import user_cache_path

    return user_cache_path("inkdigits", appauthor=False)


def make_folder(path: Path, *, must_be_new: bool = False) -> None:
    """Make a folder and its parents.

    Raises `StorageError` if that fails, or if it `must_be_new` and exists.
    """
    with storage_errors("make the folder", path):
        missing = [place for place in (path, *path.parents) if not place.exists()]
        path.mkdir(parents=True, exist_ok=not must_be_new)
        for place in missing:
            _flush_folder(place.parent)


def read_bytes(path: Path) -> bytes:
    """Read a whole file; `StorageError` if that fails."""
    with storage_errors("read", path):
        return path.read_bytes()


def unpacked_limit(packed_bytes: int) -> int:
    """The most bytes that so many compressed ones may become: 256 MB, or 100 for each.

    MNIST's images are 4 times as large as their gzip file, a blank page's 1,000 times.
    """
    return max(1 << 28, 100 * packed_bytes)


def check_member(member: zipfile.ZipInfo) -> None:
    """`ValueError` for a file in a zip that says that it is beyond `unpacked_limit`.

    `zipfile` never gives more than a file says it has.
    """
    if member.file_size > unpacked_limit(member.compress_size):
        raise ValueError(f"{member.filename} would unpack to {member.file_size / 2**20:,.0f} MB")


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file in a zip, after `check_member`."""
    check_member(archive.getinfo(name))
    return archive.read(name)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file with `open_atomic`: readers see the old content or the new, never a part."""
    with open_atomic(path) as file, storage_errors("write", path):
        file.write(content)


@contextlib.contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """A file to write to; it replaces `path` when the block ends, and is removed if that fails.

    The bytes go into a temporary file beside it, which is then renamed; both it and the folder are
    flushed, so that a power cut leaves the old content or the new. Folders are made as needed,
    links are followed. Anything but a regular file, such as `/dev/stdout`, is written directly.
    """
    if path.exists() and not path.is_file():  # opening a folder raises the error
        with storage_errors("write", path), path.open("wb") as file:
            yield file
        return
    path = Path(os.path.realpath(path))  # unlike resolve(), it accepts circular links
    make_folder(path.parent)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    with storage_errors("write", path):
        try:
            with beside.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            _flush_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


@contextlib.contextmanager
def held(lock: Path, action: str, path: Path, busy: str, patience_s: float = 0) -> Iterator[None]:
    """A lock file, held in the block; `UsageError`, `busy`, if somebody else has it for longer.

    A disk error says "can't `action` `path`". The system frees the lock when the process ends,
    however it ends.
    """
    from filelock import FileLock, Timeout

    lock_file = FileLock(lock, timeout=patience_s)
    with storage_errors(action, path):
        try:
            lock_file.acquire()
        except Timeout:
            raise UsageError(busy) from None
    try:
        yield
    finally:
        lock_file.release()


def _flush_folder(folder: Path) -> None:
    """Have a folder's names on the disk; Windows has no such call, and needs none."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # it may be written to, and not read
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
