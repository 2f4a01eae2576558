"""Cuts through a piece that may be several touching digits.

A cut follows a seam: of the paths from top to bottom the one that crosses the least ink, found by
dynamic programming as in seam carving (Avidan and Shamir, 2007). It bends around the strokes on
both sides, so that digits which overlap in slant come apart where they touch.
"""

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import THRESHOLD, bounds, shrunk, stroke_width
from inkdigits.imaging.segmentation import Piece

_COARSE_PX = 32  # a digit's height in the picture that seams are looked for in
_ASIDE_COST = 0.3  # of a pixel of ink, for a column aside: 0.1 and 0.8 misplace more ink
_CUTS, _LEAST_CUTS = 5, 7  # in as much width as a digit is high, and in any piece
_CUT_COST = 0.3  # and as much again for each pen's width of ink
_STROKE_COST = 1.0  # for each stroke but the first: digits touch at a point, a 0 is crossed twice
_LEAST = 0.025  # of the square of the piece's height: the ink between two cuts; a stroke has 0.15


def cut(piece: Piece, height: float) -> list[tuple[Piece, float]]:
    """The parts of a wide piece, from left to right, cut where the least ink is in the way.

    With each comes what the cut to its left costs, on the scale of log probabilities. `height`
    is a digit's, in pixels. More cuts are made than there are digits: the reader joins again what
    belongs together.
    """
    coarse = shrunk(piece.ink, min(1.0, _COARSE_PX / height))
    most = max(_LEAST_CUTS, round(_CUTS * coarse.shape[1] / _COARSE_PX))
    seams = _best_apart(coarse, *_seams(coarse), most)
    edges = [_enlarged(seam, coarse.shape[1], piece.ink.shape) for seam in seams]
    pen = max(1.0, stroke_width(coarse > THRESHOLD))
    costs = [0.0, *(_cost(coarse[np.arange(len(seam)), seam], pen) for seam in seams)]
    left_of = np.zeros(piece.ink.shape, bool)
    parts = []
    for edge, cost in zip([*edges, np.full(len(piece.ink), np.inf)], costs, strict=True):
        inside = (np.arange(piece.ink.shape[1]) + 0.5 < edge[:, None]) & ~left_of
        left_of |= inside
        part = _cropped(np.where(inside, piece.ink, np.float32(0)), piece.x, piece.y)
        if part:
            parts.append((part, cost))
    return parts


def _seams(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """For each column of the middle row, the cheapest seam through it.

    The costs, (width,), in pixels of ink, and the seams, (width, height): their column in each row.
    """
    height, width = ink.shape
    middle = height // 2
    costs = ink[middle].copy()
    seams = np.empty((width, height), np.int64)
    seams[:, middle] = np.arange(width)
    for rows in (range(middle - 1, -1, -1), range(middle + 1, height)):  # away from the middle
        beyond = np.zeros(width, np.float32)  # the cheapest way from each column to the end
        steps = []
        for row in reversed(rows):
            onwards = np.pad(ink[row] + beyond, 1, constant_values=np.inf)
            ways = (onwards[:-2] + _ASIDE_COST, onwards[1:-1], onwards[2:] + _ASIDE_COST)
            beyond = np.minimum.reduce(ways)
            steps.append(np.argmin(ways, axis=0) - 1)
        costs += beyond
        column = seams[:, middle]
        for row, step in zip(rows, reversed(steps), strict=True):
            column = column + step[column]
            seams[:, row] = column
    return costs, seams


def _best_apart(
    ink: NDArray[np.float32], costs: NDArray[np.float32], seams: NDArray[np.int64], most: int
) -> list[NDArray[np.int64]]:
    """The cheapest seams from left to right, with some ink between them and outside them."""
    to_the_left = np.cumsum(np.pad(ink, ((0, 0), (1, 0))), axis=1)
    before = to_the_left[np.arange(len(ink)), seams].sum(axis=1)  # the ink left of each seam
    least = _LEAST * len(ink) ** 2
    taken, chosen = [0.0, float(ink.sum())], []
    for place in np.argsort(costs, kind="stable"):
        if min(abs(before[place] - other) for other in taken) > least:
            taken.append(float(before[place]))
            chosen.append(place)
        if len(chosen) == most:
            break
    return [seams[place] for place in sorted(chosen, key=lambda place: before[place])]


def _cost(on_seam: NDArray[np.float32], pen: float) -> float:
    """What it costs to cut through this ink with strokes as wide as that."""
    ends = np.diff(on_seam > THRESHOLD, prepend=False, append=False)
    strokes = int(np.count_nonzero(ends)) // 2
    return _CUT_COST * (1 + float(on_seam.sum()) / pen) + _STROKE_COST * max(0, strokes - 1)


def _enlarged(seam: NDArray[np.int64], columns: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A seam of a coarse picture `columns` wide, in pixels of the canvas: (height,)."""
    height, width = shape
    rows = (np.arange(height) + 0.5) * len(seam) / height - 0.5
    enlarged: NDArray[np.float64] = np.interp(rows, np.arange(len(seam)), seam + 0.5)
    return enlarged * width / columns


def _cropped(ink: NDArray[np.float32], x: int, y: int) -> Piece | None:
    rows, columns = bounds(ink > THRESHOLD)
    inside = ink[rows, columns]
    return Piece(inside, x + columns.start, y + rows.start) if inside.size else None
