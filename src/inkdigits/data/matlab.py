"""MATLAB 5 files: arrays of numbers, texts and cells of them, read as plain data.

SciPy's reader believes the sizes in a file, and a damaged one ends the process. Source of the
format: The MathWorks, "MAT-File Format".
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.files import unpacked_limit

_HEADER_BYTES = 128
_ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_NUMBERS |= {12: "i8", 13: "u8"}
_CODECS = {1: "latin-1", 2: "latin-1", 16: "utf-8"}
_CODECS |= {4: "utf-16-{}", 17: "utf-16-{}", 18: "utf-32-{}"}
_ENDS = {"<": "le", ">": "be"}
_MATRIX, _PACKED = 14, 15
_CELL, _TEXT, _NUMERIC = 1, 4, range(6, 16)
_COMPLEX = 0x800
_MOST_PARTS = 1_000_000
_NOTHING: NDArray[Any] = np.zeros(0)


def parse_mat(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays by their names: numbers as they are stored, rows of text, cells of these.

    Structures, objects, sparse and complex arrays, and cells in cells are left out. Raises
    `ValueError` for a file that is damaged, or unpacks to more than `unpacked_limit`.
    """
    order = _ORDERS.get(content[_HEADER_BYTES - 4 : _HEADER_BYTES])
    if order is None:
        raise ValueError("it is of another version")
    room = unpacked_limit(len(content))
    arrays = {}
    for kind, body in _elements(memoryview(content)[_HEADER_BYTES:], order):
        if kind == _PACKED:
            body = _unpacked(body, order, room)
            room -= len(body)
            kind, body = next(_elements(body, order))
        if kind == _MATRIX:
            name, values = _matrix(body, order)
            if values.size:
                arrays[name] = values
    return arrays


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The kind and the bytes of each element; up to four bytes lie in its tag."""
    place = 0
    while place < len(content):
        if place + 8 > len(content):
            raise ValueError("it is cut short")
        kind, size = struct.unpack_from(f"{order}II", content, place)
        begin, length = place + 8, 8 + size
        if kind >> 16:
            kind, size = kind & 0xFFFF, min(kind >> 16, 4)
            begin, length = place + 4, 8
        if begin + size > len(content):
            raise ValueError("it is cut short")
        yield kind, content[begin : begin + size]
        place += length if kind == _PACKED else -(-length // 8) * 8


def _unpacked(body: memoryview, order: str, room: int) -> memoryview:
    """The one element in packed bytes, and no more of them than its tag says."""
    unpacking = zlib.decompressobj()
    try:
        tag = unpacking.decompress(body, 8).ljust(8, b"\0")
        _, size = struct.unpack(f"{order}II", tag)
        if size > room:
            raise ValueError(f"it would unpack to more than {room / 2**20:,.0f} MB")
        return memoryview(tag + unpacking.decompress(unpacking.unconsumed_tail, size + 1))
    except zlib.error as error:
        raise ValueError(str(error)) from None


def _matrix(body: memoryview, order: str, *, in_cell: bool = False) -> tuple[str, NDArray[Any]]:
    """The name and the values of an array; no values if it is of a kind that isn't read."""
    parts = [*islice(_elements(body, order), _MOST_PARTS + 1)]
    if len(parts) > _MOST_PARTS:
        raise ValueError(f"it has more than {_MOST_PARTS:,} cells")
    if len(parts) < 4:
        return "", _NOTHING
    flags, sizes, name = (bytes(content) for _, content in parts[:3])
    (kind,) = struct.unpack_from(f"{order}I", flags.ljust(4, b"\0"))
    shape = np.frombuffer(sizes, f"{order}u4").tolist()
    if len(shape) < 2:
        raise ValueError("an array has no shape")
    values = _NOTHING
    if kind & 0xFF == _CELL and not in_cell:
        values = np.empty(len(parts) - 3, object)
        for place, (_, content) in enumerate(parts[3:]):
            values[place] = _matrix(content, order, in_cell=True)[1]
    elif kind & 0xFF == _TEXT:
        values = _rows(*parts[3], shape, order)
    elif kind & 0xFF in _NUMERIC and not kind & _COMPLEX:
        values = _numbers(*parts[3], order).reshape(shape, order="F")
    return name.decode("latin-1"), values


def _numbers(kind: int, content: memoryview, order: str) -> NDArray[Any]:
    if kind not in _NUMBERS:
        raise ValueError(f"it has numbers of the unknown type {kind}")
    stored = np.frombuffer(content, order + _NUMBERS[kind])
    return stored.astype(stored.dtype.newbyteorder("="))


def _rows(kind: int, content: memoryview, shape: list[int], order: str) -> NDArray[Any]:
    """A text for each row of letters."""
    if kind not in _CODECS:
        raise ValueError(f"it has letters of the unknown type {kind}")
    letters = np.array([*str(content, _CODECS[kind].format(_ENDS[order]))], "U1")
    if not letters.size:
        return _NOTHING
    rows = letters.reshape(shape, order="F").reshape(shape[0], -1)
    return np.array(["".join(row) for row in rows])
