"""Train into a run folder: save every epoch, resume, write the artifact."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

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
from inkdigits.files import write_atomic
from inkdigits.recipes import Recipe
from inkdigits.training import processes
from inkdigits.training.checkpoint import Checkpoint, Epoch
from inkdigits.training.checkpoint_file import alone, load_state, save_state
from inkdigits.training.devices import AUTO, choose_device
from inkdigits.training.engines import TORCH, describe_engine, fit_with
from inkdigits.training.loop import check_classes
from inkdigits.training.run_folder import (
    Run,
    check_seed,
    default_folder,
    make_run_folder,
    start_of,
    with_teaching,
)
from inkdigits.training.sealing import describe_training, seal_checkpoint
from inkdigits.training.teaching import describe_teaching, taught_by
from inkdigits.training.trackers import check_tracker, tracking
from inkdigits.training.tuning import Start, for_few, repeated, tuning_recipe, with_replay

_HISTORY = "history.csv"


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
    teacher: Path | None = None,
    progress: Progress = ignore_progress,
) -> Run:
    """Load the data, make a new run folder and write its settings.

    A run begins with a recipe, or with an artifact to train further. `replay` names a data set that
    is trained on too, so that its digits aren't forgotten. `dataset` may be the images themselves.
    `device` is auto, cpu, cuda or mps. `engine` is torch or keras, which trains recipes from the
    start, on the device that it chooses itself, and can't be resumed. `tracker` is tensorboard or
    mlflow, or none. `teacher` is an artifact, or its run
    folder, that teaches a recipe.

    Raises `UsageError` for a seed outside 0 ≤ seed < 2⁶³, a device that isn't there or a recipe
    that draws digits for other classes, `StorageError` if the folder exists, `DataError` if the
    data can't be loaded.
    """
    check_seed(seed)
    check_tracker(tracker)
    chosen = choose_device(device)
    name, data = _loaded(dataset, data_folder, handling, teacher, progress)
    start = begin if isinstance(begin, Start) else None
    recipe = tuning_recipe(begin, data.class_names) if isinstance(begin, Start) else begin
    check_classes(recipe, data.class_names)
    environment = describe_training(recipe, data.sha256, chosen)
    environment |= describe_engine(engine, start, device) | describe_teaching(data)
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
        make_run_folder(run, start, data)
    return run


def _loaded(
    dataset: str | LabelledImages,
    folder: Path | None,
    handling: Handling,
    teacher: Path | None,
    progress: Progress,
) -> tuple[str, LabelledImages]:
    """What a run calls a data set, and its training images, with what the teacher says of them."""
    if isinstance(dataset, LabelledImages):
        name, data = IN_MEMORY, dataset
    else:
        name = dataset if dataset in DATASETS else str(Path(dataset).resolve())
        data = load_dataset(dataset, "train", folder, progress, handling)
    return name, taught_by(teacher, data, progress) if teacher else data


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
                start=start_of(run),
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
    data = with_teaching(run, data)
    return _split(run, start_of(run), data, data_folder, progress)[0]


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


def _write_artifact(run: Run, split: Split, checkpoint: Checkpoint) -> None:
    write_atomic(run.folder / _HISTORY, checkpoint.history_csv())  # may be an epoch behind
    content = seal_checkpoint(
        checkpoint, run.recipe, run.seed, split.validation, run.dataset, run.environment
    )
    write_atomic(run.folder / ARTIFACT_NAME, content)


def _save(folder: Path, checkpoint: Checkpoint) -> None:
    save_state(folder, checkpoint.to_dict())
    write_atomic(folder / _HISTORY, checkpoint.history_csv())
