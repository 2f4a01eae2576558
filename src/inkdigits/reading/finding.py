"""From a canvas to the digits on it: ink, pieces, lines, and what the network makes of them.

What is tried, in this order: the sheet on the desk, if there is one (`find_digits`), else the whole
canvas; the likelier polarity, then, in doubt, other windows and the other polarity (`_look`); and
of each look the pieces as several digits, or all that is in the middle as one (`_one_or_many`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inkdigits.imaging.canvas import Box, Canvas
from inkdigits.imaging.ink import THRESHOLD, Ink, find_ink, is_light_on_dark, thickest_stroke
from inkdigits.imaging.layout import is_laid_out
from inkdigits.imaging.rules import remove_rules
from inkdigits.imaging.segmentation import (
    SPECK,
    Piece,
    contains,
    digit_height,
    distances,
    drop_hairlines,
    edges_of,
    find_lines,
    find_pieces,
    join,
    mend,
    touches_border,
)
from inkdigits.imaging.sheet import find_sheet
from inkdigits.imaging.tables import place_in_table, table_corners
from inkdigits.reading.composition import ScoredPiece, ScoreGlyphs, compose, score_pieces
from inkdigits.reading.hints import Hints

_SINGLE_PX = 32  # there is no room for two digits on less
_COARSE_PX = 20  # the faint parts of a stroke may part its pieces on less
_NEAR = 0.4  # of the largest piece's size: what is nearer may belong to the same digit
# Scores of what certainly is a digit, of what likely is one, and of ink beside digits that is none.
_SURE, _LIKELY, _HARDLY_A_DIGIT = np.log(0.9), np.log(0.7), -3.0
_MANY_UNLIKELY = 0.2  # of the digits: from there on other ways of seeing them are tried
_NOISE = 150  # digits; another look at so many takes seconds, and there is no such page
_SEVERAL, _AT_LEAST = 2.2, 3  # heights of so many digits in it: what is larger is no digit
_ANOTHER_LOOK = 3.0  # of doubt, where the first one was doubtful
_WINDOW, _OTHER_WINDOWS = 0.4, (1.0, 0.15)  # of the shorter side; see `find_ink`
_BARE = 0.45  # of its height: what is narrower is one stroke
_STROKES = 3  # widths of the widest stroke: a window that covers it with some room
_GLANCE_PX = 500  # the longer side of the picture that is looked at first
_SMALL_PX, _FAINT = 12, 0.15
_NOT_ALONE = "more ink in the cell"


@dataclass(frozen=True)
class Found:
    """A digit on a canvas, and what is to be said of its quality."""

    scored: ScoredPiece
    box: Box
    notes: tuple[str, ...]


def find_digits(
    canvas: Canvas, score_glyphs: ScoreGlyphs, hints: Hints
) -> list[list[Found | None]]:
    """The digits in lines from the top down, each from left to right.

    With `grid` the lines are the table's rows, and a cell without ink is None. Where the canvas
    shows a sheet on a desk, only what is on the sheet counts, if any of it is certain.
    """
    sheet = find_sheet(canvas)
    if not sheet:
        return _look(canvas, score_glyphs, hints)
    light = score_pieces([Piece(sheet.shape.astype(np.float32), 0, 0)], score_glyphs)[0]
    is_digit = light.score > _SURE
    # A long receipt looks like a light 1. It has ink on it; a 1 has none.
    has_ink = not is_digit or light.probabilities.argmax() == 1
    on_sheet = _look(sheet.canvas, score_glyphs, hints) if has_ink else []
    if _quality(on_sheet) > 0 or not (on_sheet or is_digit):
        return on_sheet
    return max(on_sheet, _look(canvas, score_glyphs, hints), key=_quality)


def _look(canvas: Canvas, score_glyphs: ScoreGlyphs, hints: Hints) -> list[list[Found | None]]:
    """The digits on a canvas; where they are doubtful, as another look finds them."""
    grey, light_on_dark = canvas.grey, is_light_on_dark(canvas.grey)
    first = _clean_ink(grey, light_on_dark, _WINDOW)
    found = _find(canvas, first, score_glyphs, hints)
    if not _is_doubtful(found):
        return found
    looks = [(light_on_dark, window) for window in _OTHER_WINDOWS]
    inks = [_clean_ink(grey, *look) for look in (*looks, (not light_on_dark, _WINDOW))]
    others = [_find(canvas, ink, score_glyphs, hints) for ink in inks if not _is_same(ink, first)]
    doubted = [[[cell and _doubted(cell) for cell in line] for line in look] for look in others]
    return max(found, *doubted, key=_quality)


def _doubted(found: Found) -> Found:
    """The same, less readily accepted."""
    scored = found.scored
    return replace(found, scored=replace(scored, doubt=scored.doubt + _ANOTHER_LOOK))


def _scored_pieces(lines: list[list[Found | None]]) -> list[ScoredPiece]:
    return [found.scored for line in lines for found in line if found]


def _is_doubtful(lines: list[list[Found | None]]) -> bool:
    """Whether there is nothing, or much that is unlikely to be a digit, and no page of noise."""
    scores = np.array([c.score for c in _scored_pieces(lines)] or [_HARDLY_A_DIGIT])
    return bool(len(scores) < _NOISE and np.mean(scores < _LIKELY) > _MANY_UNLIKELY)


def _quality(lines: list[list[Found | None]]) -> float:
    """The area of digits that are certain counts for it, and more so that of others against it.

    Noise makes many small ones, some of them certain.
    """
    found = _scored_pieces(lines)
    areas = [scored.piece.ink.size * (3 * np.exp(scored.score) - 2) for scored in found]
    return float(sum(areas)) if found else -np.inf


def _find(
    canvas: Canvas, found_ink: tuple[Ink, Ink] | None, score_glyphs: ScoreGlyphs, hints: Hints
) -> list[list[Found | None]]:
    """The digits that the ink on a canvas makes, given with and without ruled lines."""
    if not found_ink:
        return []
    ink, cleaned = found_ink
    pieces = drop_hairlines(find_pieces(cleaned))
    if not pieces:
        return []
    if hints.grid:
        return _read_cells(ink, pieces, hints.grid, score_glyphs, canvas)
    if hints.single or max(ink.mask.shape) <= _SINGLE_PX:
        found = [[_read_single(ink, pieces, score_glyphs)]]
    else:
        mended = mend(pieces)
        height = digit_height(mended)
        found = compose(find_lines(mended, height), height, score_glyphs, hints.expect)
        if hints.expect is None:
            found = _one_or_many(_read_single(ink, pieces, score_glyphs), found, ink.mask.shape)
    return [[_describe(scored, ink, canvas) for scored in line] for line in found if line]


def _clean_ink(
    grey: NDArray[np.uint8], light_on_dark: bool, window: float
) -> tuple[Ink, Ink] | None:
    """The ink, and what is left of it without ruled lines; `window` is of the shorter side.

    A glance at a smaller picture tells the strokes' width: a window that just covers them lets in
    less shadow.
    """
    window_px = window * min(grey.shape)
    smaller = int(np.ceil(max(grey.shape) / _GLANCE_PX))
    small = np.asarray(Image.fromarray(grey).reduce(smaller))
    glance = find_ink(small, light_on_dark=light_on_dark, window_px=window_px / smaller)
    if glance:
        narrower = _STROKES * thickest_stroke(remove_rules(glance).mask) * smaller
        if 0 < narrower < window_px:
            window_px = narrower
    ink = find_ink(grey, light_on_dark=light_on_dark, window_px=window_px)
    return (ink, remove_rules(ink)) if ink else None


def _is_same(one: tuple[Ink, Ink] | None, other: tuple[Ink, Ink] | None) -> bool:
    """Whether two windows were both narrowed to the same one."""
    return (
        one is not None and other is not None and np.array_equal(one[0].strength, other[0].strength)
    )


def _read_single(ink: Ink, pieces: list[Piece], score_glyphs: ScoreGlyphs) -> ScoredPiece:
    """All that is near the largest piece as one digit; of a glyph or a coarse scan all there is."""
    whole = is_laid_out(ink.strength) or max(ink.mask.shape) <= _COARSE_PX
    return score_pieces([Piece(ink.strength, 0, 0) if whole else _gather(pieces)], score_glyphs)[0]


def _gather(pieces: list[Piece]) -> Piece:
    """The largest piece with those near it, and near those; specks are left out."""
    largest = max(pieces, key=lambda piece: float(piece.ink.sum()))
    size = max(largest.ink.shape)
    large = [piece for piece in pieces if max(piece.ink.shape) >= SPECK / 2 * size]
    edges, digit = edges_of(large), [large.index(largest)]
    for member in digit:  # which grows
        near = np.flatnonzero(distances(edges[member], edges) < _NEAR * size)
        digit += [int(place) for place in near if place not in digit]
    return join([large[place] for place in digit])


def _one_or_many(
    single: ScoredPiece, lines: list[list[ScoredPiece]], shape: tuple[int, ...]
) -> list[list[ScoredPiece]]:
    """The digits of the lines without strays, or all that is in the middle as one digit.

    The latter where it certainly is one, does not come apart in several that are as certain, and
    what else was found is nothing that would stand beside a digit.
    """
    found = [scored for line in lines for scored in line]
    beside = [c for c in found if not contains(single.piece.box, c.piece.box)]
    inside = [c for c in found if contains(single.piece.box, c.piece.box)]
    apart = len(inside) > 1 and sum(c.score for c in inside) > single.score
    apart = apart or _is_too_large(single.piece.inked, inside)
    if single.score > _SURE and not apart and all(_is_stray(c, single, shape) for c in beside):
        return [[single]]
    likely = [[c for c in line if c.score >= _HARDLY_A_DIGIT] for line in lines]
    heights = [c.piece.inked.height for line in likely for c in line]
    if not heights:
        return lines
    height = float(np.median(heights))
    return [line for line in likely if not _is_remnant(line, height, shape)] or likely


def _is_too_large(box: Box, inside: list[ScoredPiece]) -> bool:
    """Whether that is no one digit, such as a column of digits, which from afar is a 1."""
    heights = [c.piece.inked.height for c in inside if c.score > _LIKELY]
    if len(heights) < _AT_LEAST:
        return False
    return max(box.height, box.width) > _SEVERAL * float(np.median(heights))


def _is_remnant(line: list[ScoredPiece], height: float, shape: tuple[int, ...]) -> bool:
    """Whether a line is one bare stroke at the border, or of another height than the digits."""
    if len(line) != 1:
        return False
    box = line[0].piece.inked
    return box.width < _BARE * box.height and not _stands_with(box, height, shape)


def _is_stray(scored: ScoredPiece, single: ScoredPiece, shape: tuple[int, ...]) -> bool:
    """Whether it is unlikely, at the border, or of another height than the digit."""
    likely = scored.score >= _LIKELY
    return not (likely and _stands_with(scored.piece.inked, single.piece.inked.height, shape))


def _stands_with(box: Box, height: float, shape: tuple[int, ...]) -> bool:
    """Whether it is inside the canvas, and about as high as a digit of that height."""
    return 0.5 < box.height / height < 2 and not touches_border(box, shape)


def _read_cells(
    ink: Ink, pieces: list[Piece], grid: tuple[int, int], score_glyphs: ScoreGlyphs, canvas: Canvas
) -> list[list[Found | None]]:
    """What is in each cell of the table."""
    rows, columns = grid
    corners = table_corners(ink)
    height = digit_height(pieces)
    cells: dict[tuple[int, int], list[Piece]] = {}
    for piece in pieces:
        if max(piece.ink.shape) < SPECK * height:
            continue
        box = piece.box
        x, y = place_in_table(corners, box.x + box.width / 2, box.y + box.height / 2)
        row, column = int(np.floor(y * rows)), int(np.floor(x * columns))
        if 0 <= row < rows and 0 <= column < columns:
            cells.setdefault((row, column), []).append(piece)
    scored_pieces = score_pieces([_gather(inside) for inside in cells.values()], score_glyphs)
    read = {}
    for (cell, inside), scored in zip(cells.items(), scored_pieces, strict=True):
        found = _describe(scored, ink, canvas)
        alone = all(contains(scored.piece.box, piece.box) for piece in inside)
        read[cell] = found if alone else replace(found, notes=(*found.notes, _NOT_ALONE))
    return [[read.get((row, column)) for column in range(columns)] for row in range(rows)]


def _describe(scored: ScoredPiece, ink: Ink, canvas: Canvas) -> Found:
    inked = scored.piece.inked
    on_picture = (inked.x + canvas.left, inked.y + canvas.top, inked.width, inked.height)
    box = Box(*(canvas.scale * length for length in on_picture))
    notes = []
    strokes = ndimage.label(scored.piece.ink > THRESHOLD, np.ones((3, 3)))[1]
    if strokes > 1:
        notes.append(f"{strokes} pieces")
    if touches_border(inked, ink.mask.shape):
        notes.append("touches the border")
    if ink.contrast < _FAINT:
        notes.append("low contrast")
    if box.height < _SMALL_PX and box.width < _SMALL_PX:
        notes.append(f"too small: {box.height} px")
    return Found(scored, box, tuple(notes))
