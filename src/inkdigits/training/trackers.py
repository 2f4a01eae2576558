"""Where else a run's history is written: for TensorBoard, or to MLflow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inkdigits.errors import UsageError, needing
from inkdigits.files import read_bytes, write_atomic
from inkdigits.recipes import Recipe
from inkdigits.training.checkpoint import Epoch

TENSORBOARD, MLFLOW = "tensorboard", "mlflow"
_COUNTS = ("network", "epoch")
_RUN_ID = "mlflow-run-id.txt"

Track = Callable[[tuple[Epoch, ...]], None]
"""Writes the last row of a history."""


def check_tracker(tracker: str) -> None:
    """`UsageError` for an unknown tracker, `MissingExtra` for one that isn't installed."""
    if tracker not in ("", TENSORBOARD, MLFLOW):
        raise UsageError(f"there is no tracker {tracker!r}; choose {TENSORBOARD} or {MLFLOW}")
    with needing(tracker, f"the tracker {tracker}"):
        if tracker == TENSORBOARD:
            import torch.utils.tensorboard  # noqa: F401
        elif tracker == MLFLOW:
            import mlflow  # noqa: F401


@contextmanager
def tracking(tracker: str, folder: Path, recipe: Recipe, seed: int) -> Iterator[Track]:
    """What writes each epoch to a tracker; nothing without one.

    TensorBoard's events go into the run folder. MLflow gets a run of that folder's name in the
    store that it is set up for; a resumed folder goes on with it.
    """
    check_tracker(tracker)
    if tracker == TENSORBOARD:
        with _tensorboard(folder) as track:
            yield track
    elif tracker == MLFLOW:
        with _mlflow(folder, {**recipe.to_dict(), "seed": seed}) as track:
            yield track
    else:
        yield lambda _history: None


@contextmanager
def _tensorboard(folder: Path) -> Iterator[Track]:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder) as writer:

        def track(history: tuple[Epoch, ...]) -> None:
            for name, value in _figures(history[-1]).items():
                writer.add_scalar(name, value, len(history))
            writer.flush()

        yield track


@contextmanager
def _mlflow(folder: Path, settings: dict[str, object]) -> Iterator[Track]:
    import mlflow

    known = folder / _RUN_ID
    run_id = read_bytes(known).decode() if known.is_file() else None
    with _faults_of_mlflow():
        nested = mlflow.active_run() is not None
        run = mlflow.start_run(run_id, run_name=folder.name, nested=nested)
        if not run_id:
            mlflow.log_params(settings)
            write_atomic(known, run.info.run_id.encode())

    def track(history: tuple[Epoch, ...]) -> None:
        with _faults_of_mlflow():
            mlflow.log_metrics(_figures(history[-1]), len(history))

    with run:
        yield track


@contextmanager
def _faults_of_mlflow() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        raise UsageError(f"MLflow can't be written to: {error}") from error


def _figures(row: Epoch) -> dict[str, float]:
    """The measured columns; which network and epoch it was is the step."""
    return {k: v for k, v in vars(row).items() if v is not None and k not in _COUNTS}
