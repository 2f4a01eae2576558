"""What arrives in requests: pictures, glyphs and options, checked before anything is done."""

import base64
import binascii
import io
import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from inkdigits.artifact import GLYPH_PX
from inkdigits.errors import CanvasError, UsageError, shortened
from inkdigits.reading.regions import Regions, parse_regions
from inkdigits.web.schemas import plain_type

if TYPE_CHECKING:
    from flask import Request

_Options = TypeVar("_Options")

MOST_GLYPHS = 4096  # in a request
_DATA_URL = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)
_PICTURE_FIELD, _REGIONS_FIELD = "picture", "regions"
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_GRID = re.compile(r"([1-9]\d?)x([1-9]\d?)", re.ASCII | re.IGNORECASE)
_KINDS: dict[type, str] = {str: "a text", dict: "an object", list: "a list"}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def parse_options(query: Iterable[tuple[str, list[str]]], kind: type[_Options]) -> _Options:
    """The options in a query's names and texts; `UsageError` for an unknown or a wrong one."""
    known: dict[str, type] = _types_of(kind)  # type: ignore[arg-type]
    values = {}
    for name, texts in query:
        if name not in known:
            choice = ", ".join(known) or "there are none here"
            raise UsageError(f"unknown option {shortened(repr(name))}; choose from {choice}")
        if len(texts) > 1:
            raise UsageError(f"{name} is given {len(texts)} times; give it once")
        values[name] = _parse_value(name, texts[0], known[name])
    return kind(**values)


@cache
def _types_of(kind: Any) -> dict[str, type]:
    """The names of a dataclass's fields and their types."""
    hints = get_type_hints(kind)
    return {field.name: plain_type(hints[field.name]) for field in fields(kind)}


def _parse_value(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise UsageError(f"{name} is {shortened(repr(text))}; it must be true or false")
        return _TRUTH[text.lower()]
    if kind is int:
        if not _NUMBER.fullmatch(text):
            raise UsageError(f"{name} is {shortened(repr(text))}; it must be a whole number")
        return int(text)
    return text


def parse_grid(text: str | None) -> tuple[int, int] | None:
    """Rows and columns; `UsageError` for anything but ROWSxCOLS."""
    if text is None:
        return None
    match = _GRID.fullmatch(text)
    if match is None:
        raise UsageError(f"grid is {text!r}; it must be ROWSxCOLS, such as 9x9")
    return int(match[1]), int(match[2])


def picture_of(request: "Request", pixel_limit: int) -> bytes:
    """The bytes of the picture in a body: a form's file, a data URL in JSON, or the body itself.

    Raises `UsageError` if there is none, `CanvasError` if it is empty or has too many pixels.
    """
    if request.mimetype == "multipart/form-data":
        if list(request.files) != [_PICTURE_FIELD] or len(request.files.getlist("picture")) != 1:
            raise UsageError(f"the form must have one file, named '{_PICTURE_FIELD}'")
        content = bytes(request.files[_PICTURE_FIELD].read())
    elif request.mimetype == "application/json":
        content = from_data_url(str(_member(request, _PICTURE_FIELD, str)))
    else:
        content = request.get_data(cache=False)
    check_pixels(content, pixel_limit)
    return content


def regions_of(request: "Request") -> Regions:
    """The regions beside a picture, as in a `--regions` file; `UsageError` if there are none."""
    if request.mimetype == "application/json":
        return parse_regions(_member(request, _REGIONS_FIELD, dict))
    try:
        return parse_regions(json.loads(request.form.get(_REGIONS_FIELD, "null")))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the form's '{_REGIONS_FIELD}' is no JSON: {error}") from None


def from_data_url(text: str) -> bytes:
    """The bytes in a base64 data URL; `UsageError` if it is none."""
    start = _DATA_URL.match(text)
    if start is None:
        raise UsageError("the picture must be a data URL: 'data:image/png;base64,…'")
    try:
        return base64.b64decode(text[start.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"the data URL is not base64: {error}") from None


def glyphs_of(request: "Request") -> NDArray[np.uint8]:
    """Glyphs (n, 28, 28): the `images` of a JSON object, or an array in NumPy's format.

    Raises `UsageError` for anything else.
    """
    if request.mimetype == "application/json":
        images = as_glyphs(_member(request, "images", list))
    else:
        images = _from_npy(request.get_data(cache=False))
    if not 1 <= len(images) <= MOST_GLYPHS:
        raise UsageError(f"there are {len(images)} images; send 1 to {MOST_GLYPHS:,} at once")
    return images


def as_glyphs(values: Any) -> NDArray[np.uint8]:
    """Nested lists of whole numbers 0…255 as glyphs (n, 28, 28)."""
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        raise UsageError("images must be lists of 28 rows of 28 numbers") from None
    if array.ndim != 3 or array.shape[1:] != (GLYPH_PX, GLYPH_PX) or array.dtype.kind not in "iuf":
        raise UsageError(f"images are {_shape(array)}; they must be n×28×28 numbers")
    with np.errstate(invalid="ignore"):  # NaN becomes a number, and is none
        glyphs = array.clip(0, 255).astype(np.uint8)
    if not np.array_equal(glyphs, array):
        raise UsageError("a pixel is not a whole number in 0…255, bright ink on black")
    return glyphs


def members(request: "Request") -> dict[str, Any]:
    """The JSON object in a body; `UsageError` for anything else."""
    try:
        found = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageError("the body must be a JSON object")
    return found


def _member(request: "Request", name: str, kind: type) -> Any:
    found = members(request).get(name)
    if not isinstance(found, kind):
        what = _KINDS[kind]
        raise UsageError(f"the body must be a JSON object in which '{name}' is {what}")
    return found


def _from_npy(content: bytes) -> NDArray[np.uint8]:
    """An array from NumPy's format, without trusting the shape in its header."""
    file = io.BytesIO(content)
    try:
        version = npy.read_magic(file)
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        shape, fortran, dtype = read_header[version](file)
    except Exception as error:  # NumPy reads the header as Python does, and raises what that does
        raise UsageError(f"the body is not in NumPy's format: {shortened(str(error))}") from None
    if dtype != np.uint8 or len(shape) != 3 or shape[1:] != (GLYPH_PX, GLYPH_PX):
        raise UsageError(f"the array is {dtype} {shape}; it must be uint8 (n, 28, 28)")
    values = np.frombuffer(content, np.uint8, offset=file.tell())
    if len(values) != shape[0] * GLYPH_PX**2:
        raise UsageError(f"the array has {len(values)} values; its header says {shape}")
    return values.reshape(shape, order="F" if fortran else "C")


def check_pixels(content: bytes, pixel_limit: int) -> None:
    """`CanvasError` for a picture that says it has too many pixels, before any is decoded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            width, height = Image.open(io.BytesIO(content)).size
        except Image.DecompressionBombError:
            width, height = pixel_limit, 2
        except Exception:  # the reader finds out what is wrong, and says so
            return
    if width * height > pixel_limit:
        limit = f"{pixel_limit / 10**6:g} megapixels"
        raise CanvasError("too_large", f"the picture has more than {limit}; make it smaller")


def _shape(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"
