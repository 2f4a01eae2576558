"""Augmentation of appearance: other pens, scanners, papers and neighbours, as batched tensor maths.

Each effect takes float images (n, 1, 28, 28), bright ink on black, 0…255, and a generator, and
returns such images. None is one of the fifteen corruptions of MNIST-C, which robustness is measured
with; docstrings name the most similar ones.
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

from inkdigits.artifact import GLYPH_PX
from inkdigits.training.augment.noise import clouds, uniform
from inkdigits.training.augment.strokes import COLUMNS, ROWS, strokes


def apply_effects(images: Tensor, names: str, rate: float, generator: Generator) -> Tensor:
    """Apply each named effect (joined by "+") to its own random share `rate` of the images."""
    if not names:
        return images
    images = images.clone()
    for name in filter(None, names.split("+")):
        chosen = torch.rand(len(images), generator=generator) < rate
        if chosen.any():
            images[chosen] = EFFECTS[name](images[chosen], generator).clamp(0, 255)
    return images


def _pen(images: Tensor, generator: Generator) -> Tensor:
    """Thicker by up to two pixels at each side, thinner, or outlined strokes."""
    thick = functional.max_pool2d(images, 3, 1, 1)
    thicker = functional.max_pool2d(images, 5, 1, 2)
    thin = -functional.max_pool2d(-images, 3, 1, 1)
    amount = uniform(len(images), -0.7, 1.7, generator)
    changed = images.lerp(thin, -amount.clamp(max=0)).lerp(thick, amount.clamp(0, 1))
    changed = changed.lerp(thicker, (amount - 1).clamp(min=0))
    outlined = uniform(len(images), 0, 1, generator) < 0.25
    return torch.where(outlined, thick - images * 0.9 - thin * 0.1, changed)


def _blur(images: Tensor, generator: Generator) -> Tensor:
    """An anisotropic Gaussian blur, or a coarse scan enlarged; the same for all images.

    Some of the scans are black and white, without greys.
    """
    if torch.rand((), generator=generator) < 0.5:
        size = int(torch.randint(8, 21, (), generator=generator))
        small = functional.interpolate(images, size=size, mode="area")
        if size > 11 and torch.rand((), generator=generator) < 0.6:
            small = (small > 30 + 90 * torch.rand((), generator=generator)) * 255.0
        return functional.interpolate(small, size=GLYPH_PX, mode="bilinear")
    angle = torch.rand((), generator=generator) * math.pi
    along, across = (torch.rand(2, generator=generator) * 2 + 0.3).tolist()
    place = torch.arange(-4.0, 5.0)
    down, right = place[:, None], place[None, :]
    u, v = right * angle.cos() + down * angle.sin(), down * angle.cos() - right * angle.sin()
    kernel = torch.exp(-(u**2) / (2 * along**2) - v**2 / (2 * across**2))
    return functional.conv2d(images, (kernel / kernel.sum())[None, None], padding=4)


def _paper(images: Tensor, generator: Generator) -> Tensor:
    """Fainter ink on a lighter, cloudy background (similar to brightness and fog)."""
    count = len(images)
    texture = sum(
        clouds(count, size, "bilinear", generator) * uniform(count, 0, 1, generator)
        for size in (2, 5, 12, GLYPH_PX)
    )
    ground = uniform(count, 0, 150, generator) + texture * uniform(count, 0, 40, generator)
    return ground.clamp(min=0) + images * uniform(count, 0.25, 1, generator)


def _grain(images: Tensor, generator: Generator) -> Tensor:
    """Gaussian noise, additive or proportional to the ink, and random pixels."""
    count = len(images)
    noise = torch.randn(images.shape, generator=generator)
    strength = uniform(count, 0, 100, generator) * (uniform(count, 0, 1, generator) < 0.5)
    noisy = images + noise * strength + noise * images * uniform(count, 0, 0.6, generator)
    drawn = torch.rand(images.shape, generator=generator)
    share = uniform(count, 0, 0.25, generator) * (uniform(count, 0, 1, generator) < 0.5)
    return torch.where(drawn < share, drawn / share.clamp(min=1e-6) * 255, noisy)


def _strays(images: Tensor, generator: Generator) -> Tensor:
    """Straight strokes across the image, and parts of a neighbouring digit at its border."""
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


def _negative(images: Tensor, generator: Generator) -> Tensor:
    """Invert a rectangle, rarely the whole image (similar to stripe)."""
    count = len(images)
    top, left = uniform(count, -14, 24, generator), uniform(count, -14, 24, generator)
    height, width = uniform(count, 4, 32, generator), uniform(count, 4, 20, generator)
    inside = (top <= ROWS) & (top + height > ROWS) & (left <= COLUMNS) & (left + width > COLUMNS)
    return torch.where(inside, 255 - images, images)


EFFECTS: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "pen": _pen,
    "strays": _strays,
    "blur": _blur,
    "negative": _negative,
    "paper": _paper,
    "grain": _grain,
}
