"""From a canvas to its ink: which way round it is, evened light, a threshold.

Light ink is inverted, so that all further work sees dark ink on light paper. The paper's
brightness around a stroke is the grey closing of the canvas: it fills what is narrower than its
window, and leaves gradients and the edges of shadows as they are. What is darker than the paper,
as a share of it, is ink.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Place = tuple[slice, slice]
"""Rows and columns of a canvas."""

_COARSE_PX = 256  # the longer side of the picture that paper and polarity are estimated on
_BLOCK_PX = 8  # of that picture: strokes are a small part of such a block, or fill it
_COARSEST_PX = 24  # the longer side of the picture for a median over half of it, which takes long
_SAMPLE_PX = 400  # a side of the sample that the paper's level is taken from
_NEAR_WEIGHT = 4.0  # with 6 to 8, single thick digits are taken for paper
_MIN_CONTRAST = 0.06  # of the paper's brightness; below it a canvas counts as blank
_MIN_LEVELS = 8  # of 255: what a camera's noise and JPEG leave of an even ground
_SMOOTH = 0.02  # of the brightness: how far half of a page is from a smooth fit at the most
_FITS = 4  # each without what the last one was far from
_UNIFORM_PX = 40  # canvases no larger are taken to be evenly lit
THRESHOLD = 0.45  # of full ink


@dataclass(frozen=True)
class Ink:
    """What is written on a canvas, all (height, width).

    `strength`: float32, 0 for paper, 1 for full ink; `mask`: where there is ink. `contrast` is
    full ink's darkness as a share of the brightness of the `paper`, float32, there.
    """

    strength: NDArray[np.float32]
    mask: NDArray[np.bool_]
    contrast: float
    paper: NDArray[np.float32]

    @cached_property
    def strokes(self) -> tuple[NDArray[np.intp], list[Place]]:
        """The connected strokes: (height, width) with the number of each, from 1; their places."""
        labels, _ = ndimage.label(self.mask, np.ones((3, 3)))
        return labels, ndimage.find_objects(labels)


def find_ink(canvas: NDArray[np.uint8], *, light_on_dark: bool, window_px: float) -> Ink | None:
    """The ink on a grey canvas, uint8 (height, width); None where there is next to none.

    Strokes wider than the window are not found whole; shadows narrower than it are let in.
    """
    grey = canvas.astype(np.float32)
    if light_on_dark:
        grey = 255 - grey
    if max(canvas.shape) <= _UNIFORM_PX:
        return _measure(grey, np.full_like(grey, max(float(np.median(grey)), 1)))
    return _measure(grey, paper_under(grey, window_px))


def is_light_on_dark(canvas: NDArray[np.uint8]) -> bool:
    """Whether the ink on a grey canvas is the lighter part: what deviates from the median around.

    The median is taken twice: over half the shorter side, which is wider than any stroke, and over
    small blocks, which the edges of tables and shadows seldom cross. Neither says much where a
    stroke, or such an edge, fills it.
    """
    fine = shrunk_to(canvas, _COARSE_PX)
    coarse = shrunk_to(fine, _COARSEST_PX)
    window = max(3, round(0.5 * min(coarse.shape)) | 1)
    wide = coarse - ndimage.median_filter(coarse, size=window, mode="nearest")
    fine = np.pad(fine, [(0, -length % _BLOCK_PX) for length in fine.shape], mode="edge")
    blocks = fine.reshape(len(fine) // _BLOCK_PX, _BLOCK_PX, -1, _BLOCK_PX)
    near = blocks - np.median(blocks, axis=(1, 3), keepdims=True)
    return _lightness(wide, (0, 1)) + _NEAR_WEIGHT * _lightness(near, (1, 3)) > 0


def _lightness(deviation: NDArray[np.float32], axes: tuple[int, int]) -> float:
    """The log of how much larger the deviations upwards are than those downwards.

    They are root mean squares over these axes, summed over the others.
    """
    light, dark = (
        float(np.sqrt((part**2).mean(axis=axes)).sum()) + 1e-3
        for part in (deviation.clip(0), -deviation.clip(max=0))
    )
    return float(np.log(light / dark))


def paper_under(grey: NDArray[np.float32], window_px: float) -> NDArray[np.float32]:
    """The paper's brightness everywhere, from where no stroke narrower than the window is."""
    scale = min(1.0, _COARSE_PX / max(grey.shape))
    coarse = shrunk(grey, scale)
    light = _smooth_light(coarse)
    size = max(3, round(window_px * scale) | 1)
    closed = ndimage.grey_closing(coarse / light, size=(size, size), mode="nearest")
    closed = ndimage.uniform_filter(closed, size=3, mode="nearest")
    return np.maximum(_resized(closed * light, grey.shape), 1)


def _smooth_light(coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """The light on a page, where it is a smooth function of the place: a quadratic one; else 1.

    The closing takes the dark end of a slope for ink: beyond the border there is nothing darker.
    """
    coarsest = shrunk_to(coarse, _COARSEST_PX)
    y, x = np.mgrid[tuple(slice(-1, 1, length * 1j) for length in coarsest.shape)]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    near = np.ones(coarsest.shape, bool)
    for _ in range(_FITS):
        some = terms[near]  # the normal equations: six by six, no work for several threads
        fitted = terms @ np.linalg.lstsq(some.T @ some, some.T @ coarsest[near], rcond=None)[0]
        off = np.abs(coarsest - fitted)
        near = off <= 2 * np.median(off)
    smooth = np.median(off) < _SMOOTH * np.median(coarsest) and fitted.min() > 1
    return _resized(fitted.astype(np.float32), coarse.shape) if smooth else np.ones_like(coarse)


def _measure(grey: NDArray[np.float32], paper: NDArray[np.float32]) -> Ink | None:
    darkness = 1 - grey / paper
    step = 1 + max(darkness.shape) // _SAMPLE_PX
    sample = darkness[::step, ::step]
    level, noise = _paper_level(sample)
    darkness -= level
    # Light ink is seen on a ground that is dark, perhaps nearly black: there noise is a large
    # share of the brightness, and the levels tell.
    least = max(_MIN_LEVELS, 5 * _paper_level(sample * paper[::step, ::step])[1])
    dark = darkness > max(5 * noise, _MIN_CONTRAST)
    candidates = darkness[dark]
    candidates = candidates[candidates * paper[dark] > least]
    if candidates.size < 3:
        return None
    # Shading and ruled lines are candidates too, but the ink is darker.
    darkest = candidates[candidates >= otsu(candidates)]
    contrast = float(darkest.max() if grey.size <= _UNIFORM_PX**2 else np.median(darkest))
    strength = (darkness / contrast).clip(0, 1)
    return Ink(strength, strength > THRESHOLD, contrast, paper)


def _paper_level(darkness: NDArray[np.float32]) -> tuple[float, float]:
    """The middle and the standard deviation of the paper, which is the lightest quarter at least.

    Of normal noise around its level, the quantiles 0.05 and 0.25 lie 0.97 standard deviations
    apart, and the latter 0.67 below the level.
    """
    lightest, light = (float(q) for q in np.quantile(darkness, (0.05, 0.25)))
    noise = (light - lightest) / 0.97
    return light + 0.67 * noise, noise


def otsu(values: NDArray[np.float32]) -> float:
    """The level that parts values in two classes with the greatest variance between (Otsu)."""
    counts, edges = np.histogram(values, 64)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    total = np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(edges[np.nan_to_num(between).argmax() + 1])


def thickest_stroke(mask: NDArray[np.bool_]) -> float:
    """The width in pixels of the widest strokes; shadows come in from the border, strokes don't."""
    scale = min(1.0, _COARSE_PX / max(mask.shape))
    coarse = shrunk(mask.astype(np.float32), scale) > 0.5
    labels, _ = ndimage.label(coarse, np.ones((3, 3)))
    at_border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    inner = coarse & ~np.isin(labels, at_border)
    depth = ndimage.distance_transform_cdt(np.pad(inner if inner.any() else coarse, 1))
    return float(2 * depth.max() / scale)


def stroke_width(mask: NDArray[np.bool_]) -> float:
    """The mean width in pixels of the strokes of a mask: twice their area over their outline."""
    outline = (mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum()
    if not outline:
        return float(min(mask.shape))
    # Counted along the pixels' sides an outline is 4/π too long, over all directions.
    return float(2 * mask.sum() / (outline * np.pi / 4))


def bounds(mask: NDArray[np.bool_]) -> Place:
    """The rows and columns that a mask has something in; of length 0 if it has nothing."""
    found = ndimage.find_objects(mask.view(np.int8))
    return found[0] if found else (slice(0, 0), slice(0, 0))


def polygon_area(x: NDArray[np.number], y: NDArray[np.number]) -> NDArray[np.float64]:
    """The area inside corners in order, (…, corners): (…)."""
    doubled = (x * np.roll(y, -1, axis=-1) - y * np.roll(x, -1, axis=-1)).sum(axis=-1)
    area: NDArray[np.float64] = np.abs(doubled) / 2
    return area


def shrunk(grey: NDArray[np.uint8] | NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """A smaller picture, of `scale` ≤ 1 times the size and at least a pixel, averaged."""
    return _resized(grey, tuple(max(1, round(side * scale)) for side in grey.shape))


def shrunk_to(
    grey: NDArray[np.uint8] | NDArray[np.float32], longest_px: int
) -> NDArray[np.float32]:
    """A picture averaged to that many pixels on its longer side, if it has more."""
    return shrunk(grey, min(1.0, longest_px / max(grey.shape)))


def _resized(
    grey: NDArray[np.uint8] | NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Averaged when it shrinks, bilinear when it grows."""
    if shape == grey.shape:
        return grey.astype(np.float32, copy=False)
    shrinks = shape[0] < grey.shape[0]
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    height, width = shape
    return np.asarray(Image.fromarray(grey).resize((width, height), method), np.float32)
