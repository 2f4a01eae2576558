"""From a picture file to a canvas, and from a canvas to a glyph in the layout of MNIST.

A canvas is a grey picture, uint8 (height, width), as the user made it. A glyph is one digit,
uint8 (28, 28), bright ink on black. The layout is the one the MNIST page describes: the ink's
box scaled, with its aspect kept, to fit 20×20, and placed so that the ink's centre of mass is the
centre of a 28×28 field.
"""

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from inkdigits.errors import CanvasError, UsageError

GLYPH_PX = 28
BOX_PX = 20  # the side of the square that the ink's box is scaled to fit
MAX_PIXELS = 64_000_000  # decoding takes 20 to 30 bytes a pixel: 2 GB at the most
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"}
)
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
_WHITE_LEVELS = (1, 255, 4095, 65535)  # of float, 8, 12 and 16 bit pictures
_MIN_CONTRAST = 16  # grey levels between ink and paper; below it, a canvas counts as blank


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


def find_ink(canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The canvas with its ink bright on black, whichever way round it was.

    The border tells the paper: dark ink on light paper is inverted. Contrast is spread to 0…255;
    a canvas with next to no contrast has no ink and comes back black.
    """
    border = np.concatenate([canvas[0], canvas[-1], canvas[:, 0], canvas[:, -1]])
    paper = float(np.median(border))
    difference = canvas.astype(np.float32) - paper
    darker, lighter = -float(difference.min()), float(difference.max())
    if max(darker, lighter) < _MIN_CONTRAST:
        return np.zeros_like(canvas)
    ink = difference if lighter > darker else -difference
    return (ink.clip(0) * (255 / max(darker, lighter))).round().astype(np.uint8)


def ink_box(ink: NDArray[np.uint8]) -> Box | None:
    """The smallest box around all ink brighter than a fifth of the brightest; None if blank."""
    rows = np.flatnonzero((ink > 51).any(axis=1))
    columns = np.flatnonzero((ink > 51).any(axis=0))
    if not len(rows):
        return None
    x, y = int(columns[0]), int(rows[0])
    return Box(x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)


def lay_out_glyph(ink: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The glyph of the ink inside a box, in the MNIST layout."""
    scale = BOX_PX / max(box.width, box.height)
    size = (max(1, round(box.width * scale)), max(1, round(box.height * scale)))
    corners = (box.x, box.y, box.x + box.width, box.y + box.height)
    # Lanczos keeps the strokes of coarse scans apart: 8×8 digits were read 12 points better than
    # with bilinear interpolation.
    resampling = Image.Resampling.BOX if scale < 1 else Image.Resampling.LANCZOS
    small = np.asarray(Image.fromarray(ink).resize(size, resampling, box=corners))
    small = _brighten(small)
    row, column = center_of_mass(small)
    middle = GLYPH_PX / 2  # MNIST: the centres of mass lie in 13.5…14.5, 14.0 on average
    top = min(max(0, round(middle - row)), GLYPH_PX - small.shape[0])
    left = min(max(0, round(middle - column)), GLYPH_PX - small.shape[1])
    glyph = np.zeros((GLYPH_PX, GLYPH_PX), np.uint8)
    glyph[top : top + small.shape[0], left : left + small.shape[1]] = small
    return glyph


def _brighten(glyph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scaled so that the brightest pixel is 255: averaging thin strokes has dimmed them."""
    return (glyph.astype(np.float32) * (255 / max(1, int(glyph.max())))).round().astype(np.uint8)


def center_of_mass(ink: NDArray[np.uint8]) -> tuple[float, float]:
    """Row and column of the ink's centre, in pixels; the middle of the field if it is black."""
    total = float(ink.sum())
    if total == 0:
        return (ink.shape[0] - 1) / 2, (ink.shape[1] - 1) / 2
    rows, columns = ink.sum(axis=1, dtype=np.float64), ink.sum(axis=0, dtype=np.float64)
    return (
        float(rows @ np.arange(len(rows))) / total,
        float(columns @ np.arange(len(columns))) / total,
    )


def to_glyph(canvas: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Box] | None:
    """The one digit on a canvas, and where its ink is; None if the canvas is blank.

    A canvas of 28×28 is taken to be laid out already: only its polarity and contrast are set right.
    Raises `UsageError` for an array that is no canvas.
    """
    if canvas.dtype != np.uint8 or canvas.ndim != 2 or canvas.size == 0:
        raise UsageError(
            f"the canvas is {canvas.dtype} {canvas.shape}; it must be grey, uint8 (height, width)"
        )
    ink = find_ink(canvas)
    box = ink_box(ink)
    if box is None:
        return None
    if canvas.shape == (GLYPH_PX, GLYPH_PX):
        return ink, box
    return lay_out_glyph(ink, box), box
