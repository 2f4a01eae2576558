"""The state of training after an epoch: everything needed to resume."""

import io
import math
import pickle
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from inkdigits.errors import UsageError
from inkdigits.files import read_bytes, write_atomic

Weights = dict[str, Tensor]
T = TypeVar("T")

# What unpickling a torn or altered file raises, or building from one of another version.
_DAMAGED = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    struct.error,
    pickle.PickleError,
)


@dataclass(frozen=True)
class Epoch:
    """One row of the history; `network` and `epoch` count from 1.

    Training figures are running means over the epoch, on augmented images and with dropout.
    Validation figures are measured at its end; they are None without a validation part.
    `seconds` is the time of the training pass, with augmentation and without validation.
    """

    network: int
    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """Random state, history, the weights of `finished` networks, and the network in training.

    `model` and `optimizer` are the state of the latter, None until its first epoch ends. All of
    it is on the CPU, wherever training computes.
    """

    random_state: Tensor
    history: tuple[Epoch, ...] = ()
    finished: tuple[Weights, ...] = ()
    model: Weights | None = None
    optimizer: dict[str, list[Tensor]] | None = None
    best_model: Weights | None = None
    best_loss: float = math.inf
    stale_epochs: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Only tensors, numbers and strings, so loading it can't run code."""
        return {**vars(self), "history": [asdict(row) for row in self.history]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Checkpoint":
        """The inverse of `to_dict`."""
        return cls(**{**values, "history": tuple(Epoch(**row) for row in values["history"])})

    @property
    def epochs_done(self) -> int:
        """The number of epochs done by the network in training."""
        return sum(row.network > len(self.finished) for row in self.history)

    def after(
        self,
        row: Epoch,
        weights: Weights,
        optimizer: dict[str, list[Tensor]] | None,
        *,
        watch: bool,
    ) -> "Checkpoint":
        """The checkpoint after one more epoch; with `watch`, it keeps the best weights too."""
        loss = math.inf if row.validation_loss is None else row.validation_loss
        better = watch and loss < self.best_loss
        return replace(
            self,
            model=weights,
            optimizer=optimizer,
            random_state=torch.get_rng_state(),
            history=(*self.history, row),
            best_model=weights if better else self.best_model,
            best_loss=loss if better else self.best_loss,
            stale_epochs=0 if better else self.stale_epochs + 1,
        )

    def network_finished(self) -> "Checkpoint":
        """The checkpoint with the network in training among the finished ones."""
        return Checkpoint(
            random_state=self.random_state,
            history=self.history,
            finished=(*self.finished, self._latest()),
        )

    def weights(self) -> tuple[Weights, ...]:
        """The weights of the finished networks; if none is finished, of the one in training."""
        return self.finished or (self._latest(),)

    def _latest(self) -> Weights:
        return self.best_model or self.model or {}


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and strings to a file."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def load_state(path: Path, build: Callable[[dict[str, Any]], T]) -> T | None:
    """What `build` makes of a saved state; None without a file, `UsageError` if it is damaged."""
    if not path.is_file():
        return None
    try:
        return build(
            torch.load(io.BytesIO(read_bytes(path)), map_location="cpu", weights_only=True)
        )
    except _DAMAGED as error:
        raise UsageError(f"{path} is damaged ({error}); start a new run") from error
