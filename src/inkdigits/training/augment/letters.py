"""Letters and signs, drawn with a wobbly pen or in print: non-digits that occur next to digits.

Those that many people write like a digit are left out: B, G, I, O, S, Z, b, g, l, q, y, z.
"""

from functools import cache

import torch
from torch import Tensor

from inkdigits.artifact import GLYPH_PX
from inkdigits.training.augment.noise import Draws, uniform
from inkdigits.training.augment.shape import random_warp
from inkdigits.training.augment.strokes import strokes_between
from inkdigits.training.devices import moved

# Points of the pen path, column and row from 0 to 4; the pen is lifted at a bar.
SKELETONS = {
    "A": "04 20 44|13 33",
    "C": "41 20 01 03 24 43",
    "D": "00 04 24 43 41 20 00",
    "E": "40 00 04 44|02 32",
    "F": "40 00 04|02 32",
    "H": "00 04|40 44|02 42",
    "J": "40 43 24 03",
    "K": "00 04|40 02 44",
    "L": "00 04 44",
    "M": "04 00 22 40 44",
    "N": "04 00 44 40",
    "P": "04 00 30 41 32 02",
    "R": "04 00 30 41 32 02|22 44",
    "T": "00 40|20 24",
    "U": "00 03 24 43 40",
    "V": "00 24 40",
    "W": "00 14 22 34 40",
    "X": "00 44|40 04",
    "Y": "00 22 40|22 24",
    "a": "41 11 02 03 14 43|40 44",
    "d": "42 12 03 14 43|40 44",
    "e": "02 42 41 20 01 03 24 43",
    "f": "40 20 11 14|02 32",
    "h": "00 04|03 12 32 43 44",
    "m": "04 00|02 10 22 24|22 30 42 44",
    "n": "00 04|02 10 30 42 44",
    "p": "00 04|01 20 41 32 02",
    "r": "00 04|02 10 30 41",
    "t": "10 13 24 44|01 31",
    "u": "00 03 14 34 43|40 44",
    "+": "02 42|20 24",
    "?": "01 20 41 32 23|24 24",
    "$": "40 10 01 12 32 43 34 04|20 24",
    "%": "40 04|00 10 11 01 00|33 43 44 34 33",
    "#": "10 14|30 34|01 41|03 43",
    "€": "41 20 01 03 24 43|02 32",
}
_WOBBLE = 0.05  # standard deviation of a point's position, as a share of the letter's size


def draw_letters(count: int, draws: Draws) -> Tensor:
    """Float images (count, 1, 28, 28), 0…255, of `SKELETONS`, with randomly cut corners."""
    chosen = draws.integers(0, len(SKELETONS), count)
    goes_on = moved(_GOES_ON[chosen].T, draws.device)[..., None, None, None]
    wobble = _WOBBLE * draws.normal(count, *_PLACES.shape[1:])
    points = moved(_PLACES[chosen], draws.device) + wobble
    column, row = points.permute(2, 1, 0)[..., None, None, None]
    height, slant = uniform(count, 15, 20, draws), uniform(count, -0.2, 0.4, draws)
    across = column * uniform(count, 0.5, 1, draws) - row * slant
    points = GLYPH_PX / 2 + torch.stack([row, across]) * height
    # Cut corners: each line stops short of the next, and a stroke joins the two.
    inside = torch.cat([torch.zeros_like(goes_on[:1]), goes_on[:-1] * goes_on[1:]])
    corner = inside * uniform(count, 0, 0.4, draws)
    starts = points[:, :-1].lerp(points[:, 1:], corner[:-1])
    ends = points[:, 1:].lerp(points[:, :-1], corner[1:])
    width = uniform(count, 0.2, 1.5, draws)
    lines = strokes_between(starts, ends, width, goes_on[:-1])
    joints = strokes_between(ends[:, :-1], starts[:, 1:], width, corner[1:-1] > 0)
    return torch.maximum(lines, joints) * 255


def print_letters(count: int, draws: Draws) -> Tensor:
    """Float images (count, 1, 28, 28), 0…255, of the same letters in print, warped."""
    printed = _printed()
    chosen = moved(printed[draws.integers(0, len(printed), count)], draws.device)
    return random_warp(
        chosen, rotation_deg=10, shift_px=2, zoom=0.2, shear_deg=10, elastic_px=0, draws=draws
    )


@cache
def _printed() -> Tensor:
    """Each letter in each font, (n, 1, 28, 28), laid out as digits are."""
    from inkdigits.training.augment import drawn  # OpenCV takes 0.1 s to import

    fonts = drawn.find_fonts()
    inks = [drawn.print_text(letter, font) for font in fonts for letter in SKELETONS]
    return torch.from_numpy(drawn.lay_out_glyphs(inks)).unsqueeze(1).float()


def _table() -> tuple[Tensor, Tensor]:
    """Points (letters, most points, 2) within ± 0.5, and whether a line starts at each."""
    ways = [[line.split() for line in way.split("|")] for way in SKELETONS.values()]
    most = max(sum(len(line) for line in lines) for lines in ways)
    places, goes_on = torch.zeros(len(ways), most, 2), torch.zeros(len(ways), most)
    for letter, lines in enumerate(ways):
        points = [(int(point[0]), int(point[1])) for line in lines for point in line]
        places[letter, : len(points)] = torch.tensor(points) / 4 - 0.5
        last = torch.tensor([len(line) for line in lines]).cumsum(0) - 1
        goes_on[letter, : len(points)] = 1
        goes_on[letter, last] = 0
    return places, goes_on


_PLACES, _GOES_ON = _table()
