"""From a canvas to the digits on it: ink, pieces, lines, and what the network makes of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inkdigits.composition import Candidate, Judge, compose, judge_pieces
from inkdigits.errors import UsageError
from inkdigits.imaging.canvas import Box
from inkdigits.imaging.ink import Ink, find_ink
from inkdigits.imaging.layout import crop, is_laid_out
from inkdigits.imaging.rules import remove_rules
from inkdigits.imaging.segmentation import (
    SPECK,
    Piece,
    digit_height,
    find_lines,
    find_pieces,
    gaps,
    join,
)

_WORK_PX = 1400  # the longer side that pictures are reduced to
_SINGLE_PX = 32  # there is no room for two digits on less
_NEAR = 0.4  # of the largest piece's size: what is nearer may belong to the same digit
_HARDLY_A_DIGIT = -3.0  # the score below which ink beside digits is taken for none
_SMALL_PX, _FAINT = 12, 0.15


@dataclass(frozen=True)
class Found:
    """A digit on a canvas, and what is to be said of its quality."""

    candidate: Candidate
    box: Box
    notes: tuple[str, ...]


def find_digits(
    canvas: NDArray[np.uint8],
    judge: Judge,
    *,
    single: bool = False,
    expect: int | None = None,
    grid: tuple[int, int] | None = None,
) -> list[list[Found | None]]:
    """The digits in lines from the top down, each from left to right.

    With `grid` the lines are the table's rows, and a cell without ink is None.
    """
    if canvas.dtype != np.uint8 or canvas.ndim != 2 or canvas.size == 0:
        raise UsageError(
            f"the canvas is {canvas.dtype} {canvas.shape}; it must be grey, uint8 (height, width)"
        )
    work, scale = _reduced(canvas)
    ink = find_ink(work)
    if ink is None:
        return []
    cleaned = remove_rules(ink)
    pieces = find_pieces(cleaned)
    if not pieces:
        return []
    found: list[list[Candidate | None]]
    if grid:
        found = _read_cells(ink, pieces, grid, judge)
    elif single or max(canvas.shape) <= _SINGLE_PX:
        found = [[_read_single(ink, pieces, judge)]]
    else:
        height = digit_height(pieces)
        found = [list(line) for line in compose(find_lines(pieces, height), height, judge, expect)]
        if expect is None:
            found = _without_strays(found)
    return [
        [_describe(candidate, ink, scale) if candidate else None for candidate in line]
        for line in found
        if line
    ]


def _reduced(canvas: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The canvas at working size, and by how much it was reduced."""
    factor = -(-max(canvas.shape) // _WORK_PX)
    if factor == 1:
        return canvas, 1
    return np.asarray(Image.fromarray(canvas).reduce(factor)), factor


def _read_single(ink: Ink, pieces: list[Piece], judge: Judge) -> Candidate:
    """All that is near the largest piece as one digit; all there is, if it is a glyph already."""
    whole = is_laid_out(ink.strength)
    return judge_pieces([Piece(ink.strength, 0, 0) if whole else _gather(pieces)], judge)[0]


def _gather(pieces: list[Piece]) -> Piece:
    """The largest piece with those near it, and near those; specks are left out."""
    rest = sorted(pieces, key=lambda piece: -float(piece.ink.sum()))
    digit = [rest.pop(0)]
    size = max(digit[0].ink.shape)
    rest = [piece for piece in rest if max(piece.ink.shape) >= SPECK / 2 * size]
    grown = 0
    while grown < len(digit):
        grown = len(digit)
        for piece in rest:
            distance = min(np.hypot(*gaps(piece.box, own.box)) for own in digit)
            if distance < _NEAR * size and not any(piece is own for own in digit):
                digit.append(piece)
    return join(digit)


def _without_strays(lines: list[list[Candidate | None]]) -> list[list[Candidate | None]]:
    """Where there are digits, without what hardly is one."""
    scores = [candidate.score for line in lines for candidate in line if candidate]
    if not scores or max(scores) < _HARDLY_A_DIGIT:
        return lines
    return [[c for c in line if c and c.score >= _HARDLY_A_DIGIT] for line in lines]


def _read_cells(
    ink: Ink, pieces: list[Piece], grid: tuple[int, int], judge: Judge
) -> list[list[Candidate | None]]:
    """What is in each cell of the table whose frame is the largest piece of the ink."""
    rows, columns = grid
    to_unit = _unit_square(ink.mask)
    height = digit_height(pieces)
    cells: dict[tuple[int, int], list[Piece]] = {}
    for piece in pieces:
        if max(piece.ink.shape) < SPECK * height:
            continue
        box = piece.box
        x, y = to_unit(box.x + box.width / 2, box.y + box.height / 2)
        row, column = int(np.floor(y * rows)), int(np.floor(x * columns))
        if 0 <= row < rows and 0 <= column < columns:
            cells.setdefault((row, column), []).append(piece)
    candidates = judge_pieces([_gather(inside) for inside in cells.values()], judge)
    read = dict(zip(cells, candidates, strict=True))
    return [[read.get((row, column)) for column in range(columns)] for row in range(rows)]


def _unit_square(mask: NDArray[np.bool_]) -> Callable[[float, float], tuple[float, float]]:
    """The map from the table to 0…1 in x and y: its corners are those of the widest piece."""
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    places = ndimage.find_objects(labels)
    sizes = [(p[0].stop - p[0].start) * (p[1].stop - p[1].start) for p in places]
    rows, columns = np.nonzero(labels == int(np.argmax(sizes)) + 1)
    ahead, aside = columns + rows, columns - rows
    ends = [ahead.argmin(), aside.argmax(), ahead.argmax(), aside.argmin()]
    corners = np.array([(columns[end], rows[end]) for end in ends], float)
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    equations, values = [], []
    for (x, y), (u, v) in zip(corners, square, strict=True):
        equations += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    a, b, c, d, e, f, g, h = np.linalg.lstsq(np.array(equations), np.array(values), rcond=None)[0]

    def to_unit(x: float, y: float) -> tuple[float, float]:
        w = g * x + h * y + 1
        return (a * x + b * y + c) / w, (d * x + e * y + f) / w

    return to_unit


def _describe(candidate: Candidate, ink: Ink, scale: int) -> Found:
    piece = candidate.piece
    inside = crop(piece.ink)
    height, width = inside.shape if inside.size else piece.ink.shape
    box = Box(piece.x * scale, piece.y * scale, width * scale, height * scale)
    notes = []
    strokes = ndimage.label(piece.ink > 0.45, np.ones((3, 3)))[1]
    if strokes > 1:
        notes.append(f"{strokes} pieces")
    right, bottom = piece.x + piece.ink.shape[1], piece.y + piece.ink.shape[0]
    if min(piece.x, piece.y) == 0 or right == ink.mask.shape[1] or bottom == ink.mask.shape[0]:
        notes.append("touches the border")
    if ink.contrast < _FAINT:
        notes.append("low contrast")
    if box.height < _SMALL_PX and box.width < _SMALL_PX:
        notes.append(f"too small: {box.height} px")
    return Found(candidate, box, tuple(notes))
