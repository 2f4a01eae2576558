"""Recipe files: all fields of a recipe as TOML, to read, change and train."""

import json
import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

from inkdigits.errors import UsageError
from inkdigits.files import read_bytes
from inkdigits.recipes.recipe import Recipe, nearest

SUFFIX = ".toml"


def encode_recipe(recipe: Recipe, about: str = "") -> str:
    """The text of a recipe file: `about` as a comment, then a line for each field."""
    lines = [f"# {line}" for line in about.splitlines()]
    return "\n".join([*lines, *(f"{k} = {_value(v)}" for k, v in recipe.to_dict().items()), ""])


def _value(value: str | float) -> str:
    """A TOML value; JSON writes them alike, except that it leaves the character DEL as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def load_recipe(path: Path) -> Recipe:
    """The recipe in a file.

    Raises `StorageError` if it can't be read, `UsageError` if it isn't TOML, a field is missing or
    unknown, or a value is wrong.
    """
    try:
        values = tomllib.loads(read_bytes(path).decode())
    except ValueError as error:  # not TOML, or not UTF-8
        raise UsageError(f"{path} is not a recipe file in TOML: {error}") from None
    known = {field.name: field.default is MISSING for field in fields(Recipe)}
    for name in values:
        if name not in known:
            raise UsageError(f"{path}: a recipe has no field {name!r}{nearest(name, list(known))}")
    if missing := [name for name, needed in known.items() if needed and name not in values]:
        raise UsageError(f"{path} lacks {', '.join(missing)}; every recipe needs them")
    try:
        recipe = Recipe(**values)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    if not re.fullmatch(r"\w[\w.+-]*", recipe.name):  # run folders are named after it
        raise UsageError(f"{path}: name is {recipe.name!r}; use letters, digits and - . _ +")
    return recipe
