"""Random non-digit images, for a network to learn what to reject.

After outlier exposure (Hendrycks et al., 2019), with drawings in place of a data set: blank and
cloudy paper, noise, gratings, scribbles, blots, letters, cut-up digits, and several digits at once.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from inkdigits.artifact import GLYPH_PX
from inkdigits.training.augment.letters import draw_letters, print_letters
from inkdigits.training.augment.noise import Draws, clouds, uniform
from inkdigits.training.augment.strokes import places, strokes_between
from inkdigits.training.devices import moved


def draw_junk(count: int, digits: Tensor, draws: Draws) -> Tensor:
    """Float images (count, 1, 28, 28), 0…255, of random `KINDS`, weighted by `_WEIGHTS`.

    The cut-up kinds are made from `digits` (m, 1, 28, 28), m ≥ `count`.
    """
    weights = torch.tensor([_WEIGHTS.get(kind, 1.0) for kind in KINDS])
    kinds = torch.multinomial(weights, count, replacement=True, generator=draws.generator)
    drawn = torch.zeros(count, 1, GLYPH_PX, GLYPH_PX, device=draws.device)
    for index, draw in enumerate(KINDS.values()):
        mine = (kinds == index).nonzero()[:, 0]
        some = digits[draws.order(len(digits))[: len(mine)]]
        if len(some):
            mine = moved(mine, draws.device)
            drawn[mine] = draw(some, draws).clamp(0, 255)
    return drawn


def _blank(digits: Tensor, draws: Draws) -> Tensor:
    count = len(digits)
    level = uniform(count, 0, 255, draws) * (uniform(count, 0, 1, draws) < 0.6)
    return level + clouds(count, 3, "bicubic", draws) * uniform(count, 0, 15, draws)


def _noise(digits: Tensor, draws: Draws) -> Tensor:
    count, side = len(digits), GLYPH_PX
    mean, spread = uniform(count, 0, 200, draws), uniform(count, 10, 150, draws)
    normal = mean + spread * draws.normal(count, 1, side, side)
    even = draws.uniform(count, 1, side, side)
    sparse = uniform(count, 0, 1, draws) ** 2
    spots = torch.where(even < sparse, 255.0, 0.0)
    kind = uniform(count, 0, 3, draws)
    return torch.where(kind < 1, normal, torch.where(kind < 2, even * (mean + 55), spots))


def _gratings(digits: Tensor, draws: Draws) -> Tensor:
    count = len(digits)
    angle, phase = uniform(count, 0, math.pi, draws), uniform(count, 0, 7, draws)
    frequency = uniform(count, 0.15, 3, draws)
    right = places(draws.device)
    down = right[:, None]
    across = right * angle.cos() + down * angle.sin()
    wave = torch.sin(across * frequency + phase)
    crossed = torch.sin((down * angle.cos() - right * angle.sin()) * frequency)
    wave = torch.where(uniform(count, 0, 1, draws) < 0.3, torch.maximum(wave, crossed), wave)
    sharp = uniform(count, 1, 6, draws)
    return 127 + uniform(count, 30, 127, draws) * (wave * sharp).clamp(-1, 1)


def _scribbles(digits: Tensor, draws: Draws) -> Tensor:
    """Loops from random sums of low harmonics, or zigzags of up to a dozen strokes."""
    count = len(digits)
    looped = uniform(count, 0, 1, draws) < 0.5
    return torch.where(looped, _loops(count, draws), _zigzags(count, draws)) * 255


def _loops(count: int, draws: Draws) -> Tensor:
    time = torch.linspace(0, 2 * math.pi, 150, device=draws.device)
    path = torch.full((2, count, len(time)), 14.0, device=draws.device)
    for harmonic in range(1, 6):
        amplitude = draws.normal(2, count, 1) * 6 / harmonic**0.5
        start = draws.uniform(2, count, 1) * 2 * math.pi
        path = path + amplitude * torch.sin(time * harmonic + start)
    width = uniform(count, 0.5, 1.1, draws)[:, 0] ** 2
    away = ((places(draws.device)[:, None] - path[:, :, None]) ** 2 / width).clamp(max=40)
    rows, columns = torch.exp(-away)  # denormal numbers would take five times as long
    return torch.bmm(rows, columns.mT)[:, None].clamp(0, 1)


def _zigzags(count: int, draws: Draws) -> Tensor:
    """Strokes between random corners, near or far apart; some drawings have gaps."""
    steps = draws.normal(2, 13, count, 1, 1, 1)
    near = uniform(count, 0, 1, draws) < 0.5
    corners = 14 + torch.where(near, (steps * 5).cumsum(1), steps * 8)
    corners = ((corners - 2).remainder(48) - 24).abs() + 2  # reflected at the border
    width, apart = uniform(count, 0.2, 1.3, draws), uniform(count, 0, 1, draws) < 0.2
    last = uniform(count, 5, 12, draws)
    index = torch.arange(corners.shape[1] - 1, device=draws.device)[:, None, None, None, None]
    shown = (index < last) & ~(apart & (index % 2 == 1))
    return strokes_between(corners[:, :-1], corners[:, 1:], width, shown)


def _blots(digits: Tensor, draws: Draws) -> Tensor:
    """Filled random shapes: where smooth noise is high, often mirrored."""
    count = len(digits)
    size = draws.integer(2, 7)
    shape = clouds(count, size, "bicubic", draws)
    middle = 1 - ((places(draws.device) - 13.5) / 14).abs()
    shape = shape + uniform(count, 0, 3, draws) * torch.minimum(middle[:, None], middle)
    mirrored = uniform(count, 0, 1, draws) < 0.5
    shape = torch.where(mirrored, shape + shape.flip(-1), shape)
    return _fill(((shape - uniform(count, -0.3, 1.2, draws)) * 6).clamp(0, 1), draws)


def _objects(digits: Tensor, draws: Draws) -> Tensor:
    """One to four thick bars, wedges and discs combined, like silhouettes of objects."""
    count = len(digits)
    inside = torch.zeros(count, 1, GLYPH_PX, GLYPH_PX, device=draws.device)
    place = places(draws.device)
    for index in range(4):
        row, column = uniform(count, 5, 23, draws), uniform(count, 7, 21, draws)
        angle = draws.normal(count, 1, 1, 1) * 0.35
        down, right = place[:, None] - row, place - column
        along = down * angle.cos() + right * angle.sin()
        across = right * angle.cos() - down * angle.sin()
        length, taper = uniform(count, 4, 18, draws), uniform(count, -0.6, 0.6, draws)
        width = uniform(count, 2.5, 11, draws) * (1 + taper * (along / length).clamp(-1, 1))
        u, v = (along / length).abs(), across.abs() / width
        size = torch.where(
            uniform(count, 0, 1, draws) < 0.3, torch.hypot(u, v), torch.maximum(u, v)
        )
        shown = uniform(count, 0, 1, draws) < (1.0 if index == 0 else 0.5)
        inside = torch.maximum(inside, ((1 - size) * 5).clamp(0, 1) * shown)
    mirrored = uniform(count, 0, 1, draws) < 0.4
    inside = torch.where(mirrored, torch.maximum(inside, inside.flip(-1)), inside)
    return _fill(inside, draws)


def _fill(inside: Tensor, draws: Draws) -> Tensor:
    """Fill shapes (n, 1, 28, 28), 0…1, with one grey or a texture."""
    count = len(inside)
    size = draws.integer(2, 15)
    texture = clouds(count, size, "bicubic", draws) * uniform(count, 0, 90, draws)
    return inside * (uniform(count, 60, 255, draws) + texture).clamp(0, 255)


def _cut_up(digits: Tensor, draws: Draws) -> Tensor:
    """Quarters of different digits, shuffled and rotated."""
    half = GLYPH_PX // 2
    quarters = [
        digits[draws.order(len(digits))][:, :, row : row + half, c : c + half]
        for row in (0, half)
        for c in (0, half)
    ]
    order = torch.randperm(4, generator=draws.generator).tolist()
    turns = draws.integers(1, 4, 4)
    a, b, c, d = (quarters[i].rot90(turn, (2, 3)) for i, turn in zip(order, turns, strict=True))
    return torch.cat([torch.cat([a, b], 3), torch.cat([c, d], 3)], 2)


def _fragments(digits: Tensor, draws: Draws) -> Tensor:
    """Part of a digit enlarged to fill the image, or a digit mostly outside it."""
    size = draws.integer(7, 14)
    top, left = draws.integers(4, 24 - size, 2)
    part = digits[:, :, top : top + size, left : left + size]
    large = functional.interpolate(part, size=GLYPH_PX, mode="bilinear")
    down, right = draws.integers(11, 17, 2)
    signs = draws.integers(0, 2, 2)
    rolled = functional.pad(digits, (right, -right, down, -down))
    rolled = rolled.flip([axis + 2 for axis, sign in enumerate(signs) if sign])
    return torch.where(uniform(len(digits), 0, 1, draws) < 0.5, large, rolled)


def _piles(digits: Tensor, draws: Draws) -> Tensor:
    """Several digits on top of each other, each rotated differently."""
    pile = digits
    for _ in range(3):
        other = digits[draws.order(len(digits))]
        turn, shift = draws.integers(1, 4, 2)
        other = other.rot90(turn, (2, 3)).roll((shift * 2, -shift * 2), (2, 3))
        pile = torch.maximum(pile, other)
    return pile


def _pairs(digits: Tensor, draws: Draws) -> Tensor:
    """Two digits side by side, touching or nearly, about the size that the layout gives them."""
    beside = digits[draws.order(len(digits))]
    step = draws.integer(7, 19)
    pair = torch.maximum(
        functional.pad(digits, (0, step, 0, 0)), functional.pad(beside, (step, 0, 0, 0))
    )
    fitting = 20 / (step + 15)  # MNIST's digits are 15 pixels wide on average, in a box of 20
    scale = min(1.0, fitting * (0.85 + 0.3 * draws.number().item()))
    small = functional.interpolate(pair, scale_factor=scale, mode="bilinear", antialias=True)
    missing = [GLYPH_PX - side for side in (small.shape[3], small.shape[2])]
    margins = [part for side in missing for part in (side // 2, side - side // 2)]
    return functional.pad(small, margins)


def _letters(digits: Tensor, draws: Draws) -> Tensor:
    """Half of them by hand, half in print."""
    count = len(digits)
    printed = uniform(count, 0, 1, draws) < 0.5
    return torch.where(printed, print_letters(count, draws), draw_letters(count, draws))


_WEIGHTS = {"pairs": 3.0, "letters": 2.0, "scribbles": 2.0}  # common in forms, or hardest

KINDS: dict[str, Callable[[Tensor, Draws], Tensor]] = {
    "blank": _blank,
    "noise": _noise,
    "gratings": _gratings,
    "scribbles": _scribbles,
    "blots": _blots,
    "objects": _objects,
    "cut-up": _cut_up,
    "fragments": _fragments,
    "piles": _piles,
    "pairs": _pairs,
    "letters": _letters,
}
