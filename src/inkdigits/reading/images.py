"""Images for the network in whatever form people have them, as uint8 (n, 28, 28)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import GLYPH_PX, are_glyphs
from inkdigits.errors import UsageError
from inkdigits.imaging.arrays import as_numpy
from inkdigits.imaging.sources import ArrayLike

Images = NDArray[Any] | ArrayLike | Sequence[Any]
"""What `as_images` takes: an array, a torch tensor, a list of them or of numbers."""

_SHAPES = "(n, 28, 28), (n, 28, 28, 1), (n, 1, 28, 28), (n, 784), or one image without the n"
_DARKEST = 32  # of 255: no batch's brightest pixel is darker


def as_images(values: Images) -> NDArray[np.uint8]:
    """Images as uint8 (n, 28, 28), bright ink on black, the only form that the network takes.

    `values` are (n, 28, 28), (n, 28, 28, 1), (n, 1, 28, 28) or (n, 784), or one image without the
    n. uint8 is 0…255. Of other types the largest value decides: up to 1 all are 0…1, above 31 they
    are 0…255. Raises `UsageError` for another shape, for values below 0, above 255 or that are no
    numbers, and for a largest value between 1 and 32.
    """
    try:
        array = as_numpy(values)
    except ValueError as error:
        raise UsageError(f"the images are no array: {error}") from None
    if array.dtype.kind not in "buif" or not _is_known(array.shape):
        raise UsageError(
            f"images are {array.dtype} {array.shape}; they must be numbers, {_SHAPES}. "
            "'reader.read' takes a picture of any size"
        )
    images = array.reshape(-1, GLYPH_PX, GLYPH_PX)
    return images if are_glyphs(images) else _in_bytes(images)


def _is_known(shape: tuple[int, ...]) -> bool:
    """Whether a shape is that of one image or of several."""
    side = GLYPH_PX
    forms = ((side, side), (side, side, 1), (1, side, side), (side * side,))
    return shape in forms or shape[1:] in forms


def _in_bytes(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Values 0…1 or 0…255 as uint8; `UsageError` for others."""
    if not images.size:
        return images.astype(np.uint8)
    low, high = float(images.min()), float(images.max())  # NaN if one of them is
    if not low >= 0:
        raise UsageError(
            f"the images' values begin at {low:.4g}; they must be 0…1 or 0…255: undo the "
            "standardising, and replace NaN"
        )
    if high > 255 or 1 < high < _DARKEST:
        raise UsageError(
            f"the images' values go up to {high:g}; they must fill 0…1 or 0…255: multiply by "
            "255 / white (white is 16 in scikit-learn's digits)"
        )
    scale = 255 if high <= 1 else 1
    return (images * np.float32(scale)).round().astype(np.uint8)


def grounds(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The medians (n,) along the borders of images (n, 28, 28)."""
    borders = [images[:, [0, -1]], images[:, :, [0, -1]]]
    flat = [border.reshape(len(images), 2 * GLYPH_PX) for border in borders]
    medians: NDArray[np.float64] = np.median(np.concatenate(flat, axis=1), axis=1)
    return medians
