"""PyTorch models built from `inkdigits.recipes.architectures`."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from inkdigits.artifact import GLYPH_PX
from inkdigits.export import Network
from inkdigits.export.network import LayerWeights
from inkdigits.recipes import Recipe, architectures, find_recipe
from inkdigits.recipes.architectures import (
    CLASSES,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    ReLU,
)
from inkdigits.training.processes import BatchNorm2d, Dropout


class Normalise(nn.Module):
    """(Pixels - mean) / scale; both are buffers, so they are stored with the model."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: float, scale: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, images: Tensor) -> Tensor:
        """Float pixels 0…255 of any shape, normalised."""
        return (images - self.mean) / self.scale


class Model(nn.Module):
    """Normalisation and a stack of layers: float images (n, 1, 28, 28), pixels 0…255, to logits.

    `network[i]` is the PyTorch module of `layers[i]`.
    """

    def __init__(self, recipe: Recipe, classes: int, number: int) -> None:
        super().__init__()
        layers = recipe.layers(number, classes)
        self.recipe = recipe
        self.classes = classes
        self.layers = layers
        self.normalise = Normalise(recipe.pixel_mean, recipe.pixel_scale)
        self.network = nn.Sequential(*_modules(layers))
        self._learns_from = 0  # the first layer that learns

    def freeze(self) -> None:
        """From now on only the last layer learns."""
        self._learns_from = len(self.layers) - 1
        self.network[: self._learns_from].requires_grad_(False)

    def train(self, mode: bool = True) -> "Model":
        """Switch between training and evaluation; frozen layers stay in evaluation."""
        super().train(mode)
        self.network[: self._learns_from].train(mode and not self._learns_from)
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes), or one more with a class for junk."""
        logits: Tensor = self.network(self.normalise(images))
        return logits


def build_network(recipe: Recipe, classes: int = CLASSES, number: int = 0) -> Model:
    """A recipe's network of a number, freshly initialised from torch's global generator."""
    model = Model(recipe, classes, number)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stubs
    return model


class Ensemble(nn.Module):
    """One or more networks; their logits are averaged."""

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__()
        self.models = tuple(models)
        self.recipe, self.classes = models[0].recipe, models[0].classes
        for index, model in enumerate(models):
            self.add_module(f"network{index}", model)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shaped as those of `Model`."""
        return torch.stack([model(images) for model in self.models]).mean(dim=0)


def build_model(recipe: Recipe | str, classes: int = CLASSES) -> Model | Ensemble:
    """A recipe's model, by the recipe or its name: a plain module, freshly initialised.

    It takes float images (n, 1, 28, 28), pixels 0…255, bright ink on black, and gives logits
    (n, `classes`), or one more with a class for junk. Raises `UsageError` for an unknown name.
    """
    if isinstance(recipe, str):
        recipe = find_recipe(recipe)
    networks = [build_network(recipe, classes, number) for number in range(recipe.networks)]
    return networks[0] if len(networks) == 1 else Ensemble(networks)


def networks_of(model: Model | Ensemble) -> tuple[Model, ...]:
    """The networks of a model of `build_model`."""
    return model.models if isinstance(model, Ensemble) else (model,)


def rebuild(
    recipe: Recipe, weights: Sequence[dict[str, Tensor]], classes: int = CLASSES
) -> Ensemble:
    """The recipe's networks with their trained weights."""
    models = [build_network(recipe, classes, number) for number in range(len(weights))]
    for model, trained in zip(models, weights, strict=True):
        model.load_state_dict(trained)
    return Ensemble(models)


def as_network(model: Model) -> Network:
    """A copy of the trained model as NumPy arrays."""
    weights = [
        {
            name: values.detach().contiguous().numpy().copy()
            for name, values in module.state_dict().items()
            if values.is_floating_point()  # batch norm also counts its batches
        }
        for module in model.network
    ]
    mean, scale = model.normalise.mean.item(), model.normalise.scale.item()
    return Network(model.layers, tuple(weights), mean, scale, model.classes)


def named_weights(by_layer: Sequence[LayerWeights]) -> dict[str, Tensor]:
    """Weights by layer, as `Network` has them, under their names in a `Model`'s state."""
    return {
        f"network.{index}.{part}": torch.from_numpy(values)
        for index, parts in enumerate(by_layer)
        for part, values in parts.items()
    }


def count_parameters(model: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def _modules(layers: tuple[Layer, ...]) -> Iterator[nn.Module]:
    """The modules of the layers; tracks the shape (channels, side in pixels; side 0 when flat)."""
    channels, side = 1, GLYPH_PX
    for layer in layers:
        match layer:
            case Conv(out, kernel, stride, padding):
                yield nn.Conv2d(channels, out, kernel, stride, padding)
                channels, side = out, (side + 2 * padding - kernel) // stride + 1
            case MaxPool(size):
                yield nn.MaxPool2d(size)
                side //= size
            case BatchNorm():
                yield BatchNorm2d(channels)
            case ReLU():
                yield nn.ReLU(inplace=True)
            case architectures.Dropout(rate):
                yield Dropout(rate)
            case Flatten():
                yield nn.Flatten()
                channels, side = channels * side**2, 0
            case Dense(units):
                yield nn.Linear(channels, units)
                channels = units
