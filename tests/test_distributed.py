"""Training on several processes: gloo, on processors."""

import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inkdigits.data import LabelledImages, stratified_split
from inkdigits.recipes import RECIPES, Recipe
from inkdigits.training import fit, processes
from tests.command_line import call
from tests.conftest import take

# Batch norm, dropout, augmentation, junk; batches that can't be halved, and a last one that isn't
# full. At a high rate the steps amplify rounding, and Adam moves weights that have no gradient by
# what rounding leaves of it; so it is plain SGD at a low one here.
SLOW = {"epochs": 1, "batch_size": 45, "optimizer": "sgd", "peak_lr": 1e-3, "precision": "fp32"}
TRAINED = {
    "standard": replace(RECIPES["standard"], **SLOW),
    "torch-two-conv": replace(RECIPES["torch-two-conv"], **SLOW),
    "robust": replace(RECIPES["robust"], **SLOW, junk_share=0.1, drawn_share=0.0),
}


def trained(recipe: Recipe, data: LabelledImages, start: bool = True) -> dict[str, np.ndarray]:
    """The weights after training, or at its start, and the losses."""
    recipe = recipe if start else replace(recipe, peak_lr=1e-12)
    last = fit(recipe, stratified_split(data, 0.2, seed=0), seed=3, device="cpu")
    row = last.history[-1]
    losses = np.array([row.train_loss, row.train_accuracy, row.validation_loss])
    return {name: values.numpy() for name, values in last.weights()[0].items()} | {"losses": losses}


def train_part(rank: int, port: int, recipe: Recipe, data: LabelledImages, out: Path) -> None:
    """One of two processes; writes what it ends with."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with processes.joined("cpu"):
        np.savez(out / f"{rank}.npz", **trained(recipe, data))


@pytest.mark.parametrize("name", TRAINED)
def test_two_processes_give_what_one_gives(mnist, tmp_path, name):
    data, recipe = take(mnist, 400), TRAINED[name]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.test_distributed"])
    both = [
        context.Process(target=train_part, args=(rank, port, recipe, data, tmp_path))
        for rank in range(2)
    ]
    for process in both:
        process.start()
    one, start = trained(recipe, data), trained(recipe, data, start=False)
    for process in both:
        process.join(timeout=200)
    assert [process.exitcode for process in both] == [0, 0]
    first, second = (dict(np.load(tmp_path / f"{rank}.npz")) for rank in range(2))
    for part, expected in one.items():
        np.testing.assert_array_equal(first[part], second[part])
        moved = np.abs(expected - start[part]).max()
        assert np.abs(first[part] - expected).max() <= 0.01 * moved + 1e-5, part


def torchrun(*command: str) -> subprocess.Popen:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *launch, "-m", "inkdigits", *command], **pipes)


def test_a_killed_process_ends_all_and_the_run_goes_on(small_data, tmp_path):
    run = tmp_path / "run"
    settings = ["--set=epochs=999", "--set=batch_size=45", "--no-test"]
    where = ["--data", "kmnist", "--data-dir", str(small_data), "--out", str(run)]
    process = torchrun("train", "tiny", *settings, *where)
    deadline = time.monotonic() + 250
    while not (run / "history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
        assert process.poll() is None, process.communicate()
    os.kill(other_than_first(process.pid), signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Signal 9 (SIGKILL)" in err
    assert not (run / "artifact.onnx").exists()
    done = len((run / "history.csv").read_text().splitlines()) - 1
    assert done < 999
    changed = json.loads((run / "run.json").read_text())
    changed["recipe"]["epochs"] = done + 2  # to end soon
    (run / "run.json").write_text(json.dumps(changed))
    again = torchrun("train", "--resume", str(run), "--data-dir", str(small_data), "--no-test")
    out, err = again.communicate(timeout=250)
    assert again.returncode == 0, err
    assert out.count("artifact  ") == 1  # the first process alone prints
    assert len((run / "history.csv").read_text().splitlines()) - 1 == done + 2


def other_than_first(launcher: int) -> int:
    """The process of rank 1 that a launcher has started."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = re.search(r"PPid:\s+(\d+)", (entry / "status").read_text())
            settings = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if parent and int(parent[1]) == launcher and b"RANK=1" in settings:
            return int(entry.name)
    raise AssertionError("there is no process of rank 1")


@pytest.mark.parametrize("more", [("detector",), ("tiny", "--engine", "keras")])
def test_what_is_for_one_process_is_refused(capsys, monkeypatch, more):
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, err = call(capsys, "train", *more)
    assert (code, "start this without it" in err) == (2, True), err
