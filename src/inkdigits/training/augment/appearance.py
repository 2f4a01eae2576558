"""Augmentation of appearance: other pens, scanners, papers and neighbours, as batched tensor maths.

Each effect takes float images (n, 1, 28, 28), bright ink on black, 0…255, and draws, and
returns such images. None is one of the fifteen corruptions of MNIST-C, which robustness is measured
with; docstrings name the most similar ones.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from inkdigits.artifact import GLYPH_PX
from inkdigits.imaging.layout import BOX_PX
from inkdigits.training.augment.noise import Draws, clouds, uniform
from inkdigits.training.augment.strokes import curls, places, strokes
from inkdigits.training.devices import moved

_NARROWEST_PX = 9


def apply_effects(images: Tensor, names: str, rate: float, draws: Draws) -> Tensor:
    """Apply each named effect (joined by "+") to its own random share `rate` of the images."""
    if not names:
        return images
    images = images.clone()
    for name in filter(None, names.split("+")):
        chosen = draws.some(len(images), rate)
        if len(chosen):
            images[chosen] = EFFECTS[name](images[chosen], draws).clamp(0, 255)
    return images


def _pen(images: Tensor, draws: Draws) -> Tensor:
    """Thicker by up to two pixels at each side, thinner, or outlined strokes.

    Half of the outlines are black and white (similar to canny edges).
    """
    thick = functional.max_pool2d(images, 3, 1, 1)
    thicker = functional.max_pool2d(thick, 3, 1, 1)
    thin = -functional.max_pool2d(-images, 3, 1, 1)
    amount = uniform(len(images), -0.7, 2, draws)
    changed = images.lerp(thin, -amount.clamp(max=0)).lerp(thick, amount.clamp(0, 1))
    changed = changed.lerp(thicker, (amount - 1).clamp(min=0))
    outline = thick - images * 0.9 - thin * 0.1
    kind, limit = uniform(len(images), 0, 1, draws), uniform(len(images), 60, 180, draws)
    crisp = (images <= limit) & (thick > limit)
    changed = torch.where(kind < 0.4, outline, changed)
    return torch.where(kind < 0.2, crisp * 255.0, changed)


def _scan(images: Tensor, draws: Draws) -> Tensor:
    """A scan of 8×8 to 28×28 pixels, enlarged; the same for all images.

    Most are black and white, without greys, but for the coarsest, of which nothing would be left.
    Some images are stretched to fill a square before, as some scanners' software does.
    """
    stretched = uniform(len(images), 0, 1, draws) < 0.3
    images = torch.where(stretched, _fill_square(images), images)
    size = draws.integer(8, GLYPH_PX + 1)
    small = functional.interpolate(images, size=size, mode="area")
    if size > 11 and draws.number() < 0.7:
        small = (small > 30 + 120 * draws.number()) * 255.0
    mode = "nearest" if draws.number() < 0.4 else "bilinear"
    return functional.interpolate(small, size=GLYPH_PX, mode=mode)


def _fill_square(images: Tensor) -> Tensor:
    """The bounding boxes of the ink, each stretched to 20×20 pixels in the middle.

    What is narrower than `_NARROWEST_PX` is stretched as much as that, or ones would become blocks.
    """
    place, middle = places(images.device), (GLYPH_PX - 1) / 2
    maps = torch.zeros(len(images), 2, 3, device=images.device)
    for axis in range(2):
        inked = images.amax(dim=(1, 3 - axis)) > 64  # (n, 28) along the axis
        first = torch.where(inked, place, torch.inf).amin(1).clamp(max=middle)
        last = torch.where(inked, place, -torch.inf).amax(1).clamp(min=middle)
        maps[:, 1 - axis, 1 - axis] = (last - first + 1).clamp(min=_NARROWEST_PX) / BOX_PX
        maps[:, 1 - axis, 2] = ((first + last) / 2 - middle) * 2 / GLYPH_PX
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _blur(images: Tensor, draws: Draws) -> Tensor:
    """An anisotropic Gaussian blur, the same for all images."""
    angle = draws.number() * math.pi
    along, across = ((draws.number() * 2 + 0.3).item() for _ in range(2))
    place = torch.arange(-4.0, 5.0)
    down, right = place[:, None], place[None, :]
    u, v = right * angle.cos() + down * angle.sin(), down * angle.cos() - right * angle.sin()
    kernel = torch.exp(-(u**2) / (2 * along**2) - v**2 / (2 * across**2))
    kernel = moved((kernel / kernel.sum())[None, None], draws.device)
    return functional.conv2d(images, kernel, padding=4)


def _paper(images: Tensor, draws: Draws) -> Tensor:
    """Fainter ink on a lighter, cloudy background (similar to brightness and fog)."""
    count = len(images)
    texture = sum(
        clouds(count, size, "bilinear", draws) * uniform(count, 0, 1, draws)
        for size in (2, 5, 12, GLYPH_PX)
    )
    ground = uniform(count, 0, 150, draws) + texture * uniform(count, 0, 40, draws)
    return ground.clamp(min=0) + images * uniform(count, 0.25, 1, draws)


def _grain(images: Tensor, draws: Draws) -> Tensor:
    """Gaussian noise, additive or proportional to the ink, and random pixels."""
    count = len(images)
    noise = draws.normal(*images.shape)
    strength = uniform(count, 0, 100, draws) * (uniform(count, 0, 1, draws) < 0.5)
    noisy = images + noise * strength + noise * images * uniform(count, 0, 0.6, draws)
    drawn = draws.uniform(*images.shape)
    share = uniform(count, 0, 0.25, draws) * (uniform(count, 0, 1, draws) < 0.5)
    return torch.where(drawn < share, drawn / share.clamp(min=1e-6) * 255, noisy)


def _strays(images: Tensor, draws: Draws) -> Tensor:
    """Straight strokes and a curl across the image, and parts of a neighbour at its border."""
    count = len(images)
    for _ in range(3):
        present = uniform(count, 0, 1, draws) < 0.5
        images = images + strokes(count, draws) * present
    curled = uniform(count, 0, 1, draws) < 0.3
    images = torch.maximum(images, curls(count, draws) * curled)
    neighbour = images[draws.order(count)]
    distance = draws.integer(17, 24)
    sides = (
        functional.pad(neighbour, (distance, -distance, 0, 0)),
        functional.pad(neighbour, (-distance, distance, 0, 0)),
        functional.pad(neighbour, (0, 0, distance, -distance)),
        functional.pad(neighbour, (0, 0, -distance, distance)),
    )
    side = sides[draws.integer(0, 4)]
    return torch.maximum(images, side * (uniform(count, 0, 1, draws) < 0.5))


def _negative(images: Tensor, draws: Draws) -> Tensor:
    """Invert a rectangle, rarely the whole image (similar to stripe)."""
    count = len(images)
    top, left = uniform(count, -14, 24, draws), uniform(count, -14, 24, draws)
    height, width = uniform(count, 4, 32, draws), uniform(count, 4, 20, draws)
    return torch.where(_rectangles(top, left, height, width), 255 - images, images)


def _hole(images: Tensor, draws: Draws) -> Tensor:
    """Erase a rectangle of 3 to 8 pixels a side (random erasing: Zhong et al., 2020)."""
    count = len(images)
    height, width = uniform(count, 3, 8, draws), uniform(count, 3, 8, draws)
    top = uniform(count, 0, 1, draws) * (GLYPH_PX - height)
    left = uniform(count, 0, 1, draws) * (GLYPH_PX - width)
    return images.masked_fill(_rectangles(top, left, height, width), 0)


def _rectangles(top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Which pixels (n, 1, 28, 28) lie in a rectangle for each image; all in pixels (n, 1, 1, 1)."""
    columns = places(top.device)
    rows = columns[:, None]
    return (top <= rows) & (top + height > rows) & (left <= columns) & (left + width > columns)


EFFECTS: dict[str, Callable[[Tensor, Draws], Tensor]] = {
    "pen": _pen,
    "scan": _scan,
    "strays": _strays,
    "blur": _blur,
    "negative": _negative,
    "paper": _paper,
    "grain": _grain,
    "hole": _hole,
}
