"""Export trained networks as an ONNX graph: one operator per layer, written directly.

The graph takes uint8 images (n, 28, 28) and gives probabilities (n, classes) and familiarity
(n,), as `inkdigits.training.calibration` defines them. It is built layer by layer, not traced: the
architectures have seven kinds of layer, the same weights give the same bytes, and it takes
milliseconds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inkdigits.artifact import GLYPH_PX
from inkdigits.errors import ArtifactError
from inkdigits.export.network import LayerWeights, Network
from inkdigits.recipes.architectures import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    ReLU,
)

Weights = tuple[LayerWeights, ...]
_PARTS: dict[type, tuple[str, ...]] = {
    Conv: ("weight", "bias"),
    BatchNorm: ("weight", "bias", "running_mean", "running_var"),
    Dense: ("weight", "bias"),
}
OPSET = 17
IR_VERSION = 8


def export_onnx(networks: Sequence[Network], temperature: float = 1.0) -> bytes:
    """A serialised, checked ONNX model of one or more networks.

    Their mean logits are divided by the temperature before the softmax.
    """
    graph, classes = Graph(), networks[0].classes
    graph.constant("channel_axis", np.array([1], np.int64))
    pixels = graph.add("Cast", "images", to=TensorProto.FLOAT)
    pixels = graph.add("Unsqueeze", pixels, "channel_axis")
    logits = [
        _add_network(graph, network, f"network{i}", pixels) for i, network in enumerate(networks)
    ]
    digits = mean = logits[0] if len(logits) == 1 else graph.add("Mean", *logits)
    if networks[0].knows_junk:
        sizes = graph.constant("sizes", np.array([classes, 1], np.int64))
        digits, junk = graph.add_split(mean, sizes, ["digit_logits", "junk_logit"])
        known = graph.add("ReduceLogSumExp", digits, axes=[1], keepdims=0)
        unknown = graph.add("Squeeze", junk, "channel_axis")
        graph.add("Sub", known, unknown, output="familiarity")
    else:
        graph.add("ReduceLogSumExp", digits, output="familiarity", axes=[1], keepdims=0)
    divisor = graph.constant("temperature", np.array(temperature, np.float32))
    graph.add("Softmax", graph.add("Div", digits, divisor), output="probabilities", axis=-1)
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", GLYPH_PX, GLYPH_PX])
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes]),
        helper.make_tensor_value_info("familiarity", TensorProto.FLOAT, ["n"]),
    ]
    return graph.serialise([images], outputs)


def read_weights(
    content: bytes, layers: tuple[Layer, ...], mean: float, scale: float, number: int = 0
) -> Weights:
    """The weights of an exported model's network of a number: the inverse of `export_onnx`.

    They are by layer. `mean` and `scale` are those of its normalisation. Raises `ArtifactError`
    for other layers.
    """
    graph = onnx.load_from_string(content).graph
    stored = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    weights = []
    for index, layer in enumerate(layers):
        names = _PARTS.get(type(layer), ())
        try:
            weights.append({n: stored[f"network{number}.layer{index}.{n}"].copy() for n in names})
        except KeyError:
            raise ArtifactError("the artifact is of another network than its recipe's") from None
    if f"network{number}.mean" not in stored:  # see `_fold`
        folded = weights[0]["weight"]
        shift = folded.sum(axis=(1, 2, 3)) * np.float32(mean)
        weights[0] = {"weight": folded * np.float32(scale), "bias": weights[0]["bias"] + shift}
    return tuple(weights)


class Graph:
    """A builder of ONNX nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Append a constant; returns its name."""
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append a node; returns the name of its output."""
        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def add_split(self, joined: str, sizes: str, parts: list[str]) -> list[str]:
        """Append a split along the channels; returns the names of the parts."""
        self.nodes.append(helper.make_node("Split", [joined, sizes], parts, axis=1))
        return parts

    def serialise(
        self,
        inputs: list[onnx.ValueInfoProto],
        outputs: list[onnx.ValueInfoProto],
        inside: onnx.ModelProto | None = None,
    ) -> bytes:
        """The checked model, the same for the same nodes and constants to the byte.

        `inside` is a model whose nodes are among them: it says of which versions they are.
        """
        graph = helper.make_graph(self.nodes, "inkdigits", inputs, outputs, self.constants)
        model = helper.make_model(
            graph,
            producer_name="inkdigits",
            ir_version=inside.ir_version if inside else IR_VERSION,
            opset_imports=inside.opset_import if inside else [helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        serialised: bytes = model.SerializeToString(deterministic=True)
        return serialised


def _add_network(graph: Graph, network: Network, name: str, pixels: str) -> str:
    """Append the nodes of one network; returns the name of its logits."""
    last, folded = pixels, _fold(network)
    if not folded:
        mean = graph.constant(f"{name}.mean", np.array(network.pixel_mean, np.float32))
        scale = graph.constant(f"{name}.scale", np.array(network.pixel_scale, np.float32))
        last = graph.add("Div", graph.add("Sub", last, mean), scale)
    for index, (layer, own) in enumerate(zip(network.layers, network.weights, strict=True)):
        weights = folded if folded and index == 0 else own
        last = _add_layer(graph, layer, f"{name}.layer{index}", weights, last)
    return last


def _fold(network: Network) -> LayerWeights:
    """The weights of the first convolution with the normalisation folded in; {} if it is padded.

    Normalisation and convolution are both linear, so one convolution does both. That saves two
    passes over the pixels, 5 % of the time. Zero padding would be wrong: it must be the mean.
    """
    first, weights = network.layers[0], network.weights[0]
    if not isinstance(first, Conv) or first.padding:
        return {}
    weight = weights["weight"] / np.float32(network.pixel_scale)
    shift = weight.sum(axis=(1, 2, 3)) * np.float32(network.pixel_mean)
    return {"weight": weight, "bias": weights["bias"] - shift}


def _add_layer(graph: Graph, layer: Layer, name: str, weights: LayerWeights, last: str) -> str:
    """Append the nodes of one layer after `last`; returns the name of its output."""

    def constants(*parts: str) -> list[str]:
        return [graph.constant(f"{name}.{part}", weights[part]) for part in parts]

    match layer:
        case Conv(_, kernel, stride, padding):
            return graph.add(
                "Conv",
                last,
                *constants(*_PARTS[Conv]),
                kernel_shape=[kernel, kernel],
                strides=[stride, stride],
                pads=[padding] * 4,
            )
        case MaxPool(size):
            return graph.add("MaxPool", last, kernel_shape=[size, size], strides=[size, size])
        case BatchNorm():
            names = constants(*_PARTS[BatchNorm])
            return graph.add("BatchNormalization", last, *names, epsilon=1e-5)
        case ReLU():
            return graph.add("Relu", last)
        case Dropout():
            return last
        case Flatten():
            return graph.add("Flatten", last)
        case Dense():
            return graph.add("Gemm", last, *constants(*_PARTS[Dense]), transB=1)
