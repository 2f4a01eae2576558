"""Training: one loop that reads from top to bottom.

The whole data set is one uint8 tensor in memory; batches are drawn from it by index. Everything
random (initial weights, order, dropout, augmentation) comes from one generator that the seed sets
and the checkpoint stores, so a run that was interrupted and resumed gives the same weights, bit
for bit, as one that wasn't, on the same machine with the same number of threads.
"""

import copy
import ctypes
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inkdigits.architectures import CLASSES
from inkdigits.augment import random_affine
from inkdigits.data import LabelledImages, Split, one_hot
from inkdigits.effects import add_flourishes, apply_effects
from inkdigits.errors import TrainingDiverged, UsageError
from inkdigits.junk import draw_junk
from inkdigits.models import Model, build_model
from inkdigits.optimizers import Optimizer
from inkdigits.recipe import Precision, Recipe
from inkdigits.schedules import learning_rate

EVALUATION_BATCH = 1000
OnStep = Callable[[int, int], None]
"""Called after each step with the steps done and the steps in all."""


@dataclass(frozen=True)
class Epoch:
    """One row of the history.

    The training figures are running means over the epoch, on augmented images and with dropout;
    the validation ones are measured at its end, and None where there is no validation part.
    `seconds` is the time of the training pass, augmentation included, validation left out.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to go on after an epoch: weights, optimiser, random state, history."""

    model: dict[str, Tensor]
    optimizer: dict[str, list[Tensor]]
    random_state: Tensor
    history: tuple[Epoch, ...] = ()
    best_model: dict[str, Tensor] | None = None
    best_loss: float = math.inf
    stale_epochs: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Tensors, numbers and texts only, so that loading it can't run code."""
        return {**vars(self), "history": [asdict(row) for row in self.history]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Checkpoint":
        """The inverse of `to_dict`."""
        return cls(**{**values, "history": tuple(Epoch(**row) for row in values["history"])})

    def after(self, row: Epoch, model: Model, optimizer: Optimizer, *, watch: bool) -> "Checkpoint":
        """The checkpoint after one more epoch; with `watch`, it keeps the best weights too."""
        weights = copy.deepcopy(model.state_dict())
        loss = math.inf if row.validation_loss is None else row.validation_loss
        better = watch and loss < self.best_loss
        return Checkpoint(
            model=weights,
            optimizer=optimizer.state_dict(),
            random_state=torch.get_rng_state(),
            history=(*self.history, row),
            best_model=weights if better else self.best_model,
            best_loss=loss if better else self.best_loss,
            stale_epochs=0 if better else self.stale_epochs + 1,
        )

    def final_weights(self) -> dict[str, Tensor]:
        """The weights to keep if training ends here: the best if it watched, else the last."""
        return self.best_model or self.model


OnEpoch = Callable[[Checkpoint], None]
"""Called after each epoch."""


def fit(
    recipe: Recipe,
    split: Split,
    seed: int,
    *,
    resume: Checkpoint | None = None,
    on_step: OnStep = lambda _done, _total: None,
    on_epoch: OnEpoch = lambda _checkpoint: None,
) -> Checkpoint:
    """Train a recipe on a split of a training set; the last checkpoint has weights and history.

    Raises `TrainingDiverged` when loss or weights are not finite, `UsageError` when the split
    leaves nothing to train on, or nothing to watch for a recipe that does.
    """
    watch = recipe.patience > 0
    _check_split(split, recipe)
    _keep_freed_memory()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(recipe)
        optimizer = Optimizer(recipe, model)
        state = resume or Checkpoint(
            model.state_dict(), optimizer.state_dict(), torch.get_rng_state()
        )
        _restore(state, model, optimizer)
        batches = Batches(split.train, recipe)
        while len(state.history) < recipe.epochs:
            if watch and state.stale_epochs >= recipe.patience:
                break
            row = _train_epoch(model, optimizer, batches, len(state.history), on_step)
            row = _validate(model, split.validation, row)
            _check_weights(model, row)
            state = state.after(row, model, optimizer, watch=watch)
            on_epoch(state)
    return state


def _keep_freed_memory() -> None:
    """Let glibc hold on to memory that was freed, in this process, for the next step.

    Given back and asked for again it comes with page faults: 0.2 s of 1.1 s in `fast`.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # from malloc.h
        mallopt(mmap_threshold, 32 << 20)
        mallopt(trim_threshold, 1 << 30)
        mallopt(top_pad, 64 << 20)


def _restore(state: Checkpoint, model: Model, optimizer: Optimizer) -> None:
    try:
        model.load_state_dict(state.model)
        optimizer.load_state_dict(state.optimizer)
    except (RuntimeError, ValueError, KeyError) as error:
        raise UsageError(
            "the checkpoint is of another network than the recipe's, perhaps of another version "
            "of inkdigits; start a new run"
        ) from error
    torch.set_rng_state(state.random_state)


def _check_split(split: Split, recipe: Recipe) -> None:
    for part, needed in (("train", True), ("validation", recipe.patience > 0)):
        if needed and not len(getattr(split, part)):
            raise UsageError(
                f"validation_fraction {recipe.validation_fraction} leaves no image in the {part} "
                "part; change it"
            )


class Batches:
    """A training set as tensors; each pass over it is shuffled and augmented afresh."""

    def __init__(self, data: LabelledImages, recipe: Recipe) -> None:
        self.images = torch.from_numpy(data.images)
        classes = CLASSES + (recipe.junk_share > 0)
        self.soft_labels = torch.from_numpy(one_hot(data.labels, classes))
        self.recipe = recipe

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of augmented float images (n, 1, 28, 28) and soft labels (n, 10).

        With junk there are more images than `batch_size`, and an eleventh column.
        """
        recipe, generator = self.recipe, torch.default_generator
        order = torch.randperm(len(self.images), generator=generator)
        for chosen in torch.split(order, recipe.batch_size):
            images = random_affine(
                self.images[chosen].unsqueeze(1).float(),
                rotation_deg=recipe.rotation_deg,
                shift_px=recipe.shift_px,
                zoom=recipe.zoom,
                shear_deg=recipe.shear_deg,
                generator=generator,
            )
            soft_labels = self.soft_labels[chosen]
            if recipe.flourish_rate:
                labels = soft_labels.argmax(1)
                images = add_flourishes(images, labels, recipe.flourish_rate, generator)
            if recipe.junk_share:
                junk = draw_junk(round(len(images) * recipe.junk_share), images, generator)
                images = torch.cat([images, junk])
                junk_labels = torch.eye(CLASSES + 1)[CLASSES].expand(len(junk), -1)
                soft_labels = torch.cat([soft_labels, junk_labels])
            yield apply_effects(images, recipe.effects, recipe.effect_rate, generator), soft_labels

    def __len__(self) -> int:
        return math.ceil(len(self.images) / self.recipe.batch_size)


def used_precision(recipe: Recipe) -> Precision:
    """The recipe's precision, or fp32 where this processor has no fast bf16 convolutions."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    fast = available and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return recipe.precision if fast else "fp32"


def _train_epoch(
    model: Model,
    optimizer: Optimizer,
    batches: Batches,
    epochs_done: int,
    on_step: OnStep,
) -> Epoch:
    """One pass over the training part; its validation figures are still missing."""
    recipe = batches.recipe
    use_bf16 = used_precision(recipe) == "bf16"
    started = time.perf_counter()
    loss_sum = right = seen = lr = 0.0
    model.train()
    for step, (images, soft_labels) in enumerate(batches, start=epochs_done * len(batches)):
        lr = learning_rate(recipe, step, len(batches))
        with torch.autocast("cpu", torch.bfloat16, enabled=use_bf16):
            logits = model(images)
        loss = functional.cross_entropy(
            logits.float(), soft_labels, label_smoothing=recipe.label_smoothing
        )
        gradients = torch.autograd.grad(loss, optimizer.parameters)
        optimizer.step(gradients, lr)
        loss_sum += _finite(loss.item(), step, lr) * len(images)
        right += (logits.argmax(1) == soft_labels.argmax(1)).sum().item()
        seen += len(images)
        on_step(step + 1, len(batches) * recipe.epochs)
    return Epoch(
        epoch=epochs_done + 1,
        train_loss=loss_sum / seen,
        train_accuracy=right / seen,
        validation_loss=None,
        validation_accuracy=None,
        learning_rate=lr,
        seconds=time.perf_counter() - started,
    )


def _finite(loss: float, step: int, lr: float) -> float:
    if not math.isfinite(loss):
        raise _diverged(f"the loss is {loss} at step {step + 1}", lr)
    return loss


def _diverged(what: str, lr: float) -> TrainingDiverged:
    return TrainingDiverged(
        f"{what} (learning rate {lr:.3g}); lower peak_lr, e.g. --set peak_lr=0.001"
    )


def _check_weights(model: Model, row: Epoch) -> None:
    """The last step of an epoch may have spoilt the weights after its loss was looked at."""
    finite = all(values.isfinite().all() for values in model.state_dict().values())
    if not finite or not math.isfinite(row.validation_loss or 0.0):
        what = f"weights or validation loss are not finite after epoch {row.epoch}"
        raise _diverged(what, row.learning_rate)


def _validate(model: Model, validation: LabelledImages, row: Epoch) -> Epoch:
    if not len(validation):
        return row
    logits = predict_logits(model, validation.images)[:, :CLASSES]
    labels = torch.from_numpy(validation.labels).long()
    loss = functional.cross_entropy(logits, labels).item()
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    return replace(row, validation_loss=loss, validation_accuracy=accuracy)


def predict_logits(model: nn.Module, images: Any) -> Tensor:
    """Logits, float32, of uint8 images (n, 28, 28), in evaluation mode.

    They are (n, 10), or (n, 11) with a class for junk.
    """
    model.eval()
    with torch.inference_mode():
        parts = torch.split(torch.from_numpy(images).unsqueeze(1), EVALUATION_BATCH)
        return torch.cat([model(part.float()) for part in parts])
