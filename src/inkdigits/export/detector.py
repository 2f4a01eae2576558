"""From a trained detector's NumPy weights to an ONNX graph, written directly.

The graph takes `ink`, float32 (1, 1, height, width) in 0…1 with sides that are multiples of 16, and
gives `classes`, scores 0…1 (1, classes, height/4, width/4), and `sizes` (1, 5, height/4, width/4).
Batch norm is folded into the convolutions.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from inkdigits.export.onnx import Graph

Weights = Mapping[str, NDArray[np.float32]]
_EPSILON = 1e-5  # of batch norm


def export_detector(weights: Weights, classes: int) -> bytes:
    """A serialised, checked ONNX model; `weights` are named as in `training.detector.network`."""
    net = _Builder(weights)
    half = net.block("at_half", "ink", stride=2)
    quarter = net.block("at_quarter.1", net.block("at_quarter.0", half, stride=2))
    eighth = net.block("at_eighth.0", quarter, stride=2)
    eighth = net.block("at_eighth.2", net.block("at_eighth.1", eighth))
    sixteenth = net.block("at_sixteenth.1", net.block("at_sixteenth.0", eighth, stride=2))
    eighth = net.relu(net.add(eighth, net.doubled(net.convolution("from_sixteenth", sixteenth))))
    joined = net.relu(
        net.add(
            net.convolution("from_quarter", quarter),
            net.doubled(net.convolution("from_eighth", eighth)),
        )
    )
    maps = net.convolution("head", net.block("joined", joined))
    return net.serialise(maps, classes)


def unseal_detector(content: bytes) -> tuple[bytes, dict[str, Any]]:
    """The graph of a detector's file without its metadata, and these."""
    model = onnx.load_from_string(content)
    stored = {entry.key.removeprefix("inkdigits."): entry.value for entry in model.metadata_props}
    del model.metadata_props[:]
    metadata = {name: json.loads(value) for name, value in stored.items() if name != "sha256"}
    return model.SerializeToString(), metadata


class _Builder:
    """ONNX nodes of the detector in the making."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._graph = Graph()
        self._graph.constant("twice", np.array([1, 1, 2, 2], np.float32))

    def block(self, name: str, last: str, *, stride: int = 1) -> str:
        """A convolution with its batch norm folded in, and ReLU."""
        weight = self._weights[f"{name}.0.weight"]
        scale, shift, mean, variance = (
            self._weights[f"{name}.1.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + np.float32(_EPSILON))
        folded = weight * factor[:, None, None, None]
        return self.relu(self._conv(name, folded, shift - mean * factor, last, stride))

    def convolution(self, name: str, last: str) -> str:
        """A convolution of 1×1 with a bias."""
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return self._conv(name, weight, bias, last, 1)

    def _conv(
        self,
        name: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32],
        last: str,
        stride: int,
    ) -> str:
        size = weight.shape[-1]
        names = [
            self._graph.constant(f"{name}.weight", weight.astype(np.float32)),
            self._graph.constant(f"{name}.bias", bias.astype(np.float32)),
        ]
        return self._graph.add(
            "Conv",
            last,
            *names,
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[size // 2] * 4,
        )

    def relu(self, last: str) -> str:
        """Negative values as 0."""
        return self._graph.add("Relu", last)

    def add(self, one: str, other: str) -> str:
        """The sum of two maps."""
        return self._graph.add("Add", one, other)

    def doubled(self, last: str) -> str:
        """Every cell as 2×2 cells."""
        return self._graph.add(
            "Resize",
            last,
            "",
            "twice",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def serialise(self, maps: str, classes: int) -> bytes:
        """Split the maps into scores and sizes, and check the model."""
        graph, sizes = self._graph, self._weights["head.bias"].shape[0] - classes
        parts = graph.constant("parts", np.array([classes, sizes], np.int64))
        graph.add_split(maps, parts, ["logits", "sizes"])
        graph.add("Sigmoid", "logits", output="classes")
        ink = helper.make_tensor_value_info("ink", TensorProto.FLOAT, [1, 1, "h", "w"])
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "h4", "w4"])
            for name, channels in (("classes", classes), ("sizes", sizes))
        ]
        return graph.serialise([ink], outputs)
