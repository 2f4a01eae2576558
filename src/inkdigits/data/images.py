"""Images with labels, as they pass through training and evaluation."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import DIGITS
from inkdigits.errors import DataError, UsageError

MAX_CLASSES = 256  # labels are bytes


@dataclass(frozen=True)
class LabelledImages:
    """Images, uint8 (n, 28, 28), bright ink on dark; and labels, uint8 (n,), into `class_names`.

    `sha256` has the hash of each source file, if there are any. Own pictures have `names`, and
    `groups` (writers) where they are known; `pictures` are those that the images were made of, if
    they were files; `about` says what was understood of them, `left_out` which can't be used, and
    why, and `cut_off` names those whose ink touches the border. `taught` are a teacher's
    probabilities of the classes, (n, classes).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    sha256: dict[str, str] = field(default_factory=dict)
    class_names: tuple[str, ...] = DIGITS
    groups: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    pictures: tuple[Path | bytes, ...] = ()
    about: str = ""
    left_out: tuple[str, ...] = ()
    cut_off: tuple[str, ...] = ()
    taught: NDArray[np.float32] | None = None

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> "LabelledImages":
        """Some of them, by a mask or by their places."""
        places = np.arange(len(self))[chosen].tolist()
        return replace(
            self,
            images=self.images[chosen],
            labels=self.labels[chosen],
            groups=tuple(self.groups[place] for place in places) if self.groups else (),
            names=tuple(self.names[place] for place in places) if self.names else (),
            pictures=tuple(self.pictures[place] for place in places) if self.pictures else (),
            taught=None if self.taught is None else self.taught[chosen],
        )

    def __len__(self) -> int:
        return len(self.labels)


def relabelled(data: LabelledImages, class_names: tuple[str, ...]) -> LabelledImages:
    """The same with labels into other class names; `DataError` if one of them isn't there."""
    if data.class_names == class_names:
        return data
    present = {data.class_names[label] for label in np.unique(data.labels)}
    if unknown := sorted(present - set(class_names)):
        raise DataError(
            f"the pictures' labels {', '.join(unknown[:5])} are none of the model's "
            f"({', '.join(class_names[:5])} …); evaluate a model that was trained with them"
        )
    numbers = {name: number for number, name in enumerate(class_names)}
    table = np.array([numbers.get(name, 0) for name in data.class_names], np.uint8)
    return replace(data, labels=table[data.labels], class_names=class_names)


def joined(one: LabelledImages, other: LabelledImages) -> LabelledImages:
    """Both, one after the other; `UsageError` if their class names are too many together."""
    more = (name for name in other.class_names if name not in one.class_names)
    class_names = (*one.class_names, *more)
    if len(class_names) > MAX_CLASSES:
        raise UsageError(f"together they have {len(class_names)} classes; at most {MAX_CLASSES}")
    parts = relabelled(one, class_names), relabelled(other, class_names)
    return LabelledImages(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        {**one.sha256, **other.sha256},
        class_names,
        about=one.about,
        left_out=one.left_out + other.left_out,
        cut_off=one.cut_off + other.cut_off,
        names=(*one.names, *other.names) if one.names and other.names else (),
    )
