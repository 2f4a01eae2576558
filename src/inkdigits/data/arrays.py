"""Labelled pictures as values: NumPy's and MATLAB's files, IDX, Parquet."""

import io
import re
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.data.idx import gunzip, parse_idx
from inkdigits.errors import DataError, MissingExtra
from inkdigits.files import read_bytes, sha256
from inkdigits.imaging.arrays import as_numpy

IMAGE_KEYS = ("x", "images", "image", "data", "pixels")
LABEL_KEYS = ("y", "labels", "label", "target", "targets", "classes", "class", "digit")


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures as somebody keeps them: files, or values (n, height, width) of any range.

    `names` say where each was found, for messages and groups. `left_out` has what can't be used,
    and why. `sha256` has the hash of each file of values.
    """

    form: str
    pictures: list[Path | bytes] | NDArray[Any]
    labels: list[str]
    names: list[str]
    left_out: list[str] = field(default_factory=list)
    sha256: dict[str, str] = field(default_factory=dict)


def read_npz(content: bytes, path: Path) -> dict[str, Pictures]:
    """x_train, y_train, x_test, y_test, as Keras has them; or images and labels."""
    return _from_arrays(_load(content, path), path, "NumPy arrays")


def _load(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` file by name, in small letters; that of an `.npy` file as "x"."""
    try:
        stored = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return {"x": stored}
        with stored:
            return {name.lower(): stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} can't be read: {error}; save it anew with NumPy") from None


def read_images(content: bytes, path: Path) -> NDArray[np.uint8] | list[bytes]:
    """The pictures of an `.npz`, `.npy` or Parquet file: values, or the bytes of picture files."""
    if content.startswith(b"PAR1"):
        table, columns = _parquet_table(content, path)
        return _picture_bytes(table, _column(columns, IMAGE_KEYS, path), path)
    arrays = _load(content, path)
    found = (_named(arrays, IMAGE_KEYS, end) for end in ("", "_test", "_train"))
    images = next((values for values in found if values is not None), None)
    if images is None:
        raise DataError(f"{path} has the arrays {', '.join(arrays)}; it needs images, x or x_test")
    return to_bytes(_as_pictures(np.asarray(images), path), path)


def read_mat(content: bytes, path: Path) -> dict[str, Pictures]:
    """The arrays of a MATLAB file, named as in `read_npz`."""
    from scipy.io import loadmat

    try:
        stored = loadmat(io.BytesIO(content))
    except Exception as error:  # SciPy's reader raises what it meets
        raise DataError(f"{path} can't be read: {error}; save it anew as MATLAB 5") from None
    arrays = {name.lower(): value for name, value in stored.items() if name[:2] != "__"}
    for name, value in arrays.items():
        # MATLAB's pictures lie along the last axis, and labels say 10 for 0 in the SVHN data.
        if value.ndim in {3, 4} and value.shape[-1] > value.shape[0]:
            arrays[name] = np.moveaxis(value, -1, 0)
    return _from_arrays(arrays, path, "a MATLAB file")


def _from_arrays(arrays: dict[str, NDArray[Any]], path: Path, form: str) -> dict[str, Pictures]:
    found = {}
    for subset in ("train", "test", ""):
        end = f"_{subset}" if subset else ""
        images = _named(arrays, IMAGE_KEYS, end)
        labels = _named(arrays, LABEL_KEYS, end)
        if images is not None and labels is not None:
            found[subset] = _values(images, labels, path, form)
    if not found:
        raise DataError(
            f"{path} has the arrays {', '.join(arrays) or '(none)'}; it needs x_train and y_train, "
            "or images and labels"
        )
    return found


def _named(arrays: dict[str, NDArray[Any]], names: tuple[str, ...], end: str) -> Any:
    return next((arrays[name + end] for name in names if name + end in arrays), None)


def read_npy(content: bytes, path: Path) -> dict[str, Pictures]:
    """Images in one file, labels in the one beside it: x.npy and y.npy, images and labels."""
    partner = partner_of(path, labels=True)
    if partner is None:
        raise DataError(
            f"{path} has images and no labels: put them beside it, named with y for x, or labels "
            "for images"
        )
    images, labels = _load(content, path)["x"], _load(read_bytes(partner), partner)["x"]
    return {"": _values(images, labels, path, "NumPy arrays")}


def read_idx(content: bytes, path: Path) -> dict[str, Pictures]:
    """Images in one file, labels in the one beside it."""
    partner = partner_of(path, labels=True)
    if partner is None:
        raise DataError(
            f"{path}: its labels are not beside it; the file's name should be its own with labels "
            "for images"
        )
    images = parse_idx(content, str(path))
    labels = parse_idx(gunzip(read_bytes(partner), str(partner)), str(partner))
    labels = labels[:, 0] if labels.ndim == 2 else labels  # QMNIST: the first column is the class
    return {"": _values(images, labels, path, "IDX files")}


_PARTNERS = [
    ("images", "labels"),
    ("image", "label"),
    ("x_", "y_"),
    ("x-", "y-"),
    ("x.", "y."),
]


def partner_of(path: Path, *, labels: bool) -> Path | None:
    """The file of labels beside a file of images, or the other way round."""
    for images, ours in _PARTNERS:
        old, new = (images, ours) if labels else (ours, images)
        if old in path.name.lower():
            name = re.sub(re.escape(old), new, path.name, count=1, flags=re.IGNORECASE)
            swaps = (("idx3", "idx1"), ("idx3", "idx2"), ("ubyte", "int"), ("", ""))
            for three, one in swaps:
                a, b = (three, one) if labels else (one, three)
                for ending in ("", ".gz"):
                    stem = name.removesuffix(".gz")
                    beside = path.with_name((stem.replace(a, b) if a else stem) + ending)
                    if beside.is_file() and beside != path:
                        return beside
    return None


def read_parquet(content: bytes, path: Path) -> dict[str, Pictures]:
    """As the Hugging Face hub lays MNIST out: a column of PNG or JPEG bytes, a column of labels."""
    table, columns = _parquet_table(content, path)
    pictures = _picture_bytes(table, _column(columns, IMAGE_KEYS, path), path)
    label = _column(columns, LABEL_KEYS, path)
    labels = [label_text(value) for value in table.column(label).to_pylist()]
    return {"": Pictures("Parquet", list(pictures), labels, _numbered(path, len(labels)))}


def _parquet_table(content: bytes, path: Path) -> tuple[Any, dict[str, str]]:
    """A table, and its columns by their names in small letters."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("Parquet needs pyarrow: pip install 'inkdigits[data]'") from None
    try:
        table = parquet.read_table(io.BytesIO(content))
    except Exception as error:  # pyarrow's errors have no common base class
        raise DataError(f"{path} can't be read: {error}") from None
    return table, {name.lower(): name for name in table.column_names}


def _column(columns: dict[str, str], names: tuple[str, ...], path: Path) -> str:
    found = next((columns[name] for name in names if name in columns), None)
    if found is None:
        raise DataError(f"{path} has the columns {', '.join(columns)}; it needs image and label")
    return found


def _picture_bytes(table: Any, column: str, path: Path) -> list[bytes]:
    rows = table.column(column).to_pylist()
    pictures = [row["bytes"] if isinstance(row, dict) else row for row in rows]
    if not all(isinstance(picture, bytes) for picture in pictures):
        raise DataError(f"{path}: the column {column} must hold pictures as bytes")
    return pictures


def _values(images: NDArray[Any], labels: NDArray[Any], path: Path, form: str) -> Pictures:
    images = to_bytes(_as_pictures(np.asarray(images), path), path)
    labels = np.asarray(labels)
    if labels.ndim == 2 and 1 in labels.shape:
        labels = labels.ravel()
    elif labels.ndim == 2:
        labels = labels.argmax(axis=1)  # one-hot
    if labels.ndim != 1 or len(labels) != len(images):
        raise DataError(f"{path}: {len(images)} images, but labels of the shape {labels.shape}")
    texts = [label_text(value) for value in labels.tolist()]
    return Pictures(form, images, texts, _numbered(path, len(texts)))


def in_memory(images: Any, labels: Any, path: Path) -> Pictures:
    """Pictures and labels that the caller has; `path` stands for them in messages."""
    try:
        some = _values(as_numpy(images), as_numpy(labels), path, "arrays")
    except ValueError as error:  # ragged lists
        raise DataError(f"{path} can't be read: {error}") from None
    content = np.asarray(some.pictures).tobytes() + "\n".join(some.labels).encode()
    return replace(some, sha256={"arrays": sha256(content)})


def _as_pictures(images: NDArray[Any], path: Path) -> NDArray[Any]:
    """(n, height, width) from (n, h, w), with an axis of channels, or flat squares (n, h·w)."""
    if images.dtype.kind not in "buif":
        raise DataError(f"{path}: the images are {images.dtype}; they must be numbers")
    if images.ndim == 4 and images.shape[1] in {1, 3} and images.shape[3] > 4:
        images = np.moveaxis(images, 1, -1)
    if images.ndim == 4 and images.shape[3] in {1, 3, 4}:
        images = images[..., :3].mean(axis=3) if images.shape[3] > 1 else images[..., 0]
    if images.ndim == 2 and (side := side_of(images.shape[1])):
        images = images.reshape(-1, side, side)
    if images.ndim != 3 or 0 in images.shape:
        raise DataError(
            f"{path}: the images have the shape {images.shape}; it must be (n, height, width), "
            "with 1 or 3 channels at the end, or (n, pixels) of squares"
        )
    return images


def to_bytes(images: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Values 0…1, 0…16, 0…255 or 0…65535, whichever they fill, as 0…255."""
    values = images.reshape(len(images), -1)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1) | (values.min(axis=1) < 0))
    if len(bad):
        raise DataError(
            f"{path}: image {bad[0] + 1} has values below 0, or that are no numbers; pixels "
            "must be 0…1 or 0…255 (undo the standardising)"
        )
    highest = float(values.max())
    top = next((top for top in (1, 16, 255, 65535) if highest <= top), None)
    if top is None:
        raise DataError(f"{path}: a pixel is {highest:g}; they must be 0…1, 0…255 or 0…65535")
    if top == 255 and images.dtype == np.uint8:
        return images
    return (images.astype(np.float32) * np.float32(255 / top)).round().astype(np.uint8)


def side_of(pixels: int) -> int | None:
    """The side of a square of so many pixels; None if there is no such square."""
    side = round(pixels**0.5)
    return side if side >= 2 and side * side == pixels else None


def label_text(value: Any) -> str:
    """A label as text: 3, 3.0 and "3" are one label."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return str(int(float(text))) if re.fullmatch(r"\d+\.0*", text) else text


def _numbered(path: Path, count: int) -> list[str]:
    return [f"{path}, image {number}" for number in range(1, count + 1)]
