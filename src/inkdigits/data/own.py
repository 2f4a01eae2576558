"""People's own pictures as a data set: read in any of the `forms`, laid out as glyphs, parted.

Pictures that aren't glyphs yet go through the same layout as in reading. Where nobody has parted
the pictures into a training set and a test set, a fifth of each class is the test set; with groups
(writers), as many whole groups as come nearest to a fifth of the pictures.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import DIGITS
from inkdigits.data.arrays import in_memory
from inkdigits.data.datasets import Subset
from inkdigits.data.forms import read_form
from inkdigits.data.glyphs import appearance_of, glyphs_as_they_are, glyphs_of
from inkdigits.data.images import MAX_CLASSES, LabelledImages
from inkdigits.data.pictures import Pictures
from inkdigits.data.preprocessing import hold_out
from inkdigits.data.sources import Progress
from inkdigits.errors import DataError, UsageError
from inkdigits.files import read_bytes

TEST_SHARE, _SPLIT_SEED = 0.2, 0
FOLDER = "folder"  # in place of a column: the folder that a picture lies in


@dataclass(frozen=True)
class Handling:
    """How own pictures are taken: `as_is` leaves 28×28 values untouched.

    Groups (writers, or whatever else must not be on both sides of a split) are named by `groups`,
    a regular expression that is searched in each picture's name (its first group, if it has one),
    or by `by`, a column beside the labels; "folder" is the folder that a picture lies in. With
    `whole`, pictures that nobody has parted are all for testing: a model was trained on others.
    """

    as_is: bool = False
    groups: str = ""
    by: str = ""
    whole: bool = False


AS_FOUND = Handling()
IN_MEMORY = "arrays"  # the name of a data set that the caller has in memory


def load_own(path: Path, subset: Subset, handling: Handling, progress: Progress) -> LabelledImages:
    """One subset of the pictures in a file or folder; `DataError` names what is wrong, and where.

    `about` says in one line what was understood.
    """
    path = path.resolve()
    return _labelled(_read(path), path, subset, handling, progress)


def from_arrays(images: Any, labels: Any, subset: Subset, progress: Progress) -> LabelledImages:
    """Pictures in arrays, all of them, as `load_own` takes those of a NumPy file.

    `images` are (n, height, width), with channels last or first, or flat squares (n, pixels);
    `labels` (n,), or one-hot (n, classes). Raises `DataError` as `load_own` does.
    """
    path = Path(IN_MEMORY)
    parts = {str(subset): in_memory(images, labels, path)}
    return _labelled(parts, path, subset, AS_FOUND, progress)


def _labelled(
    parts: dict[str, Pictures], path: Path, subset: Subset, handling: Handling, progress: Progress
) -> LabelledImages:
    class_names = _class_names(parts.values(), path)
    some, groups, parted = _part(parts, subset, path, handling)
    appearance = appearance_of(parts.values())
    if handling.as_is:
        found, how = glyphs_as_they_are(some, appearance.white, progress), "as they are"
    else:
        found, how = glyphs_of(some, appearance, progress), str(appearance)
    left_out = (*some.left_out, *found.faults)
    numbers = {name: number for number, name in enumerate(class_names)}
    labels = np.array([numbers[some.labels[place]] for place in found.places], np.uint8)
    if subset == "train":
        _check_classes(labels, class_names, left_out, path)
    line = (
        f"{len(labels):,} pictures from {some.form}, {_classes(parts.values(), class_names)}, "
        f"{found.size}, {how}{parted}"
    )
    if left_out:
        line += f"; {len(left_out)} left out: {left_out[0]}" + (" …" if len(left_out) > 1 else "")
    return LabelledImages(
        found.images,
        labels,
        {path.name: _digest(parts)},
        class_names=class_names,
        groups=tuple(groups[place] for place in found.places) if groups else (),
        about=line,
        names=tuple(some.names[place] for place in found.places),
        pictures=()
        if isinstance(some.pictures, np.ndarray)
        else tuple(some.pictures[place] for place in found.places),
        left_out=left_out,
        cut_off=found.cut_off,
    )


def _read(path: Path) -> dict[str, Pictures]:
    parts = read_form(path)
    for some in parts.values():
        if not len(some):
            raise DataError(f"{path} holds no pictures")
        if "" in some.labels:
            raise DataError(f"{path}: {some.names[some.labels.index('')]} has an empty label")
    return parts


def _part(
    parts: dict[str, Pictures], subset: Subset, path: Path, handling: Handling
) -> tuple[Pictures, list[str], str]:
    """The pictures of one subset, their groups if these are known, and how they were parted."""
    if handling.whole and subset == "test":
        whole = parts.get("test") or next(iter(parts.values()))
        return whole, _groups(whole, handling), ""
    groups = {name: _groups(some, handling) for name, some in parts.items()}
    if subset in parts:
        if shared := {*groups.get("train", [])} & {*groups.get("test", [])}:
            raise DataError(
                f"{path} has pictures of {sorted(shared)[0]!r} for training and for testing; keep "
                "each group on one side"
            )
        return parts[subset], groups[subset], ""
    if "train" not in parts and "" not in parts:
        raise DataError(f"{path} has no pictures for training, only for {', '.join(parts)}")
    name = "train" if "train" in parts else ""
    everything, own = parts[name], groups[name]
    test = _kept_for_testing(everything.labels, own, path)
    chosen = np.flatnonzero(test if subset == "test" else ~test).tolist()
    how = f", {test.mean():.0%} kept for testing"
    if own:
        kept = len({group for group, is_kept in zip(own, test, strict=True) if is_kept})
        how += f": {kept} of {len({*own})} groups, none on both sides, also of validation"
    return everything.only(chosen), [own[place] for place in chosen] if own else [], how


def _kept_for_testing(labels: list[str], groups: list[str], path: Path) -> NDArray[np.bool_]:
    """Which pictures are the test set; `DataError` if none are."""
    if groups and len({*groups}) < 3:
        raise UsageError(
            f"the pictures have {len({*groups})} groups ({', '.join(sorted({*groups}))}); 3 are "
            "needed, for training, validation and testing"
        )
    _, numbers = np.unique(labels, return_inverse=True)
    test = hold_out(numbers, np.array(groups), TEST_SHARE, _SPLIT_SEED)
    if not test.any():
        raise DataError(
            f"{path} has too few pictures for a test set: {len(test)}; it takes 3 of "
            "a class, or folders train/ and test/"
        )
    return test


def _groups(some: Pictures, handling: Handling) -> list[str]:
    """The group of each picture; empty if none are asked for."""
    if handling.groups and handling.by:
        raise UsageError("choose only one of --groups and --by")
    if handling.by:
        return _by(some, handling.by)
    if not handling.groups:
        return []
    try:
        pattern = re.compile(handling.groups)
    except re.error as error:
        raise UsageError(
            f"--groups {handling.groups!r} is no regular expression: {error}"
        ) from None
    found = []
    for name in some.names:
        match = pattern.search(name)
        group = (match[1] if pattern.groups else match[0]) if match else None
        if not group:
            raise UsageError(f"--groups {handling.groups!r} finds nothing in {name!r}")
        found.append(group)
    return found


def _by(some: Pictures, column: str) -> list[str]:
    if column in some.columns:
        return some.columns[column]
    if column == FOLDER and isinstance(some.pictures, list):
        folders = [Path(name).parent.name for name in some.names]
        if "" in folders:
            name = some.names[folders.index("")]
            raise UsageError(f"--by folder: {name} lies in no folder of its writer")
        return folders
    known = ", ".join(some.columns) or "none"
    raise UsageError(f"--by {column!r} is no column beside the labels; there are: {known}")


def _class_names(parts: Iterable[Pictures], path: Path) -> tuple[str, ...]:
    """All labels, in the order of numbers or of the alphabet."""
    labels = {label for some in parts for label in some.labels}
    if not 2 <= len(labels) <= MAX_CLASSES:
        known = ", ".join(sorted(labels)[:5])
        raise DataError(
            f"{path} has {len(labels)} classes ({known}); 2 to {MAX_CLASSES} are needed"
        )
    if labels <= {*DIGITS}:
        return DIGITS  # also where some don't occur: a reader of digits knows all
    if all(re.fullmatch(r"-?[0-9]+", label) for label in labels):
        return tuple(sorted(labels, key=int))
    return tuple(sorted(labels))


def _classes(parts: Iterable[Pictures], names: tuple[str, ...]) -> str:
    present = len({label for some in parts for label in some.labels})
    some = f"{present} of " if present < len(names) else ""
    return f"{some}{len(names)} classes ({names[0]} … {names[-1]})"


def _check_classes(
    labels: NDArray[np.uint8], names: tuple[str, ...], left_out: tuple[str, ...], path: Path
) -> None:
    """`DataError` for a class without a picture to train on; digits may lack some."""
    missing = [name for number, name in enumerate(names) if number not in labels]
    if missing and names != DIGITS:
        why = f" ({left_out[0]})" if left_out else ""
        raise DataError(f"{path} has no picture of {missing[0]!r} to train on{why}; add some")


def _digest(parts: dict[str, Pictures]) -> str:
    """A hash of pictures and labels, wherever they lie: another content, another hash."""
    digest = hashlib.sha256()
    for subset, some in sorted(parts.items()):
        digest.update(f"{subset}:{some.labels}".encode())
        if isinstance(some.pictures, np.ndarray):
            digest.update(f"{some.pictures.dtype}{some.pictures.shape}".encode())
            digest.update(np.ascontiguousarray(some.pictures).data)
            continue
        for name, source in zip(some.names, some.pictures, strict=True):
            if isinstance(source, Path):  # the names' order parts the pictures
                digest.update(name.encode("utf-8", "surrogateescape"))
            content = read_bytes(source) if isinstance(source, Path) else source
            digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()
