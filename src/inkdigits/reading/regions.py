"""Regions: the named parts of a form or a meter that are read on their own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkdigits.errors import UsageError, shortened
from inkdigits.files import read_bytes
from inkdigits.imaging.perspective import Shares

_OF = ("picture", "table")
_EXAMPLE = '{"of": "picture", "regions": {"total": [0.1, 0.8, 0.3, 0.1]}}'
_HOW = f"an example: {_EXAMPLE}"
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
            raise UsageError(f"there are no regions; {_HOW}")
        for name, box in self.boxes.items():
            if not _is_inside(box):
                raise UsageError(
                    f"region {name!r} is {shortened(repr(box))}; it must be left, top, width and "
                    f"height as shares of the {self.of} in 0…1, such as [0.1, 0.8, 0.3, 0.1]"
                )


def load_regions(path: Path) -> Regions:
    """The regions in a JSON file; `UsageError` if it holds something else, or `StorageError`."""
    try:
        content = json.loads(read_bytes(path), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON with regions ({error}); {_HOW}") from None
    try:
        return parse_regions(content)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def parse_regions(content: object) -> Regions:
    """The regions in what was JSON; `UsageError` if it holds something else."""
    if not isinstance(content, dict) or not isinstance(content.get("regions"), dict):
        raise UsageError(f"there are no 'regions'; {_HOW}")
    unknown = set(content) - {"of", "regions"}
    if unknown:
        raise UsageError(f"there is {min(unknown)!r}, which is neither 'of' nor 'regions'")
    return Regions(content["regions"], content.get("of", _OF[0]))


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands there twice")
    return values


def _is_inside(box: Any) -> bool:
    if not isinstance(box, list | tuple) or len(box) != 4:
        return False
    if not all(isinstance(side, int | float) and 0 <= side <= 1 for side in box):
        return False
    left, top, width, height = box
    return bool(min(width, height) > 0 and max(left + width, top + height) <= 1 + _ROUNDING)
