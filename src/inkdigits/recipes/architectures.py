"""Networks as values: tuples of layers that PyTorch and ONNX models are built from.

The input is one channel of 28×28; the last layer gives ten logits. The model owns its
normalisation, and the softmax belongs to the loss or to the artifact: neither is listed here.
Networks trained with junk have an eleventh logit for it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Conv:
    """A square convolution with bias; `padding` is in pixels on each side."""

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int = 0


@dataclass(frozen=True)
class MaxPool:
    """The maximum of each `size`×`size` patch."""

    size: int = 2


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation over channels (Ioffe and Szegedy, 2015)."""


@dataclass(frozen=True)
class ReLU:
    """max(0, x)."""


@dataclass(frozen=True)
class Dropout:
    """Zero a random share `rate` of the values while training (Srivastava et al., 2014)."""

    rate: float


@dataclass(frozen=True)
class Flatten:
    """Flatten channels, rows and columns, in this order."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer with bias."""

    units: int


CLASSES = 10
Layer = Conv | MaxPool | BatchNorm | ReLU | Dropout | Flatten | Dense


def conv(channels: int, kernel: int = 3, stride: int = 1, padding: int = 0) -> tuple[Layer, ...]:
    """A convolution with batch norm and ReLU: one operation at run time."""
    return (Conv(channels, kernel, stride, padding), BatchNorm(), ReLU())


ARCHITECTURES: dict[str, tuple[Layer, ...]] = {
    "keras-baseline": (
        *(Conv(32), ReLU(), MaxPool()),
        *(Conv(64), ReLU(), MaxPool()),
        *(Flatten(), Dense(128), ReLU(), Dropout(0.5), Dense(10)),
    ),
    "keras-simple": (
        *(Conv(32), ReLU(), MaxPool()),
        *(Conv(64), ReLU(), MaxPool(), Dropout(0.25)),
        *(Flatten(), Dense(128), ReLU(), Dense(10)),
    ),
    "keras-two-dropouts": (
        *(Conv(32), ReLU(), MaxPool()),
        *(Conv(64), ReLU(), MaxPool(), Dropout(0.25)),
        *(Flatten(), Dense(128), ReLU(), Dropout(0.5), Dense(10)),
    ),
    "keras-batch-norm": (
        *(Conv(32), ReLU(), BatchNorm()),
        *(Conv(64), ReLU(), BatchNorm(), MaxPool()),
        *(Conv(128), ReLU(), BatchNorm(), MaxPool()),
        *(Flatten(), Dense(256), ReLU(), Dropout(0.5), Dense(10)),
    ),
    "torch-two-conv": (
        *(Conv(32, kernel=5, padding=2), ReLU(), MaxPool()),
        *(Conv(64, kernel=5, padding=2), ReLU(), MaxPool()),
        *(Flatten(), Dropout(0.5), Dense(10)),
    ),
    "tiny": (
        *(Conv(16, kernel=5, stride=2, padding=2), ReLU()),
        *(Conv(32, stride=2, padding=1), ReLU()),
        *(Flatten(), Dense(10)),
    ),
    # The first convolution is 5×5 at stride 2, none is padded (MNIST's border is blank),
    # and a dense layer follows at 5×5: a fifth of `keras-baseline`'s multiply-adds.
    "strided-dense": (
        *(Conv(16, kernel=5, stride=2), ReLU()),
        *(Conv(32), MaxPool(), ReLU()),
        *(Flatten(), Dense(64), ReLU(), Dense(10)),
    ),
    # In this order, batch norm and ReLU are fused into the convolution when the artifact runs:
    # 8 % faster reading than with pooling first, and no slower to train.
    "strided": (
        *conv(16, kernel=5, stride=2),
        *(*conv(32), MaxPool()),
        *conv(128),
        *(Flatten(), Dense(10)),
    ),
    # After Deotte's network of 2018, twice as wide and without dropout: 60 million multiply-adds.
    # The convolutions at full size are worth it: with stride 2 in the first, half as wide, 46
    # errors of 12,000 instead of 39.
    "deep-wide": (
        *(*conv(64), *conv(64), *conv(64, kernel=5, stride=2, padding=2)),
        *(*conv(128), *conv(128), *conv(128, kernel=5, stride=2, padding=2)),
        *(*conv(256, kernel=4), Flatten(), Dense(CLASSES)),
    ),
    # For digits among other ink: the full size of the first two layers tells what belongs together.
    "cutout": (
        *(*conv(32, kernel=5, padding=2), *conv(32, stride=2, padding=1)),
        *(*conv(56, padding=1), *conv(56, stride=2, padding=1)),
        *(*conv(96, padding=1), MaxPool()),
        *(Flatten(), Dropout(0.3), Dense(CLASSES)),
    ),
    # An eleventh class for junk. The dense layer is cheap to run and adds 0.2 points under heavy
    # augmentation. Channels are multiples of 16: with 20, 40 and 160 it takes twice as long to run.
    "strided-junk": (
        *conv(16, kernel=5, stride=2),
        *(*conv(48), MaxPool()),
        *conv(128),
        *(Flatten(), Dense(256), ReLU(), Dense(CLASSES + 1)),
    ),
}


def with_classes(layers: tuple[Layer, ...], classes: int) -> tuple[Layer, ...]:
    """The layers with a last one for another number of classes, and for junk as before."""
    return (*layers[:-1], Dense(classes + knows_junk(layers)))


def knows_junk(layers: tuple[Layer, ...]) -> bool:
    """Whether a network for ten classes has an eleventh logit, for junk."""
    return layers[-1] == Dense(CLASSES + 1)
