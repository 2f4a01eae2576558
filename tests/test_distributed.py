"""Training on several processes, which torchrun starts: gloo, on processors."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from inkdigits.graph.model import parse_model
from tests.command_line import call

# Batch norm, dropout, augmentation, junk, fp32; a last batch that isn't full, and an odd one.
SETTINGS = {
    "standard": ("epochs=2", "batch_size=45", "precision=fp32"),
    "robust": ("epochs=1", "batch_size=64", "precision=fp32", "junk_share=0.1"),
}


def arguments(recipe: str, data: Path, run: Path, *more: str) -> list[str]:
    settings = [f"--set={setting}" for setting in (*SETTINGS[recipe], *more)]
    where = ["--data", "kmnist", "--data-dir", str(data), "--out", str(run)]
    return ["train", recipe, *settings, "--seed", "1", *where]


def torchrun(*command: str, processes: int = 2) -> subprocess.Popen:
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *launch, "-m", "inkdigits", *command], **pipes)


def weights_of(run: Path) -> dict[str, np.ndarray]:
    return parse_model((run / "artifact.onnx").read_bytes()).weights


@pytest.mark.parametrize("recipe", SETTINGS)
def test_two_processes_give_what_one_gives(capsys, small_data, tmp_path, recipe):
    process = torchrun(*arguments(recipe, small_data, tmp_path / "two"))
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert out.count("artifact  ") == 1  # the first process alone prints
    code, _, err = call(capsys, *arguments(recipe, small_data, tmp_path / "one"))
    assert code == 0, err
    names = [{path.name for path in (tmp_path / run).iterdir()} for run in ("one", "two")]
    assert names[0] == names[1]
    one, two = (weights_of(tmp_path / run) for run in ("one", "two"))
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, rtol=0.02, atol=2e-3, err_msg=name)
    losses = [(tmp_path / run / "history.csv").read_text().splitlines() for run in ("one", "two")]
    for ours, theirs in zip(*losses, strict=True):
        if ours[0].isdigit():
            expected = [float(value) for value in ours.split(",")[2:6]]
            np.testing.assert_allclose(
                [float(value) for value in theirs.split(",")[2:6]], expected, rtol=0.02, atol=0.01
            )


def test_a_killed_process_ends_all_and_the_run_goes_on(small_data, tmp_path):
    run = tmp_path / "run"
    process = torchrun(*arguments("standard", small_data, run, "epochs=40"))
    deadline = time.monotonic() + 300
    while not (run / "history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
        assert process.poll() is None, process.communicate()
    os.kill(other_than_first(process.pid), signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Signal 9 (SIGKILL)" in err
    assert not (run / "artifact.onnx").exists()
    settings = json.loads((run / "run.json").read_text())
    settings["recipe"]["epochs"] = 3
    done = len((run / "history.csv").read_text().splitlines()) - 1
    assert done < 40
    settings["recipe"]["epochs"] = done + 1
    (run / "run.json").write_text(json.dumps(settings))
    again = torchrun("train", "--resume", str(run), "--data-dir", str(small_data), "--no-test")
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert len((run / "history.csv").read_text().splitlines()) - 1 == done + 1


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
