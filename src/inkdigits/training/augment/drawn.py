"""Digits in styles that MNIST lacks, as glyphs: from stroke skeletons, of seven segments, in print.

Needs OpenCV and Matplotlib's fonts.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.imaging.layout import lay_out_glyph
from inkdigits.training.augment.skeletons import Random, draw_skeleton, random_style

_PRINTED = 0.2  # of the digits
_THINNEST_PX, _THICKEST_PX = 1.5, 14.0  # pens, for digits of 64 pixels
FONT_PX = 64


def draw_digits(count: int, random: Random) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Glyphs (count, 28, 28) in MNIST's layout, and their labels (count,), each as often."""
    fonts = find_fonts()
    labels = np.arange(count, dtype=np.uint8) % 10
    inks = [
        print_text(str(label), fonts[random.integers(len(fonts))])
        if random.random() < _PRINTED
        else _draw(label, random)
        for label in labels.tolist()
    ]
    return lay_out_glyphs(inks), labels


def lay_out_glyphs(inks: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Drawn inks (height, width) as glyphs (n, 28, 28) in MNIST's layout."""
    return np.stack([lay_out_glyph(ink.astype(np.float32) / np.float32(255)) for ink in inks])


def print_text(text: str, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    """The ink of a digit or a letter in print, with a margin."""
    ink = Image.new("L", (96, 96))
    ImageDraw.Draw(ink).text((20, 10), text, fill=255, font=font)
    return np.asarray(ink)


def find_fonts() -> list[ImageFont.FreeTypeFont]:
    """The text fonts that Matplotlib brings, whose licences are free."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    names = [
        *folder.glob("DejaVuS*.ttf"),
        *folder.glob("STIXGeneral*.ttf"),
        *folder.glob("cm[rst][1st]*.ttf"),
    ]
    with_digits = sorted(name for name in names if not name.stem.endswith("Display"))
    return [ImageFont.truetype(str(name), FONT_PX) for name in with_digits]


def _draw(label: int, random: Random) -> NDArray[np.uint8]:
    pen_px = float(np.exp(random.uniform(np.log(_THINNEST_PX), np.log(_THICKEST_PX))))
    return draw_skeleton(label, random_style(label, random), pen_px, random)
