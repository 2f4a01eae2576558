"""Parse an ONNX file: nodes, weights and metadata.

A field is a number, bytes, or a float (the wire format of protobuf); the numbers of fields are
those of onnx.proto.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_LONGEST_BITS = 70  # of a number
_TYPES = {1: "<f4", 2: "u1", 7: "<i8"}  # of tensors


@dataclass(frozen=True)
class Node:
    """An operation on named arrays; `attributes` are numbers, lists of numbers, or texts."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Model:
    """Nodes in an order in which they can be computed, weights by name, metadata."""

    nodes: list[Node]
    weights: dict[str, Array]
    metadata: dict[str, str]


def parse_model(content: bytes) -> Model:
    """The model in the bytes of an ONNX file; `ValueError` if they are none."""
    try:
        model = parse_fields(content)
        graph = parse_fields(model[7][0])
        metadata = [parse_fields(entry) for entry in model.get(14, [])]
        return Model(
            [_node(entry) for entry in graph.get(1, [])],
            dict(_tensor(entry) for entry in graph.get(5, [])),
            {entry[1][0].decode(): entry[2][0].decode() for entry in metadata},
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"no ONNX model: {error}") from error


def _node(content: bytes) -> Node:
    entry = parse_fields(content)
    attributes = dict(_attribute(parse_fields(part)) for part in entry.get(5, []))
    inputs, outputs = ([name.decode() for name in entry.get(number, [])] for number in (1, 2))
    return Node(entry[4][0].decode(), inputs, outputs, attributes)


def _attribute(entry: dict[int, list[Any]]) -> tuple[str, Any]:
    name = entry[1][0].decode()
    for number in (2, 3):  # a float, a whole number
        if number in entry:
            return name, entry[number][0]
    if 4 in entry:
        return name, entry[4][0].decode()
    return name, _numbers(entry.get(8, []))


def _tensor(content: bytes) -> tuple[str, Array]:
    entry = parse_fields(content)
    values = np.frombuffer(entry[9][0], _TYPES[entry[2][0]])
    return entry[8][0].decode(), values.reshape(_numbers(entry.get(1, [])))


def _numbers(values: list[Any]) -> list[int]:
    """Whole numbers, whether each is a field or all are packed into one."""
    if values and isinstance(values[0], bytes):
        return [number for packed in values for number in _packed(packed)]
    return values


def _packed(content: bytes) -> Iterator[int]:
    at = 0
    while at < len(content):
        number, at = _varint(content, at)
        yield number


def parse_fields(content: bytes) -> dict[int, list[Any]]:
    """The values of each field of a message, by its number; `ValueError` if it is none."""
    found: dict[int, list[Any]] = {}
    at = 0
    try:
        while at < len(content):
            tag, at = _varint(content, at)
            value, at = _value(tag & 7, content, at)
            found.setdefault(tag >> 3, []).append(value)
    except (IndexError, struct.error):
        at = len(content) + 1
    if at > len(content):
        raise ValueError("no ONNX model: it is cut short")
    return found


def _value(kind: int, content: bytes, at: int) -> tuple[Any, int]:
    """The value of a field, and where it ends."""
    match kind:
        case 0:
            return _varint(content, at)
        case 1:
            return struct.unpack_from("<d", content, at)[0], at + 8
        case 2:
            size, at = _varint(content, at)
            return content[at : at + size], at + size
        case 5:
            return struct.unpack_from("<f", content, at)[0], at + 4
    raise ValueError(f"no ONNX model: a field of kind {kind}")


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the least significant first, and where it ends."""
    number = shift = 0
    while shift < _LONGEST_BITS:
        byte = content[at]
        number, at = number | (byte & 0x7F) << shift, at + 1
        if byte < 0x80:
            return number, at
        shift += 7
    raise ValueError("no ONNX model: a number is too long")
