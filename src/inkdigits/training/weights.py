"""Weights into a PyTorch module and out of it: from artifacts, and as safetensors."""

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from inkdigits.artifact import DIGITS, artifact_path, parse_artifact
from inkdigits.errors import ArtifactError, UsageError
from inkdigits.export.onnx import read_weights
from inkdigits.files import read_bytes, write_atomic
from inkdigits.recipes import trained_recipe
from inkdigits.training.models import Ensemble, Model, named_weights


def load_weights(model: Model | Ensemble, source: str | PathLike[str] | bytes) -> None:
    """Give a model of `build_model` the weights of an artifact or of a safetensors file.

    `source` is the path or the bytes of either, or a run folder. The normalisation comes
    with the weights. An artifact's probabilities are the softmax of the logits of its labels,
    divided by its temperature. Raises `ArtifactError` if it is damaged or of another network,
    `StorageError` if it can't be read.
    """
    content, name = source, "the artifact"
    if not isinstance(content, bytes):
        path = artifact_path(Path(content))
        content, name = read_bytes(path), str(path)
    is_safetensors = content[8:9] == b"{"  # after the length of its header
    stored = _read_safetensors(content, name) if is_safetensors else _read(content, name, model)
    try:
        model.load_state_dict(stored)
    except RuntimeError as error:
        raise ArtifactError(f"{name} is of another network than the model: {error}") from None


def save_weights(
    model: Model | Ensemble, path: str | PathLike[str], labels: Sequence[str] = DIGITS
) -> None:
    """Write a model's weights and normalisation as a safetensors file.

    Its metadata are JSON: the `recipe`, the `labels` of the logits, in their order, and
    `pixel_mean` and `pixel_scale`. Raises `UsageError` for another number of labels than the
    model's, `StorageError` if it can't be written.
    """
    if len(labels) != model.classes:
        raise UsageError(f"there are {len(labels)} labels for {model.classes} classes; pass labels")
    normalise = _networks(model)[0].normalise
    metadata = {
        "recipe": model.recipe.to_dict(),
        "labels": list(labels),
        "pixel_mean": normalise.mean.item(),
        "pixel_scale": normalise.scale.item(),
    }
    weights = {name: values.contiguous() for name, values in model.state_dict().items()}
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    write_atomic(Path(path), save(weights, texts))


def _networks(model: Model | Ensemble) -> tuple[Model, ...]:
    return model.models if isinstance(model, Ensemble) else (model,)


def _read_safetensors(content: bytes, name: str) -> dict[str, Tensor]:
    try:
        return load(content)
    except SafetensorError as error:
        raise ArtifactError(f"{name} is no safetensors file, or damaged: {error}") from None


def _read(content: bytes, name: str, model: Model | Ensemble) -> dict[str, Tensor]:
    """An artifact's weights under their names in the model."""
    info = parse_artifact(content, name).info
    recipe = trained_recipe(info)
    networks = _networks(model)
    found, mine = (recipe.networks, len(info.labels)), (len(networks), model.classes)
    if found != mine:
        raise ArtifactError(
            f"{name} has {found[0]} network(s) for {found[1]} labels, the model {mine[0]} for "
            f"{mine[1]}; build it with the artifact's recipe, {recipe.name}, and number of classes"
        )
    weights = model.state_dict()
    mean, scale = recipe.pixel_mean, recipe.pixel_scale
    for number, network in enumerate(networks):
        prefix = f"network{number}." if isinstance(model, Ensemble) else ""
        stored = named_weights(read_weights(content, network.layers, mean, scale, number))
        stored["normalise.mean"], stored["normalise.scale"] = torch.tensor([mean, scale]).unbind()
        weights |= {prefix + key: values for key, values in stored.items()}
    return weights
