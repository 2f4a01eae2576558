"""Augmentation of appearance: other pens, scanners, papers and neighbours, as batched tensor maths.

Each effect takes float images (n, 1, 28, 28), bright ink on black, 0…255, and a generator, and
gives images of that kind and range. None is one of the fifteen corruptions of MNIST-C, by which
robustness is measured; the nearest are named where they stand.
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

from inkdigits.artifact import GLYPH_PX

_ROWS, _COLUMNS = torch.meshgrid(
    torch.arange(float(GLYPH_PX)), torch.arange(float(GLYPH_PX)), indexing="ij"
)


def apply_effects(images: Tensor, names: str, rate: float, generator: Generator) -> Tensor:
    """Each of the named effects, joined by "+", on its own random share `rate` of the images."""
    if not names:
        return images
    images = images.clone()
    for name in filter(None, names.split("+")):
        chosen = torch.rand(len(images), generator=generator) < rate
        if chosen.any():
            images[chosen] = EFFECTS[name](images[chosen], generator).clamp(0, 255)
    return images


def uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """Numbers (count, 1, 1, 1), one for each image."""
    return torch.rand(count, 1, 1, 1, generator=generator) * (high - low) + low


def clouds(count: int, size: int, mode: str, generator: Generator) -> Tensor:
    """Noise (count, 1, 28, 28) about 0 from size×size drawn values, interpolated in that mode."""
    coarse = torch.randn(count, 1, size, size, generator=generator)
    return functional.interpolate(coarse, size=GLYPH_PX, mode=mode)


def _pen(images: Tensor, generator: Generator) -> Tensor:
    """Thicker, thinner, or outlined strokes."""
    thick = functional.max_pool2d(images, 3, 1, 1)
    thin = -functional.max_pool2d(-images, 3, 1, 1)
    amount = uniform(len(images), -0.7, 1.0, generator)
    changed = torch.where(
        amount > 0, images.lerp(thick, amount.clamp(min=0)), images.lerp(thin, -amount.clamp(max=0))
    )
    outlined = uniform(len(images), 0, 1, generator) < 0.25
    return torch.where(outlined, thick - images * 0.9 - thin * 0.1, changed)


def _blur(images: Tensor, generator: Generator) -> Tensor:
    """An oblong Gaussian blur, or a coarse scan blown up; the same for all images."""
    if torch.rand((), generator=generator) < 0.5:
        size = int(torch.randint(8, 21, (), generator=generator))
        small = functional.interpolate(images, size=size, mode="area")
        return functional.interpolate(small, size=GLYPH_PX, mode="bilinear")
    angle = torch.rand((), generator=generator) * math.pi
    along, across = (torch.rand(2, generator=generator) * 2 + 0.3).tolist()
    place = torch.arange(-4.0, 5.0)
    down, right = place[:, None], place[None, :]
    u, v = right * angle.cos() + down * angle.sin(), down * angle.cos() - right * angle.sin()
    kernel = torch.exp(-(u**2) / (2 * along**2) - v**2 / (2 * across**2))
    return functional.conv2d(images, (kernel / kernel.sum())[None, None], padding=4)


def _paper(images: Tensor, generator: Generator) -> Tensor:
    """Fainter ink on a lighter, cloudy ground (the nearest to brightness and fog)."""
    count = len(images)
    texture = sum(
        clouds(count, size, "bilinear", generator) * uniform(count, 0, 1, generator)
        for size in (2, 5, 12, 28)
    )
    ground = uniform(count, 0, 150, generator) + texture * uniform(count, 0, 40, generator)
    return ground.clamp(min=0) + images * uniform(count, 0.25, 1, generator)


def _grain(images: Tensor, generator: Generator) -> Tensor:
    """Gaussian noise, in proportion to the ink or not, and pixels with a value of their own."""
    count = len(images)
    noise = torch.randn(images.shape, generator=generator)
    strength = uniform(count, 0, 100, generator) * (uniform(count, 0, 1, generator) < 0.5)
    noisy = images + noise * strength + noise * images * uniform(count, 0, 0.6, generator)
    drawn = torch.rand(images.shape, generator=generator)
    share = uniform(count, 0, 0.25, generator) * (uniform(count, 0, 1, generator) < 0.5)
    return torch.where(drawn < share, drawn / share.clamp(min=1e-6) * 255, noisy)


def _strays(images: Tensor, generator: Generator) -> Tensor:
    """Straight strokes across the picture, and parts of a neighbour at its border."""
    count = len(images)
    for _ in range(3):
        present = uniform(count, 0, 1, generator) < 0.5
        images = images + strokes(count, generator) * present
    neighbour = images[torch.randperm(count, generator=generator)]
    distance = int(torch.randint(17, 24, (), generator=generator))
    sides = (
        functional.pad(neighbour, (distance, -distance, 0, 0)),
        functional.pad(neighbour, (-distance, distance, 0, 0)),
        functional.pad(neighbour, (0, 0, distance, -distance)),
        functional.pad(neighbour, (0, 0, -distance, distance)),
    )
    side = sides[int(torch.randint(4, (), generator=generator))]
    return torch.maximum(images, side * (uniform(count, 0, 1, generator) < 0.5))


def strokes(count: int, generator: Generator) -> Tensor:
    """One straight soft stroke in each of (count, 1, 28, 28), of any direction and grey."""
    row, column, to_row, to_column = torch.rand(4, count, 1, 1, 1, generator=generator) * 34 - 3
    ink = stroke(row, column, to_row, to_column, uniform(count, 0.3, 1.2, generator))
    return ink * uniform(count, 90, 255, generator)


def stroke(row: Tensor, column: Tensor, to_row: Tensor, to_column: Tensor, width: Tensor) -> Tensor:
    """Soft straight strokes (n, 1, 28, 28) in 0…1, `width` being half the stroke's in pixels."""
    down, right = to_row - row, to_column - column
    ahead, aside = _ROWS - row, _COLUMNS - column
    along = ((ahead * down + aside * right) / (down**2 + right**2 + 1e-6)).clamp(0, 1)
    distance = torch.hypot(ahead - along * down, aside - along * right)
    return (1.3 - (distance - width).clamp(min=0)).clamp(0, 1)


def strokes_between(starts: Tensor, ends: Tensor, width: Tensor, shown: Tensor) -> Tensor:
    """Several soft strokes in each picture (n, 1, 28, 28), 0…1: those of m that are `shown`.

    `starts` and `ends`, (2, m, n, 1, 1, 1), are rows and columns; `shown` is (m, n, 1, 1, 1).
    """
    drawn = torch.zeros(len(width), 1, GLYPH_PX, GLYPH_PX)
    for row, column, to_row, to_column, present in zip(*starts, *ends, shown, strict=True):
        drawn = torch.maximum(drawn, stroke(row, column, to_row, to_column, width) * present)
    return drawn


def add_flourishes(images: Tensor, labels: Tensor, rate: float, generator: Generator) -> Tensor:
    """Handwriting that MNIST has little of: ones with a flag and a foot, sevens with a bar.

    `labels` (n,) say which are which; a random share `rate` of those is changed.
    """
    images = images.clone()
    drawn = torch.rand(len(images), generator=generator) < rate
    for label, draw in ((1, _flag), (7, _bar)):
        chosen = drawn & (labels == label)
        if chosen.any():
            images[chosen] = torch.maximum(images[chosen], draw(images[chosen], generator) * 255)
    return images


def _flag(ones: Tensor, generator: Generator) -> Tensor:
    """A stroke down to the left from the top, and for half of them one along the bottom.

    The longer it is the steeper: a long flat one would make a seven.
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
    """A stroke across the stem, half way down."""
    count = len(sevens)
    (top, _), (bottom, bottom_column) = _end(sevens, first=True), _end(sevens, first=False)
    height = top + (bottom - top) * uniform(count, 0.4, 0.65, generator)
    middle = bottom_column + (bottom - height) * uniform(count, 0.1, 0.5, generator)
    reach, tilt = uniform(count, 2.5, 5.5, generator), uniform(count, -2, 2, generator)
    width = uniform(count, 0.2, 0.9, generator)
    return stroke(height + tilt, middle - reach, height - tilt, middle + reach, width)


def _end(images: Tensor, *, first: bool) -> tuple[Tensor, Tensor]:
    """The first or last row with ink, (n, 1, 1, 1), and the middle of the ink in it."""
    ink = (images > 100).float()
    rows = ink.amax(dim=3, keepdim=True)
    order = torch.arange(1.0, GLYPH_PX + 1)[:, None]
    row = (rows * (order.flip(0) if first else order)).argmax(dim=2, keepdim=True)
    line = ink.gather(2, row.expand(-1, -1, -1, GLYPH_PX))
    column = (line * _COLUMNS[0]).sum(dim=3, keepdim=True) / line.sum(dim=3, keepdim=True).clamp(1)
    return row.float(), column


def _negative(images: Tensor, generator: Generator) -> Tensor:
    """A rectangle, seldom the whole, as its negative (the nearest to stripe)."""
    count = len(images)
    top, left = uniform(count, -14, 24, generator), uniform(count, -14, 24, generator)
    height, width = uniform(count, 4, 32, generator), uniform(count, 4, 20, generator)
    inside = (
        (top <= _ROWS) & (top + height > _ROWS) & (left <= _COLUMNS) & (left + width > _COLUMNS)
    )
    return torch.where(inside, 255 - images, images)


EFFECTS: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "pen": _pen,
    "strays": _strays,
    "blur": _blur,
    "negative": _negative,
    "paper": _paper,
    "grain": _grain,
}
