"""The fifteen corruptions of MNIST-C, to measure robustness; nothing trains on them.

Written from the description and the parameters of Mu and Gilmer, "MNIST-C: A Robustness Benchmark
for Computer Vision" (2019). Each takes float images (n, 28, 28) in 0…1, a parameter and a random
generator, and returns such images, not yet clipped. Each has five parameters, one of them the
paper's; where the paper has no scale, the other four are ours. They go from mild to severe, except
for spatter: the first three are water drops, the last two mud, which hides less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from inkdigits.artifact import GLYPH_PX
from inkdigits.errors import UsageError

Images = NDArray[np.floating]
_ROWS, _COLUMNS = np.mgrid[:GLYPH_PX, :GLYPH_PX].astype(np.float32)
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Corruption:
    """`apply(images, parameter, rng)`, its five parameters, and which of them is the paper's."""

    apply: Callable[[Images, Any, Generator], Images]
    parameters: tuple[Any, ...]
    paper_severity: int


def corrupt(
    images: NDArray[np.uint8], name: str, severity: int | None = None, seed: int = 0
) -> NDArray[np.uint8]:
    """Images (n, 28, 28) damaged by one of `CORRUPTIONS`, at the paper's severity or at 1…5.

    The same seed gives the same damage. Raises `UsageError` for an unknown name or severity.
    """
    if name not in CORRUPTIONS:
        raise UsageError(f"there is no corruption {name!r}; choose one of {', '.join(CORRUPTIONS)}")
    corruption = CORRUPTIONS[name]
    severity = corruption.paper_severity if severity is None else severity
    if severity not in SEVERITIES:
        raise UsageError(f"severity is {severity}; it must be 1, 2, 3, 4 or 5")
    rng = np.random.default_rng([seed, list(CORRUPTIONS).index(name), severity])
    damaged = corruption.apply(
        images.astype(np.float32) / 255, corruption.parameters[severity - 1], rng
    )
    return (damaged.clip(0, 1) * 255).round().astype(np.uint8)


def _shot_noise(images: Images, photons: float, rng: Generator) -> Images:
    return (rng.poisson(images * photons) / photons).astype(np.float32)


def _impulse_noise(images: Images, share: float, rng: Generator) -> Images:
    drawn = rng.random(images.shape, np.float32)
    return np.where(drawn < share / 2, 0, np.where(drawn > 1 - share / 2, 1, images))


def _glass_blur(images: Images, parameter: tuple[float, int, int], rng: Generator) -> Images:
    """Blur along both axes, swap neighbouring pixels at random, blur again."""
    sigma, reach, rounds = parameter
    images = _blur(images, sigma)
    everyone = np.arange(len(images))
    for _ in range(rounds):
        for row in range(GLYPH_PX - reach - 1, reach, -1):
            for column in range(GLYPH_PX - reach - 1, reach, -1):
                swapped = everyone[rng.random(len(images)) < 0.5]
                other = np.array([[row], [column]])
                other = other + rng.integers(-reach, reach, (2, len(swapped)))
                here = images[swapped, row, column]
                images[swapped, row, column] = images[swapped, other[0], other[1]]
                images[swapped, other[0], other[1]] = here
    return _blur(images, sigma)


def _motion_blur(images: Images, parameter: tuple[int, float], rng: Generator) -> Images:
    """A one-sided Gaussian trail in a direction within 45° of the horizontal."""
    radius, sigma = parameter
    angles = rng.uniform(-np.pi / 4, np.pi / 4, len(images))
    weights = np.exp(-(np.arange(2 * radius + 1) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    blurred = np.zeros_like(images)
    for distance, weight in enumerate(weights):
        if weight > 1e-4:
            steps = np.rint(distance * np.stack([np.sin(angles), np.cos(angles)])).astype(int)
            rows = (np.arange(GLYPH_PX) + steps[0][:, None]).clip(0, GLYPH_PX - 1)
            columns = (np.arange(GLYPH_PX) + steps[1][:, None]).clip(0, GLYPH_PX - 1)
            everyone = np.arange(len(images))[:, None, None]
            blurred += weight * images[everyone, rows[:, :, None], columns[:, None, :]]
    return blurred


def _shear(images: Images, angle: float, rng: Generator) -> Images:
    return _warp(
        images, [((np.cos(a), 0.0), (-np.sin(a), 1.0), (0, 0)) for a in (angle, -angle)], rng
    )


def _rotate(images: Images, angle: float, rng: Generator) -> Images:
    turns = [(np.cos(a), np.sin(a)) for a in (angle, -angle)]
    return _warp(images, [((c, s), (-s, c), (0.0, 0.0)) for c, s in turns], rng)


def _scale(images: Images, factor: float, rng: Generator) -> Images:
    return _warp(images, [((1 / factor, 0.0), (0.0, 1 / factor), (0.0, 0.0))], rng)


def _translate(images: Images, shift: float, rng: Generator) -> Images:
    signs = [(down, right) for down in (-shift, shift) for right in (-shift, shift)]
    return _warp(images, [((1.0, 0.0), (0.0, 1.0), sign) for sign in signs], rng)


def _warp(images: Images, maps: list[tuple[tuple[float, float], ...]], rng: Generator) -> Images:
    """Warp each image by a random one of the maps from output to input, about the centre."""
    chosen = rng.integers(len(maps), size=len(images))
    centre = np.full(2, (GLYPH_PX - 1) / 2)
    warped = np.empty_like(images)
    for index, (row, column, shift) in enumerate(maps):
        mine = np.flatnonzero(chosen == index)
        matrix = np.eye(3)
        matrix[1:, 1:] = row, column
        offset = [0.0, *(centre - matrix[1:, 1:] @ centre + shift)]
        warped[mine] = ndimage.affine_transform(images[mine], matrix, offset, order=1)
    return warped


def _brightness(images: Images, added: float, _rng: Generator) -> Images:
    return images + np.float32(added)


def _stripe(images: Images, width: int, _rng: Generator) -> Images:
    """Both sides of the image inverted."""
    side = (width > _COLUMNS) | (GLYPH_PX - width <= _COLUMNS)
    return np.where(side, 1 - images, images)


def _fog(images: Images, parameter: tuple[float, float], rng: Generator) -> Images:
    density, decay = parameter
    brightest = images.max(axis=(1, 2), keepdims=True)
    fogged = images + density * _plasma(len(images), decay, rng)
    veiled: Images = (fogged * brightest / (brightest + density)).astype(np.float32)
    return veiled


def _plasma(count: int, decay: float, rng: Generator) -> Images:
    """Windows (count, 28, 28), 0…1, of maps made by the diamond-square algorithm.

    The maps wrap around, so a window may begin anywhere and one map serves many images.
    """
    side, maps = 256, max(1, count // 100)
    heights = np.zeros((maps, side, side))
    step, amplitude = side, 1.0
    while step >= 2:
        half = step // 2

        def jitter(mean: NDArray[Any], amplitude: float = amplitude) -> NDArray[Any]:
            return mean + rng.uniform(-amplitude, amplitude, mean.shape)

        corners = heights[:, ::step, ::step]
        rows = corners + np.roll(corners, -1, axis=1)
        centres = jitter((rows + np.roll(rows, -1, axis=2)) / 4)
        heights[:, half::step, half::step] = centres
        beside = corners + np.roll(corners, -1, axis=2) + centres + np.roll(centres, 1, axis=1)
        below = corners + np.roll(corners, -1, axis=1) + centres + np.roll(centres, 1, axis=2)
        heights[:, ::step, half::step] = jitter(beside / 4)
        heights[:, half::step, ::step] = jitter(below / 4)
        step, amplitude = half, amplitude / decay**2
    heights -= heights.min(axis=(1, 2), keepdims=True)
    heights /= heights.max(axis=(1, 2), keepdims=True)
    starts = rng.integers(side, size=(2, count))
    rows = (starts[0][:, None] + np.arange(GLYPH_PX)) % side
    columns = (starts[1][:, None] + np.arange(GLYPH_PX)) % side
    source = rng.integers(maps, size=count)[:, None, None]
    windows: Images = heights[source, rows[:, :, None], columns[:, None, :]].astype(np.float32)
    return windows


def _spatter(images: Images, parameter: tuple[float, ...], rng: Generator) -> Images:
    """Dark grey blots where blurred noise is high."""
    mean, deviation, sigma, threshold, edge = parameter
    noise = rng.normal(mean, deviation, images.shape).astype(np.float32)
    blots = _blur((_blur(noise, sigma) >= threshold).astype(np.float32), edge)
    blots[blots < 0.8] = 0
    return images * (1 - blots) + np.float32(63 / 255) * blots


def _dotted_line(images: Images, lines: int, rng: Generator) -> Images:
    """Lines from the left edge to the right, two columns drawn, two blank."""
    damaged = images.copy()
    for _ in range(lines):
        ends = rng.integers(27, size=(2, len(images))).astype(np.float32)
        drawn = _segments(0.0, ends[0], 27.0, ends[1])
        damaged += drawn * (_COLUMNS % 4 >= 2)
    return damaged


def _zigzag(images: Images, lines: int, rng: Generator) -> Images:
    """Polylines with 2-pixel teeth on both sides of a slanted line, one every 4 pixels."""
    damaged = images.copy()
    for _ in range(lines):
        left = rng.integers(27, size=len(images)).astype(np.float32)
        slope = np.arctan2(rng.integers(-5, 5, len(images)), 23).astype(np.float32)
        along = np.array([0, 2, 6, 10, 14, 18, 22, 23], np.float32)[:, None]
        across = np.array([0, 2, -2, 2, -2, 2, -2, 0], np.float32)[:, None]
        columns = 2 + along * np.cos(slope) - across * np.sin(slope)
        rows = left + along * np.sin(slope) + across * np.cos(slope)
        for index in range(len(along) - 1):
            damaged += _segments(columns[index], rows[index], columns[index + 1], rows[index + 1])
    return damaged


def _segments(c0: Any, r0: Any, c1: Any, r1: Any) -> Images:
    """A soft straight segment in each image, between columns c0 < c1, 4 pixels high."""
    c0, r0, c1, r1 = (np.reshape(value, (-1, 1, 1)) for value in (c0, r0, c1, r1))
    height = r0 + (r1 - r0) / (c1 - c0) * (_COLUMNS - c0)
    distance = np.minimum(np.abs(_ROWS - height) / np.float32(2.3), np.float32(1 - 1e-6))
    within = (np.floor(c0) <= _COLUMNS) & (np.ceil(c1) > _COLUMNS)
    drawn: Images = np.where(within, (np.log(1 - distance) + 1).clip(0, 1), np.float32(0))
    return drawn


def _canny_edges(images: Images, sigma: float, _rng: Generator) -> Images:
    """The edges that Canny's detector (1986) finds: thin, binary outlines."""
    smooth = _blur(images, sigma)
    across, down = _sobel(smooth, 2, 1), _sobel(smooth, 1, 2)
    strength = np.hypot(across, down)
    strength[:, [0, -1]] = strength[:, :, [0, -1]] = 0
    ridge = _is_ridge(strength, across, down)
    weak, strong = ridge & (strength >= 0.1), ridge & (strength >= 0.2)
    touching = np.zeros((3, 3, 3), bool)
    touching[1] = True  # within an image, diagonals included
    edges: Images = ndimage.binary_propagation(strong, touching, mask=weak).astype(np.float32)
    return edges


def _sobel(images: Images, along: int, across: int) -> Images:
    slope = ndimage.correlate1d(images, [-1, 0, 1], axis=along)
    gradient: Images = ndimage.correlate1d(slope, [1, 2, 1], axis=across)
    return gradient


def _is_ridge(strength: Images, across: Images, down: Images) -> NDArray[np.bool_]:
    """Where the gradient is no weaker than at both neighbours along it, interpolated."""
    steep = np.abs(down) > np.abs(across)
    vertical, horizontal = np.sign(down).astype(int), np.sign(across).astype(int)
    minor, major = np.where(steep, across, down), np.where(steep, down, across)
    share = np.abs(np.divide(minor, major, out=np.zeros_like(minor), where=major != 0))
    ridge = strength > 0
    padded = np.pad(strength, ((0, 0), (1, 1), (1, 1)))
    image, row, column = np.indices(strength.shape)
    for sign in (1, -1):
        straight = padded[
            image,
            row + 1 + sign * np.where(steep, vertical, 0),
            column + 1 + sign * np.where(steep, 0, horizontal),
        ]
        diagonal = padded[image, row + 1 + sign * vertical, column + 1 + sign * horizontal]
        ridge &= strength >= diagonal * share + straight * (1 - share)
    return ridge


def _blur(images: Images, sigma: float) -> Images:
    blurred: Images = ndimage.gaussian_filter(images, (0, sigma, sigma), mode="nearest")
    return blurred


CORRUPTIONS: dict[str, Corruption] = {
    "shot_noise": Corruption(_shot_noise, (60, 25, 12, 5, 3), 5),
    "impulse_noise": Corruption(_impulse_noise, (0.03, 0.06, 0.09, 0.17, 0.27), 4),
    "glass_blur": Corruption(
        _glass_blur, ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)), 1
    ),
    "motion_blur": Corruption(_motion_blur, ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)), 1),
    "shear": Corruption(_shear, (0.2, 0.4, 0.6, 0.8, 1.0), 2),
    "scale": Corruption(_scale, (0.9, 0.8, 0.7, 0.6, 0.5), 3),
    "rotate": Corruption(_rotate, (0.2, 0.4, 0.6, 0.8, 1.0), 2),
    "brightness": Corruption(_brightness, (0.1, 0.2, 0.3, 0.4, 0.5), 5),
    "translate": Corruption(_translate, (1, 2, 3, 4, 5), 3),
    "stripe": Corruption(_stripe, (3, 5, 7, 9, 11), 3),
    "fog": Corruption(_fog, ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)), 5),
    "spatter": Corruption(
        _spatter,
        (
            *((0.65, 0.3, 4, 0.69, 0.6), (0.65, 0.3, 3, 0.68, 0.6), (0.65, 0.3, 2, 0.68, 0.5)),
            *((0.65, 0.3, 1, 0.65, 1.5), (0.67, 0.4, 1, 0.65, 1.5)),
        ),
        4,
    ),
    "dotted_line": Corruption(_dotted_line, (1, 2, 3, 4, 5), 1),
    "zigzag": Corruption(_zigzag, (1, 2, 3, 4, 5), 1),
    "canny_edges": Corruption(_canny_edges, (0.6, 0.8, 1.0, 1.3, 1.6), 3),
}
