"""A run to disturb: it has batch norm, dropout, augmentation, and two networks."""

import os
import signal
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from inkdigits.cli import main
from inkdigits.graph.model import parse_model
from inkdigits.recipes import RECIPES
from inkdigits.training.run_folder import Run, open_run
from inkdigits.training.runs import start_run, train_run
from tests.faults.disk import before

RECIPE = replace(RECIPES["standard"], epochs=2, networks=2, batch_size=96)
SMALL = replace(RECIPES["tiny"], epochs=3, batch_size=96, rotation_deg=5.0)


def begin(folder: Path, data: Path, recipe=RECIPE) -> Run:
    return start_run(recipe, 1, "kmnist", folder=folder, data_folder=data)


def go_on(folder: Path, data: Path) -> bytes:
    """Resume a run to its end; the bytes of its artifact."""
    return train_run(open_run(folder), data_folder=data).read_bytes()


def weights_of(artifact: bytes) -> dict[str, bytes]:
    """Every weight, bit for bit; what else is in an artifact has seconds in it."""
    return {name: values.tobytes() for name, values in parse_model(artifact).weights.items()}


PHASES = {
    "loading the data": "inkdigits.training.runs.load_dataset",
    "training": "inkdigits.training.loop.learning_rate",
    "saving a checkpoint": "inkdigits.training.checkpoint_file.encode_state",
    "writing the artifact": "inkdigits.training.runs.seal_checkpoint",
    "evaluating": "inkdigits.cli.train.report_on_test_set",
}
"""The function with which each phase of the command `train` begins."""


def train_with_signal(folder: Path, data: Path, phase: str, number: int, printed: Path) -> None:
    """Run the command, and get a signal when a phase begins; exits with its code."""
    module, _, name = PHASES[phase].rpartition(".")
    real = getattr(import_module(module), name)

    def signalled(*given: object, **named: object) -> object:
        os.kill(os.getpid(), number)
        return real(*given, **named)

    where = ["--data", "kmnist", "--data-dir", str(data), "--out", str(folder), "--seed", "1"]
    settings = [f"--set={name}={getattr(SMALL, name)}" for name in ("epochs", "batch_size")]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    with pytest.MonkeyPatch.context() as patch, printed.open("w") as output:
        patch.setattr(PHASES[phase], signalled)
        patch.setattr("sys.stderr", output)
        patch.setattr("sys.stdout", output)
        code = main(["train", "tiny", *settings, "--set=rotation_deg=5.0", *where])
    raise SystemExit(code)


def train_and_die(folder: Path, data: Path, call: str, number: int) -> None:
    """Begin a run, or go on with it, and die by SIGKILL before a call or step of that number."""

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def on_progress(task: str, done: int, _total: int) -> None:
        if (call, task, done) == ("step", "training", number):
            die()

    with nullcontext() if call == "step" else before(call, number, die):
        run = open_run(folder) if folder.exists() else begin(folder, data)
        train_run(run, data_folder=data, progress=on_progress)
