"""Non-digit images to measure rejection with; nothing trains on them."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from inkdigits.artifact import GLYPH_PX

DRAWN = 2000
_LETTERS = "ACDEFHJKLMNPRTUVWXYadefhkmnprtuvwx"
_ROWS, _COLUMNS = np.mgrid[:GLYPH_PX, :GLYPH_PX]


def draw_non_digits(name: str, count: int, seed: int) -> NDArray[np.uint8]:
    """Images (count, 28, 28) of one of the kinds in `NON_DIGITS`, decided by the seed."""
    rng = np.random.default_rng([seed, list(NON_DIGITS).index(name)])
    return np.stack([NON_DIGITS[name](rng) for _ in range(count)]).clip(0, 255).astype(np.uint8)


@cache
def draw_every_kind(seed: int) -> dict[str, NDArray[np.uint8]]:
    """`DRAWN` images of each kind in `NON_DIGITS`, by its name."""
    return {name: draw_non_digits(name, DRAWN, seed) for name in NON_DIGITS}


def _blank(rng: Generator) -> NDArray[np.floating]:
    """One grey; half of them black."""
    return np.full((GLYPH_PX, GLYPH_PX), rng.choice([0.0, rng.uniform(0, 255)]))


def _uniform_noise(rng: Generator) -> NDArray[np.floating]:
    return rng.uniform(0, 256, (GLYPH_PX, GLYPH_PX))


def _gaussian_noise(rng: Generator) -> NDArray[np.floating]:
    return rng.normal(rng.uniform(0, 128), rng.uniform(20, 100), (GLYPH_PX, GLYPH_PX))


def _grating(rng: Generator) -> NDArray[np.floating]:
    """Sine or square waves of 2 to 14 pixels a period, in any direction."""
    angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
    across = _COLUMNS * np.cos(angle) + _ROWS * np.sin(angle)
    wave = np.sin(2 * np.pi * across / rng.uniform(2, 14) + phase)
    bright: NDArray[np.floating] = np.sign(wave) if rng.random() < 0.5 else wave
    return 127.5 + 127.5 * bright


def _scribble(rng: Generator) -> NDArray[np.floating]:
    """A random pen path of 12 to 30 steps, drawn at four times the size."""
    steps = rng.normal(0, 28, (rng.integers(12, 30), 2))
    path = 56 + np.cumsum(steps, axis=0)
    path = np.abs((path - 8) % 192 - 96) + 8  # reflected at the border
    canvas = Image.new("L", (4 * GLYPH_PX, 4 * GLYPH_PX))
    line = [(float(x), float(y)) for x, y in path]
    ImageDraw.Draw(canvas).line(line, fill=255, width=int(rng.integers(5, 13)), joint="curve")
    return np.asarray(canvas.resize((GLYPH_PX, GLYPH_PX), Image.Resampling.BOX), np.float64)


def _letter(rng: Generator) -> NDArray[np.floating]:
    """A letter unlike any digit, in Pillow's font, slanted and thickened."""
    upright = _upright(str(rng.choice(list(_LETTERS))), int(rng.integers(0, 5)))
    slant = rng.uniform(-0.1, 0.4)
    shear = (1, slant, -slant * upright.height / 2, 0, 1, 0)
    slanted = upright.transform(upright.size, Image.Transform.AFFINE, shear)
    small = ImageOps.contain(slanted.crop(slanted.getbbox()), (20, 20), Image.Resampling.BOX)
    field = Image.new("L", (GLYPH_PX, GLYPH_PX))
    field.paste(small, ((GLYPH_PX - small.width) // 2, (GLYPH_PX - small.height) // 2))
    return np.asarray(field, np.float64)


@cache
def _upright(letter: str, pen_px: int) -> Image.Image:
    side = 4 * GLYPH_PX
    canvas, font = Image.new("L", (side, side)), ImageFont.load_default(side - 12)
    draw = ImageDraw.Draw(canvas)
    draw.text((side / 2, side / 2), letter, 255, font, anchor="mm", stroke_width=pen_px)
    return canvas


NON_DIGITS: dict[str, Callable[[Generator], NDArray[np.floating]]] = {
    "blanks": _blank,
    "uniform noise": _uniform_noise,
    "Gaussian noise": _gaussian_noise,
    "gratings": _grating,
    "scribbles": _scribble,
    "letters": _letter,
}
