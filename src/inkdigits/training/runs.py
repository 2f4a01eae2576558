"""Run folders: train into one, save every epoch, resume, write the artifact.

runs/20261121-093000-standard-0/
    run.json           recipe, seed, data set, environment
    history.csv        a row for each epoch
    checkpoint.safetensors, checkpoint-before.safetensors
                       to resume from, the last two; only training reads them
    start.onnx         the artifact that the training began with, if it did
    artifact.onnx      the trained model, the only file that anything else reads
"""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any

from inkdigits.artifact import ARTIFACT_NAME
from inkdigits.data import (
    AS_FOUND,
    DATASETS,
    DEFAULT_DATASET,
    IN_MEMORY,
    Handling,
    LabelledImages,
    Progress,
    Split,
    ignore_progress,
    load_dataset,
)
from inkdigits.data.learnt import Learnt
from inkdigits.errors import TrainingInterrupted, UsageError
from inkdigits.files import make_folder, read_bytes, write_atomic
from inkdigits.recipes import Recipe
from inkdigits.training import processes
from inkdigits.training.checkpoint import Checkpoint, Epoch
from inkdigits.training.checkpoint_file import alone, load_state, save_state
from inkdigits.training.devices import AUTO, choose_device
from inkdigits.training.engines import KERAS, TORCH, describe_engine, fit_with
from inkdigits.training.loop import check_classes
from inkdigits.training.sealing import describe_training, seal_checkpoint
from inkdigits.training.trackers import check_tracker, tracking
from inkdigits.training.tuning import Start, for_few, repeated, tuning_recipe, with_replay

_HISTORY, _RUN, _START = "history.csv", "run.json", "start.onnx"


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


def start_run(
    begin: Recipe | Start,
    seed: int,
    dataset: str | LabelledImages = DEFAULT_DATASET,
    *,
    folder: Path | None = None,
    data_folder: Path | None = None,
    handling: Handling = AS_FOUND,
    replay: str = "",
    device: str = AUTO,
    engine: str = TORCH,
    tracker: str = "",
    progress: Progress = ignore_progress,
) -> Run:
    """Load the data, make a new run folder and write its settings.

    A run begins with a recipe, or with an artifact to train further. `replay` names a data set that
    is trained on too, so that its digits aren't forgotten. `dataset` may be the images themselves.
    `device` is auto, cpu, cuda or mps. `engine` is torch or keras, which trains recipes from the
    start, on the device that it chooses itself, and can't be resumed. `tracker` is tensorboard or
    mlflow, or none.

    Raises `UsageError` for a seed outside 0 ≤ seed < 2⁶³, a device that isn't there or a recipe
    that draws digits for other classes, `StorageError` if the folder exists, `DataError` if the
    data can't be loaded.
    """
    check_seed(seed)
    check_tracker(tracker)
    chosen = choose_device(device)
    name, data = _loaded(dataset, data_folder, handling, progress)
    start = begin if isinstance(begin, Start) else None
    recipe = tuning_recipe(begin, data.class_names) if isinstance(begin, Start) else begin
    check_classes(recipe, data.class_names)
    environment = describe_training(recipe, data.sha256, chosen)
    environment |= describe_engine(engine, start, device)
    if name not in DATASETS:
        environment["handling"] = asdict(handling)
        recipe = recipe if start else for_few(recipe, len(data))
    folder = folder or default_folder(recipe.name, seed)
    freeze = start is not None and start.freeze
    what = (folder, recipe, seed, name, environment, handling, freeze, replay, device)
    run = Run(*what, engine, tracker)
    split, learnt = _split(run, start, data, data_folder, progress)
    environment["learnt"] = learnt.to_dict()
    run = replace(run, split=split)
    if processes.is_first():
        _make_folder(run, start)
    return run


def _make_folder(run: Run, start: Start | None) -> None:
    """Make a run's new folder, with its settings and what it starts from."""
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
    write_atomic(run.folder / _RUN, json.dumps(settings, indent=2).encode())


def _loaded(
    dataset: str | LabelledImages, folder: Path | None, handling: Handling, progress: Progress
) -> tuple[str, LabelledImages]:
    """What a run calls a data set, and its training images."""
    if isinstance(dataset, LabelledImages):
        return IN_MEMORY, dataset
    data = load_dataset(dataset, "train", folder, progress, handling)
    return dataset if dataset in DATASETS else str(Path(dataset).resolve()), data


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


def train_run(
    run: Run,
    *,
    data_folder: Path | None = None,
    progress: Progress = ignore_progress,
    on_epoch: Callable[[Epoch], None] = lambda _epoch: None,
) -> Path:
    """Train, or resume from the folder's checkpoint, and write the artifact; returns its path.

    Only the training subset of the data set is opened. Checkpoint and history are saved after
    every epoch. Ctrl-C raises `TrainingInterrupted`, after writing an artifact of the finished
    epochs if there are any. Raises `UsageError` if the data aren't those the run was started with,
    or if another process trains the run.
    """
    with alone(run.folder) if processes.is_first() else nullcontext():
        return _train(run, data_folder, progress, on_epoch)


def _train(
    run: Run, data_folder: Path | None, progress: Progress, on_epoch: Callable[[Epoch], None]
) -> Path:
    split = _load_split(run, data_folder, progress)
    checkpoint = load_state(run.folder, Checkpoint.from_dict, progress)

    def keep(latest: Checkpoint) -> None:
        nonlocal checkpoint
        checkpoint = latest
        if processes.is_first():
            _save(run.folder, latest)
            track(latest.history)
        on_epoch(latest.history[-1])

    tracked = run.tracker if processes.is_first() else "", run.folder, run.recipe, run.seed
    with processes.all_needed(run.folder), tracking(*tracked) as track:
        try:
            checkpoint = fit_with(
                run.engine,
                run.recipe,
                split,
                run.seed,
                start=_start(run),
                resume=checkpoint,
                device=run.device,
                on_step=partial(progress, "training"),
                on_epoch=keep,
            )
        except KeyboardInterrupt:
            if checkpoint and processes.is_first():
                _save(run.folder, checkpoint)
                _write_artifact(run, split, checkpoint)
            raise _interrupted(run, checkpoint, data_folder) from None
    if processes.is_first():
        _write_artifact(run, split, checkpoint)
    return run.folder / ARTIFACT_NAME


def _interrupted(
    run: Run, checkpoint: Checkpoint | None, data_folder: Path | None
) -> TrainingInterrupted:
    done = len(checkpoint.history) if checkpoint else 0
    epochs = run.recipe.epochs * run.recipe.networks
    where = f" --data-dir {data_folder}" if data_folder else ""
    cure = f"; resume with 'inkdigits train --resume {run.folder}{where}'"
    return TrainingInterrupted(
        f"stopped; {done} of {epochs} epochs are kept in {run.folder}"
        + (cure if run.engine == TORCH else "")
    )


def _load_split(run: Run, data_folder: Path | None, progress: Progress) -> Split:
    if run.split:
        return run.split
    if run.dataset == IN_MEMORY:
        raise UsageError(f"{run.folder} was trained on arrays, and these are gone; start a new run")
    data = load_dataset(run.dataset, "train", data_folder, progress, run.handling)
    if data.sha256 != run.environment["data_sha256"]:
        known = run.dataset in DATASETS
        cure = "pass their folder with --data-dir" if known else "put them back"
        raise UsageError(
            f"{run.folder} was started with other {run.dataset} files; {cure}, or start a new run"
        )
    return _split(run, _start(run), data, data_folder, progress)[0]


def _split(
    run: Run,
    start: Start | None,
    data: LabelledImages,
    data_folder: Path | None,
    progress: Progress,
) -> tuple[Split, Learnt]:
    """What is trained on and what is held out, and what has been learnt then.

    Few own pictures are repeated.
    """
    share, before = run.recipe.validation_fraction, Learnt.by(start.info if start else None)
    split = before.split(run.dataset, data, share, run.seed)
    after = before.after(run.dataset, split, share, run.seed)
    if run.replay:
        others = load_dataset(run.replay, "train", data_folder, progress)
        replayed = before.split(run.replay, others, share, run.seed)
        return with_replay(split, replayed), after.after(run.replay, replayed, share, run.seed)
    return (split if run.dataset in DATASETS else repeated(split)), after


def _start(run: Run) -> Start | None:
    path = run.folder / _START
    return Start(read_bytes(path), run.freeze) if path.is_file() else None


def _write_artifact(run: Run, split: Split, checkpoint: Checkpoint) -> None:
    write_atomic(run.folder / _HISTORY, checkpoint.history_csv())  # may be an epoch behind
    content = seal_checkpoint(
        checkpoint, run.recipe, run.seed, split.validation, run.dataset, run.environment
    )
    write_atomic(run.folder / ARTIFACT_NAME, content)


def _save(folder: Path, checkpoint: Checkpoint) -> None:
    save_state(folder, checkpoint.to_dict())
    write_atomic(folder / _HISTORY, checkpoint.history_csv())
