"""Training of the detector on pages that other processes draw."""

import math
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from inkdigits.errors import TrainingDiverged, UsageError
from inkdigits.recipes.detector import DetectorRecipe
from inkdigits.training.detector.drawing import draw_batches
from inkdigits.training.detector.network import Detector
from inkdigits.training.detector.targets import loss_of
from inkdigits.training.devices import AUTO, choose_device, has_fast_bf16, moved
from inkdigits.training.loop import OnStep, ignore_step

State = dict[str, Any]
KEEP_EVERY = 500  # steps between checkpoints


class Row(NamedTuple):
    """The means over the steps since the last row of the history."""

    step: int
    class_loss: float
    size_loss: float
    learning_rate: float
    seconds: float


OnState = Callable[[State, Row], None]
"""Called with what a training can go on from, and with a row of the history."""


def fit_detector(
    recipe: DetectorRecipe,
    seed: int,
    *,
    resume: State | None = None,
    device: str = AUTO,
    on_step: OnStep = ignore_step,
    on_state: OnState = lambda _state, _row: None,
) -> Detector:
    """Train a detector; its averaged weights, on the CPU, in evaluation mode.

    `device` is auto, cpu, cuda or mps. On processors the same seed, machine and number of threads
    give the same weights, resumed or not. Raises `TrainingDiverged` if the loss is not finite,
    `UsageError` if there is no such device.
    """
    place = choose_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network, averaged = Detector(), Detector()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.4 times as fast
    network.to(place)
    averaged.to(place).load_state_dict(network.state_dict())
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.peak_lr, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    first = _restore(resume, network, averaged, optimizer) if resume else 0
    sums, since, began = torch.zeros(2, device=place), first, time.perf_counter()
    processors = os.cpu_count() or 1
    drawing = processors if place.type == "cuda" else max(1, processors // 2)
    pages = draw_batches(seed, recipe.batch_size, first, recipe.steps, drawing)
    for step, batch in enumerate(pages, start=first):
        lr = learning_rate(recipe, step)
        on_device = [moved(part, place) for part in batch]
        sums += _step(network, optimizer, on_device, lr, recipe.clip_norm)
        _follow(averaged, network, min(recipe.average, (step + 1) / (step + 10)))
        on_step(step + 1, recipe.steps)
        if (step + 1) % KEEP_EVERY == 0 or step + 1 == recipe.steps:
            means = (sums / (step + 1 - since)).tolist()
            if not math.isfinite(sum(means)):
                raise TrainingDiverged(f"the loss is not finite at step {step + 1}; lower peak_lr")
            seconds = time.perf_counter() - began
            row = Row(step + 1, means[0], means[1], lr, seconds)
            on_state(_state(step + 1, network, averaged, optimizer), row)
            sums, since, began = torch.zeros_like(sums), step + 1, time.perf_counter()
    return averaged.cpu().eval()


def learning_rate(recipe: DetectorRecipe, step: int) -> float:
    """Up in a straight line, then down along half a cosine."""
    share = (step + 1) / recipe.steps
    if share < recipe.warm_up:
        return recipe.peak_lr * share / recipe.warm_up
    past = (share - recipe.warm_up) / (1 - recipe.warm_up)
    return recipe.peak_lr * (0.5 + 0.5 * math.cos(math.pi * past)) + 1e-6


def _step(
    network: Detector,
    optimizer: torch.optim.Optimizer,
    batch: list[Tensor],
    lr: float,
    clip_norm: float,
) -> Tensor:
    """One update; the loss of the classes and that of the sizes."""
    ink, bumps, weight, sizes, known = batch
    for group in optimizer.param_groups:
        group["lr"] = lr
    images = (ink.unsqueeze(1).float() / 255).contiguous(memory_format=torch.channels_last)
    with torch.autocast(ink.device.type, torch.bfloat16, enabled=has_fast_bf16(ink.device)):
        output = network(images)
    focal, distance = loss_of(output.float(), bumps.float(), weight.float(), sizes, known)
    optimizer.zero_grad(set_to_none=True)
    (focal + distance).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
    optimizer.step()
    return torch.stack([focal, distance]).detach()


@torch.no_grad()
def _follow(averaged: Detector, network: Detector, keep: float) -> None:
    """Move the average towards the network."""
    pairs = zip(averaged.state_dict().values(), network.state_dict().values(), strict=True)
    for ours, theirs in pairs:
        if ours.dtype.is_floating_point:
            ours.lerp_(theirs, 1 - keep)
        else:
            ours.copy_(theirs)


def _state(
    step: int, network: Detector, averaged: Detector, optimizer: torch.optim.Optimizer
) -> State:
    return {
        "step": step,
        "network": network.state_dict(),
        "averaged": averaged.state_dict(),
        "moments": list(optimizer.state_dict()["state"].values()),
    }


def _restore(
    state: State, network: Detector, averaged: Detector, optimizer: torch.optim.Optimizer
) -> int:
    """Go on from a state; the number of steps that were done."""
    try:
        network.load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        moments = dict(enumerate(state["moments"]))
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        return int(state["step"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise UsageError(
            "the checkpoint is of another detector, perhaps of another version of inkdigits; "
            "start a new run"
        ) from error
