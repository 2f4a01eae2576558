"""What people have a picture in, told apart by what it holds: text, streams, arrays, figures."""

import base64
import inspect
import io
import os
import re
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import unquote_to_bytes

from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import CanvasError, UsageError
from inkdigits.imaging.arrays import as_numpy, image_of


class Stream(Protocol):
    """An open file, `io.BytesIO`, Flask's `FileStorage`: whatever gives bytes."""

    def read(self, size: int = ..., /) -> bytes:
        """The next bytes."""


class ArrayLike(Protocol):
    """What NumPy converts, such as a torch tensor."""

    def __array__(self) -> NDArray[Any]:
        """The numbers."""


class Figure(Protocol):
    """A matplotlib figure."""

    def savefig(self, fname: Any, /, *, format: str) -> None:  # noqa: A002 - matplotlib's name
        """Write it as a picture."""


Source = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[Any]
    | Stream | ArrayLike | Figure
)  # fmt: skip
"""What `plain_source` understands."""

PlainSource = Path | bytes | Image.Image
"""A path, the bytes of a file, or a Pillow image."""

MAX_BYTES = 1 << 28  # of a file: 64 megapixels of uncompressed RGBA, and a header
_BLOCK = 1 << 20
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_MAGIC = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|BM|II[*+]\0|MM\0[*+]|RIFF....WEBP|....ftyp|%PDF-|P[1-7]\s", re.S
)
_MAGIC_CHARS = 16  # of base64: 12 bytes


def plain_source(given: Source, *, bgr: bool = False) -> PlainSource:
    """A picture in any form as a path, bytes or a Pillow image. What decides is what it holds:

    - a text is a path if there is a file or folder of that name; else a data URL if it begins with
      `data:`; else base64, plain or URL-safe, if a picture's first bytes come out; else a path;
    - what has `read()` is a stream, read from where it stands to its end;
    - what has `savefig()` is a figure, drawn as it is;
    - what NumPy or torch knows as an array is one, see `image_of`; with `bgr`, its channels are
      blue, green, red, as OpenCV's are.

    Raises `CanvasError` for anything else, `UsageError` for `bgr` without an array.
    """
    source: Any = given
    if isinstance(source, str):
        source = _text_source(source)
    elif isinstance(source, bytearray | memoryview):
        source = bytes(source)
    elif isinstance(source, os.PathLike):
        source = Path(source)
    elif hasattr(source, "savefig"):
        source = _drawn(source)
    elif hasattr(source, "read"):
        source = _rest(source)
    elif not isinstance(source, bytes | Image.Image) and hasattr(source, "__array__"):
        return image_of(as_numpy(source), bgr=bgr)
    if not isinstance(source, Path | bytes | Image.Image):
        raise CanvasError(
            "bad_array",
            f"the picture is a {type(source).__name__}; it must be a path, the bytes of a file, "
            "a stream, a data URL, base64, a Pillow image, an array or a matplotlib figure",
        )
    if bgr:
        raise UsageError("bgr says how an array's channels lie; leave it out for other pictures")
    return source


def read_within(stream: IO[bytes] | Stream, name: object) -> bytes:
    """The content of a file or stream; `CanvasError` if it has more than `MAX_BYTES`."""
    blocks: list[bytes] = []
    size = 0
    while block := stream.read(_BLOCK):  # a large size is allocated at once, however short the file
        blocks.append(block)
        size += len(block)
        check_bytes(size, name)
    return type(blocks[0])().join(blocks) if blocks else b""


def check_bytes(count: int, name: object) -> None:
    """Raise `CanvasError` if a file has more than `MAX_BYTES`."""
    if count > MAX_BYTES:
        limit = f"{MAX_BYTES / 2**20:.0f} MB"
        raise CanvasError("too_large", f"{name} has more than {limit}; make it smaller")


def _rest(stream: Stream) -> bytes:
    """What a stream has left."""
    if inspect.iscoroutinefunction(stream.read):
        raise CanvasError(
            "unreadable",
            "the stream is asynchronous: pass what 'await picture.read()' gives, or picture.file",
        )
    try:
        content = read_within(stream, "the stream")
    except (OSError, ValueError) as error:
        raise CanvasError("unreadable", f"the stream can't be read: {error}") from None
    if not content:
        raise CanvasError("empty", "the stream is empty, or was read to its end: seek(0) first")
    if not isinstance(content, bytes):
        raise CanvasError("unreadable", "the stream gives text; open the file in binary mode: 'rb'")
    return content


def _text_source(text: str) -> PlainSource:
    if os.path.exists(text):  # noqa: PTH110 - unlike Path.exists, False for impossible names
        return Path(text)
    if text[:5].lower() == "data:":
        return _data_url(text)
    compact = "".join(text.split())
    return _decode_base64(compact, "the base64 text") if _holds_picture(compact) else Path(text)


def _data_url(text: str) -> bytes:
    header, comma, content = text.partition(",")
    if not comma:
        raise CanvasError("not_an_image", "the data URL has no comma: it is cut short")
    given = unquote_to_bytes(content.encode(errors="replace"))
    if not header.lower().endswith(";base64"):
        return given
    return _decode_base64("".join(given.decode("latin-1").split()), "the data URL")


def _holds_picture(text: str) -> bool:
    """Whether a text is base64 of something that begins as picture files do."""
    if len(text) < _MAGIC_CHARS or not _BASE64.fullmatch(text):
        return False
    return bool(_MAGIC.match(_decode_base64(text[:_MAGIC_CHARS], "")))


def _decode_base64(text: str, name: str) -> bytes:
    """The bytes of base64, plain or URL-safe, with or without its padding."""
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise CanvasError(
            "truncated", f"{name} is damaged or cut short: it is not valid base64"
        ) from None


def _drawn(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
