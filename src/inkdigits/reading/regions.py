"""Regions: the named parts of a form or a meter that are read on their own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkdigits.errors import UsageError
from inkdigits.files import read_bytes
from inkdigits.imaging.perspective import Shares

_OF = ("picture", "table")
_EXAMPLE = '{"of": "picture", "regions": {"total": [0.1, 0.8, 0.3, 0.1]}}'
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Regions:
    """Boxes by name: left, top, width and height as shares 0…1 of the picture or of its table.

    Raises `UsageError` for other shares, or without a region.
    """

    boxes: Mapping[str, Shares]
    of: str = "picture"

    def __post_init__(self) -> None:
        if self.of not in _OF:
            raise UsageError(f"regions are of {self.of!r}; choose 'picture' or 'table'")
        if not self.boxes:
            raise UsageError(f"there are no regions; an example: {_EXAMPLE}")
        for name, box in self.boxes.items():
            if not _is_inside(box):
                raise UsageError(
                    f"region {name!r} is {box!r}; it must be left, top, width and height as shares "
                    "of the picture between 0 and 1, such as [0.1, 0.8, 0.3, 0.1]"
                )


def load_regions(path: Path) -> Regions:
    """The regions in a JSON file; `UsageError` if it holds something else, or `StorageError`."""
    try:
        content = json.loads(read_bytes(path))
        known = {"of": content.pop("of", _OF[0]), "boxes": content.pop("regions")}
        boxes = {str(name): tuple(box) for name, box in known["boxes"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} holds no regions ({error}); an example: {_EXAMPLE}") from None
    if content:
        raise UsageError(f"{path} has {next(iter(content))!r}, which is neither 'of' nor 'regions'")
    try:
        return Regions(boxes, known["of"])
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _is_inside(box: Any) -> bool:
    numbers = len(box) == 4 and all(type(side) in {int, float} for side in box)
    if not numbers:
        return False
    left, top, width, height = box
    ends = (left + width, top + height)
    return bool(min(left, top) >= 0 and min(width, height) > 0 and max(ends) <= 1 + _ROUNDING)
