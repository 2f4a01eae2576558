"""A bank of digits to draw pages with: MNIST's, bent and rewritten with other pens, and others'."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from string import ascii_letters

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch.nn import functional

from inkdigits.data import load_dataset, stratified_split
from inkdigits.imaging.ink import stroke_width
from inkdigits.training.augment.drawn import find_fonts, print_text
from inkdigits.training.augment.junk import KINDS
from inkdigits.training.augment.noise import Draws
from inkdigits.training.augment.shape import random_warp
from inkdigits.training.augment.skeletons import (
    SEGMENTED,
    Random,
    draw_skeleton,
    random_style,
)
from inkdigits.training.augment.strokes import add_flourishes
from inkdigits.training.augment.styles import STYLES

BOUNDARY = 90  # of 255: from there on a pixel is ink, where boxes are measured
_ZOOM = 2  # times MNIST's size: a digit is some 40 pixels high
_MARGIN_PX = 14
_LIKE_DIGITS = "lIiOoSsZzBgqbyYLJDQGTj"
LEAST_ASPECT = 0.45  # of its width: a digit that is lower is scaled by its width
_UNLIKE = 0.06  # the deviation in quantiles of the strokes of one hand
_FLOURISHED = 0.35  # of MNIST's ones and sevens: ones get flags and feet, sevens bars
_ALIKE = 3  # glyphs of one source

Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Glyph:
    """A digit's ink, cropped to it, what it is, its stroke as a share of its height.

    Glyphs of one digit and one `source` look alike, as from one hand. `flourished` are ones that
    begin with an upstroke, and sevens with a bar.
    """

    ink: NDArray[np.uint8]
    label: int
    stroke: float
    source: int
    flourished: bool


@dataclass(frozen=True)
class Letter:
    """A printed letter; its top, below a digit's, and its height as shares of a digit's height."""

    ink: NDArray[np.uint8]
    top: float
    height: float
    like_digit: bool


class GlyphBank:
    """Glyphs of MNIST, thinned MNIST, skeletons and print; words; junk."""

    def __init__(self, seed: int, size: int = 4500, holdout: bool = False) -> None:
        self._random = np.random.default_rng(seed)
        self._draws = Draws(torch.Generator().manual_seed(seed))
        split = stratified_split(load_dataset("mnist", "train"), 0.1, seed=0)
        chosen = split.validation if holdout else split.train
        self._images, self._labels = np.asarray(chosen.images), np.asarray(chosen.labels)
        self._fonts = find_fonts()
        glyphs = self._bent(int(size * 0.48), thin=False) + self._bent(int(size * 0.12), thin=True)
        glyphs += [self._drawn(number % 10) for number in range(int(size * 0.33))]
        printed = [self._printed(number % 10) for number in range(int(size * 0.07))]
        self._by_label = _by_stroke([*glyphs, *printed])
        self._printed_by_label = _by_stroke(printed)
        self._strokes = np.sort([glyph.stroke for some in self._by_label for glyph in some])
        self.words = [self._word() for _ in range(size // 30)]
        self.junk = self._junk(size // 20)

    def draw(self, random: Random, label: int, pen: float, *, printed: bool = False) -> Glyph:
        """A glyph of a digit, its stroke near the quantile `pen` of all such glyphs' strokes."""
        return _near(self._of(label, printed=printed), pen, random)

    def draw_flourished(self, random: Random, label: int, pen: float, flourished: bool) -> Glyph:
        """A glyph as `draw` gives, of those with or without a flourish."""
        some = [glyph for glyph in self._of(label) if glyph.flourished == flourished]
        return _near(some or self._of(label), pen, random)

    def draw_like(self, random: Random, glyph: Glyph) -> Glyph:
        """One of the glyphs of the same source with the nearest strokes."""
        same = [other for other in self._of(glyph.label) if other.source == glyph.source]
        same.sort(key=lambda other: abs(other.stroke - glyph.stroke))
        return same[random.integers(min(len(same), _ALIKE))]

    def stroke_of(self, pen: float) -> float:
        """The stroke's width at a quantile, as a share of a digit's height."""
        return float(self._strokes[int(pen * len(self._strokes))])

    def _of(self, label: int, *, printed: bool = False) -> list[Glyph]:
        return (self._printed_by_label if printed else self._by_label)[label]

    def _bent(self, count: int, *, thin: bool) -> list[Glyph]:
        """MNIST's digits, each `_ALIKE` times with one pen, bent another way each time."""
        chosen = self._random.choice(len(self._images), count // _ALIKE, replace=False)
        images = torch.from_numpy(self._images[chosen]).reshape(-1, 1, 28, 28).float()
        labels = torch.from_numpy(self._labels[chosen]).long()
        marked = torch.zeros(len(labels), dtype=torch.bool)
        if not thin:
            marked = (labels == 1) | (labels == 7)
            marked &= self._draws.share(len(labels), _FLOURISHED)
            images[marked] = add_flourishes(images[marked], labels[marked], 1, self._draws)
        images = functional.interpolate(images, scale_factor=_ZOOM, mode="bicubic").clamp(0, 255)
        if thin:
            images = torch.from_numpy(thinned(images[:, 0].numpy() > 110)[:, None] * 255.0).float()
        images = functional.pad(images, (_MARGIN_PX,) * 4)
        parts = []
        pens = [self._pen(thin=thin) for _ in chosen]
        for _ in range(_ALIKE):
            bent = random_warp(
                images,
                rotation_deg=10,
                shift_px=0,
                zoom=0.2,
                shear_deg=22,
                elastic_px=1.2,
                draws=self._draws,
            )
            parts.append(bent[:, 0].clamp(0, 255).numpy().astype(np.uint8))
        return [
            _glyph(pen(ink), label, source, flourished)
            for inks in parts
            for pen, ink, label, source, flourished in zip(
                pens, inks, labels.tolist(), chosen.tolist(), marked.tolist(), strict=True
            )
        ]

    def _pen(self, *, thin: bool) -> Change:
        """What makes another pen's ink of a digit's, or of its thin line some 40 pixels high."""
        if thin:
            return partial(_rewritten, size=int(self._random.choice([1, 2, 2, 3, 3, 4, 6, 9])))
        kind = self._random.random()
        if kind < 0.22:
            return partial(_dilated, size=int(self._random.choice([3, 3, 4, 5, 7])))
        return _eroded if kind < 0.4 else _as_it_is

    def _drawn(self, label: int) -> Glyph:
        style = random_style(label, self._random)
        pen_px = float(np.exp(self._random.uniform(np.log(1.5), np.log(15))))
        ink = draw_skeleton(label, style, pen_px, self._random)
        return _glyph(ink, label, -1 - style, _is_flourished(label, style))

    def _word(self) -> list[Letter]:
        """The letters of a word in print, in one font."""
        font = self._fonts[self._random.integers(len(self._fonts))]
        _, digit_top, _, digit_bottom = font.getbbox("8")
        word = []
        for character in self._random.choice(list(ascii_letters), self._random.integers(3, 11)):
            box = Image.new("L", (112, 112))
            ImageDraw.Draw(box).text((20, 10), str(character), fill=255, font=font)
            mask = np.asarray(box) > BOUNDARY
            rows = np.flatnonzero(mask.any(axis=1))
            if rows.size:
                share = (rows[0] - 10 - digit_top) / (digit_bottom - digit_top)
                high = len(cropped(np.asarray(box))) / (digit_bottom - digit_top)
                word.append(
                    Letter(cropped(np.asarray(box)), share, high, str(character) in _LIKE_DIGITS)
                )
        return word

    def _junk(self, count: int) -> list[NDArray[np.uint8]]:
        """Scribbles, blots, gratings and things, as pictures of 28 pixels."""
        chosen = self._random.choice(len(self._images), count)
        digits = torch.from_numpy(self._images[chosen]).reshape(-1, 1, 28, 28).float()
        kinds = ("scribbles", "blots", "objects", "gratings", "objects")
        parts = [KINDS[k](digits[i :: len(kinds)], self._draws) for i, k in enumerate(kinds)]
        return list(torch.cat(parts)[:, 0].clamp(0, 255).numpy().astype(np.uint8))

    def _printed(self, label: int) -> Glyph:
        font = int(self._random.integers(len(self._fonts)))
        ink = print_text(str(label), self._fonts[font])
        return _glyph(self._pen(thin=False)(ink), label, -1000 - font, flourished=label == 1)


def _dilated(ink: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(ink, disc), np.uint8)


def _eroded(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.erode(ink, np.ones((2, 2), np.uint8)), np.uint8)


def _as_it_is(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return ink


def _rewritten(ink: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A thin line drawn over with a pen of a size."""
    line = _dilated(np.where(ink > 70, np.uint8(255), np.uint8(0)), size)
    return np.asarray(cv2.GaussianBlur(line, (0, 0), 0.6), np.uint8)


def _is_flourished(label: int, style: int) -> bool:
    """Whether a one's stroke begins below its top, or a seven has a second stroke."""
    if style == SEGMENTED:
        return False
    strokes = STYLES[label][style].strokes
    return (label == 1 and strokes[0][0][1] > 0.1) or (label == 7 and len(strokes) > 1)


def _glyph(ink: NDArray[np.uint8], label: int, source: int, flourished: bool) -> Glyph:
    ink = cropped(ink)
    height = max(ink.shape[0], LEAST_ASPECT * ink.shape[1], 1)
    return Glyph(ink, label, stroke_width(ink > BOUNDARY) / height, source, flourished)


def _near(among: list[Glyph], pen: float, random: Random) -> Glyph:
    """One of some sorted glyphs near a quantile."""
    place = int((pen + random.normal() * _UNLIKE) * len(among))
    return among[min(max(place, 0), len(among) - 1)]


def _by_stroke(glyphs: list[Glyph]) -> list[list[Glyph]]:
    """The glyphs of each digit, from the thinnest to the thickest."""
    known = sorted((glyph for glyph in glyphs if glyph.ink.size), key=lambda glyph: glyph.stroke)
    return [[glyph for glyph in known if glyph.label == digit] for digit in range(10)]


def cropped(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ink without its empty margin; of size 0 without ink."""
    mask = ink > BOUNDARY
    if not mask.any():
        return ink[:0, :0]
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return ink[top : top + height, left : left + width]


def thinned(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Strokes (n, height, width) thinned to lines of a pixel (after Zhang and Suen, 1984)."""
    masks = np.pad(masks, [(0, 0), (1, 1), (1, 1)])
    for step in range(12):
        around = [np.roll(masks, shift, (1, 2)) for shift in _AROUND]
        count = sum(part.view(np.uint8) for part in around)
        turns = sum(
            (~a & b).view(np.uint8) for a, b in zip(around, around[1:] + around[:1], strict=True)
        )
        north, east, south, west = around[0], around[2], around[4], around[6]
        if step % 2:
            kept = (north & east & west) | (north & south & west)
        else:
            kept = (north & east & south) | (east & south & west)
        masks = masks & ~((count >= 2) & (count <= 6) & (turns == 1) & ~kept)
    return masks[:, 1:-1, 1:-1]


_AROUND = [(1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1)]  # from the north
