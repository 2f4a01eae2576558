"""Train a recipe in one line."""

from os import PathLike, fspath
from pathlib import Path
from typing import Any

from inkdigits.api.data import Data, load
from inkdigits.api.progress import shown_progress
from inkdigits.api.run import Run
from inkdigits.data import DEFAULT_DATASET, Handling, LabelledImages, Progress
from inkdigits.errors import needing
from inkdigits.recipes import Recipe, find_recipe, with_fields


def train(
    recipe: str | Recipe = "standard",
    data: Data = DEFAULT_DATASET,
    *,
    seed: int = 0,
    out: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    groups: str = "",
    by: str = "",
    as_is: bool = False,
    device: str = "auto",
    engine: str = "torch",
    tracker: str = "",
    teacher: str | PathLike[str] | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Train a recipe into a run folder, as `inkdigits train` does; only its report tests.

    `recipe` is a name of `RECIPES` or a `Recipe`; `settings` are fields of it to change. `data` is
    the name of a data set, a path of own pictures, or arrays, (images, labels): images (n, height,
    width), with 1, 3 or 4 channels or none, or flat squares, 0…1 or 0…255, and labels (n,). The
    seed is 0 ≤ seed < 2⁶³; `out` is the new folder, by default in `runs`; `data_dir` is where a
    named data set lies; `device` is auto, cpu, cuda or mps; `engine` torch or keras; `tracker`
    tensorboard or mlflow; `teacher` an artifact, or its run folder, to learn from. `groups`, a
    regular expression for names of own pictures, or `by`, a column or "folder", tells their writers
    apart, whom the split keeps together; `as_is` leaves 28×28 pictures as they are.

    Raises `UsageError` for a wrong recipe, value or device, `DataError`, `StorageError` if the
    folder exists, `TrainingDiverged`, `TrainingInterrupted` at Ctrl-C, `MissingExtra`.
    """
    with needing("train", "training"):
        from inkdigits.training.runs import start_run, train_run
    known = recipe if isinstance(recipe, Recipe) else find_recipe(recipe)
    handling, folder = Handling(as_is, groups, by), Path(data_dir) if data_dir else None
    with shown_progress(quiet=quiet) as progress:
        run = start_run(
            with_fields(known, settings),
            seed,
            _named_or_loaded(data, folder, handling, progress),
            folder=Path(out) if out else None,
            data_folder=folder,
            handling=handling,
            device=device,
            engine=engine,
            tracker=tracker,
            teacher=Path(teacher) if teacher else None,
            progress=progress,
        )
        return Run(train_run(run, data_folder=folder, progress=progress).parent, folder)


def _named_or_loaded(
    data: Data, folder: Path | None, handling: Handling, progress: Progress
) -> str | LabelledImages:
    """The name of a data set or a path as it is; arrays as labelled images."""
    if isinstance(data, str | PathLike):
        return fspath(data)
    return load(data, "train", folder, handling, progress)
