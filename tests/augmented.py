"""Examples of each augmentation on one sheet, kept in `golden/augmented.png`.

make golden        # after an intended change: redraw the sheet, and look at it
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from inkdigits.data import load_dataset
from inkdigits.training.augment.appearance import EFFECTS
from inkdigits.training.augment.drawn import draw_digits
from inkdigits.training.augment.junk import KINDS
from inkdigits.training.augment.noise import Draws
from inkdigits.training.augment.shape import random_warp
from inkdigits.training.augment.strokes import add_flourishes

SHEET = Path(__file__).parent / "golden" / "augmented.png"
COLUMNS = 12
NO_WARP = {"rotation_deg": 0.0, "shift_px": 0.0, "zoom": 0.0, "shear_deg": 0.0, "elastic_px": 0.0}
WARPS = {"rotation_deg": 30.0, "shift_px": 4.0, "zoom": 0.3, "shear_deg": 20.0, "elastic_px": 2.0}


def rows() -> Iterator[tuple[str, Tensor]]:
    """A name and images (12, 1, 28, 28) for each augmentation."""
    data = load_dataset("mnist", "train")
    digits = torch.from_numpy(data.images[:COLUMNS]).unsqueeze(1).float()
    yield "as they are", digits
    for bound, value in WARPS.items():
        yield bound, random_warp(digits, **{**NO_WARP, bound: value}, draws=_draws())
    drawn: dict[str, Callable[[Tensor, Draws], Tensor]] = {**EFFECTS, **KINDS}
    for name, draw in drawn.items():
        yield name, draw(digits, _draws())
    labels = torch.from_numpy(data.labels).long()
    chosen = torch.cat([(labels == digit).nonzero()[: COLUMNS // 2, 0] for digit in (1, 7)])
    sevens = torch.from_numpy(data.images[chosen.numpy()]).unsqueeze(1).float()
    glyphs, _ = draw_digits(4 * COLUMNS, np.random.default_rng(0))
    for start in range(0, len(glyphs), COLUMNS):
        yield "drawn", torch.from_numpy(glyphs[start : start + COLUMNS]).unsqueeze(1).float()
    yield "flourishes", add_flourishes(sevens, labels[chosen], 0.9, _draws())


def sheet() -> np.ndarray:
    """All rows, uint8, stacked vertically."""
    lines = [torch.cat(list(images[:, 0]), dim=1) for _, images in rows()]
    return torch.cat(lines).clamp(0, 255).round().byte().numpy()


def _draws() -> Draws:
    return Draws(torch.Generator().manual_seed(0))


if __name__ == "__main__":
    Image.fromarray(sheet()).save(SHEET, optimize=True)
