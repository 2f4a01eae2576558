"""Open pictures from any source as a grey canvas."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from inkdigits.errors import CanvasError, out_of_memory
from inkdigits.imaging.arrays import check_range, to_8_bits
from inkdigits.imaging.decoding import (
    LONGEST_MAGIC,
    check_size,
    count_images,
    decode,
    has_pages,
    too_large,
)
from inkdigits.imaging.sources import PlainSource, Source, plain_source, read_within

WORK_PX = 1400  # the longer side that pictures are reduced to before reading
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
    | {".pgm", ".ppm", ".avif", ".heic", ".heif", ".pdf"}
)
_THUMBNAIL = (64, 64)
# Ink on transparency is white if it covers less than this share of the picture (a white card covers
# more) and less than this share of it is dark.
_STROKES, _SPECKS, _DARK = 0.7, 0.02, 128
_TELLS = (
    3.0  # times the spread of the brightness; blue or red ink on white reaches 1.1 in a channel
)


@dataclass(frozen=True)
class Box:
    """A rectangle on a picture, in pixels from its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Canvas:
    """A grey picture, or a region of one: uint8 (height, width).

    `to_picture` (3, 3) maps its places, (x, y, 1), to those of the user's picture.
    """

    grey: NDArray[np.uint8]
    to_picture: NDArray[np.float64]

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """The box around a part of the canvas, in whole pixels of the picture."""
        height, width = self.grey.shape
        x0, y0 = (min(max(0, int(side)), end - 1) for side, end in ((left, width), (top, height)))
        x1, y1 = min(int(np.ceil(right)), width), min(int(np.ceil(bottom)), height)
        x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
        places = np.array([(x0, y0, 1), (x1, y0, 1), (x1, y1, 1), (x0, y1, 1)]) @ self.to_picture.T
        corners = (places[:, :2] / places[:, 2:]).round(6)
        x, y = np.floor(corners.min(axis=0)).astype(int).clip(0).tolist()
        end_x, end_y = np.ceil(corners.max(axis=0)).astype(int).tolist()
        return Box(x, y, end_x - x, end_y - y)


def open_canvas(source: Source, page: int = 0) -> NDArray[np.uint8]:
    """The grey canvas of a picture: turned upright by its EXIF tag, transparency over white, but
    white ink on transparency over black.

    `page` counts from 0, in PDF and TIFF files. Raises `CanvasError` with one of the codes
    `not_found`, `no_images` (a folder), `not_a_file`, `unreadable`, `empty`, `not_an_image`,
    `not_supported` (an optional library is missing), `no_such_page`, `too_large`, `too_small`,
    `too_thin`, `truncated`, `bad_array` (values outside 0…1, 0…255, 0…4095 and 0…65535, another
    shape, or an unsupported type).
    """
    with _opened(source, page) as image:
        return _grey(image)


def open_picture(source: Source, page: int = 0) -> Image.Image:
    """As `open_canvas`, but in colour: a new RGB image."""
    with _opened(source, page) as image:
        return _opaque(image).convert("RGB")


def load_canvas(source: Source, page: int = 0) -> Canvas:
    """As `open_canvas`, but reduced by a whole factor to at most `WORK_PX` a side.

    A JPEG is reduced during decoding: 12 megapixels in a third of the time.
    """
    with _opened(source, page) as image:
        shorter, longer = sorted(image.size)
        ours = not isinstance(source, Image.Image)  # the caller's image isn't modified
        scale = _reduce_while_decoding(image) if ours else 1
        grey = _grey(image)
    factor = -(-max(grey.shape) // WORK_PX)
    if factor > 1:
        grey = np.asarray(Image.fromarray(grey).reduce(factor))
    scale *= factor
    # Reducing rounds up: boxes in the last, partial pixel would extend beyond the picture.
    whole = (longer // scale, shorter // scale)
    height, width = whole if grey.shape[0] > grey.shape[1] else whole[::-1]
    return Canvas(grey[:height, :width], np.diag([scale, scale, 1.0]))


def count_pages(source: Path | bytes) -> int:
    """The number of canvases in a file, given as path or bytes: the pages of a PDF or a TIFF."""
    name = _name(source)
    if isinstance(source, Path):
        with open_file(source) as file:
            start = file.peek(LONGEST_MAGIC)
            source = read_within(file, name) if has_pages(start) else start
    with _faults(name):
        return max(1, count_images(source, name))  # if there are none, opening it raises the error


@contextmanager
def open_file(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading; `CanvasError` if it isn't a file or can't be read."""
    try:
        if path.is_dir():
            if not os.access(path, os.R_OK | os.X_OK):
                raise CanvasError("unreadable", f"{path} can't be read: permission denied")
            raise CanvasError("no_images", f"{path} is a folder; give the files in it one by one")
        if path.exists() and not path.is_file():
            raise CanvasError("not_a_file", f"{path} is a device or a pipe, not a file")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise CanvasError("not_found", f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CanvasError("unreadable", f"{path} can't be read: {reason}") from None


@contextmanager
def _opened(source: Source, page: int) -> Iterator[Image.Image]:
    """The image of a source, its size checked, its pixels not decoded yet.

    Errors in the block become a `CanvasError` too.
    """
    source = plain_source(source)
    name = _name(source)
    if isinstance(source, Path):
        with open_file(source) as file:
            source = read_within(file, name)
    with _faults(name):
        image = source if isinstance(source, Image.Image) else decode(source, page, name)
        check_size(image, name)
        yield image


def _name(source: PlainSource) -> str:
    return str(source) if isinstance(source, Path) else "the picture"


@contextmanager
def _faults(name: str) -> Iterator[None]:
    """Turn any error during decoding into a `CanvasError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about large or malformed files: MAX_PIXELS is the limit
            yield
    except CanvasError:
        raise
    except UnidentifiedImageError:
        raise CanvasError(
            "not_an_image", f"{name} is not an image that Pillow can read, such as PNG or JPEG"
        ) from None
    except Image.DecompressionBombError:
        raise too_large(name) from None
    except MemoryError:
        raise out_of_memory(name) from None
    except Exception as error:  # the decoders' errors for damaged files have no common base
        reason = str(error).strip()
        raise CanvasError("truncated", f"{name} is damaged or cut short: {reason}") from None


def _reduce_while_decoding(image: Image.Image) -> int:
    """Ask a JPEG's decoder for a smaller grey image; returns the reduction factor."""
    width, height = image.size
    scale = 1
    while max(width, height) >= 2 * scale * WORK_PX and scale < 8:
        scale *= 2
    if image.format != "JPEG" or image.mode not in {"L", "RGB"}:
        return 1
    image.draft("L", (width // scale, height // scale))
    return scale


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    opaque = _opaque(image)
    if opaque.mode == "RGB":  # red ink on equally bright blue: a single channel separates them
        small = opaque.resize(_THUMBNAIL, Image.Resampling.BOX)
        shades = (small.convert("L"), *small.split())
        brightness, *colours = (np.asarray(shade).std() for shade in shades)
        if max(colours) > _TELLS * brightness:
            return np.asarray(opaque.getchannel(int(np.argmax(colours))))
    return np.asarray(opaque.convert("L"))


def _opaque(image: Image.Image) -> Image.Image:
    """The image upright, over white, with 8 bits a channel."""
    upright = _turn_upright(image)
    if upright.mode == "LAB":
        return _from_lab(upright)
    if upright.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel
        values = np.asarray(upright)
        if upright.mode == "F":
            check_range(values)
        return Image.fromarray(to_8_bits(values.astype(np.float32)))
    if upright.has_transparency_data:
        return _on_ground(upright.convert("RGBA"))
    return upright


def _on_ground(image: Image.Image) -> Image.Image:
    """An RGBA image on white, or on black if its ink would be invisible on white."""
    small = image.resize(_THUMBNAIL, Image.Resampling.BOX)
    alpha = np.asarray(small.getchannel("A"), np.float32) / 255
    dark = (np.asarray(small.convert("L")) < _DARK) * alpha
    strokes = 0 < alpha.mean() < _STROKES
    ground = "black" if strokes and dark.sum() < _SPECKS * alpha.sum() else "white"
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image)


def _from_lab(image: Image.Image) -> Image.Image:
    """Convert CIE L*a*b* to RGB; Pillow does this only with colour profiles."""
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    assert converted  # noqa: S101 - None only in place
    return converted


def _turn_upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data must not make the picture unreadable
        return image
