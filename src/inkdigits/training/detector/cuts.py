"""Digits cut out of drawn pages as reading cuts them out: with all that lies in their boxes."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from os import cpu_count

import numpy as np
from numpy.typing import NDArray

from inkdigits.data import LabelledImages, Progress
from inkdigits.reading.finding import cut_out
from inkdigits.reading.things import DIGITS, Area
from inkdigits.training.augment.skeletons import Random
from inkdigits.training.detector.drawing import prepare_to_draw
from inkdigits.training.detector.glyphs import GlyphBank
from inkdigits.training.detector.pages import HARD, MILD, draw_page
from inkdigits.training.detector.things import Thing

_PART = 5000  # digits of the pages from one bank of glyphs
_INEXACT = 0.05  # of a box's size: the deviation of where the detector sees its sides

Cuts = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def cut_digits(count: int, progress: Progress, *, holdout: bool = False) -> LabelledImages:
    """Digits (count, 28, 28) of pages of MNIST's training digits, or of those held out.

    The same for the same count; all processors draw.
    """
    sizes = [min(_PART, count - start) for start in range(0, count, _PART)]
    processes = min(len(sizes), cpu_count() or 1)
    with ProcessPoolExecutor(processes, get_context("spawn"), prepare_to_draw) as pool:
        cuts: list[Cuts] = []
        for part in pool.map(_cut_part, range(len(sizes)), sizes, [holdout] * len(sizes)):
            cuts.append(part)
            progress("drawing pages", sum(len(labels) for _, labels in cuts), count)
    images, labels = zip(*cuts, strict=True)
    return LabelledImages(np.concatenate(images), np.concatenate(labels))


def _cut_part(number: int, count: int, holdout: bool) -> Cuts:
    random = np.random.default_rng([5, number, holdout])
    bank = GlyphBank(10_000 + number, holdout=holdout)
    glyphs: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    while len(glyphs) < count:
        page, things = draw_page(bank, random, 1.0 if random.random() < HARD else MILD)
        ink = page.astype(np.float32) / np.float32(255)
        for thing in things:
            if 0 <= thing.label < DIGITS and (glyph := cut_out(ink, _nearly(thing, random))).any():
                glyphs.append(glyph)
                labels.append(thing.label)
    return np.stack(glyphs[:count]), np.array(labels[:count], np.uint8)


def _nearly(thing: Thing, random: Random) -> Area:
    """A thing's box as the detector might see it."""
    off = random.normal(0, _INEXACT, 4) * np.tile([thing.width, thing.height], 2)
    left, top, right, bottom = (np.array(thing.sides) + off).tolist()
    return Area(left, top, right, bottom)
