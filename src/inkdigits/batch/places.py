"""Where pictures lie: files and folders, lists of them, and object stores by their URLs."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from inkdigits.batch.entries import Item
from inkdigits.errors import CanvasError, InkdigitsError, needing
from inkdigits.files import Place, as_place
from inkdigits.imaging import IMAGE_SUFFIXES
from inkdigits.imaging.canvas import open_file

STDIN = Path("-")
LIST_SUFFIX = ".txt"
_LONGEST_LINE = 1 << 16  # characters in a line of a list


@contextmanager
def open_place(place: Place) -> Iterator[IO[bytes]]:
    """A file, or what lies at a URL, opened for reading.

    Errors of the file system or the object store, in the block too, become a `CanvasError`.
    """
    if isinstance(place, Path):
        with open_file(place) as file:
            yield file
        return
    with needing("scale", f"{place.partition(':')[0]}://"):
        import fsspec
    try:
        with fsspec.open(place, "rb") as file:
            yield cast("IO[bytes]", file)
    except InkdigitsError:
        raise
    except FileNotFoundError:
        raise CanvasError("not_found", f"{place} does not exist") from None
    except ImportError as error:
        raise CanvasError("not_supported", f"{place} can't be read: {error}") from None
    except Exception as error:  # every object store has errors of its own
        raise CanvasError("unreadable", f"{place} can't be read: {error}") from None


def find_files(places: Iterable[Place]) -> Iterator[Place | Item]:
    """The files given, in the lists given, and the picture files in and below the folders given.

    They come in order, unopened. A list is a text file, `.txt`, with a path or a URL a line. A URL
    that ends in "/" is a folder, and one with "*" stands for all that fit. Links to folders are
    followed last and each folder is read once, so usually by its own path. A link to one of its own
    parent folders is an error, and so is an unreadable folder: both give an item instead of a path.
    """
    for place in places:
        if isinstance(place, Path) and place.suffix.lower() == LIST_SUFFIX:
            yield from _listed(place)
        else:
            yield from _found(place)


def _found(place: Place) -> Iterator[Place | Item]:
    if isinstance(place, str):
        yield from _at_url(place)
    elif place != STDIN and os.path.isdir(place):  # noqa: PTH112 - is_dir fails on too long a name
        yield from _walk(place)
    else:
        yield place


def _listed(path: Path) -> Iterator[Place | Item]:
    try:
        with open_file(path) as file:
            while line := file.readline(_LONGEST_LINE):
                if text := os.fsdecode(line.rstrip(b"\r\n")):
                    yield from _found(as_place(text))
    except CanvasError as error:
        yield Item(str(path), error)


def _walk(top: Path) -> Iterator[Place | Item]:
    waiting, seen, found = deque([top]), set(), False  # folders on the right, links on the left
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            entries = sorted((entry.is_dir(), entry.name, entry) for entry in folder.iterdir())
        except OSError as error:
            fault = CanvasError("unreadable", f"{folder} can't be read: {error.strerror}")
            yield Item(str(folder), fault)
            found = True
            continue
        if (status.st_dev, status.st_ino) in seen:
            if folder.parent.resolve().is_relative_to(folder.resolve()):
                fault = CanvasError("folder_loop", f"{folder} links back to a folder that it is in")
                yield Item(str(folder), fault)
            continue
        seen.add((status.st_dev, status.st_ino))
        for is_folder, name, entry in entries:
            if not is_folder and is_picture(name):
                yield entry
                found = True
        folders = [entry for is_folder, _, entry in entries if is_folder]
        waiting.extendleft(folder for folder in folders if folder.is_symlink())
        waiting.extend(folder for folder in reversed(folders) if not folder.is_symlink())
    if not found:
        yield _without_pictures(top)


def _at_url(url: str) -> Iterator[Place | Item]:
    if not url.endswith("/") and "*" not in url:  # asking a store about each would take a while
        yield url
        return
    with needing("scale", f"{url.partition(':')[0]}://"):
        from fsspec.core import url_to_fs
    try:
        store, top = url_to_fs(url)
        names = sorted(store.glob(top)) if "*" in url else _below(store, top)
        found = False
        for name in names:
            yield store.unstrip_protocol(name)
            found = True
        if not found:
            yield _without_pictures(url)
    except Exception as error:  # every object store has errors of its own
        yield Item(url, CanvasError("unreadable", f"{url} can't be read: {error}"))


def _below(store: Any, top: str) -> Iterator[str]:
    """The picture files in and below a folder of an object store."""
    folders = [top]
    while folders:
        inside = sorted(store.ls(folders.pop(), detail=True), key=lambda entry: str(entry["name"]))
        yield from (
            entry["name"]
            for entry in inside
            if entry["type"] == "file" and is_picture(entry["name"])
        )
        folders += [entry["name"] for entry in reversed(inside) if entry["type"] == "directory"]


def is_picture(name: str) -> bool:
    """Whether a file's name ends as those of pictures do."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - also of a URL


def _without_pictures(folder: Place) -> Item:
    return Item(str(folder), CanvasError("no_images", f"{folder} is a folder without image files"))
