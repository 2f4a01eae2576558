"""Labelled pictures as somebody keeps them: what every form is read into."""

import io
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import DataError
from inkdigits.files import Place
from inkdigits.imaging.arrays import OVERSHOOT

_WHITE_LEVELS = (1, 16, 255, 4095, 65535)


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures: files, or values (n, height, width) of any range.

    `names` say where each was found, for messages and groups. `left_out` has what can't be used,
    and why. `columns` have what else stands beside each label, such as its writer, by name in
    small letters.
    """

    form: str
    pictures: list[Path | bytes] | NDArray[Any]
    labels: list[str]
    names: list[str]
    left_out: list[str] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, places: list[int]) -> "Pictures":
        """Some of them, by their places."""
        pictures = self.pictures
        return replace(
            self,
            pictures=pictures[places]
            if isinstance(pictures, np.ndarray)
            else [pictures[place] for place in places],
            labels=[self.labels[place] for place in places],
            names=[self.names[place] for place in places],
            columns={n: [some[place] for place in places] for n, some in self.columns.items()},
        )


def joined(one: Pictures, other: Pictures) -> Pictures:
    """Parts of one set, as in several Parquet files; `DataError` if they are of unlike kinds."""
    pictures: Any
    if isinstance(one.pictures, np.ndarray) and isinstance(other.pictures, np.ndarray):
        sizes = one.pictures.shape[1:], other.pictures.shape[1:]
        if sizes[0] != sizes[1]:
            raise _unlike(one, other, "their pictures have other sizes")
        pictures = np.concatenate([one.pictures, other.pictures])
    elif isinstance(one.pictures, list) and isinstance(other.pictures, list):
        pictures = one.pictures + other.pictures
    else:
        raise _unlike(one, other, "one holds values, the other files")
    both = one.columns.keys() & other.columns.keys()
    return Pictures(
        one.form,
        pictures,
        one.labels + other.labels,
        one.names + other.names,
        one.left_out + other.left_out,
        {name: one.columns[name] + other.columns[name] for name in both},
    )


def _unlike(one: Pictures, other: Pictures, why: str) -> DataError:
    return DataError(
        f"{one.names[0]} and {other.names[0]} are in one folder, and {why}; pass the one you mean"
    )


def from_values(
    images: NDArray[Any],
    labels: list[str],
    path: Path,
    form: str,
    columns: dict[str, list[str]] | None = None,
) -> Pictures:
    """Pictures of an array; `DataError` if labels are too few or values are no pixels."""
    pictures = pixels_of(images, path)
    if len(labels) != len(pictures):
        raise DataError(f"{path}: {len(pictures)} images, but {len(labels)} labels")
    return Pictures(form, pictures, labels, numbered(path, len(labels)), [], columns or {})


def pixels_of(images: NDArray[Any], path: Place) -> list[Path | bytes] | NDArray[Any]:
    """Checked values (n, height, width); those with transparent parts as picture files."""
    images = _as_pictures(images, path)
    if images.ndim == 4 and images.shape[3] == 4 and images[..., 3].min() < images[..., 3].max():
        return [encode_png(image) for image in to_bytes(images, white_of(images, path))]
    if images.ndim == 4:
        images = images[..., :3].mean(axis=3) if images.shape[3] > 1 else images[..., 0]
    white_of(images, path)
    return images


def _as_pictures(images: NDArray[Any], path: Place) -> NDArray[Any]:
    """(n, height, width) or (n, height, width, channels), also from flat squares (n, h·w)."""
    if images.dtype.kind not in "buif":
        raise DataError(f"{path}: the images are {images.dtype}; they must be numbers")
    if images.ndim == 4 and images.shape[1] in {1, 3} and images.shape[3] > 4:
        images = np.moveaxis(images, 1, -1)
    if images.ndim == 2 and (side := side_of(images.shape[1])):
        images = images.reshape(-1, side, side)
    fits = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in {1, 3, 4})
    if not fits or 0 in images.shape:
        raise DataError(
            f"{path}: the images have the shape {images.shape}; it must be (n, height, width), "
            "with 1, 3 or 4 channels at the end, or (n, pixels) of squares"
        )
    return images


def white_of(images: NDArray[Any], path: Place | None = None) -> int:
    """The level of white, 1, 16, 255, 4095 or 65535: the lowest that no value exceeds.

    Raises `DataError`, which names `path`, for values that are no pixels.
    """
    values = images.reshape(len(images), -1)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1) | (values.min(axis=1) < 0))
    if len(bad):
        raise DataError(
            f"{path}: image {bad[0] + 1} has values below 0, or that are no numbers; pixels "
            "must be 0…1 or 0…255 (undo the standardising)"
        )
    highest = float(values.max())
    white = next((level for level in _WHITE_LEVELS if highest <= level * OVERSHOOT), None)
    if white is None:
        raise DataError(f"{path}: a pixel is {highest:g}; they must be 0…1, 0…255 or 0…65535")
    return white


def to_bytes(images: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """Values 0…white as 0…255."""
    if white == 255 and images.dtype == np.uint8:
        return images
    scaled = images.astype(np.float32) * np.float32(255 / white)
    return scaled.clip(0, 255).round().astype(np.uint8)


def side_of(pixels: int) -> int | None:
    """The side of a square of so many pixels; None if there is no such square."""
    side = round(pixels**0.5)
    return side if side >= 2 and side * side == pixels else None


def label_text(value: Any) -> str:
    """A label as text: 3, 3.0 and "3" are one label; "" for none (NaN)."""
    if value is None or value != value:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return str(int(float(text))) if re.fullmatch(r"[0-9]+\.0*", text) else text


def numbered(path: Path, count: int) -> list[str]:
    """A name for each of the pictures in a file."""
    return [f"{path}, image {number}" for number in range(1, count + 1)]


def encode_png(values: NDArray[np.uint8]) -> bytes:
    """The PNG file of a picture: (height, width), plus 3 or 4 channels."""
    content = io.BytesIO()
    Image.fromarray(values).save(content, "PNG")
    return content.getvalue()
