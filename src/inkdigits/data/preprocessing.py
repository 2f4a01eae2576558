"""Preprocessing as the MNIST tutorials do it: normalise, reshape, one-hot, stratified split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkdigits.data.images import LabelledImages
from inkdigits.errors import UsageError


@dataclass(frozen=True)
class Split:
    """The images for training: a training part and a validation part of the training set."""

    train: LabelledImages
    validation: LabelledImages


def normalise(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels 0…255 as float32 0…1, of the same shape."""
    return images.astype(np.float32) / np.float32(255)


def reshape_4d(images: NDArray[np.generic], *, channels_last: bool = False) -> NDArray[np.generic]:
    """(n, height, width) as (n, 1, height, width), or (n, height, width, 1); a view."""
    return images[..., None] if channels_last else images[:, None]


def one_hot(labels: NDArray[np.integer], classes: int = 10) -> NDArray[np.float32]:
    """Labels (n,) as rows (n, classes) of zeros with a one at the label.

    Raises `UsageError` for a label outside 0…classes - 1.
    """
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise UsageError(f"labels run from {labels.min()} to {labels.max()}, not 0…{classes - 1}")
    rows: NDArray[np.float32] = np.eye(classes, dtype=np.float32)[labels]
    return rows


def stratified_split(data: LabelledImages, validation_fraction: float, seed: int) -> Split:
    """Hold out a random part of every class for validation; both parts keep the order.

    Each class gives the rounded share of its images, so both parts keep the class balance. Where
    groups are known, whole groups are held out. A fraction of 0 gives an empty validation part.
    Raises `UsageError` outside 0 ≤ f < 1.
    """
    if not 0 <= validation_fraction < 1:
        raise UsageError(f"validation_fraction is {validation_fraction}; it must be in 0 ≤ f < 1")
    held_out = hold_out(data.labels, np.array(data.groups), validation_fraction, seed)
    return Split(train=data.only(~held_out), validation=data.only(held_out))


def hold_out(
    labels: NDArray[np.integer], groups: NDArray[np.str_], share: float, seed: int
) -> NDArray[np.bool_]:
    """Which of some images (n,) to hold out: a share of each class, or whole groups.

    `groups` name the group of each image; empty where they aren't known. Groups are drawn at
    random as long as they bring the images held out nearer to the share and an image of each class
    is left. Raises `UsageError` if no group can be held out.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    if not share:
        return held_out
    if len(groups):
        return _hold_out_groups(labels, groups, share * len(labels), rng)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        held_out[rng.permutation(members)[: round(len(members) * share)]] = True
    return held_out


def stratified_folds(labels: NDArray[np.integer], count: int, seed: int) -> NDArray[np.intp]:
    """Which of `count` folds, counted from 0, holds out each of some images: (n,).

    Each class is spread over the folds as evenly as it goes.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), np.intp)
    fold[by_class] = np.arange(len(labels)) % count
    return fold


def _hold_out_groups(
    labels: NDArray[np.integer], groups: NDArray[np.str_], target: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    held_out = np.zeros(len(labels), dtype=bool)
    names = rng.permutation(np.unique(groups))
    for name in names:
        more = held_out | (groups == name)
        if abs(more.sum() - target) < abs(held_out.sum() - target) and _keeps_all(labels, more):
            held_out = more
    if held_out.any():
        return held_out
    single = [groups == name for name in names if _keeps_all(labels, groups == name)]
    if not single:
        raise UsageError(
            f"none of the {len(names)} groups ({', '.join(sorted(names)[:3])}) can be held out: "
            "each has all pictures of some class; add pictures of other groups"
        )
    return min(single, key=lambda chosen: int(chosen.sum()))


def _keeps_all(labels: NDArray[np.integer], held_out: NDArray[np.bool_]) -> bool:
    """Whether every class has an image that isn't held out."""
    return len(np.unique(labels[~held_out])) == len(np.unique(labels))
