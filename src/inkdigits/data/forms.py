"""The forms in which people keep labelled pictures, recognised by content and read as they are.

A path holds a training set, a test set, both, or pictures that nobody has parted: a dictionary
with the keys "train" and "test", or "" for the last. All of a file or folder whose name says test
is a test set.
"""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inkdigits.data.arrays import (
    Pictures,
    partner_of,
    read_idx,
    read_mat,
    read_npy,
    read_npz,
    read_parquet,
)
from inkdigits.data.idx import gunzip
from inkdigits.data.table import read_csv
from inkdigits.errors import DataError
from inkdigits.files import read_bytes, sha256
from inkdigits.imaging import IMAGE_SUFFIXES

_SUBSETS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_TABLES = (".csv", ".npz", ".npy", ".parquet", ".mat", ".gz", "-ubyte", ".idx")

_FORMS: dict[bytes, Callable[[bytes, Path], dict[str, Pictures]]] = {
    b"PK\x03\x04": read_npz,
    b"\x93NUMPY": read_npy,
    b"\0\0": read_idx,
    b"PAR1": read_parquet,
    b"MATLAB": read_mat,
}


def read_form(path: Path) -> dict[str, Pictures]:
    """What a file or folder holds; `DataError` names what is wrong with it, and the cure."""
    if path.is_dir():
        found, subset = _read_folder(path), _SUBSETS.get(path.name.lower())
    else:
        found, subset = _read_file(path), _subset_in(path.name)
    return {"test": found[""]} if subset == "test" and "" in found else found


def _read_file(path: Path) -> dict[str, Pictures]:
    if not path.exists():
        raise DataError(f"{path} does not exist")
    content = read_bytes(path)
    hashes = {path.name: sha256(content)}
    if content.startswith(b"\x1f\x8b"):
        content = gunzip(content, str(path))
    found = _read_content(content, path)
    return {subset: replace(some, sha256=hashes) for subset, some in found.items()}


def _read_content(content: bytes, path: Path) -> dict[str, Pictures]:
    for magic, read in _FORMS.items():
        if content.startswith(magic):
            return read(content, path)
    if b"\0" in content[:4096]:
        raise DataError(
            f"{path} is in no form that is known here: CSV, .npy, .npz, IDX, Parquet, .mat, or a "
            "folder with a folder of pictures for each class"
        )
    return {"": read_csv(content, path)}


# Folders


def _read_folder(folder: Path) -> dict[str, Pictures]:
    inside = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    parts = {_SUBSETS.get(entry.name.lower()): entry for entry in inside if entry.is_dir()}
    parts.pop(None, None)
    if parts:
        return {str(subset): _class_folders(part) for subset, part in sorted(parts.items())}
    if (folder / "labels.csv").is_file():
        return {"": _listed_files(folder)}
    tables = [entry for entry in inside if entry.is_file() and entry.name.endswith(_TABLES)]
    if tables:
        return _read_tables(folder, tables)
    if (folder / "data").is_dir() and list((folder / "data").glob("*.parquet")):
        return _read_folder(folder / "data")  # as the Hugging Face hub lays data sets out
    return {"": _class_folders(folder)}


def _class_folders(folder: Path) -> Pictures:
    """Pictures in and below one folder for each class."""
    files, labels, left_out = [], [], []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            left_out.append(f"{entry} lies outside the class folders")
            continue
        for file in sorted(entry.rglob("*")):
            if file.suffix.lower() in IMAGE_SUFFIXES:
                files.append(file)
                labels.append(entry.name)
            elif file.is_file() and not file.name.startswith("."):
                left_out.append(f"{file} is no picture")
    if not files:
        raise DataError(
            f"{folder} holds no labelled pictures: it needs a folder of pictures for each class, "
            "such as 0/ to 9/ (in train/ and test/, if you like), a labels.csv with the columns "
            "file and label, or a data file"
        )
    names = [str(file.relative_to(folder)) for file in files]
    return Pictures("class folders", list(files), labels, names, left_out)


def _listed_files(folder: Path) -> Pictures:
    """Pictures with a labels.csv: columns `file` and `label`."""
    path = folder / "labels.csv"
    files, labels, names = [], [], []
    try:
        rows = list(csv.DictReader(io.StringIO(read_bytes(path).decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file: {error}; save it as UTF-8") from None
    for number, row in enumerate(rows, start=2):
        if not row.get("file") or not row.get("label"):
            raise DataError(f"{path}, line {number}: the columns 'file' and 'label' are needed")
        file = folder / row["file"]
        if not file.is_file():
            raise DataError(f"{path}, line {number}: there is no file {file}")
        files.append(file)
        labels.append(row["label"])
        names.append(row["file"])
    if not files:
        raise DataError(f"{path} lists no pictures")
    return Pictures("a list of pictures", list(files), labels, names)


def _read_tables(folder: Path, files: list[Path]) -> dict[str, Pictures]:
    """A folder with data files; their names say which are for training and which for testing."""
    found: dict[str, Pictures] = {}
    pairs = [file for file in files if not _is_labels(file)]
    for file in pairs:
        for own, some in read_form(file).items():
            subset = own or _subset_in(file.name)
            if subset in found and len(pairs) > 1:
                some = _joined(found[subset], some)
            found[subset] = some
    if len(found) > 1 and "" in found:
        raise DataError(
            f"{folder} holds data files of which only some say train or test in their name; "
            "pass the file that you mean"
        )
    return found


def _subset_in(name: str) -> str:
    words = re.split(r"[^a-z]+", name.lower())
    if {"test", "t", "testing"} & set(words) or name.startswith("t10k"):
        return "test"
    return "train" if {"train", "training"} & set(words) else ""


def _is_labels(file: Path) -> bool:
    """Whether a file is the labels of another: read with that one."""
    return partner_of(file, labels=False) is not None


def _joined(one: Pictures, other: Pictures) -> Pictures:
    """Parts of one set, as in several Parquet files."""
    pictures: Any = (
        np.concatenate([one.pictures, other.pictures])
        if isinstance(one.pictures, np.ndarray)
        else [*one.pictures, *other.pictures]
    )
    return Pictures(
        one.form,
        pictures,
        one.labels + other.labels,
        one.names + other.names,
        one.left_out + other.left_out,
        {**one.sha256, **other.sha256},
    )
