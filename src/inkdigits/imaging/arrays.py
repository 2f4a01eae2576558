"""Convert arrays of numbers to 8-bit images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import CanvasError

_WHITE_LEVELS = (1, 255, 4095, 65535)  # of float, 8, 12 and 16 bit images
_OVERSHOOT = 1.05  # resampling and rounding may slightly exceed white
_DARKEST = 1 / 8  # of white, for the brightest pixel: below that, another white level applies


def image_of(values: NDArray[Any]) -> Image.Image:
    """An array as an image: uint8, bool, or other numbers in 0…1, 0…255, 0…4095 or 0…65535.

    Its shape is (height, width), or that plus 1, 3 or 4 channels; else `CanvasError`, `bad_array`.
    """
    fits = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in {1, 3, 4})
    if not fits or values.size == 0 or values.dtype.kind not in "buif":
        raise CanvasError(
            "bad_array",
            f"the array is {values.dtype} {values.shape}; it must be grey (height, width), RGB "
            "(height, width, 3) or RGBA (height, width, 4), of numbers",
        )
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.dtype == np.bool_:
        values = values * np.uint8(255)
    if values.dtype != np.uint8:
        check_range(values)
        values = to_8_bits(values.astype(np.float32))
    return Image.fromarray(values)


def check_range(values: NDArray[Any]) -> None:
    """Raise `CanvasError` for values that fit no white level, or more than one."""
    low, top = float(values.min()), float(values.max())  # NaN if one of them is
    fits = top <= _OVERSHOOT or any(
        white * _DARKEST < top <= white * _OVERSHOOT for white in _WHITE_LEVELS
    )
    if not (fits and low >= (1 - _OVERSHOOT) * max(top, 1)):
        raise CanvasError(
            "bad_array",
            f"the values lie between {low:.4g} and {top:.4g}; they must fill 0…1, 0…255, 0…4095 or "
            "0…65535, black to white: scale them, and clip values beyond",
        )


def to_8_bits(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Scale to 0…255; white is the smallest usual white level that no pixel exceeds."""
    values = np.nan_to_num(values).clip(0)
    top = float(values.max())
    white = next((level for level in _WHITE_LEVELS if top <= level * _OVERSHOOT), top)
    grey: NDArray[np.uint8] = (values * (255 / white)).clip(0, 255).round().astype(np.uint8)
    return grey
