"""A finished training run as a value."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from inkdigits.api.data import Data
from inkdigits.api.evaluation import evaluate
from inkdigits.artifact import ARTIFACT_NAME, ArtifactInfo, load_artifact
from inkdigits.errors import needing
from inkdigits.evaluation import Report


@dataclass(frozen=True)
class Run:
    """A finished training run: a folder with an artifact in it, as `train` leaves one.

    `Run(Path("runs/…"))` is an earlier one. `data_dir` is where its data set was, if it was given.
    `Reader.load` takes a run, and so does whatever takes the path of a folder.
    """

    folder: Path
    data_dir: Path | None = None

    @property
    def artifact(self) -> Path:
        """The path of the trained model, one ONNX file."""
        return Path(self) / ARTIFACT_NAME

    @cached_property
    def info(self) -> ArtifactInfo:
        """The artifact's metadata: recipe, seed, labels, validation scores, environment.

        Raises `StorageError` or `ArtifactError` if there is no sound artifact.
        """
        return load_artifact(self.artifact).info

    @property
    def history(self) -> list[dict[str, Any]]:
        """A row for each epoch: losses in nats, accuracies 0…1, learning rate, seconds."""
        return self.info.history

    def report(self, data: Data | None = None, *, quiet: bool = False) -> Report:
        """Evaluate on the test set of the run's data set, or on other `data`; see `evaluate`."""
        return evaluate(self, data, data_dir=self.data_dir, quiet=quiet)

    def __fspath__(self) -> str:
        return os.fspath(self.folder)

    def _repr_html_(self) -> str:
        """For notebooks: recipe, seed, validation accuracy, and how it was learned."""
        with needing("report", "showing a run"):
            from inkdigits.evaluation.cards import run_card
        return run_card(self.info, str(self.folder))
