"""Pictures in tar and zip archives, one by one: an archive is never unpacked as a whole.

What an archive says of itself isn't trusted: no member is read beyond what a picture may have, and
links, devices and archives inside it are left alone.
"""

import bz2
import gzip
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, Any, cast

from inkdigits.batch.entries import Item, Member
from inkdigits.batch.places import is_picture, open_place
from inkdigits.errors import CanvasError
from inkdigits.files import Place
from inkdigits.imaging.sources import check_bytes

SUFFIXES = (".tar", ".tgz", ".tar.bz2", ".tbz2", ".zip")  # and with .gz after them
_UNPACK: dict[bytes, Callable[[IO[bytes]], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}
_HEADER = struct.Struct("<26xHH")  # of a file in a zip: the lengths of its name and of what follows
_ENCRYPTED = 1
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_FAULTS = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError, ValueError)


def members(archive: Place) -> Iterator[Member | Item]:
    """The picture files in an archive, as they lie in it.

    Of a packed tar, which can't be read from the middle, they come with their bytes. A damaged
    archive gives those before the damage, then an item with the error.
    """
    found = False
    try:
        with open_place(archive) as file:
            inside = _in_zip if str(archive).lower().endswith(".zip") else _in_tar
            for member in inside(file, archive):
                yield member
                found = True
        if not found:
            raise CanvasError("no_images", f"{archive} is an archive without image files")
    except CanvasError as error:
        yield Item(str(archive), error)
    except _FAULTS as error:
        reason = f"{archive} is damaged or cut short: {error}"
        yield Item(str(archive), CanvasError("truncated", reason))


def read_member(member: Member) -> bytes:
    """The bytes of a file in an archive; `CanvasError` if it is damaged, encrypted or too large."""
    if member.content is not None:
        return member.content
    with open_place(member.archive) as file:
        file.seek(member.start)
        if member.zipped is None:
            content = file.read(member.size)
            if len(content) < member.size:
                raise CanvasError("truncated", f"{member} is cut short with its archive")
            return content
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise CanvasError("truncated", f"{member} is cut short with its archive")
        file.seek(sum(_HEADER.unpack(header)), 1)
        return _unzipped(file.read(member.size), member, *member.zipped)


def _unzipped(content: bytes, member: Member, method: int, size: int, crc: int) -> bytes:
    if method == zipfile.ZIP_DEFLATED:
        try:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, size + 1)
        except zlib.error as error:
            raise CanvasError("truncated", f"{member} is damaged: {error}") from None
    if len(content) != size or zlib.crc32(content) != crc:
        raise CanvasError("truncated", f"{member} is damaged: it is not as its archive says")
    return content


def _in_zip(file: IO[bytes], archive: Place) -> Iterator[Member | Item]:
    for info in zipfile.ZipFile(file).infolist():
        if not _is_wanted(info.filename):
            continue
        name = f"{archive}/{info.filename}"
        try:
            check_bytes(max(info.file_size, info.compress_size), name)
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
                reason = f"{name} is encrypted, or packed in an unusual way; pack it anew"
                raise CanvasError("not_supported", reason)
        except CanvasError as error:
            yield Item(name, error)
            continue
        zipped = info.compress_type, info.file_size, info.CRC
        yield Member(archive, info.filename, info.header_offset, info.compress_size, zipped)


def _in_tar(file: IO[bytes], archive: Place) -> Iterator[Member | Item]:
    start = file.read(3)
    file.seek(0)
    if start == b"\xfd7z":
        raise CanvasError("not_supported", f"{archive} is packed by xz; pack it by gzip")
    unpack = next((kind for magic, kind in _UNPACK.items() if start.startswith(magic)), None)
    whole = _Bounded(unpack(file) if unpack else file, archive)
    with tarfile.open(fileobj=cast("IO[bytes]", whole), mode="r:") as tar:
        while info := tar.next():
            tar.members.clear()  # type: ignore[attr-defined]  # it would remember all
            if not info.isreg() or not _is_wanted(info.name):
                continue
            name = f"{archive}/{info.name}"
            try:
                check_bytes(info.size, name)
            except CanvasError as error:
                yield Item(name, error)
                continue
            if unpack:
                content = cast("IO[bytes]", tar.extractfile(info)).read()
                yield Member(archive, info.name, content=content)
            else:
                yield Member(archive, info.name, info.offset_data, info.size)
        whole.seek(tar.offset)
        if whole.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile stops silently
            raise tarfile.ReadError("it doesn't end as a tar does")


class _Bounded:
    """A file for `tarfile`, which would read as long a name as an archive's header says."""

    def __init__(self, file: IO[bytes], name: Place) -> None:
        self._file, self._name = file, name
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        """So many bytes; `CanvasError` if they are more than a picture may have."""
        check_bytes(size, self._name)
        return self._file.read(size)


def _is_wanted(inner: str) -> bool:
    """Whether it is a picture, and none of the files that macOS puts beside each."""
    path = PurePosixPath(inner)
    return is_picture(inner) and "__MACOSX" not in path.parts and path.name[:2] != "._"
