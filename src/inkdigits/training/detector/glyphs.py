"""A bank of digits to draw pages with: MNIST's, bent and rewritten with other pens, and others'."""

from dataclasses import dataclass
from string import ascii_letters

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch.nn import functional

from inkdigits.data import load_dataset, stratified_split
from inkdigits.imaging.ink import stroke_width
from inkdigits.training.augment.drawn import find_fonts, print_digit
from inkdigits.training.augment.junk import KINDS
from inkdigits.training.augment.shape import random_warp
from inkdigits.training.augment.skeletons import Random, draw_skeleton
from inkdigits.training.augment.strokes import add_flourishes

BOUNDARY = 90  # of 255: from there on a pixel is ink, where boxes are measured
_ZOOM = 2  # times MNIST's size: a digit is some 40 pixels high
_MARGIN_PX = 14
_LIKE_DIGITS = "lIiOoSsZzBgqbyYLJDQGTj"
LEAST_ASPECT = 0.45  # of its width: a digit that is lower is scaled by its width
_UNLIKE = 0.06  # the deviation in quantiles of the strokes of one hand
_FLOURISHED = 0.3  # of MNIST's digits: ones get flags and feet, sevens bars


@dataclass(frozen=True)
class Glyph:
    """A digit's ink, cropped to it, what it is, its stroke as a share of its height."""

    ink: NDArray[np.uint8]
    label: int
    stroke: float


@dataclass(frozen=True)
class Letter:
    """A printed letter; its top, below a digit's, and its height as shares of a digit's height."""

    ink: NDArray[np.uint8]
    top: float
    height: float
    like_digit: bool


class GlyphBank:
    """Glyphs of MNIST, thinned MNIST, skeletons and print; words; junk; new ones at `refresh`."""

    def __init__(self, seed: int, size: int = 9000, holdout: bool = False) -> None:
        self._random = np.random.default_rng(seed)
        self._generator = torch.Generator().manual_seed(seed)
        split = stratified_split(load_dataset("mnist", "train"), 0.1, seed=0)
        chosen = split.validation if holdout else split.train
        self._images, self._labels = np.asarray(chosen.images), np.asarray(chosen.labels)
        self._size = size
        self._fonts = find_fonts()
        self.refresh()

    def refresh(self) -> None:
        """Draw all glyphs anew."""
        size = self._size
        glyphs = self._bent(int(size * 0.52), thin=False) + self._bent(int(size * 0.12), thin=True)
        glyphs += [self._drawn(number % 10) for number in range(int(size * 0.29))]
        printed = [self._printed(number % 10) for number in range(int(size * 0.07))]
        self._by_label = _by_stroke([*glyphs, *printed])
        self._printed_by_label = _by_stroke(printed)
        self._strokes = np.sort([glyph.stroke for some in self._by_label for glyph in some])
        self.words = [self._word() for _ in range(size // 30)]
        self.junk = self._junk(size // 20)

    def draw(self, random: Random, label: int, pen: float, *, printed: bool = False) -> Glyph:
        """A glyph of a digit, its stroke near the quantile `pen` of all such glyphs' strokes."""
        among = (self._printed_by_label if printed else self._by_label)[label]
        place = int((pen + random.normal() * _UNLIKE) * len(among))
        return among[min(max(place, 0), len(among) - 1)]

    def stroke_of(self, pen: float) -> float:
        """The stroke's width at a quantile, as a share of a digit's height."""
        return float(self._strokes[int(pen * len(self._strokes))])

    def _bent(self, count: int, *, thin: bool) -> list[Glyph]:
        chosen = self._random.choice(len(self._images), count, replace=False)
        images = torch.from_numpy(self._images[chosen]).reshape(-1, 1, 28, 28).float()
        labels = torch.from_numpy(self._labels[chosen]).long()
        if not thin:
            images = add_flourishes(images, labels, _FLOURISHED, self._generator)
        images = functional.interpolate(images, scale_factor=_ZOOM, mode="bicubic").clamp(0, 255)
        if thin:
            images = torch.from_numpy(thinned(images[:, 0].numpy() > 110)[:, None] * 255.0).float()
        images = functional.pad(images, (_MARGIN_PX,) * 4)
        images = random_warp(
            images,
            rotation_deg=10,
            shift_px=0,
            zoom=0.2,
            shear_deg=22,
            elastic_px=1.2,
            generator=self._generator,
        )
        inks = images[:, 0].clamp(0, 255).numpy().astype(np.uint8)
        change = self._rewritten if thin else self._with_another_pen
        return [
            _glyph(change(ink), int(label))
            for ink, label in zip(inks, labels.tolist(), strict=True)
        ]

    def _with_another_pen(self, ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
        kind = self._random.random()
        if kind < 0.22:
            size = int(self._random.choice([3, 3, 4, 5, 7]))
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
            return np.asarray(cv2.dilate(ink, disc))
        if kind < 0.4:
            return np.asarray(cv2.erode(ink, np.ones((2, 2), np.uint8)))
        return ink

    def _rewritten(self, ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A thin line drawn over with a pen of 1 to 9 pixels of some 40."""
        size = int(self._random.choice([1, 2, 2, 3, 3, 4, 6, 9]))
        line = np.where(ink > 70, np.uint8(255), np.uint8(0))
        line = cv2.dilate(line, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
        drawn: NDArray[np.uint8] = cv2.GaussianBlur(line, (0, 0), 0.6)
        return drawn

    def _drawn(self, label: int) -> Glyph:
        pen_px = float(np.exp(self._random.uniform(np.log(1.5), np.log(15))))
        return _glyph(draw_skeleton(label, pen_px, self._random), label)

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
        parts = [KINDS[k](digits[i :: len(kinds)], self._generator) for i, k in enumerate(kinds)]
        return list(torch.cat(parts)[:, 0].clamp(0, 255).numpy().astype(np.uint8))

    def _printed(self, label: int) -> Glyph:
        ink = print_digit(label, self._fonts, self._random)
        return _glyph(self._with_another_pen(ink), label)


def _glyph(ink: NDArray[np.uint8], label: int) -> Glyph:
    ink = cropped(ink)
    height = max(ink.shape[0], LEAST_ASPECT * ink.shape[1], 1)
    return Glyph(ink, label, stroke_width(ink > BOUNDARY) / height)


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
