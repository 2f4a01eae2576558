"""A run to disturb: it has batch norm, dropout, augmentation, and two networks."""

import os
import signal
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from inkdigits.graph.model import parse_model
from inkdigits.recipes import RECIPES
from inkdigits.training.runs import Run, open_run, start_run, train_run
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
