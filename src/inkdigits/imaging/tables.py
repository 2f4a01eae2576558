"""Printed tables: where their corners are.

SciPy is imported only here, when a table is read: it takes 0.2 s.
"""

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Place

_SMALLEST_PX = 24  # the shorter side of a frame: smaller ones are digits
_HOLLOW = 0.4  # of its box with ink at the most; of a thick 0 it is 0.6
_FILLED = 0.5  # of its box, by its corners: a ruled line that crosses digits has no corners
_STRAIGHT = 0.95  # of each side with ink
_SWAY = 0.015  # of a side's length: how far the ink may be from it, as lenses bend lines
_NESTED = 4  # times the canvas: a pattern has more in its pieces' boxes, and would take a minute
_HOLES_OF_8 = 2
_CONTENT = 0.2  # of the frame's shorter side: so large is a digit in it
_ALIKE = 0.5  # of the largest frame's area: the boxes of one table
_LYING = 1.3  # times its height: a wider frame without anything in it is no 0


def _find_frames(labels: NDArray[np.intp]) -> list[tuple[int, Place]]:
    """The label and the place of each frame among connected strokes.

    A frame is hollow and has four straight sides, seen from anywhere. A 0 and an 8 in straight
    strokes are like that as well, but stand upright and have nothing inside.
    """
    from scipy import ndimage

    frames, seen = [], 0
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        height, width = (side.stop - side.start for side in place)
        if min(height, width) < _SMALLEST_PX:
            continue
        seen += height * width
        if seen > _NESTED * labels.size:
            break
        piece = labels[place] == label
        if piece.mean() > _HOLLOW or not _has_straight_sides(piece):
            continue
        is_table = ndimage.label(~np.pad(piece, 1))[1] > _HOLES_OF_8 + 1  # the outside is one
        if is_table or width > _LYING * height or _holds_ink(labels[place], label):
            frames.append((label, place))
    return frames


def _has_straight_sides(piece: NDArray[np.bool_]) -> bool:
    corners = _corners(piece)
    if _area(corners) < _FILLED * piece.size:
        return False
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        length = max(2, int(np.hypot(*(end - start))))
        x, y = np.rint(np.linspace(start, end, length)).astype(np.intp).T
        reach = 1 + round(_SWAY * length)
        rows, columns = (
            (places[:, None] + np.arange(-reach, reach + 1)).clip(0, size - 1)
            for places, size in zip((y, x), piece.shape, strict=True)
        )
        near = piece[rows, x[:, None]].any(axis=1) | piece[y[:, None], columns].any(axis=1)
        if near.mean() < _STRAIGHT:
            return False
    return True


def _holds_ink(labels: NDArray[np.intp], frame: int) -> bool:
    """Whether there is another piece in the frame's box that is as large as a digit."""
    from scipy import ndimage

    least = _CONTENT * min(labels.shape)
    others = ndimage.find_objects(np.where(labels == frame, 0, labels))
    return any(place and place[0].stop - place[0].start > least for place in others)


def _corners(piece: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The farthest points of a piece of ink in the four oblique directions, as x and y: (4, 2).

    Clockwise from the top left.
    """
    rows, columns = np.nonzero(piece)
    ahead, aside = columns + rows, columns - rows
    ends = [ahead.argmin(), aside.argmax(), ahead.argmax(), aside.argmin()]
    return np.array([(columns[end], rows[end]) for end in ends])


def _area(corners: NDArray[np.intp]) -> float:
    """The area inside corners (n, 2) in order."""
    x, y = corners.T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def table_corners(mask: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """The corners (4, 2) of a table in a mask of ink as x and y, clockwise from the top left.

    They are those of its frame, or of all its boxes; None where there are none.
    """
    from scipy import ndimage

    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    frames = _find_frames(labels)
    if not frames:
        return None
    largest = max(labels[place].size for _, place in frames)
    boxes = [label for label, place in frames if labels[place].size > _ALIKE * largest]
    return _corners(np.isin(labels, boxes)).astype(float)
