"""Labelled pictures as arrays and tables: NumPy's and MATLAB's files, IDX, Parquet."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.data.idx import gunzip, parse_idx
from inkdigits.data.matlab import parse_mat
from inkdigits.data.pictures import (
    Pictures,
    from_values,
    label_text,
    numbered,
    pixels_of,
    to_bytes,
    white_of,
)
from inkdigits.errors import DataError, MissingExtra
from inkdigits.files import Place, check_member, read_bytes
from inkdigits.imaging.arrays import as_numpy

IMAGE_KEYS = ("x", "images", "image", "data", "pixels")
LABEL_KEYS = ("y", "labels", "label", "target", "targets", "classes", "class", "digit")

Arrays = dict[str, NDArray[Any]]
"""Arrays by their names in small letters."""


def read_npz(content: bytes, path: Path) -> dict[str, Pictures]:
    """x_train, y_train, x_test, y_test, as Keras has them; or images and labels."""
    return _from_arrays(_load(content, path), path, "NumPy arrays")


def _load(content: bytes, path: Place) -> Arrays:
    """The arrays of an `.npz` file; that of an `.npy` file as "x"."""
    try:
        stored = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return {"x": stored}
        with stored:
            for member in stored.zip.infolist():
                check_member(member)
            return {name.lower(): stored[name] for name in stored.files}
    except Exception as error:  # of zip, zlib, and of Python, as which NumPy reads the header
        raise DataError(f"{path} can't be read: {error}; save it anew with NumPy") from None


def read_images(content: bytes, path: Place) -> NDArray[np.uint8] | list[bytes]:
    """The pictures of an `.npz` or `.npy` file: values, or the bytes of picture files."""
    arrays = _load(content, path)
    found = (_named(arrays, IMAGE_KEYS, end) for end in ("", "_test", "_train"))
    images = next((values for values in found if values is not None), None)
    if images is None:
        raise DataError(f"{path} has the arrays {', '.join(arrays)}; it needs images, x or x_test")
    pictures = pixels_of(images, path)
    if isinstance(pictures, np.ndarray):
        return to_bytes(pictures, white_of(pictures))
    return [picture for picture in pictures if isinstance(picture, bytes)]


def read_mat(content: bytes, path: Path) -> dict[str, Pictures]:
    """The arrays of a MATLAB file, named as in `read_npz`.

    Pictures lie along the axis that is as long as the labels. Where labels run from 1 to 10, 10 is
    the digit 0: MATLAB counts from 1.
    """
    try:
        stored = parse_mat(content)
    except ValueError as error:
        raise DataError(f"{path} can't be read: {error}; save it anew with -v7") from None
    arrays = {
        name.lower(): _flat_cells(value) if value.dtype == object else value
        for name, value in stored.items()
    }
    for end in ("", "_train", "_test"):
        labels, images = _named(arrays, LABEL_KEYS, end), _named(arrays, IMAGE_KEYS, end)
        if labels is None or images is None:
            continue
        count = max(labels.shape) if 1 in labels.shape else len(labels)
        if images.shape[-1] == count:
            key = next(name for name, value in arrays.items() if value is images)
            arrays[key] = np.moveaxis(images, -1, 0)
        if labels.dtype.kind in "iuf" and set(np.unique(labels).tolist()) == set(range(1, 11)):
            labels[labels == 10] = 0
    return _from_arrays(arrays, path, "a MATLAB file")


def _flat_cells(cells: NDArray[Any]) -> NDArray[Any]:
    """What is in a row or column of cells, such as words."""
    return np.array([str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in cells.ravel()])


def in_memory(images: Any, labels: Any, path: Path) -> Pictures:
    """Pictures and labels that the caller has; `path` stands for them in messages."""
    try:
        pictures, values = as_numpy(images), as_numpy(labels)
    except ValueError as error:  # ragged lists
        raise DataError(f"{path} can't be read: {error}") from None
    return from_values(pictures, _label_texts(values, path), path, "arrays")


def _from_arrays(arrays: Arrays, path: Path, form: str) -> dict[str, Pictures]:
    found = {}
    for subset in ("train", "test", ""):
        end = f"_{subset}" if subset else ""
        images = _named(arrays, IMAGE_KEYS, end)
        labels = _named(arrays, LABEL_KEYS, end)
        if images is not None and labels is not None:
            texts = _label_texts(labels, path)
            columns = _columns_beside(arrays, end, len(texts))
            found[subset] = from_values(images, texts, path, form, columns)
    if not found:
        raise DataError(
            f"{path} has the arrays {', '.join(arrays) or '(none)'}; it needs x_train and y_train, "
            "or images and labels"
        )
    return found


def _named(arrays: Arrays, names: tuple[str, ...], end: str) -> Any:
    return next((arrays[name + end] for name in names if name + end in arrays), None)


def _columns_beside(arrays: Arrays, end: str, count: int) -> dict[str, list[str]]:
    """What else has one value for each image, such as its writer."""
    used = {name + end for name in (*IMAGE_KEYS, *LABEL_KEYS)}
    return {
        name.removesuffix(end): [label_text(value) for value in values.ravel().tolist()]
        for name, values in arrays.items()
        if name.endswith(end) and name not in used and values.size == len(values.ravel()) == count
    }


def _label_texts(labels: NDArray[Any], path: Path) -> list[str]:
    if labels.ndim == 2 and 1 in labels.shape:
        labels = labels.ravel()
    elif labels.ndim == 2:
        labels = labels.argmax(axis=1)  # one-hot
    if labels.ndim != 1:
        raise DataError(f"{path}: the labels have the shape {labels.shape}; it must be (n,)")
    return [label_text(value) for value in labels.tolist()]


def read_npy(content: bytes, path: Path) -> dict[str, Pictures]:
    """Images in one file, labels in the one beside it: x.npy and y.npy, images and labels."""
    partner = partner_of(path, labels=True)
    if partner is None:
        raise DataError(
            f"{path} has images and no labels: put them beside it, named with y for x, or labels "
            "for images"
        )
    labels = _label_texts(_load(read_bytes(partner), partner)["x"], partner)
    return {"": from_values(_load(content, path)["x"], labels, path, "NumPy arrays")}


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
    return {"": from_values(images, _label_texts(labels, partner), path, "IDX files")}


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
    image, label = (_column(columns, keys, path) for keys in (IMAGE_KEYS, LABEL_KEYS))
    texts = {
        name: [label_text(value) for value in table.column(column).to_pylist()]
        for name, column in columns.items()
        if column != image
    }
    labels = texts.pop(label.lower())
    pictures = list(_picture_bytes(table, image, path))
    return {"": Pictures("Parquet", [*pictures], labels, numbered(path, len(labels)), [], texts)}


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
