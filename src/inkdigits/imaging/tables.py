"""Where on a table a place is, seen from any side."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_LARGE = 0.25  # of the canvas: a frame goes around at least so much
_LARGER = 1.5  # times the largest digit: the frame of two cells goes around twice as much


def table_corners(mask: NDArray[np.bool_], largest_digit: int) -> NDArray[np.float64]:
    """The corners (4, 2) of a table as x and y, clockwise from the top left.

    They are those of its frame, the piece of ink with the largest box; of the whole canvas where
    there is no piece so large. `largest_digit` is the area of the largest digit's box, in pixels.
    """
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    places = ndimage.find_objects(labels)
    sizes = [(p[0].stop - p[0].start) * (p[1].stop - p[1].start) for p in places]
    if max(sizes, default=0) < max(_LARGE * mask.size, _LARGER * largest_digit):
        height, width = mask.shape
        return np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    rows, columns = np.nonzero(labels == int(np.argmax(sizes)) + 1)
    ahead, aside = columns + rows, columns - rows
    ends = [ahead.argmin(), aside.argmax(), ahead.argmax(), aside.argmin()]
    return np.array([(columns[end], rows[end]) for end in ends], float)


def place_in_table(corners: NDArray[np.float64], x: float, y: float) -> tuple[float, float]:
    """How far across and down the table a place is, 0…1 inside, by the perspective map."""
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    equations = []
    for (cx, cy), (u, v) in zip(corners, square, strict=True):
        equations += [
            [cx, cy, 1, 0, 0, 0, -u * cx, -u * cy],
            [0, 0, 0, cx, cy, 1, -v * cx, -v * cy],
        ]
    solved = np.linalg.lstsq(np.array(equations), square.ravel(), rcond=None)[0]
    across, down, depth = np.append(solved, 1).reshape(3, 3) @ (x, y, 1)
    return float(across / depth), float(down / depth)
