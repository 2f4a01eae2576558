"""A network as the fewest steps that compute it: batch norm and ReLU go into their neighbours."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import GLYPH_PX
from inkdigits.export.network import LayerWeights, Network
from inkdigits.recipes.architectures import BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool, ReLU

Floats = NDArray[np.float32]
_EPSILON = 1e-5  # of batch norm


@dataclass(frozen=True)
class Weighted:
    """A convolution, weight (out, in, kernel, kernel), or a dense layer, weight (out, in)."""

    weight: Floats
    bias: Floats
    stride: int = 1
    padding: int = 0
    relu: bool = False


@dataclass(frozen=True)
class Affine:
    """Each channel times a factor, plus an offset, both (channels,)."""

    factor: Floats
    offset: Floats
    relu: bool = False


@dataclass(frozen=True)
class Pool:
    """The maximum of each `size`×`size` patch."""

    size: int


Stage = Weighted | Affine | Pool


def stages_of(network: Network) -> tuple[Stage, ...]:
    """The steps from normalised pixels (1, 28, 28) to logits; values are channel, row, column."""
    stages: list[Stage] = []
    for layer, weights in zip(network.layers, network.weights, strict=True):
        match layer:
            case Conv(_, _, stride, padding):
                stages.append(Weighted(weights["weight"], weights["bias"], stride, padding))
            case Dense():
                stages.append(Weighted(weights["weight"], weights["bias"]))
            case BatchNorm():
                _add_norm(stages, weights)
            case ReLU():
                _add_relu(stages)
            case MaxPool(size):
                stages.append(Pool(size))
            case Dropout() | Flatten():
                pass
    return tuple(stages)


def _add_norm(stages: list[Stage], weights: LayerWeights) -> None:
    factor = weights["weight"] / np.sqrt(weights["running_var"] + np.float32(_EPSILON))
    offset = weights["bias"] - weights["running_mean"] * factor
    last = stages[-1]
    if isinstance(last, Weighted) and not last.relu:
        weight = last.weight * factor.reshape(-1, *[1] * (last.weight.ndim - 1))
        stages[-1] = replace(last, weight=weight, bias=last.bias * factor + offset)
    else:
        stages.append(Affine(factor, offset))


def _add_relu(stages: list[Stage]) -> None:
    """Let the last step with weights end in a ReLU: the maximum of a patch may come after it."""
    place = len(stages) - 1
    while isinstance(stages[place], Pool):
        place -= 1
    stage = stages[place]
    assert not isinstance(stage, Pool)  # noqa: S101 - for the types
    stages[place] = replace(stage, relu=True)


def shape_after(stage: Stage, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a step's values, (channels, side, side) or (units,), from that of its input."""
    match stage:
        case Weighted(weight, _, stride, padding) if weight.ndim == 4:
            side = (shape[1] + 2 * padding - weight.shape[2]) // stride + 1
            return weight.shape[0], side, side
        case Weighted(weight):
            return (weight.shape[0],)
        case Pool(size):
            return shape[0], shape[1] // size, shape[1] // size
        case Affine():
            return shape


def shapes_of(stages: tuple[Stage, ...]) -> list[tuple[int, ...]]:
    """The shape of the pixels and of the values after each step."""
    shapes: list[tuple[int, ...]] = [(1, GLYPH_PX, GLYPH_PX)]
    for stage in stages:
        shapes.append(shape_after(stage, shapes[-1]))
    return shapes


def values_after(stages: tuple[Stage, ...], pixels: Floats) -> Iterator[Floats]:
    """What each step gives for normalised pixels (n, 1, 28, 28)."""
    values = pixels
    for stage in stages:
        values = _apply(stage, values)
        yield values


def _apply(stage: Stage, values: Floats) -> Floats:
    match stage:
        case Weighted(weight) if weight.ndim == 4:
            found = _convolve(stage, values)
        case Weighted(weight, bias):
            found = values.reshape(len(values), -1) @ weight.T + bias
        case Affine(factor, offset):
            found = values * factor[:, None, None] + offset[:, None, None]
        case Pool(size):
            side = values.shape[2] // size
            kept = values[:, :, : side * size, : side * size]
            pooled: Floats = kept.reshape(*values.shape[:2], side, size, side, size).max((3, 5))
            return pooled
    return np.maximum(found, 0) if stage.relu else found


def _convolve(stage: Weighted, values: Floats) -> Floats:
    padding, kernel = stage.padding, stage.weight.shape[2]
    padded = np.pad(values, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (2, 3))
    patches = patches[:, :, :: stage.stride, :: stage.stride]
    found = np.tensordot(patches, stage.weight, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    summed: Floats = found + stage.bias[:, None, None]
    return summed
