"""What the network should say about a page, and how wrong it is: objects as points.

After Zhou, Wang and Krähenbühl (2019): a map for each class with a bump at each centre, and at
the centres the box's size, the offset within the cell, and the height of the line.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inkdigits.reading.detector import STRIDE_PX, UNIT_HEIGHT_PX, UNIT_WIDTH_PX
from inkdigits.training.detector.classes import CLASSES
from inkdigits.training.detector.things import PAGE_PX, Thing

SIZES = 5  # log width, log height, offset right and down, log line height
_SPREAD = 0.18  # of the box: the bump's standard deviation
_IGNORED_FROM, _SHOWN_FROM = 0.05, 0.02

Targets = tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.float32], NDArray[np.bool_]]


def targets_of(things: list[Thing]) -> Targets:
    """Bumps (classes, rows, columns), weight, sizes (`SIZES`, …), and where sizes are known."""
    shape = (PAGE_PX[0] // STRIDE_PX, PAGE_PX[1] // STRIDE_PX)
    bumps = np.zeros((len(CLASSES), *shape), np.float16)
    weight = np.ones(shape, np.float16)
    sizes, known = np.zeros((SIZES, *shape), np.float32), np.zeros(shape, bool)
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None]
    for thing in things:
        x, y = thing.x / STRIDE_PX - 0.5, thing.y / STRIDE_PX - 0.5
        column, row = round(x), round(y)
        spread_x, spread_y = (
            max(0.5, side / STRIDE_PX * _SPREAD) for side in (thing.width, thing.height)
        )
        bump = np.exp(-((rows - row) ** 2) / (2 * spread_y**2)) * np.exp(
            -((columns - column) ** 2) / (2 * spread_x**2)
        )
        if thing.label < 0:
            weight[bump > _IGNORED_FROM] = 0
        elif 0 <= row < shape[0] and 0 <= column < shape[1]:
            bump[bump < _SHOWN_FROM] = 0
            np.maximum(bumps[thing.label], bump, out=bumps[thing.label])
            known[row, column] = True
            sizes[:, row, column] = (
                np.log(max(thing.width, 2) / UNIT_WIDTH_PX),
                np.log(max(thing.height, 2) / UNIT_HEIGHT_PX),
                x - column,
                y - row,
                np.log(thing.line_px / UNIT_HEIGHT_PX),
            )
    return bumps, weight, sizes, known


def loss_of(
    output: Tensor, bumps: Tensor, weight: Tensor, sizes: Tensor, known: Tensor
) -> tuple[Tensor, Tensor]:
    """The focal loss of the bumps and the absolute error of the sizes, for each thing."""
    logits, said = output[:, : len(CLASSES)], output[:, len(CLASSES) :]
    probability = logits.sigmoid()
    centre = bumps >= 0.999
    right = (1 - probability) ** 2 * functional.logsigmoid(logits)
    wrong = (1 - bumps) ** 4 * probability**2 * functional.logsigmoid(-logits)
    count = known.sum().clamp(min=1)
    focal = -(torch.where(centre, right, wrong) * weight[:, None]).sum() / count
    return focal, ((said - sizes).abs() * known[:, None]).sum() / count
