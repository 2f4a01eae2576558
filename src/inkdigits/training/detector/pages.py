"""Pages drawn without end: the ink's strength, and where which digits and marks stand.

A page is one panel or several side by side, each with its own writing, ground and damage. On a
panel digits are as high as the detector finds them, or larger or smaller and then no digits to it:
else the loop of a 9 is a 0 at another scale.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inkdigits.training.augment.skeletons import Random
from inkdigits.training.detector.borders import with_own_border
from inkdigits.training.detector.classes import LARGEST_PX, SMALLEST_PX
from inkdigits.training.detector.damage import damage
from inkdigits.training.detector.glyphs import GlyphBank
from inkdigits.training.detector.grounds import Clutter, draw_texture
from inkdigits.training.detector.hand import Hand
from inkdigits.training.detector.layouts import (
    draw_junk,
    write_letters,
    write_lines,
    write_single,
    write_table,
    write_words,
)
from inkdigits.training.detector.things import PAGE_PX, Panel, Thing

MILD = 0.5
"""The severity of pages that are about as hard as real ones; at 1 a quarter can't be read."""

HARD = 0.3
"""The share of a training's pages that are drawn at 1; the others are mild."""

_VISIBLE = 0.1
_EMPTY_AGAIN = 0.6  # a fifth of the pages would have nothing to find


def draw_page(
    bank: GlyphBank, random: Random, severity: float = MILD
) -> tuple[NDArray[np.uint8], list[Thing]]:
    """The ink's strength, uint8 `PAGE_PX`, and what stands there.

    `severity` 0…1 is a factor of the chances of clutter, textures and damage.
    """
    height, width = PAGE_PX
    count = int(random.choice([1, 2, 3], p=[0.62, 0.23, 0.15]))
    cuts = [0, *(round(width * (k + 1) / count) for k in range(count))]
    page, things = np.empty(PAGE_PX, np.uint8), []
    for left, right in pairwise(cuts):
        ink, found = draw_panel((height, right - left), bank, random, severity)
        page[:, left:right] = ink
        things += [replace(thing, x=thing.x + left) for thing in found]
    if not things and random.random() < _EMPTY_AGAIN:
        return draw_page(bank, random, severity)
    return page, things


def draw_panel(
    shape: tuple[int, int], bank: GlyphBank, random: Random, severity: float
) -> tuple[NDArray[np.uint8], list[Thing]]:
    """One panel: writing, what is around it, the ground, and damage."""
    panel = Panel(np.zeros(shape, np.uint8))
    line_px = _line_height(random)
    slope = random.normal() * (0.04 if random.random() < 0.85 else 0.12)
    hand = Hand(panel, bank, line_px, slope, random)
    kind = random.random()
    narrow = shape[1] < 150
    if kind < (0.45 if narrow else 0.1):
        write_single(hand)
    elif kind < (0.5 if narrow else 0.2):
        write_table(hand)
    elif kind > 0.94:
        write_letters(hand)
    elif kind > 0.91:
        write_words(hand)
    elif kind > 0.88:
        draw_junk(hand)
    elif kind < 0.86:
        write_lines(hand)
    Clutter(panel.ink, line_px, slope, random).draw(panel.extent(), severity)
    ink: NDArray[np.float32] = panel.ink.astype(np.float32) / np.float32(255)
    texture = draw_texture(shape, severity, random)
    if texture is not None:
        ink = np.maximum(ink, texture) if random.random() < 0.5 else ink + texture
    ink, things = damage(ink, line_px, severity, random), panel.things
    if random.random() < (0.4 if things else 0.1):
        ink, things = with_own_border(ink, things, line_px, random)
    return (ink * 255).astype(np.uint8), [thing for thing in things if _is_visible(ink, thing)]


def _is_visible(ink: NDArray[np.float32], thing: Thing) -> bool:
    """Whether any of a thing's ink is left: faint ink may fall below a threshold."""
    left, top, right, bottom = thing.sides
    rows, columns = (
        slice(max(0, int(top)), int(bottom) + 1),
        slice(max(0, int(left)), int(right) + 1),
    )
    seen = ink[rows, columns]
    return bool(seen.size and seen.max() > _VISIBLE)


def _line_height(random: Random) -> float:
    kind = random.random()
    if kind < 0.14:
        return float(np.exp(random.uniform(np.log(LARGEST_PX), np.log(150))))
    if kind < 0.2:
        return float(np.exp(random.uniform(np.log(5), np.log(SMALLEST_PX))))
    return float(np.exp(random.uniform(np.log(SMALLEST_PX), np.log(LARGEST_PX))))
