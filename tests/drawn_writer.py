"""One writer's digits, drawn: crossed sevens, and ones with a flag as long as a seven's bar."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from inkdigits.imaging.ink import find_ink
from inkdigits.imaging.layout import lay_out_glyph

_INK_PX, _SIDE_PX = 15, 280


def writer(ones: int, sevens: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Canvases, uint8 (n, 280, 280), dark ink on white; and their labels (n,)."""
    rng = np.random.default_rng(seed)
    canvases = [_drawn(_one(rng)) for _ in range(ones)] + [
        _drawn(_seven(rng)) for _ in range(sevens)
    ]
    return np.stack(canvases), np.array([1] * ones + [7] * sevens, np.uint8)


def crossed_zs(count: int, seed: int = 0) -> np.ndarray:
    """Canvases of the letter Z with a bar: it looks like a 2, or a crossed 7."""
    rng = np.random.default_rng(seed)
    return np.stack([_drawn(_crossed_z(rng)) for _ in range(count)])


def glyph_of(canvas: np.ndarray) -> np.ndarray:
    """The canvas' ink in MNIST's layout."""
    return lay_out_glyph(find_ink(canvas, light_on_dark=False).strength)


def _one(rng) -> list[list[tuple[float, float]]]:
    x, top, foot = 180 + 5 * rng.normal(), 50 + 4 * rng.normal(), 230 + 4 * rng.normal()
    flag = (x - 110 + 4 * rng.normal(), top + 60 + 4 * rng.normal())
    return [[flag, (x, top), (x - 30 + 4 * rng.normal(), foot)]]


def _seven(rng) -> list[list[tuple[float, float]]]:
    left, right = 90 + 5 * rng.normal(), 190 + 5 * rng.normal()
    top, foot = 50 + 4 * rng.normal(), 230 + 4 * rng.normal()
    leg = [(left - 5, top + 40), (left, top), (right, top), (right - 60 + 6 * rng.normal(), foot)]
    x, y = right - 30, (top + foot) / 2
    return [leg, [(x - 50, y + 4), (x + 50, y - 8)]]


def _crossed_z(rng) -> list[list[tuple[float, float]]]:
    corners = [(80, 60), (200, 60), (85, 220), (205, 220)]
    bar = [(105, 142), (175, 136)]
    return [[(x + 5 * rng.normal(), y + 5 * rng.normal()) for x, y in s] for s in (corners, bar)]


def _drawn(strokes) -> np.ndarray:
    image = Image.new("L", (_SIDE_PX, _SIDE_PX), 255)
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        draw.line(stroke, fill=0, width=_INK_PX, joint="curve")
    return np.asarray(image.filter(ImageFilter.GaussianBlur(2)))
