"""Compute the nodes of a network with NumPy: the operators that inkdigits exports use."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from inkdigits.graph.model import Array, Node, parse_model

Convolve = Callable[[Array, Array, Array, int, int], Array]
"""From images (n, channels, height, width), weights (units, channels, side, side), a bias (units,),
stride and padding in pixels to (n, units, height, width), all float32."""


class NumpySession:
    """Runs an ONNX file as `onnxruntime.InferenceSession` does, as far as `run` and the metadata.

    `convolve` is where the time goes; a browser gives a faster one. Raises `ValueError` for bytes
    that are no ONNX model, and for unknown operators.
    """

    def __init__(self, content: bytes, convolve: Convolve | None = None) -> None:
        self._model = parse_model(content)
        unknown = {node.operator for node in self._model.nodes} - {*_OPERATORS, "Conv", "Gemm"}
        if unknown:
            raise ValueError(f"the operator {min(unknown)} is unknown here")
        self._convolve = convolve or convolve_numpy

    def get_modelmeta(self) -> Any:
        """What has the metadata, as `custom_metadata_map`."""
        return SimpleNamespace(custom_metadata_map=self._model.metadata)

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> list[Array]:
        """The outputs of these names for named inputs."""
        values: dict[str, Any] = {"": None, **self._model.weights, **feeds}
        for node in self._model.nodes:
            given = [values[name] for name in node.inputs]
            made = self._compute(node, given)
            values.update(zip(node.outputs, made, strict=True))
        return [values[name] for name in names]

    def _compute(self, node: Node, given: list[Array]) -> Sequence[Array]:
        if node.operator == "Conv":
            stride, pad = node.attributes["strides"][0], node.attributes["pads"][0]
            return [self._convolve(given[0], given[1], given[2], stride, pad)]
        if node.operator == "Gemm":  # a convolution of as many channels as inputs: one pixel each
            pixels = np.ascontiguousarray(given[0].T)[None, :, None]
            weight = given[1][:, :, None, None]
            return [self._convolve(pixels, weight, given[2], 1, 0)[0, :, 0].T]
        return _OPERATORS[node.operator](node, *given)


def convolve_numpy(images: Array, weight: Array, bias: Array, stride: int, pad: int) -> Array:
    """The convolution as a product of matrices."""
    padded = np.pad(images, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    units, _, side, _ = weight.shape
    windows = sliding_window_view(padded, (side, side), axis=(2, 3))[:, :, ::stride, ::stride]
    n, _, height, width = windows.shape[:4]
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * height * width, -1)
    flat = columns @ weight.reshape(units, -1).T + bias
    return np.ascontiguousarray(flat.reshape(n, height, width, units).transpose(0, 3, 1, 2))


def _normalise(node: Node, x: Array, scale: Array, shift: Array, mean: Array, var: Array) -> Any:
    factor = scale / np.sqrt(var + np.float32(node.attributes["epsilon"]))
    return [x * factor[:, None, None] + (shift - mean * factor)[:, None, None]]


def _pool(node: Node, x: Array) -> list[Array]:
    size = node.attributes["kernel_shape"][0]
    n, channels, height, width = x.shape
    rows, columns = height // size, width // size
    whole = x[:, :, : rows * size, : columns * size]
    return [whole.reshape(n, channels, rows, size, columns, size).max(axis=(3, 5))]


def _log_sum_exp(x: Array) -> Array:
    most = x.max(axis=1, keepdims=True)
    total: Array = most[:, 0] + np.log(np.exp(x - most).sum(axis=1))
    return total


def _softmax(x: Array) -> Array:
    shares: Array = np.exp(x - x.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares


_OPERATORS: dict[str, Callable[..., Sequence[Array]]] = {
    "Add": lambda _, a, b: [a + b],
    "BatchNormalization": _normalise,
    "Cast": lambda _, x: [x.astype(np.float32)],
    "Div": lambda _, a, b: [a / b],
    "Flatten": lambda _, x: [x.reshape(len(x), -1)],
    "MaxPool": _pool,
    "Mean": lambda _, *each: [sum(each[1:], each[0]) / np.float32(len(each))],
    "ReduceLogSumExp": lambda _, x: [_log_sum_exp(x)],
    "Relu": lambda _, x: [np.maximum(x, 0)],
    "Resize": lambda _, x, _roi, scales: [
        x.repeat(int(scales[2]), axis=2).repeat(int(scales[3]), axis=3)
    ],
    "Sigmoid": lambda _, x: [1 / (1 + np.exp(-x))],
    "Softmax": lambda _, x: [_softmax(x)],
    "Split": lambda _, x, sizes: np.split(x, sizes.cumsum()[:-1], axis=1),
    "Squeeze": lambda _, x, axes: [np.squeeze(x, tuple(axes))],
    "Sub": lambda _, a, b: [a - b],
    "Unsqueeze": lambda _, x, axes: [np.expand_dims(x, tuple(axes))],
}
