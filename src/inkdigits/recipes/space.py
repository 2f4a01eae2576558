"""Search spaces: which values of which fields of a recipe are tried."""

import itertools
from dataclasses import dataclass, fields, replace
from typing import Any

from inkdigits.errors import UsageError
from inkdigits.recipes.recipe import WARPS, Recipe, parse_assignment

_EXAMPLE = "as in --search peak_lr=1e-4..1e-1:log or --search 'optimizer=adamw|sgd'"
_NOT_SEARCHED = {
    "summary": "it is a text for people",
    "validation_fraction": "the trials are compared on the images that it holds out",
}
_CHECKED = 4096  # combinations of extreme values, at most


@dataclass(frozen=True)
class Choices:
    """One of some values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both inclusive; whole numbers if they are; `log`: on a log scale."""

    low: float
    high: float
    log: bool = False

    @property
    def values(self) -> tuple[Any, ...]:
        """Both ends."""
        return self.low, self.high


Space = dict[str, Choices | Interval]


def default_searches(recipe: Recipe) -> list[str]:
    """What is searched unless you say it: learning rate, batch size, regularisation, augmentation.

    Augmentation that the recipe doesn't use isn't tried.
    """
    rate, size = recipe.peak_lr, max(2, recipe.batch_size)
    types: dict[str, Any] = {field.name: field.type for field in fields(recipe)}
    searches = [
        f"peak_lr={rate / 10:g}..{rate * 10:g}:log",
        f"batch_size={size // 2}|{size}|{size * 2}",
        "momentum=0.7..0.97",
        "weight_decay=1e-6..1e-2:log",
        "label_smoothing=0..0.2",
    ]
    for name in WARPS:
        if value := getattr(recipe, name):
            (allowed,) = types[name].__metadata__
            searches.append(f"{name}=0..{min(2 * value, 0.9 * allowed.high):g}")
    return searches


def parse_space(recipe: Recipe, searches: list[str]) -> Space:
    """The space of texts such as `peak_lr=1e-4..1e-1:log`, `epochs=1..5` and `optimizer=adam|sgd`.

    Raises `UsageError` for a malformed text, an unknown field, and values that the recipe can't
    take, alone or together.
    """
    space: Space = {}
    for text in searches:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise UsageError(f"{text!r} is not field=low..high or field=a|b|c, {_EXAMPLE}")
        if name in _NOT_SEARCHED:
            raise UsageError(f"{name} can't be searched: {_NOT_SEARCHED[name]}")
        if name in space:
            raise UsageError(f"--search {name} is given twice; join its values")
        parse = _parse_interval if ".." in values else _parse_choices
        space[name] = parse(recipe, name, values)
    _check_combinations(recipe, space)
    return space


def _parse_interval(recipe: Recipe, name: str, text: str) -> Interval:
    ends, colon, scale = text.partition(":")
    first, _, last = ends.partition("..")
    low, high = (parse_assignment(recipe, f"{name}={end}")[1] for end in (first, last))
    if isinstance(low, str):
        raise UsageError(f"{name} takes no numbers; join its values by '|', {_EXAMPLE}")
    if colon and scale != "log":
        raise UsageError(f"--search {name}: {scale!r} is unknown; only ':log' may follow a range")
    if not low < high:
        raise UsageError(f"--search {name}: {first} isn't below {last}; use --set for one value")
    if scale and low <= 0:
        raise UsageError(f"--search {name}: a range with ':log' must begin above 0, not at {first}")
    return Interval(low, high, log=bool(scale))


def _parse_choices(recipe: Recipe, name: str, text: str) -> Choices:
    values = tuple(parse_assignment(recipe, f"{name}={value}")[1] for value in text.split("|"))
    if len(set(values)) < 2 or len(set(values)) < len(values):
        raise UsageError(f"--search {name}={text}: join two or more different values by '|'")
    return Choices(values)


def _check_combinations(recipe: Recipe, space: Space) -> None:
    """Build recipes of extreme values, so that a bad one isn't met in the middle of a search."""
    combinations = itertools.product(*(part.values for part in space.values()))
    for values in itertools.islice(combinations, _CHECKED):
        replace(recipe, **dict(zip(space, values, strict=True)))
