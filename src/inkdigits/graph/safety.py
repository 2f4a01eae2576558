"""What an ONNX file may not have: anything that reaches out of it, or never ends."""

from collections.abc import Iterator
from typing import Any

from inkdigits.graph.model import parse_fields

_DOMAINS = {b"", b"ai.onnx"}
_ENDLESS = {b"Loop", b"Scan"}
_DEEPEST = 8  # graphs within graphs
_Fields = dict[int, list[Any]]

# The numbers of fields, of onnx.proto.
_GRAPH, _FUNCTIONS = 7, 25  # of a model
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15  # of a graph
_OPERATOR, _ATTRIBUTE, _DOMAIN = 4, 5, 7  # of a node
_TENSORS, _GRAPHS, _SPARSES = (5, 10), (6, 11), (22, 23)  # of an attribute
_EXTERNAL = (13, 14)  # of a tensor


def check_graph(content: bytes) -> None:
    """`ValueError` for bytes that are no ONNX model, or one that isn't plain data.

    That is one with weights in other files, operators or functions that aren't ONNX's own, or
    loops. To be called before ONNX Runtime opens the file.
    """
    try:
        model = parse_fields(content)
        if _FUNCTIONS in model:
            raise ValueError("it has functions of its own")
        for graph in model[_GRAPH]:
            _check_graph(parse_fields(graph), 0)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"no ONNX model: {error}") from error


def _check_graph(graph: _Fields, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"its graphs are nested more than {_DEEPEST} deep")
    for tensor in (*graph.get(_INITIALIZER, []), *_dense(graph.get(_SPARSE, []))):
        _check_tensor(parse_fields(tensor))
    for node in map(parse_fields, graph.get(_NODE, [])):
        for operator in node[_OPERATOR]:
            foreign = [domain for domain in node.get(_DOMAIN, []) if domain not in _DOMAINS]
            if foreign or operator in _ENDLESS:
                name = b".".join([*foreign, operator]).decode(errors="replace")
                raise ValueError(f"it has the operator {name}, which is not allowed")
        for attribute in map(parse_fields, node.get(_ATTRIBUTE, [])):
            for tensor in (*_of(attribute, _TENSORS), *_dense(_of(attribute, _SPARSES))):
                _check_tensor(parse_fields(tensor))
            for inner in _of(attribute, _GRAPHS):
                _check_graph(parse_fields(inner), depth + 1)


def _of(message: _Fields, numbers: tuple[int, ...]) -> list[Any]:
    return [value for number in numbers for value in message.get(number, [])]


def _dense(sparse: list[bytes]) -> Iterator[bytes]:
    """The tensors of values and of places in sparse ones."""
    for tensor in map(parse_fields, sparse):
        yield from _of(tensor, (1, 2))


def _check_tensor(tensor: _Fields) -> None:
    if any(_of(tensor, _EXTERNAL)):
        raise ValueError("it has weights in another file")
