"""Own pictures as glyphs: what they have in common is told once, then each is laid out by it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import GLYPH_PX, parse_artifact, shipped
from inkdigits.data.pictures import Pictures, to_bytes, white_of
from inkdigits.data.sources import Progress
from inkdigits.errors import CanvasError, DataError, UsageError
from inkdigits.imaging import load_canvas
from inkdigits.imaging.ink import find_ink, is_light_on_dark
from inkdigits.imaging.layout import is_laid_out, lay_out_glyph

if TYPE_CHECKING:
    import onnxruntime

_SAMPLE = 200  # pictures that tell what all have in common
_LAID_OUT = 0.5  # of the sample: then all are glyphs already
_INK = 128  # of 255
_LYING = 0.1  # how much more often the glyph network must be right on turned pictures
_LOOK_ALIKES = {"O": 0, "o": 0, "I": 1, "l": 1, "Z": 2, "z": 2, "S": 5, "s": 5, "B": 8, "q": 9}
_SIZE = (GLYPH_PX, GLYPH_PX)


@dataclass(frozen=True)
class Appearance:
    """What all pictures of a source have in common, its training and its test pictures.

    `white` is the highest level of values; `lying` pictures have rows and columns swapped, as in
    EMNIST's files.
    """

    white: int
    light_on_dark: bool
    laid_out: bool
    lying: bool

    def __str__(self) -> str:
        polarity = "light ink on dark" if self.light_on_dark else "dark ink on light"
        layout = "in MNIST's layout" if self.laid_out else "laid out as in reading"
        return f"{polarity}, {layout}" + (
            ", set upright (they lay on their side)" if self.lying else ""
        )


@dataclass(frozen=True)
class Glyphs:
    """Images (n, 28, 28), the places of the pictures that they were made of, the pictures' sizes.

    `faults` say which pictures can't be used, and why; `cut_off` names those whose ink touches the
    picture's border.
    """

    images: NDArray[np.uint8]
    places: list[int]
    size: str
    faults: list[str]
    cut_off: tuple[str, ...] = ()


def appearance_of(parts: Iterable[Pictures]) -> Appearance:
    """What pictures have in common, by a sample; `DataError` if none can be opened."""
    parts = list(parts)
    arrays = [some.pictures for some in parts if isinstance(some.pictures, np.ndarray)]
    white = max((white_of(values) for values in arrays), default=255)
    every = -(-sum(map(len, parts)) // _SAMPLE)
    canvases: list[NDArray[np.uint8]] = []
    labels, faults = [], []
    for some in parts:
        chosen = some.only(list(range(0, len(some), every)))
        opened, wrong = _canvases(chosen, white, lambda *_: None)
        canvases += opened.values()
        labels += [chosen.labels[place] for place in opened]
        faults += wrong
    if not canvases:
        raise DataError(f"no picture can be used: {faults[0]}")
    light = float(np.mean([is_light_on_dark(canvas) for canvas in canvases])) > 0.5
    glyphs = [_upright_polarity(canvas, light=light) for canvas in canvases]
    are_glyphs = all(glyph.shape == _SIZE for glyph in glyphs)
    laid_out = are_glyphs and bool(
        np.mean([is_laid_out(glyph.astype(np.float32) / np.float32(255)) for glyph in glyphs])
        >= _LAID_OUT
    )
    lying = bool(arrays) and laid_out and _lie(np.stack(glyphs), labels)
    return Appearance(white, light, laid_out, lying)


def glyphs_of(some: Pictures, appearance: Appearance, progress: Progress) -> Glyphs:
    """Pictures laid out by what they have in common; blank ones are left out."""
    canvases, faults = _canvases(some, appearance.white, progress)
    images, places, cut_off = [], [], []
    for done, (place, canvas) in enumerate(canvases.items(), start=1):
        glyph, is_cut_off = _laid_out(canvas, appearance)
        if glyph is None:
            faults.append(f"{some.names[place]} is blank")
        else:
            images.append(glyph)
            places.append(place)
            cut_off += [some.names[place]] if is_cut_off else []
        progress("laying out pictures", done, len(canvases))
    return replace(_stacked(images, places, canvases, faults), cut_off=tuple(cut_off))


def glyphs_as_they_are(some: Pictures, white: int, progress: Progress) -> Glyphs:
    """28×28 pictures, untouched; `UsageError` if one has another size."""
    canvases, faults = _canvases(some, white, progress)
    for place, canvas in canvases.items():
        if canvas.shape != _SIZE:
            size = "×".join(map(str, canvas.shape[::-1]))
            raise UsageError(f"--as-is needs 28×28 pictures; {some.names[place]} has {size}")
    return _stacked(list(canvases.values()), list(canvases), canvases, faults)


def _stacked(
    images: list[NDArray[np.uint8]],
    places: list[int],
    canvases: dict[int, NDArray[np.uint8]],
    faults: list[str],
) -> Glyphs:
    if not images:
        raise DataError(f"no picture can be used: {faults[0]}")
    shapes = Counter(canvas.shape for canvas in canvases.values())
    size = "×".join(map(str, shapes.most_common(1)[0][0][::-1])) + " pixels"
    size += "" if len(shapes) == 1 else " and other sizes"
    return Glyphs(np.stack(images), places, size, faults)


def _canvases(
    some: Pictures, white: int, progress: Progress
) -> tuple[dict[int, NDArray[np.uint8]], list[str]]:
    """The grey pictures by place, and why others can't be opened."""
    if isinstance(some.pictures, np.ndarray):
        return dict(enumerate(to_bytes(some.pictures, white))), []
    canvases, faults = {}, []
    for place, source in enumerate(some.pictures):
        try:
            canvases[place] = load_canvas(source).grey
        except CanvasError as error:
            faults.append(f"{some.names[place]}: {error}")
        progress("opening pictures", place + 1, len(some.pictures))
    return canvases, faults


def _laid_out(
    canvas: NDArray[np.uint8], appearance: Appearance
) -> tuple[NDArray[np.uint8] | None, bool]:
    """The glyph of a picture, None if it is blank; and whether its ink touches the border."""
    if appearance.laid_out and canvas.shape == _SIZE:
        glyph = _upright_polarity(canvas, light=appearance.light_on_dark)
        if glyph.min() == glyph.max():
            return None, False
        return np.ascontiguousarray(glyph.T) if appearance.lying else glyph, _touches(glyph > _INK)
    ink = find_ink(canvas, light_on_dark=appearance.light_on_dark)
    if ink is None:
        return None, False
    return lay_out_glyph(ink.strength), _touches(ink.mask)


def _touches(mask: NDArray[np.bool_]) -> bool:
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def _upright_polarity(canvas: NDArray[np.uint8], *, light: bool) -> NDArray[np.uint8]:
    return canvas if light else 255 - canvas


def _lie(images: NDArray[np.uint8], labels: list[str]) -> bool:
    """Whether the glyph network reads images better with rows and columns swapped.

    Judged on digits, and on letters that look like one.
    """
    digits = [
        _LOOK_ALIKES.get(label, int(label) if label in "0123456789" else -1) for label in labels
    ]
    known = np.flatnonzero(np.array(digits) >= 0)
    if len(known) == 0:
        return False
    expected, images = np.array(digits)[known], images[known]
    right = [
        float((_network().run(["probabilities"], {"images": way})[0].argmax(1) == expected).mean())
        for way in (images, np.ascontiguousarray(images.transpose(0, 2, 1)))
    ]
    return right[1] > right[0] + _LYING


@cache
def _network() -> "onnxruntime.InferenceSession":
    return parse_artifact(shipped()).session
