"""Find the ink on a canvas: polarity, correction of uneven light, threshold.

Light ink is inverted, so all further work sees dark ink on light paper. The paper's brightness
around a stroke is the grey closing of the canvas: it fills anything narrower than its window and
preserves gradients and the edges of shadows. Pixels darker than the paper, relative to it, are ink.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Place = tuple[slice, slice]
"""Rows and columns of a canvas."""

_WINDOW = 0.4  # of the shorter side: what is narrower isn't paper
_COARSE_PX = 256  # the longer side of the picture for estimating polarity
_PAPER_PX = 128  # the longer side of the picture for estimating the paper; 96 and 256 read as well
_BLOCK_PX = 8  # in that picture: strokes are a small part of such a block, or fill it
_COARSEST_PX = 16  # the longer side of the picture for a median over half of it, which is slow
_SAMPLE_PX = 400  # a side of the sample for measuring the paper's level
_NEAR_WEIGHT = 4.0  # with 6 to 8, single thick digits are mistaken for paper
_MIN_CONTRAST = 0.06  # of the paper's brightness; below it a canvas counts as blank
_MIN_LEVELS = 8  # of 255: the variation of an even background after camera noise and JPEG
_SMOOTH = 0.02  # of the brightness: the largest median deviation of a page from a smooth fit
_FITS = 4  # each without the outliers of the last
_UNIFORM_PX = 40  # canvases up to this size are assumed to be evenly lit
_LEAST_BLOCK_PX, _BLOCKS = 16, 16  # half a window for widths of strokes; windows on a side
_NARROW = 0.3  # the quantile of the widths
_THRESHOLD = 0.45  # of full ink


@dataclass(frozen=True)
class Ink:
    """The ink on a canvas; arrays are (height, width).

    `strength`: float32, 0 for paper, 1 for full ink; `mask`: where there is ink. `contrast` is
    the darkness of full ink as a share of the brightness of the paper.
    """

    strength: NDArray[np.float32]
    mask: NDArray[np.bool_]
    contrast: float


def find_ink(canvas: NDArray[np.uint8], *, light_on_dark: bool) -> Ink | None:
    """The ink on a grey canvas, uint8 (height, width); None if there is almost none.

    Strokes wider than 0.4 of the shorter side are not found whole; narrower shadows count as ink.
    """
    grey = canvas.astype(np.float32)
    if light_on_dark:
        grey = 255 - grey
    if max(canvas.shape) <= _UNIFORM_PX:
        return _measure(grey, np.full_like(grey, max(float(np.median(grey)), 1)))
    return _measure(grey, paper_under(grey, _WINDOW * min(canvas.shape)))


def is_light_on_dark(canvas: NDArray[np.uint8]) -> bool:
    """Whether ink, the pixels that deviate from the local median, is lighter than the paper.

    There are two medians: over half the shorter side, which is wider than any stroke, and over
    small blocks, which the edges of tables and shadows rarely cross. Neither is reliable where a
    stroke or such an edge fills its window.
    """
    fine = _shrunk_to(canvas, _COARSE_PX)
    coarse = _shrunk_to(fine, _COARSEST_PX)
    window = max(3, round(0.5 * min(coarse.shape)) | 1)
    wide = coarse - _median_around(coarse, window)
    fine = np.pad(fine, [(0, -length % _BLOCK_PX) for length in fine.shape], mode="edge")
    rows = fine.reshape(len(fine) // _BLOCK_PX, _BLOCK_PX, -1, _BLOCK_PX)
    blocks = rows.swapaxes(1, 2).reshape(-1, _BLOCK_PX**2)
    near = blocks - _medians(blocks)[:, None]
    return _lightness(wide.reshape(1, -1)) + _NEAR_WEIGHT * _lightness(near) > 0


def _medians(values: NDArray[Any]) -> NDArray[Any]:
    """The median of each row; NumPy sorts six times as fast as it finds medians."""
    ordered, middle = np.sort(values, axis=-1), values.shape[-1] // 2
    if values.shape[-1] % 2:
        return ordered[..., middle]
    between: NDArray[Any] = (ordered[..., middle - 1] + ordered[..., middle]) / 2
    return between


def _lightness(deviation: NDArray[np.float32]) -> float:
    """The log ratio of upward to downward deviations.

    Deviations are root mean squares of each row, summed.
    """
    light, dark = (
        float(np.sqrt((part**2).mean(axis=1)).sum()) + 1e-3
        for part in (deviation.clip(0), -deviation.clip(max=0))
    )
    return float(np.log(light / dark))


def paper_under(grey: NDArray[np.float32], window_px: float) -> NDArray[np.float32]:
    """The paper's brightness at every pixel, ignoring strokes narrower than the window."""
    scale = min(1.0, _PAPER_PX / max(grey.shape))
    coarse = _shrunk(grey, scale)
    light = _smooth_light(coarse)
    size = max(3, round(window_px * scale) | 1)
    closed = -_highest_around(-_highest_around(coarse / light, size), size)
    return np.maximum(_resized(_mean_around(closed) * light, grey.shape), 1)


def _median_around(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The median of the size×size values around each; beyond the border the last ones repeat."""
    padded = np.pad(values, size // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    return _medians(windows.reshape(*values.shape, size * size))


def _highest_around(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The maximum of the size×size values around each, `size` being odd.

    Maxima over 1, 2, 4, … values come from each other, so a large window costs little more.
    """
    for axis in (0, 1):
        padded = np.pad(
            values, [(size // 2,) * 2 if axis == other else (0, 0) for other in (0, 1)], mode="edge"
        )
        rows, width = np.moveaxis(padded, axis, 0), 1
        while width < size:
            step = min(width, size - width)
            rows = np.maximum(rows[:-step], rows[step:])
            width += step
        values = np.moveaxis(rows, 0, axis)
    return values


def _mean_around(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the 3×3 values around each."""
    padded = np.pad(values, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    mean: NDArray[np.float32] = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    return mean


def _smooth_light(coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """The light on a page as a quadratic function of the position; 1 if that doesn't fit.

    It is needed because closing alone takes the dark end of a gradient at the border for ink.
    """
    coarsest = _shrunk_to(coarse, _COARSEST_PX)
    y, x = np.mgrid[tuple(slice(-1, 1, length * 1j) for length in coarsest.shape)]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    near = np.ones(coarsest.shape, bool)
    for _ in range(_FITS):
        some = terms[near]  # the normal equations: six by six, too small for threads
        fitted = terms @ np.linalg.lstsq(some.T @ some, some.T @ coarsest[near], rcond=None)[0]
        off = np.abs(coarsest - fitted)
        middle = float(_medians(off.ravel()))
        near = off <= 2 * middle
    smooth = middle < _SMOOTH * float(_medians(coarsest.ravel())) and fitted.min() > 1
    return _resized(fitted.astype(np.float32), coarse.shape) if smooth else np.ones_like(coarse)


def _measure(grey: NDArray[np.float32], paper: NDArray[np.float32]) -> Ink | None:
    darkness = 1 - grey / paper
    step = 1 + max(darkness.shape) // _SAMPLE_PX
    sample = darkness[::step, ::step]
    level, noise = _paper_level(sample)
    darkness -= level
    # Light ink is on a dark background, perhaps nearly black. There, noise is a large share of the
    # brightness, so a limit in grey levels is needed.
    least = max(_MIN_LEVELS, 5 * _paper_level(sample * paper[::step, ::step])[1])
    dark = darkness > max(5 * noise, _MIN_CONTRAST)
    candidates = darkness[dark]
    candidates = candidates[candidates * paper[dark] > least]
    if candidates.size < 3:
        return None
    # Shading and ruled lines are candidates too, but ink is darker.
    darkest = candidates[candidates >= _otsu(candidates)]
    contrast = float(darkest.max() if grey.size <= _UNIFORM_PX**2 else np.median(darkest))
    strength = (darkness / contrast).clip(0, 1)
    return Ink(strength, strength > _THRESHOLD, contrast)


def _paper_level(darkness: NDArray[np.float32]) -> tuple[float, float]:
    """The mean and the standard deviation of the paper, at least the lightest quarter.

    For normal noise, the quantiles 0.05 and 0.25 are 0.97 standard deviations apart, and the
    latter is 0.67 below the mean.
    """
    ordered = np.sort(darkness, axis=None)  # a quarter of the time of np.quantile
    places = np.array([0.05, 0.25]) * (ordered.size - 1)
    below = places.astype(int)
    step = ordered[np.minimum(below + 1, ordered.size - 1)] - ordered[below]
    lightest, light = (ordered[below] + (places - below) * step).tolist()
    noise = (light - lightest) / 0.97
    return light + 0.67 * noise, noise


def _otsu(values: NDArray[np.float32]) -> float:
    """The threshold that maximises the variance between two classes of values (Otsu, 1979)."""
    counts, edges = np.histogram(values, 64)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts.astype(float))  # browsers count in 32 bits, too few for products
    total = np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(edges[np.nan_to_num(between).argmax() + 1])


def stroke_width(mask: NDArray[np.bool_]) -> float:
    """The mean stroke width of a mask in pixels: twice the area divided by the outline."""
    outline = (mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum()
    if not outline:
        return float(min(mask.shape))
    # Counted along pixel sides, an outline is too long by 4/π, averaged over all directions.
    return float(2 * mask.sum() / (outline * np.pi / 4))


def narrow_stroke_width(mask: NDArray[np.bool_]) -> float:
    """As `stroke_width`, of the narrower strokes: a large dark thing in sight counts little.

    It is a low quantile of the widths in windows that overlap by half, weighted by the outlines.
    """
    block = max(_LEAST_BLOCK_PX, min(mask.shape) // _BLOCKS)
    padded = np.pad(mask, [(0, -side % block) for side in mask.shape], mode="edge")
    rows, columns = (side // block for side in padded.shape)
    outline = np.zeros(padded.shape, np.uint8)
    outline[1:] += padded[1:] != padded[:-1]
    outline[:, 1:] += padded[:, 1:] != padded[:, :-1]
    areas, lengths = (
        _over_four(part.reshape(rows, block, columns, block).sum(axis=(1, 3), dtype=np.int64))
        for part in (padded, outline)
    )
    if not lengths.any():
        return stroke_width(mask)
    widths = 2 * areas / np.maximum(lengths * (np.pi / 4), 1e-9)
    order = np.argsort(widths)
    total = np.cumsum(lengths[order])
    return float(widths[order][np.searchsorted(total, _NARROW * total[-1])])


def _over_four(blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sums of each block and those to its right, below, and diagonally; flat."""
    padded = np.pad(blocks, [(0, 1), (0, 1)])
    return (padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]).ravel()


def bounds(mask: NDArray[np.bool_]) -> Place:
    """The bounding rows and columns of a mask; of length 0 if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _shrunk(grey: NDArray[np.uint8] | NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """The picture averaged to `scale` ≤ 1 times its size, at least a pixel."""
    return _resized(grey, tuple(max(1, round(side * scale)) for side in grey.shape))


def _shrunk_to(
    grey: NDArray[np.uint8] | NDArray[np.float32], longest_px: int
) -> NDArray[np.float32]:
    """The picture averaged to at most `longest_px` on its longer side."""
    return _shrunk(grey, min(1.0, longest_px / max(grey.shape)))


def _resized(
    grey: NDArray[np.uint8] | NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Resize: averaged when shrinking, bilinear when growing."""
    if shape == grey.shape:
        return grey.astype(np.float32, copy=False)
    shrinks = shape[0] < grey.shape[0]
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    height, width = shape
    return np.asarray(Image.fromarray(grey).resize((width, height), method), np.float32)
