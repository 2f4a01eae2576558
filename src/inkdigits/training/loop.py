"""Training: one loop that reads from top to bottom.

The whole data set is one uint8 tensor on the device; batches are drawn from it by index. Everything
random (initial weights, order, dropout, augmentation) comes from one generator that the seed sets
and the checkpoint stores. On a processor a resumed run therefore gives the same weights, bit for
bit, as an uninterrupted one, on the same machine with the same number of threads. A GPU gives what
a processor gives, but for rounding and, in recipes with dropout, for the masks: its own generator
draws them, from a seed that follows from the stored one.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from inkdigits.artifact import DIGITS
from inkdigits.data import LabelledImages, Split
from inkdigits.errors import TrainingDiverged, UsageError
from inkdigits.metrics import accuracy
from inkdigits.recipes import Recipe
from inkdigits.training import processes
from inkdigits.training.batches import Batches
from inkdigits.training.checkpoint import Checkpoint, Epoch, Weights
from inkdigits.training.devices import AUTO, choose_device, moved, used_precision
from inkdigits.training.models import Model, build_network
from inkdigits.training.optimizers import Optimizer
from inkdigits.training.schedules import learning_rate
from inkdigits.training.tuning import Start, begin_with

EVALUATION_BATCH = 1000
READ_EVERY = 50  # steps
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
    device: str = AUTO,
    on_step: OnStep = ignore_step,
    on_epoch: OnEpoch = ignore_epoch,
) -> Checkpoint:
    """Train a recipe on a split of a training set; the last checkpoint has weights and history.

    `start` is an artifact to begin with, of the recipe's network. `device` is auto, cpu, cuda or
    mps, as for `choose_device`; the checkpoint is on the CPU.

    Raises `TrainingDiverged` if loss or weights are not finite, `UsageError` if the split has no
    images to train on, none for a recipe with `patience` to watch, or classes that don't suit it,
    or if there is no such device.
    """
    check_classes(recipe, split.train.class_names)
    check_split(split, recipe)
    batches = Batches(split.train, recipe, choose_device(device))
    with torch.random.fork_rng([batches.device] if batches.device.type == "cuda" else []):
        torch.default_generator.manual_seed(int(seed))  # of NumPy's kinds too
        state = resume or Checkpoint(torch.get_rng_state())
        while (number := len(state.finished)) < recipe.networks:
            mine = batches.of_network(number)
            state = _fit_network(state, mine, split.validation, start, on_step, on_epoch)
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
    model = build_network(recipe, batches.classes, len(state.finished))
    if start:
        begin_with(model, start, validation.class_names)
    model.to(batches.device)
    optimizer, shared = Optimizer(recipe, model), processes.shared(model)
    if state.model and state.optimizer:
        _restore(state.model, model, state.optimizer, optimizer)
        torch.set_rng_state(state.random_state)
    watch = recipe.patience > 0
    while state.epochs_done < recipe.epochs:
        if watch and state.stale_epochs >= recipe.patience:
            break
        row = _train_epoch(shared, optimizer, batches, state, on_step)
        row = _validate(model, validation, row)
        _check_weights(model, row)
        weights = {name: values.to("cpu", copy=True) for name, values in model.state_dict().items()}
        state = state.after(row, weights, optimizer.state_dict(), watch=watch)
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


def check_split(split: Split, recipe: Recipe) -> None:
    """`UsageError` if a part that the recipe needs has no images."""
    for part, needed in (("train", True), ("validation", recipe.patience > 0)):
        if needed and not len(getattr(split, part)):
            raise UsageError(
                f"validation_fraction {recipe.validation_fraction} leaves no images in the {part} "
                "part; change it"
            )


class _Step(NamedTuple):
    """A step, counted from 1: its mean loss () and right answers (), on the device; its images."""

    number: int
    loss: Tensor
    right: Tensor
    images: int
    lr: float


class _Sums:
    """Sums over the steps of an epoch.

    A figure is asked of the device only every `READ_EVERY` steps, because the answer waits until
    everything before it is computed.
    """

    def __init__(self) -> None:
        self.loss, self.right, self.seen = 0.0, 0, 0
        self._unread: list[_Step] = []

    def add(self, step: _Step) -> None:
        """Add a step's figures."""
        self._unread.append(step)
        if len(self._unread) == READ_EVERY:
            self.read()

    def read(self) -> None:
        """Bring the sums up to date; `TrainingDiverged` if a loss is not finite."""
        steps, self._unread = self._unread, []
        if not steps:
            return
        losses = torch.stack([step.loss * step.images for step in steps])
        images = torch.tensor([step.images for step in steps], device=losses.device)
        right = torch.stack([step.right for step in steps])
        sums, sizes = processes.summed(losses).tolist(), processes.summed(images).tolist()
        for step, loss, size in zip(steps, sums, sizes, strict=True):
            if not math.isfinite(loss):
                raise diverged(f"the loss is {loss / size} at step {step.number}", step.lr)
            self.loss += loss
            self.seen += size
        self.right += int(processes.summed(right).sum())


def _seed_device(device: torch.device) -> None:
    """Let a GPU's generator follow from the stored one, without drawing from that."""
    if device.type != "cpu":
        ahead = torch.Generator()
        ahead.set_state(torch.get_rng_state())
        seed = int(torch.randint(2**62, (), generator=ahead))
        torch.get_device_module(device).manual_seed(seed)


def _train_epoch(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Batches,
    state: Checkpoint,
    on_step: OnStep,
) -> Epoch:
    """One pass over the training part; the validation figures are filled in later."""
    recipe = batches.recipe
    first_step, steps = state.epochs_done * len(batches), len(batches) * recipe.epochs
    before = len(state.finished) * steps
    device, use_bf16 = batches.device, used_precision(recipe, batches.device) == "bf16"
    started = time.perf_counter()
    sums, lr = _Sums(), 0.0
    _seed_device(device)
    model.train()
    for step, whole in enumerate(batches, start=first_step):
        lr = learning_rate(recipe, step, len(batches))
        images, targets = map(processes.part_of, whole)
        with torch.autocast(device.type, torch.bfloat16, enabled=use_bf16):
            logits = model(images)
        loss = functional.cross_entropy(
            logits.float(), targets, label_smoothing=batches.label_smoothing
        )
        share = len(images) * processes.count() / len(whole[0])  # DDP takes the plain mean
        gradients = processes.gradients_of(loss * share, optimizer.parameters)
        optimizer.step(gradients, lr)
        right = (logits.argmax(1) == targets.argmax(1)).sum()
        sums.add(_Step(step + 1, loss.detach(), right, len(images), lr))
        on_step(before + step + 1, recipe.networks * steps)
    sums.read()
    return Epoch(
        network=len(state.finished) + 1,
        epoch=state.epochs_done + 1,
        train_loss=sums.loss / sums.seen,
        train_accuracy=sums.right / sums.seen,
        validation_loss=None,
        validation_accuracy=None,
        learning_rate=lr,
        seconds=time.perf_counter() - started,
    )


def diverged(what: str, lr: float) -> TrainingDiverged:
    """The error for a loss or weights that aren't finite."""
    return TrainingDiverged(
        f"{what} (learning rate {lr:.3g}); lower peak_lr, e.g. --set peak_lr=0.001"
    )


def _check_weights(model: Model, row: Epoch) -> None:
    """Check the weights too: the last step may break them after its loss was checked."""
    finite = all(values.isfinite().all() for values in model.state_dict().values())
    if not finite or not math.isfinite(row.validation_loss or 0.0):
        what = f"weights or validation loss are not finite after epoch {row.epoch}"
        raise diverged(what, row.learning_rate)


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

    They are (n, classes), or one more with a class for junk, on the CPU wherever the model is.
    """
    model.eval()
    on_device = moved(torch.from_numpy(images), next(model.parameters()).device)
    with torch.inference_mode():
        parts = torch.split(on_device.unsqueeze(1), EVALUATION_BATCH)
        return torch.cat([model(part.float()) for part in parts]).cpu()
