"""Evidence maps: which ink supports a label, and which opposes it.

Small windows of ink are removed, everywhere and at two sizes, and the network predicts again
(occlusion, after Zeiler and Fergus, 2014). It needs only the network's predictions, so it can
explain any artifact without PyTorch.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_WINDOWS_PX = (3, 5)
_LEAST = 1e-6  # probability; keeps its log finite


def evidence_map(
    glyph: NDArray[np.uint8],
    label: int,
    predict_proba: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """The evidence (28, 28) of each pixel's ink for a label, in units of its log odds.

    Positive where removing the ink makes the label less likely; 0 where there is no ink.
    """
    masks = _windows(glyph.shape)
    masks = masks[(masks & (glyph > 0)).any(axis=(1, 2))]
    if not len(masks):
        return np.zeros(glyph.shape, np.float32)
    pictures = np.where(masks, 0, glyph[None]).astype(np.uint8)
    odds = _log_odds(predict_proba(np.concatenate([glyph[None], pictures]))[:, label])
    loss = (odds[0] - odds[1:]).astype(np.float32)
    taken = (masks * glyph.astype(np.float32)).sum(axis=(1, 2))
    # The loss from removing a window is spread over its ink.
    per_ink = np.einsum("w,wij->ij", loss / taken, masks.astype(np.float32))
    covered = masks.sum(axis=0)
    evidence: NDArray[np.float32] = per_ink / np.maximum(covered, 1) * glyph
    return evidence


def _windows(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Masks (n, height, width) of all square windows."""
    height, width = shape
    rows, columns = np.arange(height), np.arange(width)
    masks = []
    for size in _WINDOWS_PX:
        for top in range(height - size + 1):
            inside = (rows >= top) & (rows < top + size)
            lefts = np.arange(width - size + 1)[:, None]
            beside = (columns >= lefts) & (columns < lefts + size)
            masks.append(inside[None, :, None] & beside[:, None, :])
    return np.concatenate(masks)


def _log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    p = probabilities.astype(np.float64).clip(_LEAST, 1 - _LEAST)
    odds: NDArray[np.float64] = np.log(p / (1 - p))
    return odds
