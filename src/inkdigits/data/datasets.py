"""Data sets by name: their folders and files, checks, and loading."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import DIGITS, are_glyphs
from inkdigits.data.idx import gunzip, parse_idx
from inkdigits.data.images import LabelledImages
from inkdigits.errors import CorruptData, DataError, UsageError
from inkdigits.files import read_bytes, sha256

Subset = Literal["train", "test"]
SUBSETS: tuple[Subset, ...] = ("train", "test")
DEFAULT_DATASET = "mnist"


@dataclass(frozen=True)
class Files:
    """The names of a subset's image file and label file, without `.gz`."""

    images: str
    labels: str


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a data set before it is opened."""

    title: str
    train: Files
    test: Files
    class_names: tuple[str, ...] = DIGITS
    torchvision_folder: str = ""
    transposed: bool = False
    first_label: int = 0
    sha256: dict[str, str] | None = None

    def files(self, subset: Subset) -> Files:
        """The files of one subset."""
        return self.train if subset == "train" else self.test

    def file_names(self) -> tuple[str, str, str, str]:
        """All four names."""
        return (self.train.images, self.train.labels, self.test.images, self.test.labels)


_TRAIN = Files("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
_TEST = Files("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

# Where small letters look like large ones, EMNIST counts them as one class.
_MERGED = (*DIGITS, *ascii_uppercase, *"abdefghnqrt")


def _emnist(split: str, class_names: tuple[str, ...], first_label: int = 0) -> DatasetInfo:
    train, test = (
        Files(
            f"emnist-{split}-{part}-images-idx3-ubyte", f"emnist-{split}-{part}-labels-idx1-ubyte"
        )
        for part in SUBSETS
    )
    return DatasetInfo(
        title=f"EMNIST {split}",
        train=train,
        test=test,
        class_names=class_names,
        torchvision_folder="EMNIST",
        transposed=True,  # EMNIST stores images column by column
        first_label=first_label,
    )


DATASETS: dict[str, DatasetInfo] = {
    "mnist": DatasetInfo(
        title="MNIST",
        train=_TRAIN,
        test=_TEST,
        torchvision_folder="MNIST",
        sha256={
            _TRAIN.images: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            _TRAIN.labels: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            _TEST.images: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            _TEST.labels: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion-mnist": DatasetInfo(
        title="Fashion-MNIST",
        train=_TRAIN,
        test=_TEST,
        torchvision_folder="FashionMNIST",
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
    "kmnist": DatasetInfo(
        title="KMNIST",
        train=_TRAIN,
        test=_TEST,
        torchvision_folder="KMNIST",
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
    "emnist-digits": _emnist("digits", DIGITS),
    "emnist-mnist": _emnist("mnist", DIGITS),
    "emnist-letters": _emnist("letters", tuple(ascii_uppercase), first_label=1),
    "emnist-balanced": _emnist("balanced", _MERGED),
    "emnist-bymerge": _emnist("bymerge", _MERGED),
    "emnist-byclass": _emnist("byclass", (*DIGITS, *ascii_uppercase, *ascii_lowercase)),
    "qmnist": DatasetInfo(
        title="QMNIST",
        train=Files("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"),
        test=Files("qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"),
        torchvision_folder="QMNIST",
    ),
}


def dataset_info(name: str) -> DatasetInfo:
    """The entry of `DATASETS`; `UsageError` for an unknown name."""
    if name not in DATASETS:
        raise UsageError(f"there is no data set {name!r}; choose one of {', '.join(DATASETS)}")
    return DATASETS[name]


def candidate_folders(name: str, root: Path) -> Iterator[Path]:
    """Where the files may be: in `root`, in `name/`, or in torchvision's layout."""
    info = dataset_info(name)
    yield root / name
    yield root / info.torchvision_folder / "raw"
    yield root


def find_file(folder: Path, file_name: str) -> Path | None:
    """The file in a folder, plain or with `.gz`; None if there is neither."""
    for candidate in (folder / file_name, folder / f"{file_name}.gz"):
        if candidate.is_file():
            return candidate
    return None


def find_dataset(name: str, root: Path) -> Path | None:
    """The first candidate folder that has all four files; None if there is none."""
    names = dataset_info(name).file_names()
    for folder in candidate_folders(name, root):
        if all(find_file(folder, file_name) for file_name in names):
            return folder
    return None


def verify_dataset(name: str, folder: Path) -> dict[str, str]:
    """The SHA-256 of each of the four files, after loading and checking both subsets.

    Raises what `load_subset` does.
    """
    return {
        file_name: digest
        for subset in SUBSETS
        for file_name, digest in load_subset(name, subset, folder).sha256.items()
    }


def check_hash(name: str, file_name: str, digest: str, where: str) -> None:
    """Raise `CorruptData` unless the digest is the known one.

    If none is known, the digest must at least not be another data set's: MNIST, Fashion-MNIST and
    KMNIST use the same file names.
    """
    known = dataset_info(name).sha256
    if known is None:
        for other, info in DATASETS.items():
            if digest in (info.sha256 or {}).values():
                raise CorruptData(
                    f"{where}: {file_name} is {other}'s, not {name}'s; put {name} in a folder "
                    "of its own and pass that with --data-dir"
                )
    elif digest != (expected := known[file_name]):
        raise CorruptData(
            f"{where}: {file_name} has sha256 {digest[:12]}…, expected {expected[:12]}…; "
            "it is damaged or from another data set: move it away and run 'inkdigits data fetch'"
        )


def load_subset(name: str, subset: Subset, folder: Path) -> LabelledImages:
    """One subset from a folder, checked; only its two files are read.

    Raises `CorruptData` if hash, shape, counts or label range are wrong, `InvalidIdx` for
    bytes that aren't IDX, `DataError` for a missing file.
    """
    info = dataset_info(name)
    files = info.files(subset)
    contents = {
        file_name: _content(folder, file_name) for file_name in (files.images, files.labels)
    }
    hashes = {file_name: sha256(content) for file_name, content in contents.items()}
    for file_name, digest in hashes.items():
        check_hash(name, file_name, digest, str(folder))
    images = parse_idx(contents[files.images], str(folder / files.images))
    labels = parse_idx(contents[files.labels], str(folder / files.labels))
    if labels.ndim == 2:  # QMNIST: eight columns, the first is the class
        labels = labels[:, 0]
    labels = labels - info.first_label if info.first_label else labels
    _check_pair(images, labels, f"{folder} ({files.images}, {files.labels})", len(info.class_names))
    if info.transposed:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
    return LabelledImages(images, labels.astype(np.uint8), hashes, info.class_names)


def _content(folder: Path, file_name: str) -> bytes:
    path = find_file(folder, file_name)
    if path is None:
        raise DataError(f"{folder}: there is no {file_name} (nor {file_name}.gz)")
    return gunzip(read_bytes(path), str(path))


def _check_pair(
    images: NDArray[np.generic], labels: NDArray[np.generic], where: str, classes: int
) -> None:
    if not are_glyphs(images):
        raise CorruptData(
            f"{where}: the images are {images.dtype} {images.shape}, not uint8 (n, 28, 28)"
        )
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise CorruptData(f"{where}: the labels are {labels.dtype} {labels.shape}, not integers")
    if len(images) != len(labels):
        raise CorruptData(f"{where}: {len(images)} images but {len(labels)} labels")
    if len(labels) == 0:
        raise CorruptData(f"{where}: there are no images")
    if labels.min() < 0 or labels.max() >= classes:
        raise CorruptData(
            f"{where}: the labels run from {labels.min()} to {labels.max()}, not 0…{classes - 1}"
        )
