"""Data as callers have it: a name, a path, labelled images, or arrays."""

from os import PathLike, fspath
from pathlib import Path
from typing import Any

from inkdigits.data import (
    AS_FOUND,
    Handling,
    LabelledImages,
    Progress,
    Subset,
    from_arrays,
    load_dataset,
)
from inkdigits.errors import UsageError

Data = str | PathLike[str] | LabelledImages | tuple[Any, Any]
"""The name of a data set, a path of own pictures, labelled images, or (images, labels)."""


def load(
    data: Data, subset: Subset, folder: Path | None, handling: Handling, progress: Progress
) -> LabelledImages:
    """One subset of named data or of a path; of images or arrays, all of them."""
    if isinstance(data, str | PathLike):
        return load_dataset(fspath(data), subset, folder, progress, handling)
    if handling != AS_FOUND:
        raise UsageError("groups, by and as_is are for pictures in files; leave them out")
    if isinstance(data, tuple) and len(data) == 2:
        data = from_arrays(*data, subset, progress)
    if not isinstance(data, LabelledImages):
        raise UsageError(
            f"data is a {type(data).__name__}; it must be the name of a data set, a path, "
            "(images, labels), or what load_data gives"
        )
    return data
