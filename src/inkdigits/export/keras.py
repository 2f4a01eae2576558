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

__all__ = ["KerasNetwork", "build_keras", "build_logits", "export_keras", "keras", "open_keras"]

_EPSILON, _MOMENTUM = 1e-5, 0.9  # of batch norm; Keras's momentum is one minus PyTorch's
_PARTS = ("weight", "bias", "running_mean", "running_var")  # in Keras's order
_AXES: dict[type, tuple[int, ...]] = {Conv: (2, 3, 1, 0), Dense: (1, 0)}  # of PyTorch's weight


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
    return keras.Model(pixels, outputs, name="inkdigits")


def build_logits(networks: Sequence[Network]) -> tuple[Any, Any]:
    """Tensors of pixels, (n, 28, 28, 1), 0…255, and of the networks' mean logits."""
    pixels = keras.Input((GLYPH_PX, GLYPH_PX, 1), name="images")
    logits = []
    for network in networks:
        made = KerasNetwork(network.layers, network.pixel_mean, network.pixel_scale)
        logits.append(made(pixels))
        made.set_weights(network.weights)
    return pixels, logits[0] if len(logits) == 1 else keras.layers.Average()(logits)


class KerasNetwork:
    """A network's layers as Keras's, freshly initialised; `decay` is an L2 penalty on weights."""

    def __init__(
        self, layers: Sequence[Layer], mean: float, scale: float, decay: float = 0.0
    ) -> None:
        self._layers, self._mean, self._scale = layers, mean, scale
        penalty = keras.regularizers.L2(decay / 2) if decay else None
        self._made = [_keras_layer(layer, penalty) for layer in layers]

    def __call__(self, pixels: Any) -> Any:
        """The logits on a tensor of pixels, (n, 28, 28, 1), 0…255."""
        values = keras.layers.Rescaling(1 / self._scale, -self._mean / self._scale)(pixels)
        for layer, made in zip(self._layers, self._made, strict=True):
            if isinstance(layer, Conv) and layer.padding:
                values = keras.layers.ZeroPadding2D(layer.padding)(values)
            if isinstance(layer, Flatten):  # in the order channel, row, column
                values = keras.layers.Permute((3, 1, 2))(values)
            values = made(values)
        return values

    def set_weights(self, weights: Sequence[LayerWeights]) -> None:
        """Weights by layer, as `Network` has them."""
        for layer, made, parts in zip(self._layers, self._made, weights, strict=True):
            if parts:
                stored = dict(parts)
                if type(layer) in _AXES:
                    stored["weight"] = parts["weight"].transpose(_AXES[type(layer)])
                made.set_weights([stored[part] for part in _PARTS if part in stored])

    def get_weights(self) -> list[LayerWeights]:
        """The inverse of `set_weights`."""
        found = []
        for layer, made in zip(self._layers, self._made, strict=True):
            parts = dict(zip(_PARTS, made.get_weights(), strict=False))
            if type(layer) in _AXES:
                back = np.argsort(_AXES[type(layer)])
                parts["weight"] = np.ascontiguousarray(parts["weight"].transpose(back))
            found.append(parts)
        return found


def _keras_layer(layer: Layer, penalty: Any) -> Any:
    match layer:
        case Conv(channels, kernel, stride, _):
            return keras.layers.Conv2D(channels, kernel, stride, kernel_regularizer=penalty)
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
            return keras.layers.Dense(units, kernel_regularizer=penalty)
