"""Decode the bytes of a picture file, or one page of a PDF or a TIFF, to an image."""

import io
import re
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from PIL import Image

from inkdigits.errors import CanvasError
from inkdigits.files import sha256
from inkdigits.imaging.sources import MAX_BYTES

MAX_PIXELS = 64_000_000  # decoding takes 20 to 30 bytes a pixel: at most 2 GB
LONGEST_MAGIC = 5
_SHORTEST_PX, _LONGEST_TO_SHORTEST = 4, 100
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM") + (
    ("AVIF",) if find_spec("PIL.AvifImagePlugin") else ()  # Pillow in browsers is an older one
)
_PDF_DPI = 150
_PDF_MAGIC = b"%PDF-"
_STREAM = re.compile(rb"stream\r?\n")
_MOST_TIMES = 1032  # as large a packed stream can become
_BLOCK = 1 << 20
_CHECKED: deque[str] = deque(maxlen=64)  # files: each page of one opens it anew
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def has_pages(start: bytes) -> bool:
    """Whether a file that starts with these bytes may have several pages."""
    return start.startswith((_PDF_MAGIC, *_TIFF_MAGIC))


def count_images(content: bytes, name: str) -> int:
    """The number of pages of a file that `has_pages`; 1 for others."""
    if content.startswith(_PDF_MAGIC):
        return len(_pdf(content, name))
    return _count_frames(_open(content, name)) if has_pages(content) else 1


def decode(content: bytes, page: int, name: str) -> Image.Image:
    """The image in a file's bytes, or on one of its pages, its pixels not decoded yet.

    Raises `CanvasError`; for damaged files, whatever the decoders raise.
    """
    if not content:
        raise CanvasError("empty", f"{name} is empty: 0 bytes")
    if content.startswith(_PDF_MAGIC):
        document = _pdf(content, name)
        _check_page(page, len(document), name)
        width, height = document[page].get_size()  # in 1/72 inch
        if width * height * (_PDF_DPI / 72) ** 2 > MAX_PIXELS:
            raise too_large(name)
        rendered: Image.Image = document[page].render(scale=_PDF_DPI / 72).to_pil()
        return rendered
    image = _open(content, name)
    _check_page(page, _count_frames(image), name)
    if page:
        image.seek(page)
    return image


def _check_page(page: int, pages: int, name: str) -> None:
    if not 0 <= page < pages:
        reason = f"{name} has no page {page}: it has {pages}, counted from 0"
        raise CanvasError("no_such_page", reason)


def _count_frames(image: Image.Image) -> int:
    """The pages of a TIFF; of animations only the first frame is read."""
    frames: int = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
    return frames


def check_size(image: Image.Image, name: str) -> None:
    """Raise `CanvasError` for an image that is too large, too small or too thin to read."""
    shorter, longer = sorted(image.size)
    if shorter * longer > MAX_PIXELS:
        raise too_large(name)
    if longer < _SHORTEST_PX:
        raise CanvasError("too_small", f"{name} is {image.width}×{image.height} pixels: too small")
    if longer > _LONGEST_TO_SHORTEST * shorter:
        raise CanvasError(
            "too_thin", f"{name} is {image.width}×{image.height} pixels: a strip without digits"
        )


def too_large(name: str) -> CanvasError:
    """The error for a picture of more than `MAX_PIXELS`."""
    return CanvasError(
        "too_large", f"{name} has more than {MAX_PIXELS // 10**6} megapixels; make it smaller"
    )


def _open(content: bytes, name: str) -> Image.Image:
    if content[4:8] == b"ftyp" and content[8:11] in {b"hei", b"hev", b"mif"}:
        with _optional("pi_heif", "heic", name):
            import pi_heif

            pi_heif.register_heif_opener()
        return Image.open(io.BytesIO(content))
    return Image.open(io.BytesIO(content), formats=_FORMATS)


def _pdf(content: bytes, name: str) -> Any:
    with _optional("pypdfium2", "pdf", name):
        import pypdfium2
    digest = sha256(content)
    if digest not in _CHECKED:
        _check_streams(content, name)
        _CHECKED.append(digest)
    return pypdfium2.PdfDocument(content)


def _check_streams(content: bytes, name: str) -> None:
    """`CanvasError` for a PDF with a stream that unpacks to too much: PDFium has no limit."""
    for found in _STREAM.finditer(content):
        unpacker, size, packed = zlib.decompressobj(), 0, content[found.end() :]
        if len(packed) * _MOST_TIMES < MAX_BYTES:
            return
        with suppress(zlib.error):  # it is packed otherwise, such as a JPEG, or not at all
            while packed and size <= MAX_BYTES:
                size += len(unpacker.decompress(packed, _BLOCK))
                packed = unpacker.unconsumed_tail
        if size > MAX_BYTES:
            limit = f"{MAX_BYTES >> 20} MB"
            raise CanvasError("too_large", f"{name} unpacks to more than {limit}; make it smaller")


@contextmanager
def _optional(library: str, extra: str, name: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError:
        raise CanvasError(
            "not_supported", f"{name} needs {library}: pip install 'inkdigits[{extra}]'"
        ) from None
