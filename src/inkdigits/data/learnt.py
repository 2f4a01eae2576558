"""What an artifact has learnt, so that neither it nor one trained further is judged on that.

It keeps how each named data set was split, and a short hash of each own picture, laid out: whatever
becomes of the files, a picture is known again.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import ArtifactInfo
from inkdigits.data.datasets import DATASETS
from inkdigits.data.images import LabelledImages
from inkdigits.data.preprocessing import Split, hold_out, stratified_split

_HASH_BYTES = 5  # of 10,000 and 100,000 different pictures, two share one by a chance of 1 in 1,000
Hashes = frozenset[bytes]


@dataclass(frozen=True)
class Learnt:
    """Named data sets with the share and the seed of their validation parts; own pictures.

    `trained` are those that weights were fitted on, `held_out` those that other choices were made
    on.
    """

    splits: dict[str, tuple[float, int]] = field(default_factory=dict)
    trained: Hashes = frozenset()
    held_out: Hashes = frozenset()

    @classmethod
    def by(cls, info: ArtifactInfo | None) -> "Learnt":
        """What an artifact says of itself; nothing without one."""
        if info is None:
            return NOTHING
        if "learnt" in info.environment:
            found = info.environment["learnt"]
            splits = {name: (share, seed) for name, (share, seed) in found["splits"].items()}
            return cls(splits, _decode(found["trained"]), _decode(found["held_out"]))
        share = info.recipe.get("validation_fraction", 0.0)
        return cls({info.dataset: (share, info.seed)} if info.dataset in DATASETS else {})

    def to_dict(self) -> dict[str, Any]:
        """For the metadata of an artifact."""
        return {
            "splits": self.splits,
            "trained": _encode(self.trained),
            "held_out": _encode(self.held_out),
        }

    def knows(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which images (n, 28, 28) it was trained on, or chosen by: (n,)."""
        return _among(images, self.trained | self.held_out)

    def split(self, name: str, data: LabelledImages, share: float, seed: int) -> Split:
        """Training images, parted so that none of the validation part has been trained on.

        A named data set is split as it was the first time. Of own pictures, validation ones are
        taken from those that are new, and from groups without any that isn't.
        """
        if name in DATASETS:
            share, seed = self.splits.get(name, (share, seed))
            return stratified_split(data, share, seed)
        known = _among(data.images, self.trained)
        groups = np.array(data.groups)
        if len(groups):
            known = np.isin(groups, groups[known])
        if not known.any() or not share:
            return stratified_split(data, share, seed)
        new = np.flatnonzero(~known)
        chosen = np.zeros(len(data), bool)
        if len(new) and not (len(groups) and len(np.unique(groups[new])) == 1):
            part = min(0.5, share * len(data) / len(new))
            held_out = hold_out(
                data.labels[new], groups[new] if len(groups) else groups, part, seed
            )
            chosen[new[held_out]] = True
        else:
            chosen[new] = True  # a single new group
        return Split(train=data.only(~chosen), validation=data.only(chosen))

    def after(self, name: str, split: Split, share: float, seed: int) -> "Learnt":
        """What it has learnt when it was trained on a split of a data set too."""
        if name in DATASETS:
            return replace(self, splits={name: (share, seed), **self.splits})
        return replace(
            self,
            trained=self.trained | {*_hashes(split.train.images)},
            held_out=self.held_out | {*_hashes(split.validation.images)},
        )


NOTHING = Learnt()


def _hashes(images: NDArray[np.uint8]) -> list[bytes]:
    return [hashlib.blake2b(image.tobytes(), digest_size=_HASH_BYTES).digest() for image in images]


def _among(images: NDArray[np.uint8], known: Hashes) -> NDArray[np.bool_]:
    if not known:
        return np.zeros(len(images), bool)
    return np.array([found in known for found in _hashes(images)], bool)


def _encode(known: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(sorted(known))).decode()


def _decode(text: str) -> Hashes:
    content = base64.b64decode(text)
    starts = range(0, len(content), _HASH_BYTES)
    return frozenset(content[start : start + _HASH_BYTES] for start in starts)
