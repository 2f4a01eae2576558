"""What an export starts from: an artifact, its network as NumPy arrays, its digits to compare."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import Artifact, ArtifactInfo, parse_artifact
from inkdigits.data import load_dataset, stratified_split
from inkdigits.export.network import Network
from inkdigits.recipes import trained_recipe

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CHECKED = 1000  # digits that an export is compared on
_LEAST_SHARE = 0.02  # of the training digits, to have so many
_MEASURED = 500  # digits that ranges of int8 values are taken from
Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Probabilities (n, labels) and familiarity (n,)."""

Run = Callable[[NDArray[np.uint8]], Outputs]
"""A model that is ready to run: uint8 images (n, 28, 28) in, its outputs out."""


@dataclass(frozen=True)
class Source:
    """An artifact to export: its bytes, and the same opened."""

    content: bytes
    artifact: Artifact

    @classmethod
    def parse(cls, content: bytes, name: str = "the artifact") -> "Source":
        """Check an artifact's bytes; `ArtifactError` if they are none or damaged."""
        return cls(content, parse_artifact(content, name))

    @property
    def info(self) -> ArtifactInfo:
        """The artifact's metadata."""
        return self.artifact.info

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """Layers and weights; `ArtifactError` for an imported model, which has other layers."""
        from inkdigits.export.onnx import read_weights

        recipe, classes = trained_recipe(self.info), len(self.info.labels)
        mean, scale = recipe.pixel_mean, recipe.pixel_scale
        networks = []
        for number in range(recipe.networks):
            layers = recipe.layers(number, classes)
            weights = read_weights(self.content, layers, mean, scale, number)
            networks.append(Network(layers, weights, mean, scale, classes))
        return tuple(networks)

    def run(self, images: NDArray[np.uint8]) -> Outputs:
        """The artifact's own outputs, by ONNX Runtime."""
        return open_session(self.artifact.session)(images)

    @cached_property
    def held_out(self) -> NDArray[np.uint8]:
        """The training digits of MNIST to compare on, uint8 (1000, 28, 28).

        An artifact that was trained on MNIST was kept from them.
        """
        return self._parts[1]

    @cached_property
    def digits(self) -> NDArray[np.uint8]:
        """Other training digits, uint8 (500, 28, 28), to take the ranges of values from."""
        return self._parts[0]

    @cached_property
    def _parts(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        share = max(self.info.recipe.get("validation_fraction", 0.1), _LEAST_SHARE)
        split = stratified_split(load_dataset(), share, self.info.seed)
        return split.train.images[:_MEASURED], split.validation.images[:CHECKED]


def as_it_is(source: Source) -> bytes:
    """The artifact's own bytes: it is an ONNX file already."""
    return source.content


def open_onnx(content: bytes) -> Run:
    """An artifact's bytes, ready to run."""
    return open_session(parse_artifact(content).session)


def open_session(session: "InferenceSession") -> Run:
    """An artifact's graph in ONNX Runtime, ready to run."""

    def run(images: NDArray[np.uint8]) -> Outputs:
        outputs = ["probabilities", "familiarity"]
        probabilities, familiarity = session.run(outputs, {"images": images})
        return probabilities, familiarity

    return run
