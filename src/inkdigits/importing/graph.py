"""A foreign network as an ONNX model: what goes in, what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from inkdigits.artifact import DIGITS, GLYPH_PX
from inkdigits.errors import ArtifactError
from inkdigits.export.onnx import OPSET, Graph

_SOFTMAXES = {"Softmax", "LogSoftmax"}
_PIXELS = GLYPH_PX**2


@dataclass(frozen=True)
class Foreign:
    """An ONNX model with one input and one output, whose first axis counts the images.

    `shape` is of one image; `ends_in` is softmax or log-softmax, which has been taken off, or "".
    """

    model: onnx.ModelProto
    shape: tuple[int, ...]
    ends_in: str

    @property
    def input(self) -> onnx.ValueInfoProto:
        """The input."""
        value: onnx.ValueInfoProto = self.model.graph.input[0]
        return value

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(
            prod(entry.dims)
            for entry in self.model.graph.initializer
            if entry.data_type in {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE}
        )


class Builder(Graph):
    """A builder of a foreign network: constants need no names."""

    def value(self, value: NDArray[np.generic]) -> str:
        """Append a constant; returns its name."""
        return self.constant(f"c{len(self.constants)}", value)

    def floats(self, *values: float) -> str:
        """Append a constant of float32 numbers; of one, a scalar."""
        array = np.array(values, np.float32)
        return self.value(array[0] if len(values) == 1 else array)

    def whole(self, *values: int) -> str:
        """Append a constant of int64 numbers (n,)."""
        return self.value(np.array(values, np.int64))

    def finish(self, last: str, shape: Sequence[int]) -> onnx.ModelProto:
        """The model from `input` (n, *shape) to a value."""
        images = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", *shape])
        output = helper.make_tensor_value_info(last, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "model", [images], [output], self.constants)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, ir_version=8, opset_imports=[opset])


def one_image(shape: Sequence[int | None]) -> tuple[int, ...]:
    """The shape of an input for one image, 28×28 in some layout; `ArtifactError` for others."""
    known = tuple(GLYPH_PX if size is None and len(shape) > 1 else size for size in shape)
    if None in known or prod(size or 0 for size in known) != _PIXELS:
        said = "×".join("?" if size is None else str(size) for size in shape) or "nothing known"
        raise ArtifactError(
            f"the model takes {said}; only 28×28 pixels in one channel, or 784, can be imported"
        )
    return tuple(size for size in known if size is not None)


def to_foreign(model: onnx.ModelProto) -> Foreign:
    """A model with one input and one output, its softmax taken off."""
    graph = model.graph
    stored = {entry.name for entry in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    for what, values in (("inputs", inputs), ("outputs", graph.output)):
        if len(values) != 1:
            names = ", ".join(value.name for value in values)
            raise ArtifactError(f"the model has {len(values)} {what} ({names}), not one")
    sizes = inputs[0].type.tensor_type.shape.dim[1:]
    shape = one_image([size.dim_value or None for size in sizes])
    del graph.input[:]
    graph.input.extend(inputs)
    return Foreign(model, shape, _without_softmax(graph))


def _without_softmax(graph: onnx.GraphProto) -> str:
    """Take a softmax off the end of a graph, so that it gives logits; what it was, or ""."""
    makers = {name: node for node in graph.node for name in node.output}
    last = makers.get(graph.output[0].name)
    while last is not None and last.op_type == "Identity":
        last = makers.get(last.input[0])
    if last is None or last.op_type not in _SOFTMAXES:
        return ""
    logits = helper.make_tensor_value_info(last.input[0], TensorProto.FLOAT, None)
    graph.output[0].CopyFrom(logits)
    graph.node.remove(last)
    return {"Softmax": "softmax", "LogSoftmax": "log-softmax"}[last.op_type]


def embed(
    foreign: Foreign, factor: float, offset: float, order: Sequence[int], temperature: float
) -> bytes:
    """The graph of an artifact around a foreign network.

    It takes pixel · `factor` + `offset`; its logits, brought into an `order`, are those of the
    digits; their mean is divided by the temperature before the softmax.
    """
    graph = Builder()
    opset = next(o.version for o in foreign.model.opset_import if o.domain == "")
    pixels = graph.add("Cast", "images", to=TensorProto.FLOAT)
    scaled = graph.add("Add", graph.add("Mul", pixels, graph.floats(factor)), graph.floats(offset))
    kind = foreign.input.type.tensor_type.elem_type
    shaped = graph.add("Reshape", scaled, graph.whole(-1, *foreign.shape))
    inside = onnx.compose.add_prefix(foreign.model, "model.").graph
    graph.add("Cast", shaped, output=inside.input[0].name, to=kind)
    graph.nodes += inside.node
    graph.constants += inside.initializer
    found = graph.add("Cast", inside.output[0].name, to=TensorProto.FLOAT)
    logits = graph.add("Gather", found, graph.whole(*order), axis=1)
    if opset < 18:
        graph.add("ReduceLogSumExp", logits, output="familiarity", axes=[1], keepdims=0)
    else:
        axes = graph.whole(1)
        graph.add("ReduceLogSumExp", logits, axes, output="familiarity", keepdims=0)
    calm = graph.add("Div", logits, graph.floats(temperature))
    graph.add("Softmax", calm, output="probabilities", axis=-1)
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", GLYPH_PX, GLYPH_PX])
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(DIGITS)]),
        helper.make_tensor_value_info("familiarity", TensorProto.FLOAT, ["n"]),
    ]
    return graph.serialise([images], outputs, foreign.model)
