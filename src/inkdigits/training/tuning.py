"""Fine-tuning: training that begins with an artifact's weights, on few pictures of one's own."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from torch import Tensor

from inkdigits.artifact import DIGITS, ArtifactInfo, parse_artifact
from inkdigits.data import LabelledImages, Split
from inkdigits.data.images import joined
from inkdigits.errors import ArtifactError
from inkdigits.export.onnx import read_weights
from inkdigits.recipes import RECIPES, Recipe, trained_recipe
from inkdigits.training.models import Model, named_weights

EPOCHS, _SLOWER = 8, 0.2  # at 1, the first steps undo what the artifact knows
FEW = 4000  # own pictures are repeated up to here: 200 then train 15 points better than once
_STEPS = 60  # in an epoch of few: `fast` on 1,600 digits reaches 96.1 % so, 85.6 % with 16 (n = 3)
_TUNED = "-tuned"  # ends the name of its recipe


@dataclass(frozen=True)
class Start:
    """The artifact that a training begins with; with `freeze` only the last layer learns."""

    content: bytes
    freeze: bool = False

    @cached_property
    def info(self) -> ArtifactInfo:
        """The artifact's metadata."""
        return parse_artifact(self.content, "the artifact to start from").info


def tuning_recipe(start: Start, labels: tuple[str, ...]) -> Recipe:
    """An artifact's recipe, one network of it, slower and shorter, for pictures of these labels.

    The recipe of a tuned artifact is slow already.
    """
    recipe = trained_recipe(start.info).of_network(0)
    name = recipe.name.removesuffix(_TUNED)
    return replace(
        recipe,
        name=name + _TUNED,
        summary=f"{name}, trained further",
        networks=1,
        epochs=EPOCHS,
        patience=0,
        peak_lr=recipe.peak_lr * (_SLOWER if name == recipe.name else 1),
        drawn_share=0.0,
        flourish_rate=recipe.flourish_rate if labels == DIGITS else 0.0,
    )


def begin_with(model: Model, start: Start, labels: tuple[str, ...]) -> None:
    """Give a model the weights of an artifact's (first) network.

    Rows of the last layer go with their labels; those of new labels stay as they are. Raises
    `ArtifactError` if it is another network.
    """
    normalise = model.normalise
    mean, scale = normalise.mean.item(), normalise.scale.item()
    stored = named_weights(read_weights(start.content, model.layers, mean, scale))
    weights, last = model.state_dict(), f"network.{len(model.layers) - 1}."
    for name, values in stored.items():
        fresh, old = weights[name], start.info.labels
        weights[name] = values
        if name.startswith(last):
            weights[name] = _rows_by_label(fresh, values, old, labels)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ArtifactError(f"the artifact to start from is of another network: {error}") from None
    if start.freeze:
        model.freeze()


def _rows_by_label(
    fresh: Tensor, stored: Tensor, old: tuple[str, ...], new: tuple[str, ...]
) -> Tensor:
    """The last layer's rows, each with its label; a further one is for junk."""
    rows = fresh.clone()
    for number, label in enumerate(new):
        if label in old:
            rows[number] = stored[old.index(label)]
    if len(rows) > len(new) and len(stored) > len(old):
        rows[-1] = stored[-1]
    return rows


def with_replay(split: Split, replayed: Split) -> Split:
    """Own images beside as many of another set, for training and for validation.

    Of the others there are `FEW`, and as many own ones, however few these are.
    """
    return Split(
        train=joined(repeat(split.train, FEW), spread(replayed.train, FEW)),
        validation=joined(split.validation, spread(replayed.validation, FEW // 4)),
    )


def repeated(split: Split) -> Split:
    """Few images for training taken several times: an epoch has as many steps as for `FEW`."""
    return replace(split, train=repeat(split.train, FEW))


def repeat(data: LabelledImages, least: int) -> LabelledImages:
    """The images again and again, until there are so many."""
    return data.only(np.arange(max(len(data), least)) % max(1, len(data)))


def for_few(recipe: Recipe, count: int) -> Recipe:
    """The recipe with smaller batches, if it would take too few steps on `count` images.

    A batch size that was changed stays.
    """
    named = RECIPES.get(recipe.name)
    if named is None or named.batch_size != recipe.batch_size:
        return recipe
    return replace(recipe, batch_size=min(recipe.batch_size, max(count, FEW) // _STEPS))


def spread(data: LabelledImages, count: int) -> LabelledImages:
    """At most so many, evenly spread."""
    return data.only(np.unique(np.linspace(0, len(data) - 1, min(count, len(data))).astype(int)))
