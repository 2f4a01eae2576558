"""Marks and letters beside digits, drawn with a pen or in print."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.training.augment.skeletons import Random, draw_path, smooth
from inkdigits.training.augment.styles import Points

LETTERS = "AEFHKMNPRUVWXadekmnprtuvwx&%#$*?"  # without those that look like digits
_HERSHEY = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)


Extent = tuple[float, float, float, float]
"""Left, top, right and bottom of what is written."""

_FINE = 4  # marks are drawn so much larger: pens have widths between whole pixels


@dataclass(frozen=True)
class Mark:
    """Strokes in units of a digit's height, from the left of the mark and the digits' top."""

    strokes: list[Points]
    round: bool = False


def _point(random: Random) -> Mark:
    """A dot, or a dab in any direction; some stand high, as between the parts of a date."""
    x, angle = 0.05, random.uniform(0, np.pi)
    y = random.uniform(0.82, 1.08) if random.random() < 0.85 else random.uniform(0.5, 0.82)
    long = random.uniform(0, 0.04 if random.random() < 0.6 else 0.14)
    return Mark([[(x, y), (x + long * np.cos(angle), y + long * np.sin(angle))]])


def _comma(random: Random) -> Mark:
    """A tick, or a dot with a hook below."""
    top, long = random.uniform(0.78, 1.0), random.uniform(0.18, 0.36)
    lean = random.uniform(0.02, 0.18)
    if random.random() < 0.5:
        return Mark([[(lean, top), (lean * 0.9 + 0.02, top + long * 0.4), (0, top + long)]], True)
    head, hook = (lean - random.uniform(0.02, 0.1), top + 0.04), (lean + 0.04, top + long * 0.35)
    return Mark([[head, (lean, top), hook, (0, top + long)]], True)


def _minus(random: Random) -> Mark:
    """A stroke, level or rising; some are long, as at the end of an amount."""
    y, wave = random.uniform(0.35, 0.75), random.normal() * 0.05
    long = random.uniform(0.2, 1.2) if random.random() < 0.85 else random.uniform(1.2, 3)
    rise = long * (random.normal(0, 0.05) if random.random() < 0.85 else random.uniform(0, 0.4))
    bends = zip((0, 0.3, 0.7, 1), (0, -wave, wave, 0), strict=True)
    return Mark([[(long * x, y + rise * (0.5 - x) + bend) for x, bend in bends]], True)


def _plus(random: Random) -> Mark:
    size, y = random.uniform(0.35, 0.75), random.uniform(0.45, 0.65)
    high = size * random.uniform(0.8, 1.15)
    x = size * random.uniform(0.4, 0.6)
    tilt = random.normal(0, 0.04, 2)
    across = [(0, y + tilt[0]), (size, y - tilt[0])]
    return Mark([across, [(x + tilt[1], y - high / 2), (x - tilt[1], y + high / 2)]])


def _equals(random: Random) -> Mark:
    """Two strokes, in one go or not, of about one length; short ones are bent."""
    size, y, gap = random.uniform(0.2, 0.8), random.uniform(0.3, 0.6), random.uniform(0.12, 0.3)
    bend, tilt = random.normal(0, 0.04, 2), random.normal(0, 0.04, 2)
    ends = size * random.uniform(0.75, 1.15, 2)
    upper, lower = (
        [(start, level + turn), (start + end / 2, level + bow), (start + end, level - turn)]
        for start, level, end, turn, bow in zip(
            (0.0, random.normal() * 0.06), (y, y + gap), ends, tilt, bend, strict=True
        )
    )
    return Mark([upper + lower] if random.random() < 0.25 else [upper, lower], True)


def _slash(random: Random) -> Mark:
    """A slanted stroke; a steep one is higher than a 1."""
    wide, bottom = random.uniform(0.05, 0.75), random.uniform(1, 1.35)
    top = random.uniform(-0.3, 0.1) if wide > 0.2 else random.uniform(-0.5, -0.15)
    bend = random.normal() * 0.03
    return Mark([[(wide, top), (wide / 2 + bend, (top + bottom) / 2), (0, bottom)]], True)


def _bracket(random: Random, opens: bool) -> Mark:
    wide, top, bottom = (
        random.uniform(0.12, 0.35),
        random.uniform(-0.2, 0.05),
        random.uniform(0.95, 1.2),
    )
    high = bottom - top
    bow = [(wide, top), (wide * 0.25, top + high * 0.2), (0, top + high / 2)]
    bow += [(wide * 0.25, top + high * 0.8), (wide, bottom)]
    return Mark([[(x if opens else wide - x, y) for x, y in bow]], True)


def _colon(random: Random) -> Mark:
    upper, gap = random.uniform(0.25, 0.5), random.uniform(0.3, 0.45)
    return Mark([[(0.05, y), (0.05 + random.uniform(0, 0.03), y)] for y in (upper, upper + gap)])


def _times(random: Random) -> Mark:
    size, y = random.uniform(0.3, 0.65), random.uniform(0.5, 0.7)
    half = size * random.uniform(0.4, 0.6)
    shift = random.normal(0, 0.04, 4)
    first = [(shift[0], y - half), (size + shift[1], y + half)]
    return Mark([first, [(size + shift[2], y - half), (shift[3], y + half)]])


DRAWN: dict[str, Callable[[Random], Mark]] = {
    ".": _point,
    ",": _comma,
    "-": _minus,
    "+": _plus,
    "=": _equals,
    "/": _slash,
    "(": lambda random: _bracket(random, opens=True),
    ")": lambda random: _bracket(random, opens=False),
    ":": _colon,
    "×": _times,
}


def draw_mark(
    mark: str, place: tuple[float, float], height: float, pen_px: float, random: Random
) -> tuple[NDArray[np.uint8], tuple[int, int], Extent]:
    """A mark's ink, its line's top left corner at the place.

    Also gives where the ink's own left top corner is, and the mark's left, top, right and bottom.
    """
    drawn = DRAWN[mark](random)
    thick = max(
        1.0, pen_px * (random.uniform(0.9, 1.8) if mark in ".:" else random.uniform(0.8, 1.1))
    )
    curve = smooth if drawn.round else np.asarray
    paths = [curve(np.array(stroke) * height + place) for stroke in drawn.strokes]
    corners = np.concatenate(paths)
    low, high = corners.min(axis=0) - thick / 2, corners.max(axis=0) + thick / 2
    origin = np.floor(low).astype(int) - 1
    columns, rows = (np.ceil(high).astype(int) + 1 - origin).tolist()
    ink = np.zeros((rows * _FINE, columns * _FINE), np.uint8)
    for path in paths:
        draw_path(ink, (path - origin) * _FINE + (_FINE - 1) / 2, thick * _FINE)
    ink = np.asarray(cv2.resize(ink, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    left, top, right, bottom = (float(side) for side in (*low, *high))
    return ink, (int(origin[0]), int(origin[1])), (left, top, right, bottom)


def draw_letters(
    ink: NDArray[np.uint8],
    place: tuple[float, float],
    height: float,
    pen_px: float,
    count: int,
    random: Random,
    strength: int = 255,
) -> Extent:
    """Draw some letters on a baseline at the place's height below it; their common box."""
    text = "".join(random.choice(list(LETTERS), count))
    font = _HERSHEY[random.integers(len(_HERSHEY))]
    thickness = max(1, round(pen_px))
    (_, high), _ = cv2.getTextSize("H", font, 1.0, 1)
    scale = height / high
    (wide, tall), below = cv2.getTextSize(text, font, scale, thickness)
    x, y = place
    baseline = (round(x), round(y + height))
    cv2.putText(ink, text, baseline, font, scale, strength, thickness, cv2.LINE_AA)
    return x, y + height - tall, x + wide, y + height + below * 0.4
