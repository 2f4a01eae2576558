"""Soft straight strokes; flags and feet for ones, bars for sevens."""

import torch
from torch import Generator, Tensor

from inkdigits.artifact import GLYPH_PX
from inkdigits.training.augment.noise import uniform

ROWS, COLUMNS = torch.meshgrid(
    torch.arange(float(GLYPH_PX)), torch.arange(float(GLYPH_PX)), indexing="ij"
)


def stroke(row: Tensor, column: Tensor, to_row: Tensor, to_column: Tensor, width: Tensor) -> Tensor:
    """Soft straight strokes (n, 1, 28, 28) in 0…1; `width` is half the stroke width in pixels."""
    down, right = to_row - row, to_column - column
    ahead, aside = ROWS - row, COLUMNS - column
    along = ((ahead * down + aside * right) / (down**2 + right**2 + 1e-6)).clamp(0, 1)
    distance = torch.hypot(ahead - along * down, aside - along * right)
    return (1.3 - (distance - width).clamp(min=0)).clamp(0, 1)


def strokes(count: int, generator: Generator) -> Tensor:
    """Images (count, 1, 28, 28) with one soft straight stroke each, of any direction and grey."""
    row, column, to_row, to_column = torch.rand(4, count, 1, 1, 1, generator=generator) * 34 - 3
    ink = stroke(row, column, to_row, to_column, uniform(count, 0.3, 1.2, generator))
    return ink * uniform(count, 90, 255, generator)


def strokes_between(starts: Tensor, ends: Tensor, width: Tensor, shown: Tensor) -> Tensor:
    """Images (n, 1, 28, 28), 0…1, of m soft strokes each, of which only the `shown` are drawn.

    `starts` and `ends`, (2, m, n, 1, 1, 1), are rows and columns; `shown` is (m, n, 1, 1, 1).
    """
    drawn = torch.zeros(len(width), 1, GLYPH_PX, GLYPH_PX)
    for row, column, to_row, to_column, present in zip(*starts, *ends, shown, strict=True):
        drawn = torch.maximum(drawn, stroke(row, column, to_row, to_column, width) * present)
    return drawn


def add_flourishes(images: Tensor, labels: Tensor, rate: float, generator: Generator) -> Tensor:
    """Forms that are rare in MNIST: ones with a flag and a foot, sevens with a bar.

    `labels` (n,) select the ones and sevens; a random share `rate` of them is changed.
    """
    images = images.clone()
    drawn = torch.rand(len(images), generator=generator) < rate
    for label, draw in ((1, _flag), (7, _bar)):
        chosen = drawn & (labels == label)
        if chosen.any():
            images[chosen] = torch.maximum(images[chosen], draw(images[chosen], generator) * 255)
    return images


def _flag(ones: Tensor, generator: Generator) -> Tensor:
    """A stroke from the top down to the left, and for half of them one along the bottom.

    Longer flags are steeper: a long flat one would make a seven.
    """
    count = len(ones)
    (top, top_column), (bottom, bottom_column) = _end(ones, first=True), _end(ones, first=False)
    width, left = uniform(count, 0.2, 1.3, generator), uniform(count, 2, 9, generator)
    down = left * ((left - 1) / 10).lerp(torch.tensor(1.6), uniform(count, 0, 1, generator))
    flag = stroke(top, top_column, top + down, top_column - left, width)
    reach, tilt = uniform(count, 2, 6, generator), uniform(count, -1, 1, generator)
    foot = stroke(bottom + tilt, bottom_column - reach, bottom - tilt, bottom_column + reach, width)
    return torch.maximum(flag, foot * (uniform(count, 0, 1, generator) < 0.5))


def _bar(sevens: Tensor, generator: Generator) -> Tensor:
    """A stroke across the stem, halfway down."""
    count = len(sevens)
    (top, _), (bottom, bottom_column) = _end(sevens, first=True), _end(sevens, first=False)
    height = top + (bottom - top) * uniform(count, 0.4, 0.65, generator)
    middle = bottom_column + (bottom - height) * uniform(count, 0.1, 0.5, generator)
    reach, tilt = uniform(count, 2.5, 5.5, generator), uniform(count, -2, 2, generator)
    width = uniform(count, 0.2, 0.9, generator)
    return stroke(height + tilt, middle - reach, height - tilt, middle + reach, width)


def _end(images: Tensor, *, first: bool) -> tuple[Tensor, Tensor]:
    """The first or last row with ink, (n, 1, 1, 1), and the mean column of its ink."""
    ink = (images > 100).float()
    rows = ink.amax(dim=3, keepdim=True)
    order = torch.arange(1.0, GLYPH_PX + 1)[:, None]
    row = (rows * (order.flip(0) if first else order)).argmax(dim=2, keepdim=True)
    line = ink.gather(2, row.expand(-1, -1, -1, GLYPH_PX))
    column = (line * COLUMNS[0]).sum(dim=3, keepdim=True) / line.sum(dim=3, keepdim=True).clamp(1)
    return row.float(), column
