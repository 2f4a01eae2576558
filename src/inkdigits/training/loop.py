"""Training: one loop that reads from top to bottom.

The whole data set is one uint8 tensor in memory; batches are drawn from it by index. Everything
random (initial weights, order, dropout, augmentation) comes from one generator that the seed sets
and the checkpoint stores. A resumed run therefore gives the same weights, bit for bit, as an
uninterrupted one, on the same machine with the same number of threads.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inkdigits.artifact import DIGITS
from inkdigits.data import LabelledImages, Split
from inkdigits.errors import TrainingDiverged, UsageError
from inkdigits.metrics import accuracy
from inkdigits.recipes import Recipe
from inkdigits.recipes.recipe import Precision
from inkdigits.training.batches import Batches
from inkdigits.training.checkpoint import Checkpoint, Epoch, Weights
from inkdigits.training.models import Model, build_model
from inkdigits.training.optimizers import Optimizer
from inkdigits.training.schedules import learning_rate
from inkdigits.training.tuning import Start, begin_with

EVALUATION_BATCH = 1000
OnStep = Callable[[int, int], None]
"""Called after each step with the steps done and the total."""

OnEpoch = Callable[[Checkpoint], None]
"""Called after each epoch."""


def ignore_step(_done: int, _total: int) -> None:
    """An `OnStep` that does nothing."""


def ignore_epoch(_checkpoint: Checkpoint) -> None:
    """An `OnEpoch` that does nothing."""


def fit(
    recipe: Recipe,
    split: Split,
    seed: int,
    *,
    start: Start | None = None,
    resume: Checkpoint | None = None,
    on_step: OnStep = ignore_step,
    on_epoch: OnEpoch = ignore_epoch,
) -> Checkpoint:
    """Train a recipe on a split of a training set; the last checkpoint has weights and history.

    `start` is an artifact to begin with, of the recipe's network.

    Raises `TrainingDiverged` if loss or weights are not finite, `UsageError` if the split has no
    images to train on, none for a recipe with `patience` to watch, or classes that don't suit it.
    """
    check_classes(recipe, split.train.class_names)
    _check_split(split, recipe)
    batches = Batches(split.train, recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = resume or Checkpoint(torch.get_rng_state())
        while len(state.finished) < recipe.networks:
            state = _fit_network(state, batches, split.validation, start, on_step, on_epoch)
    return state


def _fit_network(
    state: Checkpoint,
    batches: Batches,
    validation: LabelledImages,
    start: Start | None,
    on_step: OnStep,
    on_epoch: OnEpoch,
) -> Checkpoint:
    """Train the next network, or the rest of the one in training."""
    recipe = batches.recipe
    model = build_model(recipe, batches.classes)
    if start:
        begin_with(model, start, validation.class_names)
    optimizer = Optimizer(recipe, model)
    if state.model and state.optimizer:
        _restore(state.model, model, state.optimizer, optimizer)
        torch.set_rng_state(state.random_state)
    watch = recipe.patience > 0
    while state.epochs_done < recipe.epochs:
        if watch and state.stale_epochs >= recipe.patience:
            break
        row = _train_epoch(model, optimizer, batches, state, on_step)
        row = _validate(model, validation, row)
        _check_weights(model, row)
        state = state.after(row, model, optimizer, watch=watch)
        on_epoch(state)
    return state.network_finished()


def _restore(
    weights: Weights, model: Model, moments: dict[str, list[Tensor]], optimizer: Optimizer
) -> None:
    try:
        model.load_state_dict(weights)
        optimizer.load_state_dict(moments)
    except (RuntimeError, ValueError, KeyError) as error:
        raise UsageError(
            "the checkpoint is for another network than the recipe's, perhaps from another version "
            "of inkdigits; start a new run"
        ) from error


def check_classes(recipe: Recipe, class_names: tuple[str, ...]) -> None:
    """`UsageError` for a recipe that draws digits, and data with other classes."""
    if recipe.draws_digits and class_names != DIGITS:
        raise UsageError(
            f"{recipe.name} draws digits of its own, and the data's classes are others "
            f"({', '.join(class_names[:3])} …); choose another recipe, such as standard"
        )


def _check_split(split: Split, recipe: Recipe) -> None:
    for part, needed in (("train", True), ("validation", recipe.patience > 0)):
        if needed and not len(getattr(split, part)):
            raise UsageError(
                f"validation_fraction {recipe.validation_fraction} leaves no images in the {part} "
                "part; change it"
            )


def used_precision(recipe: Recipe) -> Precision:
    """The recipe's precision, or fp32 if this processor has no fast bf16 convolutions."""
    return recipe.precision if has_fast_bf16() else "fp32"


def has_fast_bf16() -> bool:
    """Whether this processor has fast bf16 convolutions."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(available and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _train_epoch(
    model: Model,
    optimizer: Optimizer,
    batches: Batches,
    state: Checkpoint,
    on_step: OnStep,
) -> Epoch:
    """One pass over the training part; the validation figures are filled in later."""
    recipe = batches.recipe
    first_step, steps = state.epochs_done * len(batches), len(batches) * recipe.epochs
    before = len(state.finished) * steps
    use_bf16 = used_precision(recipe) == "bf16"
    started = time.perf_counter()
    loss_sum = right = seen = lr = 0.0
    model.train()
    for step, (images, one_hot_labels) in enumerate(batches, start=first_step):
        lr = learning_rate(recipe, step, len(batches))
        with torch.autocast("cpu", torch.bfloat16, enabled=use_bf16):
            logits = model(images)
        loss = functional.cross_entropy(
            logits.float(), one_hot_labels, label_smoothing=recipe.label_smoothing
        )
        gradients = torch.autograd.grad(loss, optimizer.parameters)
        optimizer.step(gradients, lr)
        loss_sum += _finite(loss.item(), step, lr) * len(images)
        right += (logits.argmax(1) == one_hot_labels.argmax(1)).sum().item()
        seen += len(images)
        on_step(before + step + 1, recipe.networks * steps)
    return Epoch(
        network=len(state.finished) + 1,
        epoch=state.epochs_done + 1,
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
    """Check the weights too: the last step may break them after its loss was checked."""
    finite = all(values.isfinite().all() for values in model.state_dict().values())
    if not finite or not math.isfinite(row.validation_loss or 0.0):
        what = f"weights or validation loss are not finite after epoch {row.epoch}"
        raise _diverged(what, row.learning_rate)


def _validate(model: Model, validation: LabelledImages, row: Epoch) -> Epoch:
    if not len(validation):
        return row
    logits = predict_logits(model, validation.images)[:, : model.classes]
    labels = torch.from_numpy(validation.labels).long()
    loss = functional.cross_entropy(logits, labels).item()
    right = accuracy(logits.numpy(), validation.labels)
    return replace(row, validation_loss=loss, validation_accuracy=right)


def predict_logits(model: nn.Module, images: Any) -> Tensor:
    """Logits, float32, of uint8 images (n, 28, 28), in evaluation mode.

    They are (n, classes), or one more with a class for junk.
    """
    model.eval()
    with torch.inference_mode():
        parts = torch.split(torch.from_numpy(images).unsqueeze(1), EVALUATION_BATCH)
        return torch.cat([model(part.float()) for part in parts])
