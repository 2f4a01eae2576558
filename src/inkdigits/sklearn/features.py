"""Features of any number and range as images of 28×28."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.artifact import GLYPH_PX

Range = tuple[float, float]


def as_rows(pictures: NDArray[np.generic]) -> NDArray[np.generic]:
    """Pictures (n, height, width) as rows of features; oblong ones are padded to squares."""
    height, width = pictures.shape[1:]
    side = max(height, width)
    padded = np.pad(pictures, ((0, 0), (0, side - height), (0, side - width)))
    return padded.reshape(len(pictures), side * side)


def as_images(rows: NDArray[np.floating], seen: Range) -> NDArray[np.uint8]:
    """Images (n, 28, 28) of rows of features (n, features).

    The values from the lower end of the range `seen` to the upper one become 0…255; others are
    clipped. A row fills a square line by line, its rest is 0, and the square is resized.
    """
    low, high = seen
    scale = 255 / (high - low) if high > low else 0.0
    squares = _squares(((rows - low) * scale).clip(0, 255).astype(np.float32))
    resize = _resizing(squares.shape[1])
    return (resize @ squares @ resize.T).round().clip(0, 255).astype(np.uint8)


def _squares(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    count, features = rows.shape
    side = math.isqrt(features - 1) + 1
    return np.pad(rows, ((0, 0), (0, side * side - features))).reshape(count, side, side)


def _resizing(side: int) -> NDArray[np.float32]:
    """The matrix (28, side) that resizes columns as Pillow does: bilinear, without aliasing."""
    columns = Image.fromarray(np.eye(side, dtype=np.float32))
    return np.asarray(columns.resize((side, GLYPH_PX), Image.Resampling.BILINEAR))
