"""From a picture, wherever it comes from, to a grey canvas."""

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from inkdigits.errors import CanvasError

MAX_PIXELS = 64_000_000  # decoding takes 20 to 30 bytes a pixel: 2 GB at the most
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"}
)
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
_WHITE_LEVELS = (1, 255, 4095, 65535)  # of float, 8, 12 and 16 bit pictures


@dataclass(frozen=True)
class Box:
    """A rectangle on a canvas, in pixels from its top left corner."""

    x: int
    y: int
    width: int
    height: int


def open_canvas(path: str | Path) -> NDArray[np.uint8]:
    """The grey canvas of an image file: upright by its EXIF mark, transparency over white.

    Raises `CanvasError` with one of the codes `not_found`, `no_images` (a folder),
    `not_a_file`, `unreadable`, `empty`, `not_an_image`, `too_large`, `truncated`.
    """
    path = Path(path)
    content = _read_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on large or sloppy files: MAX_PIXELS decides
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                return _grey(image, path)
    except CanvasError:
        raise
    except UnidentifiedImageError:
        raise CanvasError(
            "not_an_image", f"{path} is not an image that Pillow can read, such as PNG or JPEG"
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except Exception as error:  # what Pillow's decoders raise for damaged files has no common base
        raise CanvasError("truncated", f"{path} is damaged or cut short: {error}") from None


def _read_file(path: Path) -> bytes:
    try:
        if path.is_dir():
            if not os.access(path, os.R_OK | os.X_OK):
                raise CanvasError("unreadable", f"{path} can't be read: permission denied")
            raise CanvasError("no_images", f"{path} is a folder without image files")
        if path.exists() and not path.is_file():
            raise CanvasError("not_a_file", f"{path} is a device or a pipe, not a file")
        content = path.read_bytes()
    except FileNotFoundError:
        raise CanvasError("not_found", f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CanvasError("unreadable", f"{path} can't be read: {reason}") from None
    if not content:
        raise CanvasError("empty", f"{path} is empty: 0 bytes")
    return content


def _grey(image: Image.Image, path: Path) -> NDArray[np.uint8]:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(path)
    upright = _turn_upright(image)
    if upright.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel
        return _to_8_bits(np.asarray(upright, dtype=np.float32))
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        upright = Image.alpha_composite(white, rgba)
    return np.asarray(upright.convert("L"))


def _turn_upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data must not cost the picture
        return image


def _to_8_bits(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """White is the smallest of the usual white levels that no pixel exceeds."""
    values = np.nan_to_num(values).clip(0)
    top = float(values.max())
    white = next((level for level in _WHITE_LEVELS if top <= level), top)
    grey: NDArray[np.uint8] = (values * (255 / white)).round().astype(np.uint8)
    return grey


def _too_large(path: Path) -> CanvasError:
    return CanvasError(
        "too_large", f"{path} has more than {MAX_PIXELS // 10**6} megapixels; make it smaller"
    )
