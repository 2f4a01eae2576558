"""Export the weights as safetensors, named as in the module of `inkdigits.build_model`.

Its metadata are JSON texts: `recipe`, `labels`, `pixel_mean` and `pixel_scale`, as
`inkdigits.save_weights` writes them, and `temperature`.
"""

import json

import numpy as np
from onnxruntime import InferenceSession
from safetensors.numpy import load, save

from inkdigits.export.network import LayerWeights, Network
from inkdigits.export.onnx import export_onnx
from inkdigits.export.source import Run, Source, open_session
from inkdigits.recipes import Recipe


def export_safetensors(source: Source) -> bytes:
    """The bytes of a safetensors file."""
    info, networks = source.info, source.networks
    metadata = {
        "recipe": info.recipe,
        "labels": info.labels,
        "pixel_mean": networks[0].pixel_mean,
        "pixel_scale": networks[0].pixel_scale,
        "temperature": info.temperature,
    }
    weights = {}
    for number, network in enumerate(networks):
        prefix = _prefix(number, len(networks))
        weights[f"{prefix}normalise.mean"] = np.array(network.pixel_mean, np.float32)
        weights[f"{prefix}normalise.scale"] = np.array(network.pixel_scale, np.float32)
        for index, parts in enumerate(network.weights):
            for part, values in parts.items():
                weights[f"{prefix}network.{index}.{part}"] = values
    return save(weights, {name: json.dumps(value) for name, value in metadata.items()})


def open_safetensors(content: bytes) -> Run:
    """The network of a file of `export_safetensors`, ready to run."""
    size = int.from_bytes(content[:8], "little")  # of the header, which is JSON
    texts = json.loads(content[8 : 8 + size])["__metadata__"]
    said, stored = {name: json.loads(text) for name, text in texts.items()}, load(content)
    recipe, classes = Recipe(**said["recipe"]), len(said["labels"])
    networks = []
    for number in range(recipe.networks):
        layers = recipe.layers(number, classes)
        prefix = _prefix(number, recipe.networks)
        weights: list[LayerWeights] = [{} for _ in layers]
        for name in stored:
            if name.startswith(f"{prefix}network."):
                index, part = name.removeprefix(f"{prefix}network.").split(".")
                weights[int(index)][part] = stored[name]
        mean, scale = (stored[f"{prefix}normalise.{part}"].item() for part in ("mean", "scale"))
        networks.append(Network(layers, tuple(weights), mean, scale, classes))
    return open_session(InferenceSession(export_onnx(networks, said["temperature"])))


def _prefix(number: int, count: int) -> str:
    """What begins the names of a network's weights: nothing if it is the only one."""
    return f"network{number}." if count > 1 else ""
