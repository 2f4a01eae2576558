import os

# Two threads on a busy machine are up to eight times slower than one, and the digits are few.
os.environ["OMP_NUM_THREADS"] = "1"

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

import inkdigits
from inkdigits.data import LabelledImages, load_dataset, save_idx
from inkdigits.data.datasets import DATASETS

# No time limits: they fail on a busy machine. In CI the examples are fixed, so runs are repeatable.
settings.register_profile(
    "inkdigits",
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("inkdigits")


@pytest.fixture(scope="session", autouse=True)
def _no_data_folder_from_outside():
    """The tests use the per-user cache for the real MNIST, whatever the caller's environment."""
    os.environ.pop("INKDIGITS_DATA", None)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser():
    """Chromium; without it the tests of pages are skipped."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def mnist() -> LabelledImages:
    """The real training set."""
    return load_dataset("mnist", "train")


@pytest.fixture(scope="session")
def mnist_test() -> LabelledImages:
    return load_dataset("mnist", "test")


def take(data: LabelledImages, count: int, start: int = 0) -> LabelledImages:
    part = slice(start, start + count)
    return LabelledImages(data.images[part], data.labels[part], data.sha256)


def write_dataset(folder: Path, name: str, train: LabelledImages, test: LabelledImages) -> Path:
    info = DATASETS[name]
    for files, data in ((info.train, train), (info.test, test)):
        save_idx(folder / files.images, data.images)
        save_idx(folder / files.labels, data.labels)
    return folder


@pytest.fixture(scope="session")
def small_data(mnist: LabelledImages, tmp_path_factory) -> Path:
    """A folder with 600 + 200 real digits, under a name without known hashes."""
    folder = tmp_path_factory.mktemp("small")
    return write_dataset(folder, "kmnist", take(mnist, 600), take(mnist, 200, start=600))


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The per-user cache moved to an empty folder."""
    cache = tmp_path / "cache"
    monkeypatch.setattr("inkdigits.data.store.cache_folder", lambda: cache)
    return cache


@pytest.fixture
def draw() -> Callable[[int, int], np.ndarray]:
    """A plain canvas of this size with a dark, upright bar on white."""

    def bar(height: int, width: int) -> np.ndarray:
        canvas = np.full((height, width), 255, np.uint8)
        canvas[height // 5 : height * 4 // 5, width * 9 // 20 : width * 11 // 20 + 1] = 20
        return canvas

    return bar


@pytest.fixture(scope="session")
def package_sources() -> str:
    """The source of all modules except `errors`."""
    root = Path(inkdigits.__file__).parent
    return "".join(path.read_text("utf-8") for path in root.rglob("*.py") if path.stem != "errors")


@pytest.fixture
def pictures(tmp_path, mnist_test) -> Path:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for index, name in enumerate(["a.png", "b.bmp", "more/c.jpg"]):
        Image.fromarray(mnist_test.images[index]).resize((140, 140)).save(folder / name)
    (folder / "notes.txt").write_text("not looked at")
    return folder


@pytest.fixture(scope="session")
def tiny_artifact(small_data: Path, tmp_path_factory) -> Path:
    """An artifact that knows little, trained in a moment."""
    from inkdigits.cli import main

    run = tmp_path_factory.mktemp("tiny") / "run"
    where = ["--data", "kmnist", "--data-dir", str(small_data), "--out", str(run)]
    assert main(["train", "tiny", "--no-test", "--quiet", "--set", "epochs=1", *where]) == 0
    return run / "artifact.onnx"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL of our own on loopback, run by an ordinary user."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not tested: install it, on Debian: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="inkdigits-pg-"))
    as_user = []
    if os.getuid() == 0:  # PostgreSQL refuses to be run by root
        shutil.chown(folder, "nobody")
        as_user = ["runuser", "-u", "nobody", "--"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = [*as_user, str(found[-1].with_name("pg_ctl")), "--pgdata", str(folder / "data")]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    made = ["initdb", "--options", "--auth=trust --username=ink --encoding=UTF8 --no-sync"]
    subprocess.run([*where, *made], check=True, capture_output=True)
    start = ["--log", str(folder / "log"), "--options", options, "--wait", "start"]
    subprocess.run([*where, *start], check=True, stdout=subprocess.DEVNULL)
    yield f"postgresql://ink@127.0.0.1:{port}/postgres"
    subprocess.run([*where, "--mode", "immediate", "stop"], check=True, capture_output=True)
    shutil.rmtree(folder)
