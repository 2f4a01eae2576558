"""Lay out a digit's ink as in MNIST: the glyph that the network reads.

The ink's bounding box is scaled to fit 20×20, keeping its aspect ratio, and placed with the ink's
centre of mass at the centre of a 28×28 field, as the MNIST page describes.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.artifact import GLYPH_PX
from inkdigits.imaging.ink import bounds, stroke_width

BOX_PX = 20  # the side of the square that the ink's bounding box is scaled to fit
THINNEST_PX = 1.8  # in the glyph; MNIST's strokes are 1.7 to 4 pixels wide
_ENOUGH_PX = 160  # the longer side is reduced to this before thickening and scaling
_FAINT = 0.2  # fainter ink doesn't extend the bounding box


def lay_out_glyph(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The glyph, uint8 (28, 28), of one digit's ink, 0…1 (height, width); black without ink.

    Strokes that would be thinner than MNIST's are thickened. A glyph is returned unchanged.
    """
    if is_laid_out(ink):
        return (ink * 255).round().astype(np.uint8)
    ink = crop(ink)
    if not ink.size:
        return np.zeros((GLYPH_PX, GLYPH_PX), np.uint8)
    if max(ink.shape) > _ENOUGH_PX:
        ink = _resized(ink, _ENOUGH_PX / max(ink.shape))
    scale = BOX_PX / max(ink.shape)
    lacking = THINNEST_PX / scale - stroke_width(ink > 0.5)
    if scale < 1 and lacking > 1:
        ink = _thicken(ink, lacking / 2)
        scale = BOX_PX / max(ink.shape)
    small = _resized(ink, scale)
    small = small / max(float(small.max()), 1e-6)  # averaging dims thin strokes
    return place_glyph((small * 255).round().astype(np.uint8))


def _resized(ink: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    # Lanczos keeps the strokes of coarse scans apart: 8×8 digits were read 12 points better than
    # with bilinear interpolation.
    resampling = Image.Resampling.BOX if scale < 1 else Image.Resampling.LANCZOS
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    return np.asarray(Image.fromarray(ink).resize(size, resampling), np.float32).clip(0, 1)


def is_laid_out(ink: NDArray[np.float32]) -> bool:
    """Whether the ink is 28×28 pixels with MNIST's margin and centre."""
    if ink.shape != (GLYPH_PX, GLYPH_PX) or max(crop(ink).shape) not in {BOX_PX - 1, BOX_PX}:
        return False
    return max(abs(middle - GLYPH_PX / 2) for middle in center_of_mass(ink)) < 1


def place_glyph(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Place ink of at most 28×28 pixels in a 28×28 field, centred by its centre of mass."""
    row, column = center_of_mass(small)
    middle = GLYPH_PX / 2  # MNIST: the centres of mass lie in 13.5…14.5, 14.0 on average
    top = min(max(0, round(middle - row)), GLYPH_PX - small.shape[0])
    left = min(max(0, round(middle - column)), GLYPH_PX - small.shape[1])
    glyph = np.zeros((GLYPH_PX, GLYPH_PX), np.uint8)
    glyph[top : top + small.shape[0], left : left + small.shape[1]] = small
    return glyph


def crop(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ink without the empty margin; of size 0 if there is none."""
    return ink[bounds(ink > _FAINT)]


def center_of_mass(ink: NDArray[np.generic]) -> tuple[float, float]:
    """Row and column of the ink's centre, in pixels; the middle of the field if it is black."""
    if not ink.any():
        return (ink.shape[0] - 1) / 2, (ink.shape[1] - 1) / 2
    rows, columns = ink.sum(axis=1, dtype=np.float64), ink.sum(axis=0, dtype=np.float64)
    mass = rows.sum()
    return float(rows @ np.arange(len(rows)) / mass), float(
        columns @ np.arange(len(columns)) / mass
    )


def _thicken(ink: NDArray[np.float32], by_px: float) -> NDArray[np.float32]:
    """Widen the strokes by `by_px` on each side, with an edge one pixel soft."""
    margin = int(np.ceil(by_px)) + 1
    padded = np.pad(ink, margin)
    wider = (by_px + 0.5 - _distance_to(padded > 0.5, margin)).clip(0, 1)
    return crop(np.maximum(padded, wider))


def _distance_to(ink: NDArray[np.bool_], reach_px: int) -> NDArray[np.float32]:
    """The distance in pixels to the nearest ink, as far as that is at most `reach_px`."""
    squared = np.where(ink, np.float32(0), np.float32(np.inf))
    for axis in (0, 1):
        nearest = squared.copy()
        before, after = np.moveaxis(squared, axis, 0), np.moveaxis(nearest, axis, 0)
        for step in range(1, reach_px + 1):
            np.minimum(after[step:], before[:-step] + step**2, out=after[step:])
            np.minimum(after[:-step], before[step:] + step**2, out=after[:-step])
        squared = nearest
    distance: NDArray[np.float32] = np.sqrt(squared)
    return distance
