"""Arrays of numbers from any library, as NumPy's and as 8-bit images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import CanvasError

_CHANNELS = {1, 3, 4}
_WHITE_LEVELS = (1, 255, 4095, 65535)  # of float, 8, 12 and 16 bit images
OVERSHOOT = 1.05  # resampling and rounding may slightly exceed white
_DARKEST = 1 / 8  # of white, for the brightest pixel: below that, another white level applies


def as_numpy(values: Any) -> NDArray[Any]:
    """Anything that is or holds an array as NumPy's: a torch tensor, a list, what NumPy converts.

    A tensor may be on any device and have a gradient. Raises `ValueError` for ragged lists.
    """
    if hasattr(values, "detach"):  # torch, which isn't imported
        values = values.detach().cpu()
        return np.asarray(values.float() if values.is_floating_point() else values)
    if isinstance(values, list | tuple):
        return np.array([as_numpy(value) for value in values])
    return np.asarray(values)


def image_of(values: NDArray[Any], *, bgr: bool = False) -> Image.Image:
    """An array as an image: uint8, bool, or other numbers in 0…1, 0…255, 0…4095 or 0…65535.

    Its shape is (height, width), or that with 1, 3 or 4 channels at the end or, where there are
    none, in front; else `CanvasError`, `bad_array`. With `bgr`, the first three are blue, green
    and red.
    """
    if values.ndim == 3 and values.shape[0] in _CHANNELS and values.shape[2] not in _CHANNELS:
        values = np.moveaxis(values, 0, 2)
    fits = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in _CHANNELS)
    if not fits or values.size == 0 or values.dtype.kind not in "buif":
        raise CanvasError(
            "bad_array",
            f"the array is {values.dtype} {values.shape}; it must be grey (height, width), RGB "
            "(height, width, 3) or RGBA (height, width, 4), of numbers; channels may be in front",
        )
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if bgr and values.ndim == 3:
        values = np.concatenate([values[:, :, 2::-1], values[:, :, 3:]], axis=2)
    if values.dtype == np.bool_:
        values = values * np.uint8(255)
    if values.dtype != np.uint8:
        check_range(values)
        values = to_8_bits(values.astype(np.float32))
    return Image.fromarray(values)


def check_range(values: NDArray[Any]) -> None:
    """Raise `CanvasError` for values that fit no white level, or more than one."""
    low, top = float(values.min()), float(values.max())  # NaN if one of them is
    fits = top <= OVERSHOOT or any(
        white * _DARKEST < top <= white * OVERSHOOT for white in _WHITE_LEVELS
    )
    if not (fits and low >= (1 - OVERSHOOT) * max(top, 1)):
        raise CanvasError(
            "bad_array",
            f"the values lie between {low:.4g} and {top:.4g}; they must fill 0…1, 0…255, 0…4095 or "
            "0…65535, black to white: scale them, and clip values beyond",
        )


def to_8_bits(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Scale to 0…255; white is the smallest usual white level that no pixel exceeds."""
    values = np.nan_to_num(values).clip(0)
    top = float(values.max())
    white = next((level for level in _WHITE_LEVELS if top <= level * OVERSHOOT), top)
    grey: NDArray[np.uint8] = (values * (255 / white)).clip(0, 255).round().astype(np.uint8)
    return grey
