"""Tables: which cell a digit or mark stands in, and which numbers stand in columns."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.perspective import UNIT_SQUARE, homography, project
from inkdigits.reading.finding import LEAST, Look
from inkdigits.reading.lines import choose, without_outer
from inkdigits.reading.things import Area, Thing

_BEYOND = 0.25  # of a digit's height: a ruled line goes on beyond the digits beside it
_RULED = 0.9  # of that height with ink
_SWAY = 0.06  # of that height: how far a ruled line may lean


def place_in_cells(
    look: Look, corners: NDArray[np.floating], grid: tuple[int, int], classes: str
) -> list[list[list[Thing]]]:
    """The things in each cell of a table of so many rows and columns, from left to right."""
    rows, columns = grid
    to_table = homography(corners, UNIT_SQUARE)
    cells: list[list[list[Thing]]] = [[[] for _ in range(columns)] for _ in range(rows)]
    for thing in sorted(choose(look.things, classes, LEAST), key=lambda thing: thing.left):
        ((across, down),) = project(to_table, np.array([thing.middle]))
        row, column = int(np.floor(down * rows)), int(np.floor(across * columns))
        if 0 <= row < rows and 0 <= column < columns:
            cells[row][column].append(thing)
    return [[without_outer(cell, classes) for cell in row] for row in cells]


def ruled_between(look: Look, lines: Sequence[Sequence[Thing]]) -> set[int]:
    """The identities of the digits with a ruled line at their left, where two lines have some.

    Boxes on one line are the boxes of one number, as on forms; those of a table are not.
    """
    if len(lines) < 2:
        return set()
    ruled = [{id(b) for a, b in pairwise(line) if _is_ruled(look, a, b)} for line in lines]
    return set().union(*ruled) if sum(map(bool, ruled)) > 1 else set()


def _is_ruled(look: Look, one: Thing, other: Thing) -> bool:
    """Whether a vertical line parts two neighbours; it is longer than they are high."""
    top, bottom = min(one.top, other.top), max(one.bottom, other.bottom)
    beyond, sway = _BEYOND * (bottom - top), round(_SWAY * (bottom - top))
    rows = slice(max(0, int(top - beyond)), int(bottom + beyond) + 1)
    columns = slice(int(one.middle[0]), int(other.middle[0]) + 1)
    ink = look.ink.mask[rows, columns]
    if ink.shape[1] <= 2 * sway:
        return False
    near = np.lib.stride_tricks.sliding_window_view(ink, 2 * sway + 1, axis=1).any(axis=2)
    return bool(near.mean(axis=0).max() > _RULED)


def find_columns(rows: Sequence[Sequence[Area]]) -> list[list[int]]:
    """The column of each number in each row, counted from 0; empty if they stand in no columns.

    There are columns if no number spans two, and two of them or more have several numbers.
    """
    tilt = _tilt(rows)
    spans = sorted(
        (area.left + tilt * area.middle[1], area.right + tilt * area.middle[1], row, place)
        for row, areas in enumerate(rows)
        for place, area in enumerate(areas)
    )
    columns = [[0] * len(areas) for areas in rows]
    count, end = 0, -np.inf
    for left, right, row, place in spans:
        count += left >= end
        end = max(end, right) if left < end else right
        columns[row][place] = count - 1
    apart = all(len(set(taken)) == len(taken) for taken in columns)
    numbers = Counter(column for taken in columns for column in taken)
    return columns if apart and sum(n > 1 for n in numbers.values()) > 1 else []


def _tilt(rows: Sequence[Sequence[Area]]) -> float:
    """How far down the lines go for each pixel to the right: columns lean as much to the left."""
    slopes = [
        (areas[-1].middle[1] - areas[0].middle[1]) / (areas[-1].middle[0] - areas[0].middle[0])
        for areas in rows
        if len(areas) > 1
    ]
    return float(np.median(slopes)) if slopes else 0.0
