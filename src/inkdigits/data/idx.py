"""The IDX format of the MNIST files: parse, encode, load, save; plain or gzip.

A header of two zero bytes, a type code, the number of dimensions and each dimension as a
big-endian uint32, then the values, big-endian. Source: the format description on the original
MNIST page (LeCun, Cortes, Burges: "The MNIST database of handwritten digits").
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InvalidIdx
from inkdigits.files import read_bytes, unpacked_limit, write_atomic

_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {dtype: code for code, dtype in _TYPES.items()}
_GZIP_MAGIC = b"\x1f\x8b"


def parse_idx(content: bytes, name: str = "data") -> NDArray[Any]:
    """The array in uncompressed IDX bytes, in native byte order; `name` is for errors.

    Raises `InvalidIdx` for a wrong magic number, a short file or trailing bytes.
    """
    if len(content) < 4:
        raise InvalidIdx(f"{name}: {len(content)} bytes are too short for an IDX header")
    zero, code, dimensions = struct.unpack(">HBB", content[:4])
    if zero != 0 or code not in _TYPES:
        raise InvalidIdx(
            f"{name}: the magic number 0x{content[:4].hex()} is not IDX "
            "(0x00000803 for images, 0x00000801 for labels); is this the right file?"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise InvalidIdx(f"{name}: the file ends inside its header ({len(content)} bytes)")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    dtype = _TYPES[code]
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        fault = "short" if len(content) < expected else "followed by trailing bytes"
        raise InvalidIdx(
            f"{name}: the file is {fault}: {len(content)} bytes, but its header "
            f"(shape {'×'.join(map(str, shape))}) needs {expected}; fetch it again"
        )
    values = np.frombuffer(content, dtype, offset=start).astype(dtype.newbyteorder("="))
    try:
        return values.reshape(shape)
    except ValueError as error:  # more than 64 dimensions, or a size of 0 times too many
        raise InvalidIdx(f"{name}: NumPy can't hold its shape ({error})") from error


def encode_idx(array: NDArray[Any]) -> bytes:
    """Uncompressed IDX bytes of an array of int8, uint8, int16, int32, float32 or float64."""
    dtype = array.dtype.newbyteorder(">")
    if dtype not in _CODES:
        allowed = ", ".join(str(known.newbyteorder("=")) for known in _CODES)
        raise InvalidIdx(
            f"IDX has no type for {array.dtype}; convert the array to one of {allowed}"
        )
    header = struct.pack(f">HBB{array.ndim}I", 0, _CODES[dtype], array.ndim, *array.shape)
    return header + array.astype(dtype).tobytes()


def gunzip(content: bytes, name: str = "data") -> bytes:
    """The bytes, uncompressed if they are gzip.

    Raises `InvalidIdx` if they are damaged, or become more than `unpacked_limit`.
    """
    if not content.startswith(_GZIP_MAGIC):
        return content
    limit = unpacked_limit(len(content))
    try:
        with gzip.open(io.BytesIO(content)) as file:
            unpacked = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidIdx(f"{name}: the gzip data is damaged ({error}); fetch it again") from error
    if len(unpacked) > limit:
        raise InvalidIdx(
            f"{name}: its {len(content):,} bytes unpack to more than {limit / 2**20:,.0f} MB; "
            "if it is no mistake, unpack it yourself"
        )
    return unpacked


def load_idx(path: Path) -> NDArray[Any]:
    """The array in an IDX file, compressed or not (detected by content, not by name)."""
    return parse_idx(gunzip(read_bytes(path), str(path)), str(path))


def save_idx(path: Path, array: NDArray[Any]) -> None:
    """Write an array as an IDX file, atomically; compressed if the name ends in `.gz`."""
    content = encode_idx(array)
    write_atomic(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
