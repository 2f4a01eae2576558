"""Activations by the names that Keras and PyTorch give them, as ONNX nodes."""

from math import sqrt
from typing import Any

from inkdigits.errors import ArtifactError
from inkdigits.importing.graph import Builder

_OPERATORS = {
    "elu": "Elu",
    "relu": "Relu",
    "selu": "Selu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
}
_KERAS_SLOPE = 0.2  # of leaky_relu


def activation(graph: Builder, described: Any, last: str, layer: str) -> str:
    """Append an activation, None for none, after `last`; returns the name of its output.

    `described` is a name, or Keras's description of a function. Raises `ArtifactError` for an
    unknown one.
    """
    name = described.get("config") if isinstance(described, dict) else described
    if name in {None, "linear"}:
        return last
    if name in _OPERATORS:
        return graph.add(_OPERATORS[name], last)
    match name:
        case "softmax" | "log_softmax":
            operator = "Softmax" if name == "softmax" else "LogSoftmax"
            return graph.add(operator, last, axis=-1)
        case "silu" | "swish":
            return graph.add("Mul", last, graph.add("Sigmoid", last))
        case "gelu":
            share = graph.add("Erf", graph.add("Div", last, graph.floats(sqrt(2))))
            both = graph.add("Add", share, graph.floats(1))
            return graph.add("Mul", graph.add("Mul", last, graph.floats(0.5)), both)
        case "relu6":
            return graph.add("Clip", last, graph.floats(0), graph.floats(6))
        case "leaky_relu":
            return graph.add("LeakyRelu", last, alpha=_KERAS_SLOPE)
    raise ArtifactError(f"the layer {layer!r} has the activation {name!r}, which can't be imported")
