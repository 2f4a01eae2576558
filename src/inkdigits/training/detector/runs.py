"""Run folders of the detector: train into one, resume, end in a detector file.

runs/20261121-093000-detector-0/
    run.json           recipe, seed, environment
    history.csv        a row for every few hundred steps
    checkpoint.safetensors, checkpoint-before.safetensors
                       for resuming, the last two; read only by training
    detector.onnx      the trained detector

The command adds `report.html`, `report.json` and `mistakes.png`.
"""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkdigits.artifact import seal
from inkdigits.data import Progress, ignore_progress
from inkdigits.environment import describe_environment
from inkdigits.errors import TrainingInterrupted, UsageError
from inkdigits.export.detector import export_detector, unseal_detector
from inkdigits.files import make_folder, read_bytes, write_atomic
from inkdigits.reading.acceptance import FEATURES
from inkdigits.reading.detector import SHIPPED_DETECTOR
from inkdigits.recipes.detector import DetectorRecipe
from inkdigits.training.checkpoint_file import alone, load_state, save_state
from inkdigits.training.detector.acceptance import fit_acceptance
from inkdigits.training.detector.classes import CLASSES
from inkdigits.training.detector.loop import Row, State, fit_detector
from inkdigits.training.detector.network import Detector
from inkdigits.training.detector.validation import read_pages
from inkdigits.training.devices import AUTO, choose_device, device_name
from inkdigits.training.run_folder import check_seed

NO_ACCEPTANCE = [0.0] * FEATURES
FITTED_PAGES = range(1500)
_HISTORY, _RUN = "history.csv", "run.json"


@dataclass(frozen=True)
class DetectorRun:
    """The settings of a run folder."""

    folder: Path
    recipe: DetectorRecipe
    seed: int
    environment: dict[str, Any]
    device: str = AUTO


def is_detector_run(folder: Path) -> bool:
    """Whether a folder is a run of the detector."""
    path = folder / _RUN
    try:
        name = json.loads(path.read_bytes())["recipe"]["name"] if path.is_file() else ""
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False
    return bool(name == DetectorRecipe.name)


def start_detector_run(
    recipe: DetectorRecipe, seed: int, folder: Path, device: str = AUTO
) -> DetectorRun:
    """Make a new run folder; `StorageError` if it exists, `UsageError` for a bad seed or device."""
    check_seed(seed)
    environment = {**describe_environment(), "device": device_name(choose_device(device))}
    run = DetectorRun(folder, recipe, seed, environment, device)
    make_folder(folder, must_be_new=True)
    settings = {"recipe": recipe.to_dict(), "seed": seed, "environment": run.environment}
    write_atomic(folder / _RUN, json.dumps(settings, indent=2).encode())
    return run


def open_detector_run(folder: Path, device: str = AUTO) -> DetectorRun:
    """An existing run folder, to go on with on a device; `UsageError` if it is damaged."""
    try:
        settings = json.loads(read_bytes(folder / _RUN))
        recipe = DetectorRecipe(**settings.pop("recipe"))
        return DetectorRun(folder, recipe, device=device, **settings)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(f"{folder / _RUN} is damaged ({error}); start a new run") from error


def train_detector_run(run: DetectorRun, progress: Progress = ignore_progress) -> Path:
    """Train, or resume from the folder's checkpoint, and write the detector; returns its path.

    Checkpoint and history are saved every few hundred steps. Ctrl-C raises `TrainingInterrupted`.
    """
    with alone(run.folder):
        return _train(run, progress)


def _train(run: DetectorRun, progress: Progress) -> Path:
    resumed = load_state(run.folder, _rows_and_state, progress)
    rows, begun = resumed or ([], None)

    def keep(state: State, row: Row) -> None:
        rows.append(row)
        save_state(run.folder, {**state, "history": rows})
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerows([Row._fields, *rows])
        write_atomic(run.folder / _HISTORY, text.getvalue().encode())

    try:
        detector = fit_detector(
            run.recipe,
            run.seed,
            resume=begun,
            device=run.device,
            on_step=lambda done, total: progress("training", done, total),
            on_state=keep,
        )
    except KeyboardInterrupt:
        done = rows[-1].step if rows else 0
        raise TrainingInterrupted(
            f"stopped; {done} of {run.recipe.steps} steps are saved in {run.folder}; "
            f"continue with 'inkdigits train --resume {run.folder}'"
        ) from None
    path = run.folder / SHIPPED_DETECTOR
    write_atomic(path, with_acceptance(seal_detector(detector, run, NO_ACCEPTANCE), progress))
    return path


def with_acceptance(content: bytes, progress: Progress) -> bytes:
    """A detector's bytes with the acceptance that fits it and the shipped other networks."""
    pages = read_pages(
        content, FITTED_PAGES, lambda done, total: progress("reading held-out pages", done, total)
    )
    graph, metadata = unseal_detector(content)
    return seal(graph, {**metadata, "acceptance": fit_acceptance(pages)})


def seal_detector(detector: Detector, run: DetectorRun, acceptance: list[float]) -> bytes:
    """The bytes of a detector file."""
    weights = {name: values.numpy() for name, values in detector.state_dict().items()}
    metadata = {
        "classes": CLASSES,
        "acceptance": acceptance,
        "recipe": run.recipe.to_dict(),
        "seed": run.seed,
        "environment": run.environment,
    }
    return seal(export_detector(weights, len(CLASSES)), metadata)


def _rows_and_state(saved: State) -> tuple[list[Row], State]:
    rows = [Row(*row) for row in saved.pop("history")]
    return rows, saved
