"""Perspective maps, as (3, 3) matrices, and parts of a canvas seen through them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.imaging.canvas import Canvas

Matrix = NDArray[np.float64]
Shares = tuple[float, float, float, float]
"""Left, top, width and height of a region as shares of a picture or a table."""

UNIT_SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
"""Clockwise from the top left, as all corners here."""

WHOLE: Shares = (0.0, 0.0, 1.0, 1.0)
_ASKEW = 0.07  # a slope: up to that much, digits are read equally well


def homography(start: NDArray[np.floating], end: NDArray[np.floating]) -> Matrix:
    """The perspective map of four corners (4, 2), x and y, onto four others."""
    equations = []
    for (x, y), (u, v) in zip(start, end, strict=True):
        equations += [
            [x, y, 1, 0, 0, 0, -u * x, -u * y],
            [0, 0, 0, x, y, 1, -v * x, -v * y],
        ]
    solved = np.linalg.lstsq(np.array(equations, float), np.asarray(end, float).ravel(), rcond=None)
    return np.append(solved[0], 1).reshape(3, 3)


def project(matrix: Matrix, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Points (n, 2), x and y, through a perspective map."""
    across, down, depth = matrix @ np.column_stack([points, np.ones(len(points))]).T
    return np.column_stack([across / depth, down / depth])


def corners_of(canvas: Canvas) -> NDArray[np.float64]:
    """The corners of a canvas."""
    return UNIT_SQUARE * canvas.grey.shape[::-1]


def is_askew(corners: NDArray[np.floating]) -> bool:
    """Whether a side between corners isn't level or upright."""
    across, down = np.abs(np.roll(corners, -1, axis=0) - corners).T
    return bool((np.minimum(across, down) > _ASKEW * np.maximum(across, down)).any())


def region_of(canvas: Canvas, corners: NDArray[np.floating], shares: Shares) -> Canvas:
    """A part of the quadrilateral with these corners (4, 2) on a canvas, as a canvas of its own.

    It is seen from straight above: a table photographed from aside has upright sides again.
    """
    left, top, width, height = shares
    places = np.array([left, top]) + UNIT_SQUARE * (width, height)
    sides = project(homography(UNIT_SQUARE, corners), places)
    lengths = np.hypot(*(np.roll(sides, -1, axis=0) - sides).T)
    columns, rows = (max(1, round(max(lengths[side], lengths[side + 2]))) for side in (0, 1))
    to_canvas = homography(UNIT_SQUARE * (columns, rows), sides)
    grey = Image.fromarray(canvas.grey).transform(
        (columns, rows),
        Image.Transform.PERSPECTIVE,
        tuple(to_canvas.ravel()[:8]),  # Pillow maps places of the result to those of the source
        Image.Resampling.BILINEAR,
    )
    return Canvas(np.asarray(grey), canvas.to_picture @ to_canvas)
