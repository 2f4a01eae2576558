"""Train a recipe with Keras's `model.fit`, on the backend that is installed.

Batches, augmentation and learning rates are the recipe's own; initial weights and dropout are
Keras's. The checkpoint has the weights as PyTorch has them, so the artifact is made as always.
"""

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inkdigits.artifact import GLYPH_PX
from inkdigits.data import LabelledImages, Split
from inkdigits.errors import needing
from inkdigits.metrics import accuracy, cross_entropy, softmax
from inkdigits.recipes import Recipe
from inkdigits.training.batches import Batches
from inkdigits.training.checkpoint import Checkpoint, Epoch, Weights
from inkdigits.training.loop import (
    EVALUATION_BATCH,
    OnEpoch,
    OnStep,
    check_classes,
    check_split,
    diverged,
    ignore_epoch,
    ignore_step,
)
from inkdigits.training.models import named_weights
from inkdigits.training.schedules import learning_rate

with needing("keras", "the engine keras"):
    from inkdigits.export.keras import KerasNetwork, keras


def engine_name() -> str:
    """Keras's version and what it computes with."""
    return f"Keras {keras.__version__} on {keras.backend.backend()}"


def fit_keras(
    recipe: Recipe,
    split: Split,
    seed: int,
    *,
    on_step: OnStep = ignore_step,
    on_epoch: OnEpoch = ignore_epoch,
) -> Checkpoint:
    """Train a recipe on a split with Keras; the last checkpoint has weights and history.

    It can't be resumed from. Seeds Python, NumPy and the backend. Raises as `training.fit`.
    """
    check_classes(recipe, split.train.class_names)
    check_split(split, recipe)
    with torch.random.fork_rng([]):
        keras.utils.set_random_seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        batches = Batches(split.train, recipe)
        state = Checkpoint(torch.get_rng_state())
        while (number := len(state.finished)) < recipe.networks:
            mine = batches.of_network(number)
            state = _fit_network(state, mine, split.validation, on_step, on_epoch)
    return state


def _fit_network(
    state: Checkpoint,
    batches: Batches,
    validation: LabelledImages,
    on_step: OnStep,
    on_epoch: OnEpoch,
) -> Checkpoint:
    recipe = batches.recipe
    decay = 0.0 if recipe.optimizer == "adamw" else recipe.weight_decay
    layers = recipe.layers(classes=batches.classes)
    network = KerasNetwork(layers, recipe.pixel_mean, recipe.pixel_scale, decay)
    pixels = keras.Input((GLYPH_PX, GLYPH_PX, 1))
    model = keras.Model(pixels, network(pixels))
    model.compile(
        optimizer=_optimizer(recipe),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=batches.label_smoothing
        ),
        metrics=["accuracy"],
    )
    watcher = _Watcher(network, state, batches, validation, on_step, on_epoch)
    model.fit(
        _endless(batches),
        steps_per_epoch=len(batches),
        epochs=recipe.epochs,
        callbacks=[watcher],
        shuffle=False,  # they are
        verbose=0,
    )
    return watcher.state.network_finished()


def _optimizer(recipe: Recipe) -> Any:
    """Weight decay with adam and sgd is a penalty of the layers."""
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(recipe.peak_lr, momentum=recipe.momentum)
    settings = {"beta_1": recipe.momentum, "beta_2": recipe.beta2, "epsilon": 1e-8}
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(recipe.peak_lr, **settings)
    optimizer = keras.optimizers.AdamW(recipe.peak_lr, weight_decay=recipe.weight_decay, **settings)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _endless(batches: Batches) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """The batches of one epoch after the other, channels last."""
    while True:
        for images, targets in batches:
            yield images.permute(0, 2, 3, 1).numpy(), targets.numpy()


class _Watcher(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate, reports steps and epochs, and stops early."""

    def __init__(
        self,
        network: KerasNetwork,
        state: Checkpoint,
        batches: Batches,
        validation: LabelledImages,
        on_step: OnStep,
        on_epoch: OnEpoch,
    ) -> None:
        super().__init__()
        self.state = state
        self._network, self._batches, self._validation = network, batches, validation
        self._on_step, self._on_epoch = on_step, on_epoch
        self._step, self._started = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self._started = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self.model.optimizer.learning_rate = self._rate()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self._step += 1
        recipe, steps = self._batches.recipe, len(self._batches) * self._batches.recipe.epochs
        done = len(self.state.finished) * steps + self._step
        self._on_step(done, recipe.networks * steps)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        seconds = time.perf_counter() - self._started
        recipe, logs = self._batches.recipe, logs or {}
        loss, right = self._validated()
        row = Epoch(
            network=len(self.state.finished) + 1,
            epoch=epoch + 1,
            train_loss=float(logs["loss"]),
            train_accuracy=float(logs["accuracy"]),
            validation_loss=loss,
            validation_accuracy=right,
            learning_rate=self._rate(self._step - 1),
            seconds=seconds,
        )
        weights = self._weights()
        finite = all(bool(values.isfinite().all()) for values in weights.values())
        if not finite or not math.isfinite(row.train_loss):
            what = f"loss or weights are not finite after epoch {row.epoch}"
            raise diverged(what, row.learning_rate)
        self.state = self.state.after(row, weights, None, watch=recipe.patience > 0)
        self.model.stop_training = 0 < recipe.patience <= self.state.stale_epochs
        self._on_epoch(self.state)

    def _rate(self, step: int | None = None) -> float:
        step = self._step if step is None else step
        return learning_rate(self._batches.recipe, step, len(self._batches))

    def _validated(self) -> tuple[float | None, float | None]:
        """Loss and accuracy on the images held out, None without any."""
        images, labels = self._validation.images, self._validation.labels
        if not len(labels):
            return None, None
        parts = [
            keras.ops.convert_to_numpy(
                self.model(
                    images[start : start + EVALUATION_BATCH, ..., None].astype(np.float32),
                    training=False,
                )
            )
            for start in range(0, len(labels), EVALUATION_BATCH)
        ]
        logits = np.concatenate(parts)[:, : self._batches.classes]
        return cross_entropy(softmax(logits), labels), accuracy(logits, labels)

    def _weights(self) -> Weights:
        """As PyTorch's model has them."""
        recipe = self._batches.recipe
        weights = named_weights(self._network.get_weights())
        weights["normalise.mean"] = torch.tensor(recipe.pixel_mean)
        weights["normalise.scale"] = torch.tensor(recipe.pixel_scale)
        return weights
