"""Ruled lines, squared paper and table frames: found as long straight lines, and taken out.

Each line y = intercept + slope · x is voted for by the columns that have ink on it (Hough, 1962,
over a narrow range of slopes). On the line the ink goes, but where a stroke crosses: there it is
thicker than the line, or darker.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inkdigits.imaging.ink import Ink, stroke_width
from inkdigits.imaging.tables import find_frames

_SLOPES = np.linspace(-0.2, 0.2, 81)
_COVERAGE = 0.7  # of the width with ink: strokes of digits in a row don't line up for so long
_THIN = 0.35  # of the width with ink as thin as a line, and not a stroke that hides it
_WEAK = 0.25  # of full ink
_SMALLEST_PX = 50  # on less, a stroke is as thin and as long as a line
_COLUMNS = 100  # that vote
_ROWS = 2  # that vote as one, so that a slope between two of the above is found
_SWAY_PX = 3  # paper is never quite flat
_THICKEST = 0.03  # of the shorter side
_OUTER = 2  # times the usual line of a frame: those around it are often thicker
_AS_DARK = 0.9  # of full ink: no stroke stands out from lines that are darker


@dataclass(frozen=True)
class _Lines:
    """The strength of lines, 0 beside them, both (height, width).

    `ink` is where they were seen, `bands` all that they run through, whatever covers them.
    """

    ink: NDArray[np.float32]
    bands: NDArray[np.float32]


def remove_rules(ink: Ink) -> Ink:
    """The ink without the lines of frames, and without those that run along most of the canvas."""
    labels, frames = ink.strokes[0], find_frames(ink)
    if frames:
        strength, mask = ink.strength.copy(), ink.mask.copy()
        for label, place in frames:
            inside = replace(ink, strength=strength[place], mask=mask[place])
            left = _without_frame(inside, labels[place] == label)
            strength[place], mask[place] = left.strength, left.mask
        ink = replace(ink, strength=strength, mask=mask)
    return _without_lines(ink, max(3, round(min(ink.mask.shape) * _THICKEST)))


def _without_frame(ink: Ink, frame: NDArray[np.bool_]) -> Ink:
    """The ink with what is left of a frame without its lines: digits that touch them."""
    edges = ndimage.binary_dilation(frame, iterations=2)
    thickest = round(_OUTER * stroke_width(frame))
    alone = replace(ink, strength=np.where(edges, ink.strength, 0), mask=frame)
    touching = _without_lines(alone, thickest)
    labels, places = touching.strokes
    ends = [
        label
        for label, left in enumerate(places, start=1)
        if max(side.stop - side.start for side in left) <= 2 * thickest
    ]
    strength = np.where(edges, touching.strength, ink.strength)
    mask = np.where(frame, (labels > 0) & ~np.isin(labels, ends), ink.mask)
    return replace(ink, strength=strength, mask=mask)


def _without_lines(ink: Ink, thickest: int) -> Ink:
    """The ink without lines up to so many pixels thick that run along most of the canvas."""
    if min(ink.mask.shape) < _SMALLEST_PX:
        return ink
    lying, upright = (_lines_lying(ink.strength, thickest), _lines_lying(ink.strength.T, thickest))
    level = np.maximum(lying.ink, upright.ink.T)
    if not level.any():
        return ink
    # Where two lines cross, each darkens the other.
    crossing = (lying.bands > 0) & (upright.bands.T > 0) & (ink.strength > _WEAK)
    level[crossing] = (1 - (1 - lying.bands) * (1 - upright.bands.T))[crossing]
    on_lines = level > 0
    # What is darker than a line belongs to the stroke that it hangs together with.
    darker = on_lines & (level < _AS_DARK) & (ink.strength > (1 + level) / 2)
    strokes = ink.mask & ~on_lines
    crossed = ndimage.binary_dilation(darker) & strokes
    on_lines &= ~ndimage.binary_propagation(crossed, mask=strokes | darker)
    mask = ink.mask & ~on_lines
    # The lines' grey edges go too, the strokes' stay.
    edges = ndimage.binary_dilation(on_lines, iterations=2)
    kept = ndimage.binary_dilation(mask, iterations=1)
    strength = np.where(edges & ~kept, np.float32(0), ink.strength)
    return replace(ink, strength=strength, mask=mask)


def _lines_lying(strength: NDArray[np.float32], thickest: int) -> _Lines:
    """The lines from the left to the right of a canvas with ink of that strength."""
    lines = _Lines(np.zeros_like(strength), np.zeros_like(strength))
    # Lines are often paler than the ink, and broken where its mask cuts them off.
    mask = strength > _WEAK
    votes = _votes(mask)
    if votes.max() < _COVERAGE * _voters(mask):
        return lines
    runs = _run_lengths(mask)
    thin = _votes(mask & (runs <= 2 * thickest))
    votes[thin < _THIN * _voters(mask)] = 0
    for intercept, slope in _find_lines(votes, mask):
        _mark(lines, strength, runs, intercept, slope, thickest)
    return lines


def _find_lines(votes: NDArray[np.intp], mask: NDArray[np.bool_]) -> list[tuple[int, float]]:
    """Intercept and slope of each line with enough votes, one for each line."""
    width = mask.shape[1]
    reach = _reach(width)
    lines = []
    while votes.max() >= _COVERAGE * _voters(mask):
        best, place = np.unravel_index(votes.argmax(), votes.shape)
        lines.append((int(place) * _ROWS - reach, float(_SLOPES[best])))
        # The same line, a little shifted or turned about its middle, has votes as well.
        for index, slope in enumerate(_SLOPES):
            same = place + round((_SLOPES[best] - slope) * width / 2 / _ROWS)
            votes[index, max(0, same - _SWAY_PX - 1) : same + _SWAY_PX + 2] = 0
    return lines


def _voters(mask: NDArray[np.bool_]) -> int:
    """How many columns vote."""
    return len(range(0, mask.shape[1], _step(mask)))


def _step(mask: NDArray[np.bool_]) -> int:
    width: int = mask.shape[1]
    return max(1, width // _COLUMNS)


def _votes(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """How many of the columns that vote have ink on a line: (slopes, intercepts).

    The intercepts are in units of `_ROWS` pixels, the first is `_reach` above the canvas.
    """
    height, width = mask.shape
    step = _step(mask)
    columns = mask[: height - height % _ROWS, ::step]
    columns = np.logical_or.reduce(columns.reshape(-1, _ROWS, columns.shape[1]), axis=1)
    reach = _reach(width)
    rows, places = np.nonzero(columns)
    shifts = np.outer(_SLOPES, np.arange(0, width, step))
    intercepts = (_ROWS * rows + reach - shifts.astype(np.float32)[:, places]) / _ROWS
    size = (height + 2 * reach) // _ROWS + 1
    return np.stack([np.bincount(line, minlength=size) for line in intercepts.astype(np.intp)])


def _reach(width: int) -> int:
    """How far above and below the canvas a line may begin."""
    return int(np.ceil(_SLOPES[-1] * width)) + 1


def _mark(
    lines: _Lines,
    strength: NDArray[np.float32],
    runs: NDArray[np.intp],
    intercept: int,
    slope: float,
    thickest: int,
) -> None:
    """Add one line; `runs` are the lengths of the upright runs of ink, 0 beside it."""
    height, width = runs.shape
    columns = np.arange(width)
    middle = np.rint(intercept + slope * columns).astype(np.intp)
    near = middle[None, :] + np.arange(-_SWAY_PX, _SWAY_PX + 1)[:, None]
    inside = (near >= 0) & (near < height)
    near = near.clip(0, height - 1)
    touched = (runs[near, columns] > 0) & inside
    if not touched.any():
        return
    thickness = int(np.quantile(runs[near, columns][touched], 0.25))
    if thickness > thickest:
        return
    on_line = touched & (runs[near, columns] <= thickness * 1.5 + 1)
    seen = on_line.any(axis=0)
    level = np.median(np.where(on_line, strength[near, columns], 0).max(axis=0)[seen])
    reach = thickness + 1  # a run that is in reach of the line may end beyond it
    top, bottom = max(0, near.min() - reach), min(height, near.max() + reach + 1)
    seeds = np.zeros((bottom - top, width), bool)
    seeds[near[on_line] - top, np.broadcast_to(columns, near.shape)[on_line]] = True
    grown = ndimage.maximum_filter1d(seeds, 2 * reach + 1, axis=0)
    there = runs[top:bottom]
    lines.ink[top:bottom][grown & (there > 0) & (there <= thickness * 1.5 + 1)] = level
    # Where a stroke hides the line, it is taken to go on as beside the stroke.
    rows = np.where(on_line, near, 0).sum(axis=0)[seen] / on_line.sum(axis=0)[seen]
    path = np.rint(np.interp(columns, columns[seen], rows)).astype(np.intp)
    for row in range(-(thickness // 2) - 1, thickness // 2 + 2):
        lines.bands[(path + row).clip(0, height - 1), columns] = level


def _run_lengths(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """For each pixel of the mask, how many there are in its upright run; 0 elsewhere."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width), np.int8)
    padded[1:-1] = mask
    change = np.diff(padded, axis=0).T  # (width, height + 1), so that runs follow one another
    columns, starts = np.nonzero(change == 1)
    _, ends = np.nonzero(change == -1)
    lengths = np.zeros((width, height), np.intp)
    total = (ends - starts).astype(np.intp)
    flat = np.repeat(columns * height + starts, total)
    offset = np.arange(total.sum()) - np.repeat(np.cumsum(total) - total, total)
    lengths.ravel()[flat + offset] = np.repeat(total, total)
    return lengths.T
