"""A Keras file without Keras: its layers, how they are joined, and their weights.

A `.keras` file is a zip with `config.json` and `model.weights.h5`; an `.h5` file has the
configuration as an attribute. Both are read as data; nothing in them is run.
"""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from inkdigits.errors import ArtifactError
from inkdigits.files import read_member

_MODELS = {"Sequential", "Functional", "Model"}
_HOMES = {"keras", "keras.layers", "keras.models", "keras.src.models.functional"}
# Before a capital that begins a word: SeparableConv2D is stored as separable_conv2d, PReLU p_re_lu.
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])")
_Weights = Callable[[str, str], list[NDArray[Any]]]  # of a layer, by its name and its place


@dataclass(frozen=True)
class KerasLayer:
    """A layer: its class, its settings, its weights in Keras's order, the layers before it.

    A model within the model is a layer with a `model`.
    """

    name: str
    kind: str
    config: dict[str, Any]
    weights: list[NDArray[Any]]
    inputs: list[str]
    model: "KerasModel | None" = None


@dataclass(frozen=True)
class KerasModel:
    """Layers in an order in which they can be computed; `shape` is of one input, if it is known."""

    layers: list[KerasLayer]
    output: str
    shape: tuple[int | None, ...]


def read_keras(path: Path) -> KerasModel:
    """The model in a `.keras` or `.h5` file.

    Raises `ArtifactError` if it can't be understood, and anything for a damaged file.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            config = json.loads(read_member(archive, "config.json"))
            weights = io.BytesIO(read_member(archive, "model.weights.h5"))
        with h5py.File(weights) as file:
            return _model(config, _stored_by_class(file), "")
    with h5py.File(path) as file:
        config = json.loads(file.attrs["model_config"])
        return _model(config, _stored_by_name(file["model_weights"]), "")


def _stored_by_class(file: h5py.File) -> _Weights:
    """As `.keras` files store weights: in groups named after classes, counted."""

    def weights(_layer: str, place: str) -> list[NDArray[Any]]:
        group = file.get(f"{place}/vars", {})
        return [group[str(number)][()] for number in range(len(group))]

    return weights


def _stored_by_name(groups: h5py.Group) -> _Weights:
    """As `.h5` files store weights: in groups named after layers."""

    def weights(layer: str, place: str) -> list[NDArray[Any]]:
        if place.count("layers/") > 1:  # inside another model, whose group has them all
            return []
        group = groups.get(layer)
        names = [] if group is None else group.attrs["weight_names"]
        return [group[name][()] for name in names]

    return weights


def _model(described: dict[str, Any], weights: _Weights, place: str) -> KerasModel:
    """A model from its description; its weights lie below a place."""
    kind, config = described["class_name"], described["config"]
    if kind not in _MODELS or not _is_kerass_own(described):
        raise ArtifactError(
            f"the model is a {kind}, a class of somebody's own, whose code isn't in the file; "
            "only Sequential and functional models can be imported"
        )
    layers: list[KerasLayer] = []
    counted: Counter[str] = Counter()
    for one in config["layers"]:
        stored = _CAPITAL.sub("_", one["class_name"]).lower()
        number = counted[stored]
        counted[stored] += 1
        below = f"{place}layers/{stored}" + (f"_{number}" if number else "")
        before = [layer.name for layer in layers[-1:]] if kind == "Sequential" else _inputs(one)
        layers.append(_layer(one, weights, below, before))
    if kind == "Sequential":
        return KerasModel(layers, layers[-1].name, _sequential_shape(config))
    _only(config["input_layers"], "inputs")
    shape = next(_shape(layer.config) for layer in layers if layer.kind == "InputLayer")
    return KerasModel(layers, _only(config["output_layers"], "outputs"), shape)


def _layer(
    described: dict[str, Any], weights: _Weights, place: str, before: list[str]
) -> KerasLayer:
    kind, config = described["class_name"], described["config"]
    name = config["name"]
    if not _is_kerass_own(described):
        raise ArtifactError(f"the layer {name!r} is a {kind}, which isn't a layer of Keras's own")
    stored = weights(name, place)
    if kind not in _MODELS:
        return KerasLayer(name, kind, config, stored, before)
    if stored:
        raise ArtifactError(
            f"{name!r} is a model within the model, whose weights an .h5 file has in a heap; save "
            "the model as .keras"
        )
    return KerasLayer(name, kind, config, [], before, _model(described, weights, f"{place}/"))


def _is_kerass_own(described: dict[str, Any]) -> bool:
    """Whether a class is of Keras, which older files don't say."""
    registered = described.get("registered_name")
    return (described.get("module") or "keras") in _HOMES and registered in {
        None,
        described["class_name"],
    }


def _inputs(described: dict[str, Any]) -> list[str]:
    """The names of the layers before one, in a functional model."""
    nodes = described["inbound_nodes"]
    if len(nodes) > 1:
        name = described["config"]["name"]
        raise ArtifactError(
            f"the layer {name!r} is used {len(nodes)} times; only once is supported"
        )
    return list(_named(nodes))


def _named(value: Any) -> Iterator[str]:
    """Layers in a description of tensors: of Keras 3, or [name, node, tensor, …] as before."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]["keras_history"][0]
        else:
            for part in value.values():
                yield from _named(part)
    elif isinstance(value, list):
        if value[1:3] == [0, 0] and isinstance(value[0], str):
            yield value[0]
        else:
            for part in value:
                yield from _named(part)


def _only(ends: list[Any], what: str) -> str:
    """The layer at the only end of a model."""
    names = list(_named(ends))
    if len(names) != 1:
        raise ArtifactError(f"the model has {len(names)} {what} ({', '.join(names)}), not one")
    return names[0]


def _sequential_shape(config: dict[str, Any]) -> tuple[int | None, ...]:
    first = config["layers"][0]["config"]
    built = config.get("build_input_shape")
    return _shape(first) or (tuple(built[1:]) if built else ())


def _shape(config: dict[str, Any]) -> tuple[int | None, ...]:
    """Of one input: without the first axis, which counts them."""
    shape = config.get("batch_shape") or config.get("batch_input_shape") or ()
    return tuple(shape[1:])
