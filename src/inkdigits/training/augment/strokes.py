"""Soft straight strokes and curls; flags and feet for ones, bars for sevens."""

import math
from functools import cache

import torch
from torch import Tensor

from inkdigits.artifact import GLYPH_PX
from inkdigits.training.augment.noise import Draws, uniform
from inkdigits.training.devices import moved


@cache
def places(device: torch.device) -> Tensor:
    """The places of the pixels along a side, 0…27."""
    return torch.arange(float(GLYPH_PX), device=device)


def stroke(row: Tensor, column: Tensor, to_row: Tensor, to_column: Tensor, width: Tensor) -> Tensor:
    """Soft straight strokes (n, 1, 28, 28) in 0…1; `width` is half the stroke width in pixels."""
    down, right = to_row - row, to_column - column
    place = places(row.device)
    ahead, aside = place[:, None] - row, place - column
    along = ((ahead * down + aside * right) / (down**2 + right**2 + 1e-6)).clamp(0, 1)
    distance = torch.hypot(ahead - along * down, aside - along * right)
    return (1.3 - (distance - width).clamp(min=0)).clamp(0, 1)


def strokes(count: int, draws: Draws) -> Tensor:
    """Images (count, 1, 28, 28) with one soft straight stroke each, of any direction and grey."""
    row, column, to_row, to_column = draws.uniform(4, count, 1, 1, 1) * 34 - 3
    ink = stroke(row, column, to_row, to_column, uniform(count, 0.3, 1.2, draws))
    return ink * uniform(count, 90, 255, draws)


def strokes_between(starts: Tensor, ends: Tensor, width: Tensor, shown: Tensor) -> Tensor:
    """Images (n, 1, 28, 28), 0…1, of m soft strokes each, of which only the `shown` are drawn.

    `starts` and `ends`, (2, m, n, 1, 1, 1), are rows and columns; `shown` is (m, n, 1, 1, 1).
    """
    drawn = torch.zeros(len(width), 1, GLYPH_PX, GLYPH_PX, device=width.device)
    for row, column, to_row, to_column, present in zip(*starts, *ends, shown, strict=True):
        drawn = torch.maximum(drawn, stroke(row, column, to_row, to_column, width) * present)
    return drawn


def curls(count: int, draws: Draws) -> Tensor:
    """Images (count, 1, 28, 28) with one curl each: eight short strokes that keep turning."""
    start = draws.uniform(2, 1, count, 1, 1, 1) * GLYPH_PX
    heading, turn = uniform(count, 0, 2 * math.pi, draws), uniform(count, -1.2, 1.2, draws)
    angles = heading + turn * torch.arange(8, device=draws.device)[:, None, None, None, None]
    steps = torch.stack([angles.sin(), angles.cos()]) * uniform(count, 1.5, 4, draws)
    corners = torch.cat([start, start + steps.cumsum(1)], 1)
    shown = torch.ones_like(angles)
    ink = strokes_between(corners[:, :-1], corners[:, 1:], uniform(count, 0.3, 1.2, draws), shown)
    return ink * uniform(count, 90, 255, draws)


def add_flourishes(images: Tensor, labels: Tensor, rate: float, draws: Draws) -> Tensor:
    """Forms that are rare in MNIST: ones with a flag and a foot, sevens with a bar.

    `labels` (n,), on the CPU, select the ones and sevens; a random share `rate` of them is changed.
    """
    images = images.clone()
    drawn = draws.share(len(images), rate)
    for label, draw in ((1, _flag), (7, _bar)):
        chosen = moved((drawn & (labels == label)).nonzero()[:, 0], draws.device)
        if len(chosen):
            images[chosen] = torch.maximum(images[chosen], draw(images[chosen], draws) * 255)
    return images


def _flag(ones: Tensor, draws: Draws) -> Tensor:
    """A stroke from the top down to the left, and for half of them one along the bottom.

    Longer flags are steeper: a long flat one would make a seven.
    """
    count = len(ones)
    (top, top_column), (bottom, bottom_column) = _end(ones, first=True), _end(ones, first=False)
    width, left = uniform(count, 0.2, 1.3, draws), uniform(count, 2, 9, draws)
    steepest = torch.full((), 1.6, device=draws.device)
    down = left * ((left - 1) / 10).lerp(steepest, uniform(count, 0, 1, draws))
    flag = stroke(top, top_column, top + down, top_column - left, width)
    reach, tilt = uniform(count, 2, 6, draws), uniform(count, -1, 1, draws)
    foot = stroke(bottom + tilt, bottom_column - reach, bottom - tilt, bottom_column + reach, width)
    return torch.maximum(flag, foot * (uniform(count, 0, 1, draws) < 0.5))


def _bar(sevens: Tensor, draws: Draws) -> Tensor:
    """A stroke across the stem, halfway down."""
    count = len(sevens)
    (top, _), (bottom, bottom_column) = _end(sevens, first=True), _end(sevens, first=False)
    height = top + (bottom - top) * uniform(count, 0.4, 0.65, draws)
    middle = bottom_column + (bottom - height) * uniform(count, 0.1, 0.5, draws)
    reach, tilt = uniform(count, 2.5, 5.5, draws), uniform(count, -2, 2, draws)
    width = uniform(count, 0.2, 0.9, draws)
    return stroke(height + tilt, middle - reach, height - tilt, middle + reach, width)


def _end(images: Tensor, *, first: bool) -> tuple[Tensor, Tensor]:
    """The first or last row with ink, (n, 1, 1, 1), and the mean column of its ink."""
    ink = (images > 100).float()
    rows = ink.amax(dim=3, keepdim=True)
    place = places(images.device)
    order = place[:, None] + 1
    row = (rows * (order.flip(0) if first else order)).argmax(dim=2, keepdim=True)
    line = ink.gather(2, row.expand(-1, -1, -1, GLYPH_PX))
    column = (line * place).sum(dim=3, keepdim=True) / line.sum(dim=3, keepdim=True).clamp(1)
    return row.float(), column
