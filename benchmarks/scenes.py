"""Drawn photographs with a desk around the sheet, a pen, or a finger."""

from collections.abc import Callable

import numpy as np
from handwriting import Grey, Page, photograph, string_of_ink
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from inkdigits.data import LabelledImages

Margins = NDArray[np.int64]
"""The space above, below, left and right of the ink, in pixels."""


def scene(data: LabelledImages, rng: np.random.Generator) -> Page:
    """A photograph of 1 to 6 digits with a desk, a pen or a finger in sight."""
    height_px = int(rng.integers(35, 100))
    styles = bool(rng.random() < 0.5)
    ink, text = string_of_ink(data, int(rng.integers(1, 7)), height_px, rng, styles=styles)
    margins = (rng.uniform(1.5, 4, 4) * height_px).astype(np.int64)
    page = np.pad(ink, margins.reshape(2, 2))
    paper = photograph(page, rng, rules=str(rng.choice(["", "lines", "squares"])))
    cover = (_desk, _pen, _finger)[rng.integers(3)]
    covered, thing = cover(page.shape, margins, rng)
    covered = ndimage.gaussian_filter(covered, 1.5)
    return Page((paper * (1 - covered) + thing * covered).clip(0, 255).astype(np.uint8), text)


def _desk(shape: tuple[int, ...], margins: Margins, rng: np.random.Generator) -> tuple[Grey, Grey]:
    """A desk around a sheet whose tilted edges lie between the ink and the border."""
    height, width = shape
    above, below, left, right = margins
    share = rng.uniform(0.1, 0.6, 8)
    corners = [
        (left * share[0], above * share[1]),
        (width - right * share[2], above * share[3]),
        (width - right * share[4], height - below * share[5]),
        (left * share[6], height - below * share[7]),
    ]
    sheet = _drawn(shape, lambda draw: draw.polygon(corners, fill=255))
    grain = ndimage.gaussian_filter1d(rng.normal(0, 1, shape), 60, axis=1)
    return 1 - sheet, (rng.uniform(40, 130) + 120 * grain).astype(np.float32)


def _pen(shape: tuple[int, ...], margins: Margins, rng: np.random.Generator) -> tuple[Grey, Grey]:
    """A pen below the digits, which may reach in from beyond the border."""
    height, width = shape
    below = margins[1]
    start, end = rng.uniform(-0.1, 0.4), rng.uniform(0.6, 1.1)
    ends = (
        (width * start, height - below * rng.uniform(0, 0.6)),
        (width * end, height - below * rng.uniform(0, 0.6)),
    )
    thickness = int(rng.integers(12, 30))
    pen = _drawn(shape, lambda draw: draw.line(ends, fill=255, width=thickness))
    return pen, np.full(shape, rng.uniform(20, 110), np.float32)


def _finger(
    shape: tuple[int, ...], margins: Margins, rng: np.random.Generator
) -> tuple[Grey, Grey]:
    """A fingertip at the lower border."""
    height, width = shape
    middle, across = rng.uniform(0, width), rng.uniform(25, 60)
    along = margins[1] * rng.uniform(0.3, 0.7)
    box = (middle - across, height - along, middle + across, height + along)
    finger = _drawn(shape, lambda draw: draw.ellipse(box, fill=255))
    skin = ndimage.gaussian_filter(rng.normal(0, 1, shape), 6) * 40
    return finger, (rng.uniform(70, 170) + skin).astype(np.float32)


def _drawn(shape: tuple[int, ...], draw: Callable[[ImageDraw.ImageDraw], None]) -> Grey:
    """A mask, 0…1, of a drawing."""
    image = Image.new("L", shape[::-1])
    draw(ImageDraw.Draw(image))
    return np.asarray(image, np.float32) / 255
