"""From a picture, wherever it comes from, to a grey canvas."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from inkdigits.errors import CanvasError

Source = str | Path | bytes | Image.Image | NDArray[Any]
"""A path, the bytes of a file, a Pillow image, or an array: grey, RGB or RGBA."""

MAX_PIXELS = 64_000_000  # decoding takes 20 to 30 bytes a pixel: 2 GB at the most
WORK_PX = 1400  # the longer side that pictures are reduced to before they are read
_SHORTEST_PX, _LONGEST_TO_SHORTEST = 4, 100
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"}
    | {".heic", ".heif", ".pdf"}
)
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
_WHITE_LEVELS = (1, 255, 4095, 65535)  # of float, 8, 12 and 16 bit pictures
_PDF_DPI = 150


@dataclass(frozen=True)
class Box:
    """A rectangle on a picture, in pixels from its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Canvas:
    """A grey picture, uint8 (height, width), one `scale`th of its size, or a part of one.

    `left` and `top` are where the part begins, in pixels of the reduced picture.
    """

    grey: NDArray[np.uint8]
    scale: int = 1
    left: int = 0
    top: int = 0


def open_canvas(source: Source, page: int = 0) -> NDArray[np.uint8]:
    """The grey canvas of a picture: upright by its EXIF mark, transparency over white.

    `page` counts from 0 and is for PDF files. Raises `CanvasError` with one of the codes
    `not_found`, `no_images` (a folder), `not_a_file`, `unreadable`, `empty`, `not_an_image`,
    `not_supported` (an optional library is missing), `no_such_page`, `too_large`, `too_small`,
    `too_thin`, `truncated`, `bad_array`.
    """
    return _open(source, page, reduced=False).grey


def load_canvas(source: Source, page: int = 0) -> Canvas:
    """As `open_canvas`, but reduced by a whole number to at most `WORK_PX` a side.

    A JPEG is reduced while it is decoded: 12 megapixels in a third of the time.
    """
    return _open(source, page, reduced=True)


def count_pages(path: Path) -> int:
    """How many canvases a file holds: the pages of a PDF, else 1."""
    if path.suffix.lower() != ".pdf":
        return 1
    try:
        content = _read_file(path)
    except CanvasError:
        return 1  # opening it will say what is wrong
    with _faults(str(path)):
        return len(_pdf(content, str(path)))


def _open(source: Source, page: int, *, reduced: bool) -> Canvas:
    name = str(source) if isinstance(source, str | Path) else "the picture"
    ours = not isinstance(source, Image.Image)  # what is the caller's isn't changed
    if isinstance(source, np.ndarray):
        source = _image_of(source)
    elif isinstance(source, str | Path):
        source = _read_file(Path(source))
    with _faults(name):
        image = source if isinstance(source, Image.Image) else _decode(source, page, name)
        _check_size(image, name)
        scale = _reduce_while_decoding(image) if reduced and ours else 1
        grey = _grey(image)
    factor = -(-max(grey.shape) // WORK_PX) if reduced else 1
    if factor > 1:
        grey = np.asarray(Image.fromarray(grey).reduce(factor))
    return Canvas(grey, scale * factor)


@contextmanager
def _faults(name: str) -> Iterator[None]:
    """Whatever goes wrong while decoding, as a `CanvasError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on large or sloppy files: MAX_PIXELS decides
            yield
    except CanvasError:
        raise
    except UnidentifiedImageError:
        raise CanvasError(
            "not_an_image", f"{name} is not an image that Pillow can read, such as PNG or JPEG"
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except Exception as error:  # what the decoders raise for damaged files has no common base
        reason = str(error).strip()
        raise CanvasError("truncated", f"{name} is damaged or cut short: {reason}") from None


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
    return content


def _decode(content: bytes, page: int, name: str) -> Image.Image:
    """The image in a file's bytes, its pixels not decoded yet."""
    if not content:
        raise CanvasError("empty", f"{name} is empty: 0 bytes")
    if content[:5] == b"%PDF-":
        document = _pdf(content, name)
        if page >= len(document):
            raise CanvasError("no_such_page", f"{name} has {len(document)} pages, not {page + 1}")
        width, height = document[page].get_size()  # in 1/72 inch
        if width * height * (_PDF_DPI / 72) ** 2 > MAX_PIXELS:
            raise _too_large(name)
        rendered: Image.Image = document[page].render(scale=_PDF_DPI / 72).to_pil()
        return rendered
    if content[4:8] == b"ftyp" and content[8:11] in {b"hei", b"hev", b"mif"}:
        with _optional("pi_heif", "heic", name):
            import pi_heif

            pi_heif.register_heif_opener()
        return Image.open(io.BytesIO(content))
    return Image.open(io.BytesIO(content), formats=_FORMATS)


def _pdf(content: bytes, name: str) -> Any:
    with _optional("pypdfium2", "pdf", name):
        import pypdfium2
    return pypdfium2.PdfDocument(content)


@contextmanager
def _optional(library: str, extra: str, name: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError:
        raise CanvasError(
            "not_supported", f"{name} needs {library}: pip install 'inkdigits[{extra}]'"
        ) from None


def _image_of(values: NDArray[Any]) -> Image.Image:
    """An array as an image: uint8, bool, 16 bits, or floats in 0…1 or 0…255."""
    fits = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in {1, 3, 4})
    if not fits or values.size == 0 or values.dtype.kind not in "buif":
        raise CanvasError(
            "bad_array",
            f"the array is {values.dtype} {values.shape}; it must be grey (height, width), RGB "
            "(height, width, 3) or RGBA (height, width, 4), of numbers",
        )
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.dtype == np.bool_:
        values = values * np.uint8(255)
    if values.dtype != np.uint8:
        values = _to_8_bits(values.astype(np.float32))
    return Image.fromarray(values)


def _check_size(image: Image.Image, name: str) -> None:
    shorter, longer = sorted(image.size)
    if shorter * longer > MAX_PIXELS:
        raise _too_large(name)
    if longer < _SHORTEST_PX:
        raise CanvasError("too_small", f"{name} is {image.width}×{image.height} pixels: too small")
    if longer > _LONGEST_TO_SHORTEST * shorter:
        raise CanvasError(
            "too_thin", f"{name} is {image.width}×{image.height} pixels: a strip without digits"
        )


def _reduce_while_decoding(image: Image.Image) -> int:
    """Ask a JPEG's decoder for a smaller grey picture; by how much it will be smaller."""
    width, height = image.size
    scale = 1
    while max(width, height) >= 2 * scale * WORK_PX and scale < 8:
        scale *= 2
    if image.format != "JPEG" or image.mode not in {"L", "RGB"}:
        return 1
    image.draft("L", (width // scale, height // scale))
    return scale


def _grey(image: Image.Image) -> NDArray[np.uint8]:
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


def _too_large(name: str) -> CanvasError:
    return CanvasError(
        "too_large", f"{name} has more than {MAX_PIXELS // 10**6} megapixels; make it smaller"
    )
