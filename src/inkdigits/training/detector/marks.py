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


@dataclass(frozen=True)
class Mark:
    """Strokes in units of a digit's height, from the left of the mark and the digits' top."""

    strokes: list[Points]
    round: bool = False


def _point(random: Random) -> Mark:
    """A dot, or a dab in any direction."""
    x, y, angle = 0.05, random.uniform(0.82, 1.08), random.uniform(0, np.pi)
    long = random.uniform(0, 0.04 if random.random() < 0.6 else 0.12)
    return Mark([[(x, y), (x + long * np.cos(angle), y + long * np.sin(angle))]])


def _comma(random: Random) -> Mark:
    top, long = random.uniform(0.82, 1.0), random.uniform(0.16, 0.34)
    lean = random.uniform(0.02, 0.16)
    return Mark([[(lean, top), (lean * 0.9 + 0.02, top + long * 0.4), (0, top + long)]], True)


def _minus(random: Random) -> Mark:
    y, long, wave = random.uniform(0.4, 0.7), random.uniform(0.2, 1.2), random.normal() * 0.05
    return Mark([[(0, y), (long * 0.3, y - wave), (long * 0.7, y + wave), (long, y)]], True)


def _plus(random: Random) -> Mark:
    size, y = random.uniform(0.35, 0.75), random.uniform(0.45, 0.65)
    high = size * random.uniform(0.8, 1.15)
    x = size * random.uniform(0.4, 0.6)
    tilt = random.normal(0, 0.04, 2)
    across = [(0, y + tilt[0]), (size, y - tilt[0])]
    return Mark([across, [(x + tilt[1], y - high / 2), (x - tilt[1], y + high / 2)]])


def _equals(random: Random) -> Mark:
    size, y, gap = random.uniform(0.25, 0.8), random.uniform(0.4, 0.6), random.uniform(0.12, 0.28)
    tilt = random.normal(0, 0.03, 2)
    lower = [(random.normal() * 0.04, y + gap + tilt[1]), (size, y + gap - tilt[1])]
    upper = [(0.0, y + tilt[0]), (size, y - tilt[0])]
    return Mark([upper + lower] if random.random() < 0.25 else [upper, lower])


def _slash(random: Random) -> Mark:
    wide, top, bottom = (
        random.uniform(0.02, 0.75),
        random.uniform(-0.3, 0.1),
        random.uniform(1, 1.3),
    )
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
    ink: NDArray[np.uint8],
    mark: str,
    place: tuple[float, float],
    height: float,
    pen_px: float,
    random: Random,
) -> tuple[float, float, float, float]:
    """Draw a mark, its line's top left corner at the place; its left, top, right and bottom."""
    drawn = DRAWN[mark](random)
    points = []
    thick = pen_px * (random.uniform(1.0, 1.8) if mark in ".:" else random.uniform(0.8, 1.1))
    for stroke in drawn.strokes:
        corners = np.array(stroke) * height + place
        path = smooth(corners) if drawn.round else corners
        draw_path(ink, path, thick)
        points.append(path)
    path, half = np.concatenate(points), max(1.0, thick) / 2
    (left, top), (right, bottom) = path.min(axis=0) - half, path.max(axis=0) + half
    return float(left), float(top), float(right), float(bottom)


def draw_letters(
    ink: NDArray[np.uint8],
    place: tuple[float, float],
    height: float,
    pen_px: float,
    count: int,
    random: Random,
    strength: int = 255,
) -> tuple[float, float, float, float]:
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
