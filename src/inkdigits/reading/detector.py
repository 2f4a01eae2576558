"""The detector: where digits and marks stand in a canvas's ink, and which they are.

A fully convolutional network looks at the ink at several scales and says, for each place, which
thing is centred there and how large it is (objects as points: Zhou, Wang and Krähenbühl, 2019).
"""

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.artifact import CPU, Provider, open_sealed, shipped
from inkdigits.imaging.ink import bounds
from inkdigits.reading.things import Sighting, Thing, digit_px, merge

SHIPPED_DETECTOR = "detector.onnx"
STRIDE_PX = 4  # of the maps
_PAD_PX, _MULTIPLE_PX = 16, 16
UNIT_WIDTH_PX, UNIT_HEIGHT_PX = 16.0, 24.0  # where the logarithms of the sizes are 0
_LEAST_PEAK = 0.2
_SMALLEST_PX, _LARGEST_PX = 12.0, 39.0  # heights of digits that one scale is trusted for
_LONGEST_PX = 1450  # of a canvas at the finest scale
_LARGEST_SCALE = 3.0
_THINNEST_PX, _THICKEST_PX = 0.15, 9.0  # strokes at a plausible scale
_SMALLEST_OCTAVE_PX, _NEARLY = 8, 0.995
_CERTAIN, _EXPLAINED, _FAINT = 0.5, 0.97, 0.3  # a score; a share of the ink; fainter ink is paper
_LARGE_ENOUGH_PX = 21  # the height from which a finer look at a digit adds nothing


class Detector:
    """Finds digits and marks with one detector graph."""

    def __init__(
        self, content: bytes, name: str, threads: int = 0, providers: Sequence[Provider] = CPU
    ) -> None:
        self._session = open_sealed(content, name, threads, providers)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.classes: str = json.loads(metadata["inkdigits.classes"])
        """A character for each class; the last one stands for other things of a digit's size."""
        self.acceptance: list[float] = json.loads(metadata["inkdigits.acceptance"])
        """Weights of `acceptance.features`."""

    @classmethod
    def load(cls, threads: int = 0, providers: Sequence[Provider] = CPU) -> "Detector":
        """The detector in the package; `threads` run it, 0: all, on these `providers`."""
        content = shipped(SHIPPED_DETECTOR)
        return cls(content, f"the shipped {SHIPPED_DETECTOR}", threads, providers)

    def find(self, strength: NDArray[np.float32], stroke_px: float) -> list[Thing]:
        """What stands in ink 0…1 (height, width) with strokes of that width, best first.

        From coarse to fine, until certain digits hold all the ink: a finer look adds nothing then.
        """
        pyramid = Pyramid(strength)
        sightings: list[Sighting] = []
        scales = plausible_scales(strength.shape, stroke_px, _extent_px(strength))
        for index, scale in enumerate(scales, start=1):
            sightings += self._look(pyramid, scale)
            things = merge(sightings, scales[:index], self.classes)
            if index > 1 and _explain(things, strength, scale):
                return things
        return things

    def _look(self, pyramid: "Pyramid", scale: float) -> list[Sighting]:
        """What stands there as one scale shows it, in pixels of the canvas."""
        height, width = pyramid.shape
        rows, columns = max(6, round(height * scale)), max(6, round(width * scale))
        small = pyramid.at(rows, columns)
        padding = [(_PAD_PX, _padding_after(side)) for side in small.shape]
        ink = np.pad(small, padding, mode="edge")[None, None]
        scores, sizes = (maps[0] for maps in self._session.run(["classes", "sizes"], {"ink": ink}))
        top = scores.max(axis=0)
        peaks = (top > _LEAST_PEAK) & (top >= _highest_near(top))
        found = []
        for y, x in zip(*np.nonzero(peaks), strict=True):
            seen = _decode(scores[:, y, x].copy(), sizes[:, y, x], x, y, scale)
            if seen and _is_inside(seen, rows, columns):
                found.append(seen.scaled(width / columns, height / rows))
        return found


class Pyramid:
    """Ink 0…1 (height, width) at other scales, thin strokes as dark as thick ones."""

    def __init__(self, strength: NDArray[np.float32]) -> None:
        self.shape = strength.shape
        # Means of the power 3/2 keep thin strokes darker than plain means.
        self._octaves = [Image.fromarray(strength * np.sqrt(strength))]
        while min(self._octaves[-1].size) >= 2 * _SMALLEST_OCTAVE_PX:
            self._octaves.append(self._octaves[-1].reduce(2))

    def at(self, rows: int, columns: int) -> NDArray[np.float32]:
        """The ink in so many rows and columns, from the coarsest octave of twice as many."""
        full, *others = self._octaves
        fits = [octave for octave in others if octave.height >= 2 * rows * _NEARLY]
        octave = fits[-1] if fits else full
        mean = np.asarray(octave.resize((columns, rows), Image.Resampling.BILINEAR)).clip(0)
        small = np.cbrt(mean) ** 2
        ink = small[small > 0.5 * max(float(small.max()), 1e-6)]
        full_ink = float(ink.mean()) if ink.size else 1.0
        shrunk: NDArray[np.float32] = (small / max(full_ink, 0.25)).clip(0, 1).astype(np.float32)
        return shrunk


def _explain(things: list[Thing], strength: NDArray[np.float32], scale: float) -> bool:
    """Whether certain digits, seen as large as they need be, hold nearly all the ink."""
    sure = [thing for thing in things if thing.is_digit and thing.score > _CERTAIN]
    if not sure or min(thing.size_px for thing in sure) * scale < _LARGE_ENOUGH_PX:
        return False
    rest = np.where(strength > _FAINT, strength, 0)
    whole = float(rest.sum())
    for thing in sure:
        across, along = 0.08 * thing.width, 0.05 * thing.height
        rows = slice(max(0, int(thing.top - along)), int(thing.bottom + along) + 2)
        rest[rows, max(0, int(thing.left - across)) : int(thing.right + across) + 2] = 0
    return float(rest.sum()) < (1 - _EXPLAINED) * whole


def _padding_after(side_px: int) -> int:
    """What makes a padded side a multiple of what the network needs; at least half the padding."""
    lacking = -(side_px + _PAD_PX) % _MULTIPLE_PX
    return lacking if lacking >= _PAD_PX // 2 else lacking + _MULTIPLE_PX


def _decode(
    scores: NDArray[np.float32], sizes: NDArray[np.float32], x: int, y: int, scale: float
) -> Sighting | None:
    """The thing at a cell of the maps, in pixels of the scale; None if it isn't of its sizes."""
    log_width, log_height, right, down, log_line = (float(value) for value in sizes)
    width = UNIT_WIDTH_PX * float(np.exp(min(log_width, 2.5)))
    height = UNIT_HEIGHT_PX * float(np.exp(min(log_height, 2.0)))
    line_px = UNIT_HEIGHT_PX * float(np.exp(min(log_line, 2.0)))
    across, along = (
        (cell + 0.5 + off) * STRIDE_PX - _PAD_PX for cell, off in ((x, right), (y, down))
    )
    sides = (across - width / 2, along - height / 2, across + width / 2, along + height / 2)
    seen = Sighting(*sides, scores, line_px, scale)
    return seen if _SMALLEST_PX <= seen.size_px <= _LARGEST_PX else None


def _is_inside(seen: Sighting, rows: int, columns: int) -> bool:
    """Whether its middle is on the canvas, not on the padding around it."""
    across, down = seen.middle
    return -2 <= across <= columns + 2 and -2 <= down <= rows + 2


def _highest_near(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The maximum over 3×3 cells."""
    padded = np.pad(maps, 1, constant_values=-1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def _extent_px(strength: NDArray[np.float32]) -> float:
    """The size of a digit that all ink would be."""
    rows, columns = bounds(strength > _FAINT)
    return digit_px(columns.stop - columns.start, rows.stop - rows.start)


def plausible_scales(
    shape: tuple[int, ...], stroke_px: float, largest_px: float = np.inf
) -> list[float]:
    """Steps of √2 that together show every size, up to the largest, of digits on the canvas."""
    longer, largest = max(shape), min(*shape, largest_px)
    scales = [
        scale
        for scale in (2.0 ** (step / 2) for step in range(-14, 5))
        if _SMALLEST_PX / scale <= largest * 1.05
        and longer * scale <= _LONGEST_PX
        and scale <= _LARGEST_SCALE
        and _THINNEST_PX <= stroke_px * scale <= _THICKEST_PX
    ]
    return scales or [UNIT_HEIGHT_PX / min(shape)]
