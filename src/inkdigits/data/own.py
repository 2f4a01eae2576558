"""People's own pictures as a data set: read in any of the `forms`, laid out as glyphs, parted.

Pictures that aren't glyphs yet go through the same layout as in reading. Where nobody has parted
the pictures into a training set and a test set, a fifth of each class is the test set; with groups
(writers), a fifth of these.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import DIGITS, GLYPH_PX
from inkdigits.data.arrays import Pictures, in_memory
from inkdigits.data.datasets import Subset
from inkdigits.data.forms import read_form
from inkdigits.data.images import LabelledImages
from inkdigits.data.preprocessing import hold_out
from inkdigits.data.sources import Progress
from inkdigits.errors import CanvasError, DataError, UsageError
from inkdigits.imaging import load_canvas
from inkdigits.imaging.ink import find_ink, is_light_on_dark
from inkdigits.imaging.layout import is_laid_out, lay_out_glyph

TEST_SHARE, _SPLIT_SEED = 0.2, 0
_SAMPLE = 200  # pictures that tell polarity and layout of all
_LAID_OUT = 0.5  # of the sample: then all are glyphs already
_UPRIGHT = 1.1  # how much taller than wide ones are


@dataclass(frozen=True)
class Handling:
    """How own pictures are taken: `as_is` leaves 28×28 values untouched.

    `groups` is a regular expression; what it finds in a file's name (its first group, if it has
    one) names the writer, or whatever else must not be on both sides of a split.
    """

    as_is: bool = False
    groups: str = ""


AS_FOUND = Handling()
IN_MEMORY = "arrays"  # the name of a data set that the caller has in memory


def load_own(path: Path, subset: Subset, handling: Handling, progress: Progress) -> LabelledImages:
    """One subset of the pictures in a file or folder; `DataError` names what is wrong, and where.

    `about` says in one line what was understood.
    """
    return _labelled(_read(path), path, subset, handling, progress)


def from_arrays(images: Any, labels: Any, progress: Progress) -> LabelledImages:
    """Pictures in arrays, all of them, as `load_own` takes those of a NumPy file.

    `images` are (n, height, width), with channels last or first, or flat squares (n, pixels);
    `labels` (n,), or one-hot (n, classes). Raises `DataError` as `load_own` does.
    """
    some = in_memory(images, labels, Path("the arrays"))
    return _labelled({"train": some}, Path(IN_MEMORY), "train", AS_FOUND, progress)


def _labelled(
    parts: dict[str, Pictures], path: Path, subset: Subset, handling: Handling, progress: Progress
) -> LabelledImages:
    some, held_out = _part(parts, subset, path, handling)
    names = _class_names(parts.values(), path)
    images, kept, about = _glyphs(some, handling, progress)
    chosen = [some.labels[place] for place in kept]
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers[label] for label in chosen], np.uint8)
    images, turned = _upright(images, chosen) if not handling.as_is else (images, "")
    left_out = [*some.left_out, *about.faults]
    line = (
        f"{len(images):,} pictures from {some.form}, {_classes(names)}, {about.size}, "
        f"{about.polarity}, {about.layout}{turned}{held_out}"
    )
    if left_out:
        line += f"; {len(left_out)} left out: {left_out[0]}" + (" …" if len(left_out) > 1 else "")
    groups = _groups(some, handling)
    return LabelledImages(
        images,
        labels,
        {path.name: _digest(parts)},
        class_names=names,
        groups=tuple(groups[place] for place in kept),
        about=line,
        names=tuple(some.names[place] for place in kept),
        pictures=()
        if isinstance(some.pictures, np.ndarray)
        else tuple(some.pictures[place] for place in kept),
    )


def _read(path: Path) -> dict[str, Pictures]:
    parts = read_form(path)
    for some in parts.values():
        if not some.labels:
            raise DataError(f"{path} holds no pictures")
    return parts


def _part(
    parts: dict[str, Pictures], subset: Subset, path: Path, handling: Handling
) -> tuple[Pictures, str]:
    """The pictures of one subset, and how they were parted."""
    if subset in parts:
        return parts[subset], ""
    others = ", ".join(filter(None, parts))
    if "train" not in parts and "" not in parts:
        raise DataError(f"{path} has no pictures for training, only for {others}")
    everything = parts.get("train") or parts[""]
    groups = np.array(_groups(everything, handling))
    _, labels = np.unique(everything.labels, return_inverse=True)
    test = hold_out(labels, groups, TEST_SHARE, _SPLIT_SEED)
    chosen = np.flatnonzero(test if subset == "test" else ~test).tolist()
    if not chosen:
        raise DataError(f"{path} has too few pictures for a test set: {len(test)}; add some")
    by = ", no group on both sides" if handling.groups else ""
    return _only(everything, chosen), f", {TEST_SHARE:.0%} kept for testing{by}"


def _only(some: Pictures, places: list[int]) -> Pictures:
    pictures = some.pictures
    return replace(
        some,
        pictures=pictures[places]
        if isinstance(pictures, np.ndarray)
        else [pictures[place] for place in places],
        labels=[some.labels[place] for place in places],
        names=[some.names[place] for place in places],
    )


def _groups(some: Pictures, handling: Handling) -> list[str]:
    """The group of each picture; "" without groups."""
    if not handling.groups:
        return [""] * len(some.names)
    try:
        pattern = re.compile(handling.groups)
    except re.error as error:
        raise UsageError(
            f"--groups {handling.groups!r} is no regular expression: {error}"
        ) from None
    found = []
    for name in some.names:
        match = pattern.search(name)
        if match is None:
            raise UsageError(f"--groups {handling.groups!r} finds nothing in {name!r}")
        found.append(match[1] if pattern.groups else match[0])
    return found


def _class_names(parts: Iterable[Pictures], path: Path) -> tuple[str, ...]:
    """All labels, in the order of numbers or of the alphabet."""
    labels = {label for some in parts for label in some.labels}
    if "" in labels:
        raise DataError(f"{path}: a picture has an empty label")
    if not 2 <= len(labels) <= 256:
        known = ", ".join(sorted(labels)[:5])
        raise DataError(f"{path} has {len(labels)} classes ({known}); 2 to 256 are needed")
    digits = all(re.fullmatch(r"\d", label) for label in labels)
    if digits:
        return DIGITS  # also where some don't occur: a reader of digits knows all
    if all(re.fullmatch(r"-?\d+", label) for label in labels):
        return tuple(sorted(labels, key=int))
    return tuple(sorted(labels))


def _classes(names: tuple[str, ...]) -> str:
    return f"{len(names)} classes ({names[0]} … {names[-1]})"


@dataclass(frozen=True)
class _About:
    """What was understood of some pictures."""

    size: str
    polarity: str
    layout: str
    faults: list[str]


def _glyphs(
    some: Pictures, handling: Handling, progress: Progress
) -> tuple[NDArray[np.uint8], list[int], _About]:
    """Glyphs (n, 28, 28), the places of the pictures that they are of, and what was understood."""
    canvases, faults = _canvases(some, progress)
    if not canvases:
        raise DataError(f"no picture can be used: {faults[0]}")
    shapes = Counter(canvas.shape for canvas in canvases.values())
    size = "×".join(map(str, shapes.most_common(1)[0][0][::-1])) + " pixels"
    size += "" if len(shapes) == 1 else " and other sizes"
    are_glyphs = set(shapes) == {(GLYPH_PX, GLYPH_PX)}
    values, every = list(canvases.values()), -(-len(canvases) // _SAMPLE)
    if handling.as_is:
        if not are_glyphs:
            raise UsageError(f"--as-is needs 28×28 pictures; these have {size}")
        return np.stack(values), list(canvases), _About(size, "as it is", "", faults)
    light = float(np.mean([is_light_on_dark(canvas) for canvas in values[::every]])) > 0.5
    polarity = "light ink on dark" if light else "dark ink on light"
    if are_glyphs:
        stack = np.stack(values) if light else 255 - np.stack(values)
        laid_out = [is_laid_out(image / np.float32(255)) for image in stack[::every]]
        if np.mean(laid_out) >= _LAID_OUT:
            return stack, list(canvases), _About(size, polarity, "in MNIST's layout", faults)
    glyphs, kept = [], []
    for done, (place, canvas) in enumerate(canvases.items(), start=1):
        ink = find_ink(canvas, light_on_dark=light)
        if ink is None:
            faults.append(f"{some.names[place]} is blank")
        else:
            glyphs.append(lay_out_glyph(ink.strength))
            kept.append(place)
        progress("laying out pictures", done, len(canvases))
    if not glyphs:
        raise DataError(f"no picture has ink: {faults[-1]}")
    return np.stack(glyphs), kept, _About(size, polarity, "laid out as in reading", faults)


def _canvases(some: Pictures, progress: Progress) -> tuple[dict[int, NDArray[np.uint8]], list[str]]:
    """The grey pictures by place, and why others can't be opened."""
    if isinstance(some.pictures, np.ndarray):
        return dict(enumerate(some.pictures)), []
    canvases, faults = {}, []
    for place, source in enumerate(some.pictures):
        try:
            canvases[place] = load_canvas(source).grey
        except CanvasError as error:
            faults.append(f"{some.names[place]}: {error}")
        progress("opening pictures", place + 1, len(some.pictures))
    return canvases, faults


def _upright(images: NDArray[np.uint8], labels: list[str]) -> tuple[NDArray[np.uint8], str]:
    """Images column by column, as EMNIST's are, set upright: then their ones lie on their side."""
    ones = images[[label in {"1", "I", "l"} for label in labels]]
    if len(ones) == 0:
        return images, ""
    ratios = [_spread(one, 0) / max(_spread(one, 1), 1e-6) for one in ones[:_SAMPLE]]
    if np.median(ratios) * _UPRIGHT > 1:
        return images, ""
    return np.ascontiguousarray(images.transpose(0, 2, 1)), ", set upright (they lay on their side)"


def _spread(image: NDArray[np.uint8], axis: int) -> float:
    """The standard deviation of the ink down (0) or across (1), in pixels."""
    weights = image.sum(axis=1 - axis, dtype=np.float64) + 1e-9
    places = np.arange(len(weights))
    middle = np.average(places, weights=weights)
    return float(np.average((places - middle) ** 2, weights=weights) ** 0.5)


def _digest(parts: dict[str, Pictures]) -> str:
    """A hash of all that was found: another content, another hash."""
    digest = hashlib.sha256()
    for subset, some in sorted(parts.items()):
        digest.update(f"{subset}:{some.sha256}".encode())
        if isinstance(some.pictures, np.ndarray) or some.sha256:
            continue
        for name, label, source in zip(some.names, some.labels, some.pictures, strict=True):
            content = source.read_bytes() if isinstance(source, Path) else source
            digest.update(f"{name}:{label}:{hashlib.sha256(content).hexdigest()}".encode())
    return digest.hexdigest()
