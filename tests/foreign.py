"""Digit models as other people make them, in Keras and PyTorch: they know digits after a second.

Their layers have random weights, but for the last, which is fitted by least squares.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch
from keras import layers
from torch import nn

RANDOM = np.random.default_rng(0)


def fitted(features: np.ndarray, labels: np.ndarray, order: str = "0123456789") -> np.ndarray:
    """Weights (features + 1, 10) whose logits are highest at each label's place in an order."""
    places = np.array([order.index(digit) for digit in "0123456789"])[labels]
    wanted = np.eye(10)[places] * 20 - 10
    known = np.hstack([features, np.ones((len(features), 1))]).astype(np.float64)
    strength = 0.1 * np.trace(known.T @ known) / len(known.T) * np.eye(len(known.T)) / 10
    return np.linalg.solve(known.T @ known + strength, known.T @ wanted).astype(np.float32)


def teach(model: keras.Model, inputs: np.ndarray, labels: np.ndarray, order: str) -> None:
    """Fit a model's last dense layer; give batch norm statistics of its own."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            sizes = [weights.shape for weights in layer.get_weights()]
            layer.set_weights([RANDOM.uniform(0.5, 1.5, size) for size in sizes])
    last = [layer for layer in model.layers if isinstance(layer, layers.Dense)][-1]
    weights = fitted(outputs(keras.Model(model.inputs[0], last.input), inputs), labels, order)
    last.set_weights([weights[:-1], weights[-1]])


def outputs(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """What a Keras model gives."""
    return keras.ops.convert_to_numpy(model(inputs.astype(np.float32), training=False))


def conv_and_dense() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 5, strides=2, padding="same", activation="relu"),
            layers.ZeroPadding2D(1),
            layers.MaxPooling2D(2),
            layers.SpatialDropout2D(0.2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(200, activation="silu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def functional_with_skip() -> keras.Model:
    pixels = keras.Input((28, 28))
    square = layers.Reshape((28, 28, 1))(pixels)
    first = layers.Conv2D(8, 3, padding="same", strides=2, activation="gelu")(square)
    wide = layers.SeparableConv2D(8, 3, padding="same", activation="relu")(first)
    deep = layers.DepthwiseConv2D(3, padding="same", dilation_rate=2, use_bias=False)(first)
    joined = layers.LayerNormalization()(layers.Add()([wide, deep]))
    both = layers.Concatenate()([joined, layers.LeakyReLU()(first)])
    # Padded by "same", Keras 3.15 on PyTorch takes the padding into the average, unlike TensorFlow.
    small = layers.MaxPooling2D(2, padding="same")(layers.AveragePooling2D(3, strides=1)(both))
    flat = layers.Flatten()(small)
    mean, most = layers.GlobalAveragePooling2D()(both), layers.GlobalMaxPooling2D()(both)
    return keras.Model(pixels, layers.Dense(10)(layers.Concatenate()([flat, mean, most])))


def norm_and_augmentation() -> keras.Model:
    pixels = keras.Input((28, 28, 1))
    augmented = keras.Sequential(
        [layers.RandomRotation(0.1), layers.RandomZoom(0.1), layers.GaussianNoise(0.1)]
    )(pixels)
    values = layers.Rescaling(1 / 127.5, offset=-1)(augmented)
    values = layers.Conv2D(8, 5, strides=2, use_bias=False)(values)
    values = layers.ReLU()(layers.BatchNormalization()(values))
    values = layers.Conv2D(12, 3, groups=2)(values)
    values = layers.Activation("elu")(layers.BatchNormalization(scale=False)(values))
    values = layers.Flatten()(layers.MaxPooling2D()(values))
    return keras.Model(pixels, layers.Softmax()(layers.Dense(10)(values)))


def only_dense() -> keras.Model:
    hidden = layers.Dense(300, activation="relu")
    return keras.Sequential([keras.Input((784,)), hidden, layers.Dense(10, activation="softmax")])


class Convolutions(nn.Module):
    """As PyTorch's tutorials write it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 5, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 12, 3, padding="same", groups=4)
        self.dropout = nn.Dropout(0.5)
        self.last = nn.Linear(12 * 6 * 6, 10)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        values = nn.functional.relu(self.norm(self.first(images)))
        values = nn.functional.max_pool2d(values, 2)
        values = nn.functional.gelu(self.second(values)) * 2
        return self.dropout(values.view(values.size(0), -1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.log_softmax(self.last(self.features(images)), dim=1)


def convolutions(images: np.ndarray, labels: np.ndarray) -> Convolutions:
    """The module, which knows digits."""
    torch.manual_seed(0)
    model = Convolutions().eval()
    model.norm.running_mean.uniform_(-0.2, 0.2)
    model.norm.running_var.uniform_(0.5, 1.5)
    with torch.no_grad():
        weights = torch.from_numpy(fitted(model.features(torch.from_numpy(images)).numpy(), labels))
        model.last.weight.copy_(weights[:-1].T)
        model.last.bias.copy_(weights[-1])
    return model
