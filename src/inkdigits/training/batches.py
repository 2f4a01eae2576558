"""The training set in batches, augmented, with junk.

Everything random comes from torch's global generator, whose state the checkpoint keeps; only the
digits drawn in other styles are the same for every seed.
"""

from collections.abc import Iterator
from copy import copy
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inkdigits.data import LabelledImages, one_hot
from inkdigits.recipes import Recipe
from inkdigits.training import processes
from inkdigits.training.augment.appearance import apply_effects
from inkdigits.training.augment.junk import draw_junk
from inkdigits.training.augment.noise import Draws
from inkdigits.training.augment.shape import random_warp
from inkdigits.training.augment.strokes import add_flourishes
from inkdigits.training.devices import CPU, moved

# What a teacher says is softened so far. Of 36,000 readings of held-out digits, `standard` alone
# misreads 199, taught 222, softened at 2 191, softened at 3 187.
TEMPERATURE = 3.0


class Batches:
    """A training set on a device; each pass over it is shuffled and augmented anew.

    With junk, images of the data may be junk too: their label is one more than the last.
    """

    def __init__(self, data: LabelledImages, recipe: Recipe, device: torch.device = CPU) -> None:
        images, labels = _with_drawn(data, recipe.drawn_share)
        self.images = moved(torch.from_numpy(images), device)
        self.classes = len(data.class_names)
        columns = self.classes + (recipe.junk_share > 0)
        self.labels = torch.from_numpy(labels)
        targets = one_hot(labels, columns)
        self.label_smoothing = recipe.label_smoothing
        if data.taught is not None:
            targets[: len(data), : self.classes] = softened(data.taught)
            self.label_smoothing = 0.0
        self.targets = moved(torch.from_numpy(targets), device)
        self.recipe = recipe
        self.device = device

    def of_network(self, number: int) -> "Batches":
        """The same set, augmented for one of the recipe's networks, counted from 0."""
        mine = copy(self)
        mine.recipe = self.recipe.of_network(number)
        return mine

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of augmented float images (n, 1, 28, 28) and targets (n, classes).

        Targets are one-hot labels, or a teacher's softened probabilities. With junk there are more
        images than `batch_size`, and a last column for it.
        """
        recipe, draws = self.recipe, Draws(torch.default_generator, self.device)
        order = torch.randperm(len(self.images), generator=torch.default_generator)
        on_device = moved(order, self.device)
        for start, end in pairwise([*self._starts(), len(order)]):
            chosen = on_device[start:end]
            plain = self.images[chosen].unsqueeze(1).float()
            images = random_warp(
                plain,
                rotation_deg=recipe.rotation_deg,
                shift_px=recipe.shift_px,
                zoom=recipe.zoom,
                shear_deg=recipe.shear_deg,
                elastic_px=recipe.elastic_px,
                draws=draws,
            )
            if recipe.plain_share:
                kept = moved(draws.share(len(plain), recipe.plain_share), self.device)
                images = torch.where(kept[:, None, None, None], plain, images)
            targets = self.targets[chosen]
            if recipe.flourish_rate:
                labels = self.labels[order[start:end]]
                images = add_flourishes(images, labels, recipe.flourish_rate, draws)
            if recipe.junk_share:
                count = max(1, round(len(images) * recipe.junk_share))
                junk = draw_junk(count, images, draws)
                images = torch.cat([images, junk])
                junk_label = torch.eye(self.classes + 1, device=self.device)[-1]
                targets = torch.cat([targets, junk_label.expand(len(junk), -1)])
            images = apply_effects(images, recipe.effects, recipe.effect_rate, draws)
            yield images, targets

    def __len__(self) -> int:
        return len(self._starts())

    def _starts(self) -> range:
        """Where the batches begin; a single left-over image joins the last batch.

        Batch norm needs more than one image, and each of several processes one.
        """
        too_few = max(1, processes.count() - 1)
        return range(0, max(1, len(self.images) - too_few), self.recipe.batch_size)


def softened(probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
    """Probabilities (n, classes) at a `TEMPERATURE` above that at which they were given.

    So they tell which other classes an image resembles (Hinton, Vinyals and Dean, 2015).
    """
    roots = probabilities.astype(np.float32) ** (1 / TEMPERATURE)
    soft: NDArray[np.float32] = roots / roots.sum(axis=1, keepdims=True)
    return soft


def _with_drawn(
    data: LabelledImages, share: float
) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    """Images and labels of the data and, as a share of it, of digits drawn in other styles."""
    count = round(share * len(data))
    if not count:
        return data.images, data.labels
    from inkdigits.training.augment.drawn import draw_digits  # OpenCV takes 0.1 s to import

    images, labels = draw_digits(count, np.random.default_rng(0))
    return np.concatenate([data.images, images]), np.concatenate([data.labels, labels])
