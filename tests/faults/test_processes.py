"""Signals, terminals and memory: what a process meets from outside."""

import os
import pty
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits.errors import CanvasError
from inkdigits.reading import Reader
from tests.faults.training import (
    PHASES,
    SMALL,
    begin,
    go_on,
    train_run,
    train_with_signal,
    weights_of,
)

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: -signal.SIGTERM, signal.SIGHUP: -signal.SIGHUP}


@pytest.fixture(scope="module")
def whole(small_data, tmp_path_factory) -> dict[str, bytes]:
    run = begin(tmp_path_factory.mktemp("whole") / "run", small_data, SMALL)
    return weights_of(train_run(run).read_bytes())


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("phase", PHASES)
def test_a_signal_in_any_phase_ends_the_command_and_the_run_goes_on(
    in_child, small_data, tmp_path, whole, phase, number
):
    folder, printed = tmp_path / "run", tmp_path / "printed"
    code = in_child(train_with_signal, folder, small_data, phase, number, printed)
    assert code == SIGNALS[number], printed.read_text()
    assert "Traceback" not in printed.read_text()
    assert folder.exists() == (phase != "loading the data")
    if folder.exists():
        assert weights_of(go_on(folder, small_data)) == whole


def test_a_terminal_that_goes_away_ends_the_command_and_the_run_goes_on(
    small_data, tmp_path, whole
):
    folder = tmp_path / "run"
    settings = [f"--set={name}={getattr(SMALL, name)}" for name in ("epochs", "batch_size")]
    where = ["--data", "kmnist", "--data-dir", str(small_data), "--out", str(folder)]
    command = ["train", "tiny", *settings, "--set=rotation_deg=5.0", "--seed", "1", *where]
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "inkdigits", *command], preexec_fn=lambda: os.login_tty(terminal)
    )
    os.close(terminal)
    while b"epoch 1/3" not in os.read(screen, 4096):
        pass
    os.close(screen)  # as closing the window does: SIGHUP, then errors from each write
    assert process.wait(timeout=120) in {-signal.SIGHUP, 4, 0}
    assert weights_of(go_on(folder, small_data)) == whole


def read_with_little_memory(folder: Path) -> None:
    """Too large a picture is refused, and the reader goes on with the next."""
    reader = Reader.load(threads=1)
    reader.read(folder / "small.png")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (60 << 20), size + (60 << 20)))
    with pytest.raises(CanvasError, match="needs more memory than there is") as caught:
        reader.read(folder / "large.png")
    assert caught.value.code == "too_large"
    assert reader.read(folder / "small.png").text == "7"


def test_a_picture_without_enough_memory_is_refused_and_the_next_one_read(
    in_child, tmp_path, mnist_test
):
    small = Image.fromarray(255 - mnist_test.images[0]).resize((140, 140))
    small.save(tmp_path / "small.png")
    squares = np.kron(np.random.default_rng(0).integers(0, 2, (60, 60)), np.ones((100, 100)))
    Image.fromarray((squares * 255).astype(np.uint8)).convert("RGB").save(tmp_path / "large.png")
    assert in_child(read_with_little_memory, tmp_path) == 0
