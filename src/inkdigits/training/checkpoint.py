"""The state of training after an epoch: everything needed to resume."""

import csv
import io
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

Weights = dict[str, Tensor]


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
        """Tensors, numbers and texts, for `save_state`."""
        return {**vars(self), "history": [asdict(row) for row in self.history]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Checkpoint":
        """The inverse of `to_dict`."""
        history = tuple(Epoch(**row) for row in values["history"])
        return cls(**{**values, "history": history, "finished": tuple(values["finished"])})

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

    def history_csv(self) -> bytes:
        """The history as a table, a row for each epoch."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, [field.name for field in fields(Epoch)])
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in self.history)
        return text.getvalue().encode()

    def _latest(self) -> Weights:
        return self.best_model or self.model or {}
