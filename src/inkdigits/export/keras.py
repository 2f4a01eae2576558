"""Export as a Keras 3 model, `.keras`, whatever backend is installed.

The model takes raw pixels 0…255, (n, 28, 28, 1), and gives `probabilities` and `familiarity`, as
the artifact does; its layers are Keras's own, so it can be trained further.
"""

import os
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import GLYPH_PX
from inkdigits.export.network import LayerWeights, Network
from inkdigits.export.source import Outputs, Run, Source
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

if "KERAS_BACKEND" not in os.environ and find_spec("tensorflow") is None:
    os.environ["KERAS_BACKEND"] = "torch"  # Keras itself would look for TensorFlow
import keras

_EPSILON, _MOMENTUM = 1e-5, 0.9  # of batch norm; Keras's momentum is one minus PyTorch's


def export_keras(source: Source) -> bytes:
    """The bytes of a `.keras` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        build_keras(source).save(path)
        return path.read_bytes()


def open_keras(content: bytes) -> Run:
    """A `.keras` file of `export_keras`, ready to run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(content)
        model = keras.models.load_model(path)

    def run(images: NDArray[np.uint8]) -> Outputs:
        found = model(images[..., None].astype(np.float32), training=False)
        probabilities, familiarity = (
            keras.ops.convert_to_numpy(found[name]) for name in ("probabilities", "familiarity")
        )
        return probabilities, familiarity

    return run


def build_keras(source: Source) -> Any:
    """The artifact as a `keras.Model`."""
    pixels, mean = build_logits(source.networks)
    classes, knows_junk = source.networks[0].classes, source.networks[0].knows_junk
    digits = mean[:, :classes] if knows_junk else mean
    familiarity = keras.ops.logsumexp(digits, axis=1)
    if knows_junk:
        familiarity = familiarity - mean[:, classes]
    calm = keras.layers.Rescaling(1 / source.info.temperature)(digits)
    probabilities = keras.layers.Softmax(name="probabilities")(calm)
    outputs = {"probabilities": probabilities, "familiarity": familiarity}
    return as_model(pixels, outputs)


def as_model(pixels: Any, outputs: dict[str, Any]) -> Any:
    """A Keras model from a tensor of pixels to named tensors."""
    return keras.Model(pixels, outputs, name="inkdigits")


def backend() -> str:
    """What Keras computes with here."""
    name: str = keras.backend.backend()
    return name


def build_logits(networks: Sequence[Network]) -> tuple[Any, Any]:
    """Tensors of pixels, (n, 28, 28, 1), 0…255, and of the networks' mean logits."""
    pixels = keras.Input((GLYPH_PX, GLYPH_PX, 1), name="images")
    logits = [_build_layers(network, pixels) for network in networks]
    return pixels, logits[0] if len(logits) == 1 else keras.layers.Average()(logits)


def _build_layers(network: Network, pixels: Any) -> Any:
    scale = network.pixel_scale
    values = keras.layers.Rescaling(1 / scale, -network.pixel_mean / scale)(pixels)
    for layer, weights in zip(network.layers, network.weights, strict=True):
        if isinstance(layer, Conv) and layer.padding:
            values = keras.layers.ZeroPadding2D(layer.padding)(values)
        if isinstance(layer, Flatten):  # in the order channel, row, column
            values = keras.layers.Permute((3, 1, 2))(values)
        made = _keras_layer(layer)
        values = made(values)
        if weights:
            made.set_weights(_keras_weights(layer, weights))
    return values


def _keras_layer(layer: Layer) -> Any:
    match layer:
        case Conv(channels, kernel, stride, _):
            return keras.layers.Conv2D(channels, kernel, stride)
        case MaxPool(size):
            return keras.layers.MaxPooling2D(size)
        case BatchNorm():
            return keras.layers.BatchNormalization(epsilon=_EPSILON, momentum=_MOMENTUM)
        case ReLU():
            return keras.layers.ReLU()
        case Dropout(rate):
            return keras.layers.Dropout(rate)
        case Flatten():
            return keras.layers.Flatten()
        case Dense(units):
            return keras.layers.Dense(units)


def _keras_weights(layer: Layer, weights: LayerWeights) -> list[NDArray[np.float32]]:
    """A layer's weights in Keras's order and layout."""
    match layer:
        case Conv():
            return [weights["weight"].transpose(2, 3, 1, 0), weights["bias"]]
        case Dense():
            return [weights["weight"].T, weights["bias"]]
        case _:
            return [weights[part] for part in ("weight", "bias", "running_mean", "running_var")]
