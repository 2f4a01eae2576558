"""Run folders: what a training was started with, and where its files lie.

runs/20261121-093000-standard-0/
    run.json           recipe, seed, data set, environment
    history.csv        a row for each epoch
    checkpoint.safetensors, checkpoint-before.safetensors
                       to resume from, the last two; only training reads them
    start.onnx         the artifact that the training began with, if it did
    soft-labels.npz    what its teacher says of the data, if it has one
    artifact.onnx      the trained model, the only file that anything else reads
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from numbers import Integral
from pathlib import Path
from typing import Any

from inkdigits.data import AS_FOUND, Handling, LabelledImages, Split
from inkdigits.errors import UsageError
from inkdigits.files import make_folder, read_bytes, write_atomic
from inkdigits.recipes import Recipe
from inkdigits.training.devices import AUTO
from inkdigits.training.engines import KERAS, TORCH
from inkdigits.training.teaching import (
    SOFT_LABELS,
    describe_teaching,
    with_soft_labels,
    write_soft_labels,
)
from inkdigits.training.tuning import Start

_RUN, _START, _TAUGHT = "run.json", "start.onnx", f"{SOFT_LABELS}.npz"


@dataclass(frozen=True)
class Run:
    """What a run folder was started with; `split`, to train on, where it has just been loaded."""

    folder: Path
    recipe: Recipe
    seed: int
    dataset: str
    environment: dict[str, Any]
    handling: Handling = AS_FOUND
    freeze: bool = False
    replay: str = ""
    device: str = AUTO
    engine: str = TORCH
    tracker: str = ""
    split: Split | None = field(default=None, repr=False, compare=False)


def default_folder(name: str, seed: int) -> Path:
    """`runs/<time>-<recipe>-<seed>`, in local time."""
    return Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}-{name}-{seed}"


def check_seed(seed: int) -> None:
    """`UsageError` for anything but a whole number 0 ≤ seed < 2⁶³."""
    if not isinstance(seed, Integral) or not 0 <= seed < 2**63:
        raise UsageError(f"the seed is {seed!r}; it must be a whole number, 0 ≤ seed < 2⁶³")


def make_run_folder(run: Run, start: Start | None, data: LabelledImages) -> None:
    """Make a run's new folder, with its settings, what it starts from and its soft labels."""
    make_folder(run.folder, must_be_new=True)
    settings = {
        "recipe": run.recipe.to_dict(),
        "seed": run.seed,
        "dataset": run.dataset,
        "environment": run.environment,
        "freeze": run.freeze,
        "replay": run.replay,
        "engine": run.engine,
        "tracker": run.tracker,
    }
    if start:
        write_atomic(run.folder / _START, start.content)
    if data.taught is not None:
        write_soft_labels(data.taught, run.folder / _TAUGHT)
    write_atomic(run.folder / _RUN, json.dumps(settings, indent=2).encode())


def open_run(folder: Path, device: str = AUTO) -> Run:
    """An existing run folder, to go on with on a device; `UsageError` if it isn't one."""
    if not (folder / _RUN).is_file():
        raise UsageError(f"{folder} is not a run folder: it has no {_RUN}; start a new run")
    try:
        settings = json.loads(read_bytes(folder / _RUN))
        recipe = Recipe(**settings.pop("recipe"))
        handling = Handling(**settings["environment"].get("handling", {}))
        run = Run(folder=folder, recipe=recipe, handling=handling, device=device, **settings)
        run.environment["data_sha256"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(f"{folder / _RUN} is damaged ({error}); start a new run") from error
    if run.engine == KERAS:
        raise UsageError(f"{folder} was trained with Keras, which can't resume; start a new run")
    return run


def start_of(run: Run) -> Start | None:
    """The artifact that a run began with, if it did."""
    path = run.folder / _START
    return Start(read_bytes(path), run.freeze) if path.is_file() else None


def with_teaching(run: Run, data: LabelledImages) -> LabelledImages:
    """A run's data with what its teacher said of them, if it has one."""
    path = run.folder / _TAUGHT
    if "soft_labels_sha256" not in run.environment:
        return data
    taught = with_soft_labels(data, path)
    if taught is None or not describe_teaching(taught).items() <= run.environment.items():
        raise UsageError(f"{path} is missing or damaged; start a new run")
    return taught
