"""Which pieces of ink make one digit: joined or cut as the network is surest of.

Every run of neighbouring pieces that could be one digit is laid out and judged, pieces that are
wide or look like nothing also cut in parts. A digit's score is the log of the probability that
it is one at all, and of its confidence; the digits that cover a line with the highest sum win
(dynamic programming over the line, as in Viterbi's algorithm).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.canvas import Box
from inkdigits.imaging.cuts import cut
from inkdigits.imaging.layout import lay_out_glyph
from inkdigits.imaging.segmentation import SPECK, Piece, distances, edges_of, join

ScoreGlyphs = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""From glyphs (n, 28, 28) to probabilities (n, 10) and familiarity (n,)."""

_MOST_PARTS = 8  # in one digit
_WIDEST = 1.35  # of the digits' height
_FARTHEST = 0.25  # between parts of one digit, of the digits' height
_WORST = -7.0  # the score of what is certainly no digit
_WIDE = 0.8  # of the height: pieces from here on are cut, to see
_USUAL_WIDTH, _WIDTH_COST = 0.75, 4.0  # what is wider is seldom one digit
_SKIP_SPECK_COST, _SKIP_LOW_COST, _SKIP_COST = 0.2, 2.0, 8.0
_USUAL_HEIGHT, _LOW_COST = 0.65, 6.0  # of the digits' height; what is lower is seldom a digit
# A digit with a part of its neighbour is less familiar than a digit, the strangest things far less.
_FAMILIAR, _STRANGEST, _STRANGENESS_COST = 12.0, -5.0, 0.06
_TALL = 0.7  # of the digits' height: such a piece may be a digit of its own
# Doubts, on the scale of familiarity. Of 120 letters 55 passed for digits without them, with them
# 17; of 120 strings with a touching pair 97 were read right and passed, with them 92.
_CUT, _NOTHING_BUT_CUT = 2.0, 5.0
_LOW = 0.45  # of the digits' height: no digit is so low


@dataclass(frozen=True)
class ScoredPiece:
    """A piece that may be a digit, with what the network says of its glyph.

    The more ways of seeing the ink were tried, the more likely it is that one of them looks like
    digits: `doubt` is by how much more familiar it must be than others to be accepted.
    """

    piece: Piece
    glyph: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    familiarity: float
    doubt: float = 0.0

    @property
    def score(self) -> float:
        """Log probability that it is a digit, and that digit."""
        known = -float(np.logaddexp(0, -self.familiarity))
        return max(_WORST, known + float(np.log(self.probabilities.max())))


@dataclass(frozen=True)
class _Part:
    """A piece, or what cuts left of it; `source` counts the pieces, `line` the lines.

    `cut_cost` is for the cut to its left, 0 without. `siblings` are the parts of the same piece,
    itself included: 1 for a piece.
    """

    piece: Piece
    source: int
    line: int
    cut_cost: float
    siblings: int


def score_pieces(pieces: list[Piece], score_glyphs: ScoreGlyphs) -> list[ScoredPiece]:
    """Each piece laid out and judged."""
    if not pieces:
        return []
    glyphs = np.stack([lay_out_glyph(piece.ink) for piece in pieces])
    probabilities, familiarity = score_glyphs(glyphs)
    return [
        ScoredPiece(piece, glyph, p, float(f))
        for piece, glyph, p, f in zip(pieces, glyphs, probabilities, familiarity, strict=True)
    ]


def compose(
    lines: list[list[Piece]], height: float, score_glyphs: ScoreGlyphs, expected: int | None = None
) -> list[list[ScoredPiece]]:
    """The digits of each line, `height` pixels high; `expected` is how many there are in all."""
    parts = _cut_where_it_may_help(lines, height, score_glyphs, thorough=expected is not None)
    spans = _spans(parts, height)
    joined = [join([part.piece for part in parts[i:j]]) for i, j in spans]
    scored_pieces = dict(zip(spans, score_pieces(joined, score_glyphs), strict=True))
    chosen = _best_cover(parts, scored_pieces, height, expected)
    cut_off = [_is_cut_off(parts[i:j]) for i, j in chosen]
    doubt = _NOTHING_BUT_CUT if all(cut_off) else _CUT
    found: list[list[ScoredPiece]] = [[] for _ in lines]
    for (i, j), off in zip(chosen, cut_off, strict=True):
        found[parts[i].line].append(replace(scored_pieces[i, j], doubt=doubt if off else 0.0))
    return found


def _is_cut_off(span: list[_Part]) -> bool:
    """Whether parts of the same pieces lie outside of it."""
    here = Counter(part.source for part in span)
    return any(here[part.source] < part.siblings for part in span)


def _cut_where_it_may_help(
    lines: list[list[Piece]], height: float, score_glyphs: ScoreGlyphs, *, thorough: bool
) -> list[_Part]:
    pieces = [(piece, number) for number, line in enumerate(lines) for piece in line]
    uncut = score_pieces([piece for piece, _ in pieces], score_glyphs)
    parts = []
    for source, ((piece, line), scored) in enumerate(zip(pieces, uncut, strict=True)):
        width = piece.ink.shape[1] / height
        doubtful = thorough or scored.score < np.log(0.9)
        tall = piece.ink.shape[0] > _TALL * height
        cuts = tall and (width > _WIDE or (width > 0.4 and doubtful))
        inside = cut(piece, height) if cuts else [(piece, 0.0)]
        parts += [_Part(part, source, line, cost, len(inside)) for part, cost in inside]
    return parts


def _spans(parts: list[_Part], height: float) -> list[tuple[int, int]]:
    """Runs i…j-1 of parts that could be one digit."""
    spans, edges = [], edges_of([part.piece for part in parts])
    for i, first in enumerate(parts):
        left, right = first.piece.x, 0
        for j in range(i, min(len(parts), i + _MOST_PARTS)):
            part = parts[j]
            if part.line != first.line:
                break
            own = j == i or part.source == parts[j - 1].source
            if not own and distances(edges[j], edges[i:j]).min() > _FARTHEST * height:
                break
            left = min(left, part.piece.x)
            right = max(right, part.piece.x + part.piece.ink.shape[1])
            if j > i and right - left > _WIDEST * height and part.source != first.source:
                break
            spans.append((i, j + 1))
    return spans


def _best_cover(
    parts: list[_Part],
    scored_pieces: dict[tuple[int, int], ScoredPiece],
    height: float,
    expected: int | None,
) -> list[tuple[int, int]]:
    """The spans, side by side, with the best sum; parts may be left out at a cost.

    With `expected`, the best of the covers whose number of digits is the nearest to it.
    """
    most = expected if expected is not None else 0  # 0: covers aren't told apart by their number
    best: list[dict[int, tuple[float, list[tuple[int, int]]]]] = [{0: (0.0, [])}]
    for end in range(1, len(parts) + 1):
        here: dict[int, tuple[float, list[tuple[int, int]]]] = {}
        skip = _skip_cost(parts[end - 1], height)
        for count, (score, spans) in best[end - 1].items():
            _keep(here, count, score - skip, spans)
        for start in range(max(0, end - _MOST_PARTS), end):
            scored = scored_pieces.get((start, end))
            if scored is None:
                continue
            cost = _strangeness_cost(scored) + _shape_cost(scored.piece.box, height)
            gain = scored.score - cost - parts[start].cut_cost
            for count, (score, spans) in best[start].items():
                if not most or count < most:
                    now = count + 1 if most else 0
                    _keep(here, now, score + gain, [*spans, (start, end)])
        best.append(here)
    last = best[-1]
    return last[max(last, key=lambda count: (count, last[count][0]))][1]


def _keep(
    here: dict[int, tuple[float, list[tuple[int, int]]]],
    count: int,
    score: float,
    spans: list[tuple[int, int]],
) -> None:
    if count not in here or score > here[count][0]:
        here[count] = (score, spans)


def _skip_cost(part: _Part, height: float) -> float:
    part_height, part_width = part.piece.ink.shape
    # What hangs together with a digit is no speck: a 3 without its foot is a good 7.
    if part.siblings == 1 and max(part_height, part_width) < SPECK * height:
        return _SKIP_SPECK_COST
    return part.cut_cost + (_SKIP_LOW_COST if part_height < _LOW * height else _SKIP_COST)


def _strangeness_cost(scored: ScoredPiece) -> float:
    """Little, but it tells a digit from the same digit that has swallowed a 1, both certain."""
    return _STRANGENESS_COST * max(0.0, _FAMILIAR - max(scored.familiarity, _STRANGEST))


def _shape_cost(box: Box, height: float) -> float:
    """What it costs to take the ink in that box for one digit, low or wide as it is."""
    tallness = box.height / height
    low_cost = _SKIP_COST if tallness < _LOW else _LOW_COST * max(0.0, _USUAL_HEIGHT - tallness)
    return low_cost + _WIDTH_COST * max(0.0, box.width / height - _USUAL_WIDTH)
