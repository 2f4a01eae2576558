"""Digits drawn from strokes, in styles that MNIST lacks, and of seven segments.

A skeleton is a list of strokes, each a list of points in a square of side 1, x to the right and y
down. Points are joined by a smooth curve, or by straight lines where a stroke is angular.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.training.augment.styles import STYLES, Points

Random = np.random.Generator


_SEGMENTS: list[Points] = [
    [(0, 0), (1, 0)], [(1, 0), (1, 0.5)], [(1, 0.5), (1, 1)], [(0, 1), (1, 1)],
    [(0, 0.5), (0, 1)], [(0, 0), (0, 0.5)], [(0, 0.5), (1, 0.5)],
]  # fmt: skip
SEGMENTED = -1
_LIT = ["012345", "12", "01346", "01236", "1256", "02356", "023456", "012", "0123456", "012356"]
_FIELD_PX, _MARGIN_PX = 64, 20


def random_style(digit: int, random: Random) -> int:
    """The number of one of a digit's `STYLES`, or `SEGMENTED`."""
    return SEGMENTED if random.random() < 0.14 else int(random.integers(len(STYLES[digit])))


def draw_skeleton(
    digit: int, style_number: int, pen_px: float, random: Random
) -> NDArray[np.uint8]:
    """A digit's ink in a style, about 64 pixels high, with a margin; bent at random."""
    if style_number == SEGMENTED:
        return _draw_segments(digit, pen_px, random)
    style = STYLES[digit][style_number]
    side = _FIELD_PX + 2 * _MARGIN_PX
    ink = np.zeros((side, side), np.uint8)
    width = random.uniform(0.45, 0.85) if digit != 1 else random.uniform(0.2, 1.0)
    shear = random.normal() * 0.15
    wobble = 0.0 if random.random() < 0.15 else random.uniform(0.01, 0.06)
    stretch = float(np.exp(random.normal() * 0.2))  # the upper half smaller or larger
    for stroke in style.strokes:
        points = np.array(stroke) + random.normal(0, 1, (len(stroke), 2)) * wobble
        path = points if style.angular else smooth(points)
        path[:, 1] = path[:, 1].clip(0) ** stretch
        x = (path[:, 0] - 0.5) * width + 0.5 - shear * (path[:, 1] - 0.5)
        draw_path(ink, np.stack([x, path[:, 1]], 1) * _FIELD_PX + _MARGIN_PX, pen_px)
    return ink


def _draw_segments(digit: int, pen_px: float, random: Random) -> NDArray[np.uint8]:
    """A digit of seven segments, its bars with or without gaps between them."""
    side = _FIELD_PX + 2 * _MARGIN_PX
    ink = np.zeros((side, side), np.uint8)
    width, shear, gap = random.uniform(0.4, 0.65), random.uniform(0, 0.18), random.uniform(0, 0.12)
    for segment in map(int, _LIT[digit]):
        ends = np.array(_SEGMENTS[segment])
        middle = ends.mean(axis=0)
        ends = middle + (ends - middle) * (1 - gap)
        x = (ends[:, 0] - 0.5) * width + 0.5 - shear * (ends[:, 1] - 0.5)
        draw_path(ink, np.stack([x, ends[:, 1]], 1) * _FIELD_PX + _MARGIN_PX, max(4.0, pen_px))
    return ink


def smooth(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """A Catmull-Rom curve through the points, (n, 2)."""
    if len(points) < 3:
        return points
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, 7)[:, None]
    parts = []
    for before, start, end, after in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        slope, bend = end - before, 2 * before - 5 * start + 4 * end - after
        twist = 3 * (start - end) + after - before
        parts.append(start + 0.5 * t * (slope + t * (bend + t * twist)))
    return np.concatenate(parts)


def draw_path(
    ink: NDArray[np.uint8], path: NDArray[np.floating], pen_px: float, strength: int = 255
) -> None:
    """Draw lines from point to point, x and y in pixels, into the ink."""
    points = np.round(path * 8).astype(np.int32)
    cv2.polylines(ink, [points], False, strength, max(1, round(pen_px)), cv2.LINE_AA, 3)
