"""The forms in which people keep labelled pictures, recognised by content and read as they are.

A path holds a training set, a test set, both, or pictures that nobody has parted: a dictionary
with the keys "train" and "test", or "" for the last.
"""

import re
from collections.abc import Callable
from pathlib import Path

from inkdigits.data.arrays import (
    partner_of,
    read_idx,
    read_mat,
    read_npy,
    read_npz,
    read_parquet,
)
from inkdigits.data.idx import gunzip
from inkdigits.data.pictures import Pictures, joined
from inkdigits.data.table import read_csv, read_list
from inkdigits.errors import DataError
from inkdigits.files import read_bytes, storage_errors
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
        return _read_folder(path)
    if not path.exists():
        raise DataError(f"{path} does not exist")
    path = partner_of(path, labels=False) or path  # of a file of labels, that of its images
    content = gunzip(read_bytes(path), str(path))
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
    inside = _visible(folder)
    parts: dict[str, Path] = {}
    for entry in inside:
        if entry.is_dir() and (subset := _SUBSETS.get(entry.name.lower())):
            if subset in parts:
                raise DataError(
                    f"{folder} has both {parts[subset].name} and {entry.name}; keep one of them"
                )
            parts[subset] = entry
    if parts:
        return {subset: _class_folders(part) for subset, part in sorted(parts.items())}
    if (folder / "labels.csv").is_file():
        path = folder / "labels.csv"
        return {"": read_list(read_bytes(path), path)}
    tables = [entry for entry in inside if entry.is_file() and _is_table(entry)]
    if tables:
        return _read_tables(folder, tables)
    if (folder / "data").is_dir() and list((folder / "data").glob("*.parquet")):
        return _read_folder(folder / "data")  # as the Hugging Face hub lays data sets out
    return {"": _class_folders(folder)}


def _visible(folder: Path) -> list[Path]:
    """What is in a folder, but what programs leave behind there."""
    with storage_errors("read", folder):
        return sorted(e for e in folder.iterdir() if not e.name.startswith((".", "__MACOSX")))


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith(_TABLES)


def _class_folders(folder: Path) -> Pictures:
    """Pictures in and below one folder for each class; their names are the paths below it.

    Or in class folders of digits, in a folder for each writer: then names begin with the writer.
    """
    files: list[Path | bytes] = []
    labels, names, left_out = [], [], []
    by_writer = _has_writers(folder)
    for entry in _visible(folder):
        if not entry.is_dir():
            left_out.append(f"{entry} lies outside the class folders")
            continue
        for file in _files_below(entry):
            inner = file.relative_to(entry)
            if file.suffix.lower() not in IMAGE_SUFFIXES:
                left_out.append(f"{file} is no picture")
            elif not file.is_file():
                left_out.append(f"{file} is no file")
            else:
                files.append(file)
                labels.append(inner.parts[0] if by_writer else entry.name)
                names.append(
                    (Path(entry.name, *inner.parts[1:]) if by_writer else inner).as_posix()
                )
    if not files:
        raise DataError(
            f"{folder} holds no labelled pictures: it needs a folder of pictures for each class, "
            "such as 0/ to 9/ (in train/ and test/, if you like), a labels.csv with the columns "
            "file and label, or a data file"
        )
    return Pictures("class folders", files, labels, names, left_out)


def _has_writers(folder: Path) -> bool:
    """Whether there are a folder for each writer, and in each of them class folders of digits."""
    tops = [entry for entry in _visible(folder) if entry.is_dir()]
    inner = [entry.name for top in tops for entry in _visible(top)]
    digits = {*"0123456789"}
    return bool(inner) and {*inner} <= digits and not {top.name for top in tops} & digits


def _files_below(folder: Path) -> list[Path]:
    """The files in and below a folder, in order; also links that lead nowhere."""
    found = []
    for entry in _visible(folder):
        found += _files_below(entry) if entry.is_dir() and not entry.is_symlink() else [entry]
    return found


def _read_tables(folder: Path, files: list[Path]) -> dict[str, Pictures]:
    """A folder with data files; their names say which are for training and which for testing."""
    found: dict[str, Pictures] = {}
    for file in files:
        if partner_of(file, labels=False) is not None:
            continue  # it has the labels of another, and is read with that one
        for own, some in read_form(file).items():
            subset = own or _subset_in(file.name)
            found[subset] = joined(found[subset], some) if subset in found else some
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
