"""What the caller knows about a picture before it is read."""

from dataclasses import dataclass
from numbers import Integral

from inkdigits.errors import UsageError


@dataclass(frozen=True)
class Hints:
    """The picture is one digit, its number of digits, or the rows and columns of its table.

    With `digits_only` the marks between digits don't matter. Raises `UsageError` if the first three
    contradict each other or are invalid.
    """

    single: bool = False
    expect: int | None = None
    grid: tuple[int, int] | None = None
    digits_only: bool = False

    def __post_init__(self) -> None:
        if bool(self.single) + (self.expect is not None) + (self.grid is not None) > 1:
            raise UsageError("choose only one of single, expect and grid")
        if self.expect is not None and not _is_count(self.expect):
            raise UsageError(f"expect is {self.expect!r}; it must be a whole number, at least 1")
        if self.grid is not None and not _is_size(self.grid):
            raise UsageError(f"grid is {self.grid!r}; it must be (rows, columns), such as (9, 9)")


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and int(value) >= 1


def _is_size(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_count, value))
