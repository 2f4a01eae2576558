"""The layers of a Keras model as ONNX nodes. Values stay as Keras has them, channels last.

Spatial layers are put between two transpositions; ONNX Runtime takes most of them out again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from inkdigits.errors import ArtifactError
from inkdigits.importing.activations import activation
from inkdigits.importing.graph import Builder, one_image
from inkdigits.importing.keras_file import KerasLayer, KerasModel, read_keras

_Convert = Callable[[Builder, KerasLayer, list[str]], str]

# They do something only while training.
_IDLE = {
    *("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("ActivityRegularization", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomFlip"),
    *("RandomContrast", "RandomBrightness", "RandomShear", "RandomErasing", "RandomPerspective"),
    *("RandomGaussianBlur", "RandomElasticTransform", "RandomSharpness", "RandomInvert"),
}
_JOINING = {"Add", "Average", "Concatenate", "Maximum", "Multiply", "Subtract"}


def convert_keras(path: Path) -> onnx.ModelProto:
    """An ONNX model of a `.keras` or `.h5` file; `ArtifactError` names a layer that is unknown."""
    model, graph = read_keras(path), Builder()
    shape = one_image(model.shape)
    return graph.finish(_add_model(graph, model, "input"), shape)


def _add_model(graph: Builder, model: KerasModel, last: str) -> str:
    """Append the nodes of a model after `last`; returns the name of its output."""
    values: dict[str, str] = {}
    for layer in model.layers:
        inputs = [values[name] for name in layer.inputs] or [last]
        values[layer.name] = _add_layer(graph, layer, inputs)
    return values[model.output]


def _add_layer(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    if layer.model:
        return _add_model(graph, layer.model, inputs[0])
    if layer.kind in _IDLE or layer.kind == "InputLayer":
        return inputs[0]
    if layer.kind == "Lambda":
        raise ArtifactError(
            f"the layer {layer.name!r} is a Lambda, which has code of its own; code in a model is "
            "never run: put a layer of Keras in its place"
        )
    if layer.kind not in _LAYERS:
        raise ArtifactError(
            f"the layer {layer.name!r} is a {layer.kind}, which can't be imported; these can: "
            f"{', '.join(sorted(_LAYERS))}"
        )
    if layer.config.get("data_format") == "channels_first":
        raise ArtifactError(f"the layer {layer.name!r} has its channels first; only last can be")
    if any(weights.dtype.kind != "f" for weights in layer.weights):
        raise ArtifactError(f"the layer {layer.name!r} has quantised weights; save it in float32")
    if layer.kind in _JOINING and len(inputs) < 2:  # such as x * 2
        raise ArtifactError(f"the layer {layer.name!r} has a constant in it; use Rescaling")
    try:
        return _LAYERS[layer.kind](graph, layer, inputs)
    except LookupError as error:
        raise ArtifactError(
            f"the layer {layer.name!r}, a {layer.kind}, lacks a setting or weights: {error}"
        ) from error


def _spatial(
    graph: Builder, layer: KerasLayer, operator: str, last: str, *weights: str, **more: Any
) -> str:
    """A layer over rows and columns, with Keras's settings for kernel, stride and padding."""
    config = layer.config
    settings = {"strides": config.get("strides"), **more}
    if config.get("padding") == "same":
        settings |= _same_padding(config)
    first = graph.add("Transpose", last, perm=[0, 3, 1, 2])
    found = graph.add(operator, first, *weights, **settings)
    return graph.add("Transpose", found, perm=[0, 2, 3, 1])


def _same_padding(config: dict[str, Any]) -> dict[str, Any]:
    """ONNX Runtime doesn't work it out for dilated kernels; those have no stride in Keras."""
    dilation = config.get("dilation_rate", [1, 1])
    if max(dilation) == 1:
        return {"auto_pad": "SAME_UPPER"}
    sizes = zip(config["kernel_size"], dilation, strict=True)
    total = [step * (size - 1) for size, step in sizes]
    before = [pixels // 2 for pixels in total]
    after = [pixels - start for pixels, start in zip(total, before, strict=True)]
    return {"pads": before + after}


def _activated(graph: Builder, layer: KerasLayer, last: str) -> str:
    return activation(graph, layer.config.get("activation"), last, layer.name)


def _convolution(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    weights = [layer.weights[0].transpose(3, 2, 0, 1), *layer.weights[1:]]
    found = _spatial(
        graph,
        layer,
        "Conv",
        inputs[0],
        *map(graph.value, weights),
        dilations=layer.config["dilation_rate"],
        group=layer.config.get("groups", 1),
    )
    return _activated(graph, layer, found)


def _depthwise(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    return _activated(graph, layer, _by_channel(graph, layer, inputs[0], layer.weights[1:]))


def _by_channel(graph: Builder, layer: KerasLayer, last: str, bias: list[Any]) -> str:
    """The convolution of each channel by itself."""
    rows, columns, channels, multiplier = layer.weights[0].shape
    weight = layer.weights[0].transpose(2, 3, 0, 1)
    weight = weight.reshape(channels * multiplier, 1, rows, columns)
    return _spatial(
        graph,
        layer,
        "Conv",
        last,
        *map(graph.value, [weight, *bias]),
        dilations=layer.config["dilation_rate"],
        group=channels,
    )


def _separable(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    channels = _by_channel(graph, layer, inputs[0], [])
    mixed = graph.add("MatMul", channels, graph.value(layer.weights[1][0, 0]))
    for bias in layer.weights[2:]:
        mixed = graph.add("Add", mixed, graph.value(bias))
    return _activated(graph, layer, mixed)


def _pool(operator: str) -> _Convert:
    def convert(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
        size = layer.config["pool_size"]
        strides = layer.config["strides"] or size
        return _spatial(graph, layer, operator, inputs[0], kernel_shape=size, strides=strides)

    return convert


def _global_pool(operator: str) -> _Convert:
    def convert(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
        kept = int(layer.config.get("keepdims", False))
        return graph.add(operator, inputs[0], axes=[1, 2], keepdims=kept)

    return convert


def _batch_norm(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    """With the statistics of training."""
    _last_axis(layer)
    weights, config = list(layer.weights), layer.config
    gamma = weights.pop(0) if config["scale"] else np.float32(1)
    beta = weights.pop(0) if config["center"] else np.float32(0)
    mean, variance = weights
    factor = gamma / np.sqrt(variance + np.float32(config["epsilon"]))
    scaled = graph.add("Mul", inputs[0], graph.value(factor))
    return graph.add("Add", scaled, graph.value(beta - mean * factor))


def _layer_norm(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    _last_axis(layer)
    weights, config = list(layer.weights), layer.config
    if not config["scale"]:
        weights.insert(0, np.ones_like(weights[0]) if weights else np.ones(1, np.float32))
    names = map(graph.value, weights)
    return graph.add(
        "LayerNormalization", inputs[0], *names, axis=-1, epsilon=float(config["epsilon"])
    )


def _last_axis(layer: KerasLayer) -> None:
    axis = layer.config["axis"]
    if axis not in (-1, [-1], 3, [3]):
        raise ArtifactError(f"the layer {layer.name!r} is over axis {axis}; only the last can be")


def _normalization(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    """Mean and variance as they were adapted, or given."""
    _last_axis(layer)
    mean, variance = layer.weights[:2] or (layer.config["mean"], layer.config["variance"])
    spread = np.maximum(np.sqrt(np.asarray(variance, np.float32)), np.float32(1e-7))
    centred = graph.add("Sub", inputs[0], graph.value(np.asarray(mean, np.float32)))
    return graph.add("Div", centred, graph.value(spread))


def _dense(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    found = graph.add("MatMul", inputs[0], graph.value(layer.weights[0]))
    for bias in layer.weights[1:]:
        found = graph.add("Add", found, graph.value(bias))
    return _activated(graph, layer, found)


def _rescaling(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    factor, offset = (np.array(layer.config[key], np.float32) for key in ("scale", "offset"))
    scaled = graph.add("Mul", inputs[0], graph.value(factor))
    return graph.add("Add", scaled, graph.value(offset))


def _padding(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    (top, bottom), (left, right) = layer.config["padding"]
    return graph.add("Pad", inputs[0], graph.whole(0, top, left, 0, 0, bottom, right, 0))


def _relu(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    slope, most = layer.config.get("negative_slope") or 0.0, layer.config.get("max_value")
    if layer.config.get("threshold"):
        raise ArtifactError(f"the layer {layer.name!r} is a ReLU with a threshold, unlike others")
    found = graph.add("LeakyRelu", inputs[0], alpha=float(slope))
    return found if most is None else graph.add("Min", found, graph.floats(most))


def _leaky_relu(graph: Builder, layer: KerasLayer, inputs: list[str]) -> str:
    config = layer.config  # Keras 2 calls it alpha
    slope = config["negative_slope"] if "negative_slope" in config else config["alpha"]
    return graph.add("LeakyRelu", inputs[0], alpha=float(slope))


def _joined(operator: str) -> _Convert:
    def convert(graph: Builder, _layer: KerasLayer, inputs: list[str]) -> str:
        found = inputs[0]
        for other in inputs[1:]:
            found = graph.add(operator, found, other)
        return found

    return convert


_LAYERS: dict[str, _Convert] = {
    "Activation": lambda graph, layer, inputs: _activated(graph, layer, inputs[0]),
    "Add": _joined("Add"),
    "Average": lambda graph, _layer, inputs: graph.add("Mean", *inputs),
    "AveragePooling2D": _pool("AveragePool"),
    "BatchNormalization": _batch_norm,
    "Concatenate": lambda graph, layer, inputs: graph.add(
        "Concat", *inputs, axis=layer.config["axis"]
    ),
    "Conv2D": _convolution,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
    "ELU": lambda graph, layer, inputs: graph.add("Elu", inputs[0], alpha=layer.config["alpha"]),
    "Flatten": lambda graph, _layer, inputs: graph.add("Flatten", inputs[0]),
    "GlobalAveragePooling2D": _global_pool("ReduceMean"),
    "GlobalMaxPooling2D": _global_pool("ReduceMax"),
    "LayerNormalization": _layer_norm,
    "LeakyReLU": _leaky_relu,
    "MaxPooling2D": _pool("MaxPool"),
    "Maximum": lambda graph, _layer, inputs: graph.add("Max", *inputs),
    "Multiply": _joined("Mul"),
    "Normalization": _normalization,
    "Permute": lambda graph, layer, inputs: graph.add(
        "Transpose", inputs[0], perm=[0, *layer.config["dims"]]
    ),
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": lambda graph, layer, inputs: graph.add(
        "Reshape", inputs[0], graph.whole(0, *layer.config["target_shape"])
    ),
    "SeparableConv2D": _separable,
    "Softmax": lambda graph, layer, inputs: activation(graph, "softmax", inputs[0], layer.name),
    "Subtract": _joined("Sub"),
    "ZeroPadding2D": _padding,
}
