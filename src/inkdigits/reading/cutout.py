"""The network for digits that are cut out of pages."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import CPU, Provider, load_artifact, shipped

SHIPPED_CUTOUT = "cutout.onnx"
_BATCH = 128  # bounds memory: its first layers are large

ScoreCuts = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From glyphs (n, 28, 28), at least one, to probabilities (n, 10)."""


def load_cutout(threads: int = 0, providers: Sequence[Provider] = CPU) -> ScoreCuts:
    """The one in the package; `threads` run it, 0: all, on these `providers`."""
    session = load_artifact(shipped(SHIPPED_CUTOUT), threads, providers).session

    def score(glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = np.split(glyphs, range(_BATCH, len(glyphs), _BATCH))
        return np.concatenate(
            [session.run(["probabilities"], {"images": part})[0] for part in parts]
        )

    return score
