"""From ink to the pieces that digits are made of: connected strokes, in lines, in reading order.

A piece is one connected stroke, or part of one after a cut. Which pieces make one digit the
network decides (`inkdigits.reading.composition`); here is only what geometry can say: what is a
speck, a frame or the remains of a line, and which pieces stand in one line.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inkdigits.imaging.canvas import Box
from inkdigits.imaging.ink import THRESHOLD, Ink, bounds, stroke_width
from inkdigits.imaging.layout import crop

SPECK = 0.3  # of a digit's height: what is smaller each way is no part of a digit
_EDGE = 0.6  # of a stroke's width: how far its grey edge may reach
_OTHER_GROUND = 0.04  # of its edge; beside a table it was 0.05 and more, under shadows 0.02
_EDGE_SHARE = 0.9  # of a side of the canvas
_BROAD = 0.25  # of its length: of what reaches in, touches the border; a digit's stroke less
_INTRUDES, _DIGIT_BESIDE_DUST = 2.5, 16.0  # times the height of a digit
# The spread of ink across a bar by that along it; of eight joined digits it was 0.14 and more.
_BAR = 0.13
_UPRIGHT, _SOLID = 1.3, 0.7  # height by width, and the share of the box with ink: of a disc 0.79
_FRAME_INSIDE = 0.05  # the share of its ink that a frame may have in its middle
_DUST = 0.2  # of a digit's height: what is left of a ruled line here and there
_TALLEST = 1.6  # of a digit's height: two digits in neighbouring lines are higher
_HAIRLINE = 0.35  # of the usual stroke's width
_FULL = 0.9  # of full ink: pens reach it inside their strokes
_MOST_PIECES = 2000  # the largest are looked at; a page of noise has more


@dataclass(frozen=True, eq=False)
class Piece:
    """Ink, float32 0…1 (height, width), whose top left corner is at (x, y) of the canvas.

    Two are equal only where they are the same object.
    """

    ink: NDArray[np.float32]
    x: int
    y: int

    @property
    def box(self) -> Box:
        """Where it is on the canvas, with the grey edge around its ink."""
        return Box(self.x, self.y, self.ink.shape[1], self.ink.shape[0])

    @cached_property
    def inked(self) -> Box:
        """Where its ink is on the canvas."""
        rows, columns = bounds(self.ink > THRESHOLD)
        x, y = self.x + columns.start, self.y + rows.start
        return Box(x, y, columns.stop - columns.start, rows.stop - rows.start)


def find_pieces(ink: Ink) -> list[Piece]:
    """The connected strokes that may be of digits: the largest, if there are very many.

    Left out are specks of a few pixels, frames around others (unless nothing else is left), what
    reaches in from the border, pens, the edges of other ground; and all if all are marks.
    """
    labels, places = ink.strokes
    if not places:
        return []
    areas = np.bincount(labels.ravel())
    # Each stroke with the grey edge around it, which in an enlarged picture is wide.
    edge_px = int(np.ceil(stroke_width(ink.mask) * _EDGE))
    least = max(3, 2e-5 * labels.size, np.sort(areas[1:])[::-1][:_MOST_PIECES][-1])
    lifted = [
        _lift(ink, labels, label, place, edge_px)
        for label, place in enumerate(places, start=1)
        if areas[label] >= least
    ]
    pieces = [piece for piece in lifted if piece]
    inside = _without_intruders(pieces, labels.shape)
    edges = edges_of(inside)
    found = [p for p in inside if not _is_frame(p, edges)] or pieces
    return [] if all(_is_mark(piece) for piece in found) else found


def _lift(
    ink: Ink, labels: NDArray[np.intp], label: int, place: tuple[slice, ...], edge_px: int
) -> Piece | None:
    """The stroke of that label, which is in that place, with its grey edge.

    None where the paper beside it is as dark as itself: that is the edge of what the paper lies on.
    """
    top, left = (max(0, side.start - edge_px) for side in place)
    field = (slice(top, place[0].stop + edge_px), slice(left, place[1].stop + edge_px))
    around, paper, strength = labels[field], ink.paper[field], ink.strength[field]
    grey = np.where(around == label, paper * (1 - ink.contrast * strength), np.float32(np.inf))
    nearest = ndimage.minimum_filter(grey, size=2 * edge_px + 1)
    edge = np.isfinite(nearest) & (around == 0)
    as_dark = edge & (nearest > paper * (1 - ink.contrast * THRESHOLD))
    if np.count_nonzero(as_dark) > _OTHER_GROUND * np.count_nonzero(edge):
        return None
    own = edge | (around == label)
    return Piece(np.where(own, strength, np.float32(0)), left, top)


def edges_of(pieces: list[Piece]) -> NDArray[np.int64]:
    """Left, top, right and bottom of each piece, (n, 4): many are compared at once."""
    boxes = [(p.x, p.y, p.x + p.ink.shape[1], p.y + p.ink.shape[0]) for p in pieces]
    return np.array(boxes, np.int64).reshape(-1, 4)


def touches_border(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a box reaches a side of a canvas of that height and width."""
    ends = (box.y + box.height, box.x + box.width)
    return min(box.x, box.y) == 0 or ends[0] == shape[0] or ends[1] == shape[1]


def _without_intruders(pieces: list[Piece], shape: tuple[int, ...]) -> list[Piece]:
    """The pieces without tables, fingers and shadows from beyond the canvas, and pens on it."""
    usual = [p for p in pieces if not (touches_border(p.box, shape) or _is_bar(p))]
    height = digit_height(usual) if usual else np.inf
    return [p for p in pieces if not _intrudes(p, height, shape)]


def _intrudes(piece: Piece, height: float, shape: tuple[int, ...]) -> bool:
    """Whether it is much larger than a digit, and reaches in from the border or is a lying bar.

    `height` is that of digits; if it is very much lower, it is dust beside a digit. A bar is
    measured along its longer side, other things, which may be touching digits, by their height.
    """
    tall, wide = piece.ink.shape
    contacts = _contacts(piece, shape)
    if any(contact > _EDGE_SHARE * side for contact, side in contacts):
        return True
    if _is_bar(piece):
        size = max(tall, wide) if contacts or wide > tall else 0
    else:
        broad = any(contact > _BROAD * max(tall, wide) for contact, _ in contacts)
        size = tall if broad else 0
    return bool(_INTRUDES < size / height < _DIGIT_BESIDE_DUST)


def _is_bar(piece: Piece) -> bool:
    """Whether it is long, thin and straight: a pen, a 1, or the rest of a line."""
    y, x = np.nonzero(piece.ink > THRESHOLD)
    if len(x) < 3:
        return False
    across, along = np.linalg.eigvalsh(np.cov(x, y))
    return bool(across < _BAR**2 * along)


def _is_mark(piece: Piece) -> bool:
    """Whether it is a minus sign or a point, and no digit if there is nothing else."""
    mask = crop(piece.ink) > THRESHOLD
    height, width = mask.shape
    return height < _UPRIGHT * width and (mask.mean() > _SOLID or _is_bar(piece))


def _contacts(piece: Piece, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """For each side of the canvas that it touches, along how much of it; and the side's length."""
    mask, box = piece.ink > THRESHOLD, piece.box
    sides = (
        (box.y == 0, mask[:2].any(axis=0), shape[1]),
        (box.y + box.height == shape[0], mask[-2:].any(axis=0), shape[1]),
        (box.x == 0, mask[:, :2].any(axis=1), shape[0]),
        (box.x + box.width == shape[1], mask[:, -2:].any(axis=1), shape[0]),
    )
    return [(int(line.sum()), length) for touches, line, length in sides if touches]


def _is_frame(piece: Piece, edges: NDArray[np.int64]) -> bool:
    """Whether it goes around large ones of the pieces with these edges, and is empty inside."""
    height, width = piece.ink.shape
    (mine,) = edges_of([piece])
    inside = (edges[:, :2] >= mine[:2]).all(axis=1) & (edges[:, 2:] <= mine[2:]).all(axis=1)
    large = edges[:, 3] - edges[:, 1] > 0.3 * height
    if np.count_nonzero(inside & large) < 2:  # itself is one
        return False
    middle = piece.ink[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    return bool(middle.sum() <= _FRAME_INSIDE * piece.ink.sum())


def contains(outer: Box, inner: Box) -> bool:
    """Whether a box is inside another, edges included."""
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and outer.x + outer.width >= inner.x + inner.width
        and outer.y + outer.height >= inner.y + inner.height
    )


def digit_height(pieces: list[Piece]) -> float:
    """The height of a digit in pixels."""
    return _usual([piece.ink.shape[0] for piece in pieces], pieces)


def _usual(sizes: list[float], pieces: list[Piece]) -> float:
    """The size below which half of all ink is."""
    order = np.argsort(sizes)
    mass = np.cumsum([float(pieces[i].ink.sum()) for i in order])
    return float(sizes[order[np.searchsorted(mass, mass[-1] / 2)]])


def join(pieces: list[Piece]) -> Piece:
    """One piece with the ink of all."""
    left, top = min(p.x for p in pieces), min(p.y for p in pieces)
    right = max(p.x + p.ink.shape[1] for p in pieces)
    bottom = max(p.y + p.ink.shape[0] for p in pieces)
    ink = np.zeros((bottom - top, right - left), np.float32)
    for p in pieces:
        height, width = p.ink.shape
        field = ink[p.y - top : p.y - top + height, p.x - left : p.x - left + width]
        np.maximum(field, p.ink, out=field)
    return Piece(ink, left, top)


def drop_hairlines(pieces: list[Piece]) -> list[Piece]:
    """The pieces without the remains of ruled lines: thinner than the pen, and nowhere as dark."""
    if not pieces:
        return []
    pens = [stroke_width(piece.ink > THRESHOLD) for piece in pieces]
    thinnest = _HAIRLINE * _usual(pens, pieces)
    return [p for p, pen in zip(pieces, pens, strict=True) if pen > thinnest or not _is_faint(p)]


def _is_faint(piece: Piece) -> bool:
    return bool(np.quantile(piece.ink[piece.ink > THRESHOLD], 0.9) < _FULL)


def mend(pieces: list[Piece]) -> list[Piece]:
    """The pieces, those joined that lie closely above one another, as one digit's would.

    A fold, or a ruled line that was taken out, parts a stroke like that.
    """
    height = digit_height(pieces)
    mended = [p for p in pieces if p.ink.shape[0] <= SPECK * height]
    parts = [p for p in pieces if p.ink.shape[0] > SPECK * height]
    parts.sort(key=lambda p: p.y)
    while parts:
        upper = parts.pop(0)
        reach = upper.y + _TALLEST * height
        below = [p for p in parts if p.y < reach and _continues(upper, p, height)]
        if below:
            parts.remove(below[0])
            upper = join([upper, below[0]])
        mended.append(upper)
    return mended


def _continues(upper: Piece, lower: Piece, height: float) -> bool:
    """Whether they lie on top of each other, and are no higher together than a digit may be."""
    together = lower.y + lower.ink.shape[0] - upper.y
    down = lower.y - (upper.y + upper.ink.shape[0])
    shared = min(upper.x + upper.ink.shape[1], lower.x + lower.ink.shape[1]) - max(upper.x, lower.x)
    return bool(
        together < _TALLEST * height
        and abs(down) < 0.12 * together
        and shared > 0.5 * min(upper.ink.shape[1], lower.ink.shape[1])
    )


def find_lines(pieces: list[Piece], height: float) -> list[list[Piece]]:
    """The pieces in lines from the top down, each from left to right.

    A tall piece is in the line of the nearest tall one to its left that it overlaps in height; a
    low one, part of a digit or a point, is in the line of the nearest tall piece. Specks are gone.
    """
    tall = sorted((p for p in pieces if p.ink.shape[0] >= 0.5 * height), key=lambda p: p.x)
    low = [p for p in pieces if p.ink.shape[0] < 0.5 * height]
    low = [p for p in low if max(p.ink.shape) > _DUST * height]
    lines: list[list[Piece]] = []
    for piece in tall:
        behind = [line for line in lines if _overlap(line[-1], piece) >= 0.4]
        if behind:
            max(behind, key=lambda line: line[-1].x).append(piece)
        else:
            lines.append([piece])
    owners = [line for line in lines for _ in line]
    edges = edges_of([piece for line in lines for piece in line])
    for piece, mine in zip(low, edges_of(low), strict=True) if owners else []:
        owners[int(distances(mine, edges).argmin())].append(piece)
    lines.sort(key=lambda line: np.mean([p.y + p.ink.shape[0] / 2 for p in line]))
    return [sorted(line, key=lambda p: p.x + p.ink.shape[1] / 2) for line in lines]


def _overlap(a: Piece, b: Piece) -> float:
    """How much of the lower one's height the two have in common."""
    shared = min(a.y + a.ink.shape[0], b.y + b.ink.shape[0]) - max(a.y, b.y)
    return float(shared / min(a.ink.shape[0], b.ink.shape[0]))


def distances(mine: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """The free pixels (n,) between the box with edges (4,) and those with edges (n, 4).

    0 where they overlap.
    """
    apart = np.maximum(edges[:, :2] - mine[2:], mine[:2] - edges[:, 2:]).clip(0)
    free: NDArray[np.float64] = np.hypot(*apart.T)
    return free
