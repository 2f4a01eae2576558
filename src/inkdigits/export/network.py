"""A trained network as a value, independent of the framework that trained it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkdigits.recipes.architectures import CLASSES, Dense, Layer

LayerWeights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Network:
    """Layers, the weights of each, and the normalisation before the first.

    `weights[i]` belong to `layers[i]`; layers without parameters have none:

    - `Conv`: `weight` (channels out, channels in, kernel, kernel), `bias` (channels out,)
    - `BatchNorm`: `weight`, `bias`, `running_mean`, `running_var`, each (channels,)
    - `Dense`: `weight` (units, inputs), `bias` (units,); after a `Flatten` the inputs are in the
      order channel, row, column

    The first layer takes (pixel - `pixel_mean`) / `pixel_scale`, for pixels in 0…255.
    """

    layers: tuple[Layer, ...]
    weights: tuple[LayerWeights, ...]
    pixel_mean: float
    pixel_scale: float
    classes: int = CLASSES

    @property
    def knows_junk(self) -> bool:
        """Whether there is one more logit than classes, for junk."""
        last = self.layers[-1]
        return isinstance(last, Dense) and last.units > self.classes
