"""Learning-rate schedules: pure functions of the step, counted from 0.

Each gives a factor; `learning_rate` multiplies the peak learning rate by it.
"""

import math
from collections.abc import Callable

from inkdigits.recipes import Recipe
from inkdigits.recipes.recipe import Schedule


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The learning rate of the `step`-th optimiser update, counted from 0."""
    return recipe.peak_lr * SCHEDULES[recipe.schedule](recipe, step, steps_per_epoch)


def constant(_recipe: Recipe, _step: int, _steps_per_epoch: int) -> float:
    """1, always."""
    return 1.0


def staircase(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """`lr_decay` to the power of the number of finished periods of `lr_decay_epochs`."""
    return math.pow(recipe.lr_decay, step // (steps_per_epoch * recipe.lr_decay_epochs))


def exponential(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """As `staircase`, but decaying at every step."""
    return math.pow(recipe.lr_decay, step / (steps_per_epoch * recipe.lr_decay_epochs))


def cosine(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """From 1 to `lr_decay` along half a cosine (Loshchilov and Hutter, 2017)."""
    return _half_cosine(step / (steps_per_epoch * recipe.epochs), recipe.lr_decay)


def one_cycle(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """A linear rise over `warmup_fraction`, then a half cosine (after Smith, 2018)."""
    total = steps_per_epoch * recipe.epochs
    warmup = max(1, round(total * recipe.warmup_fraction))
    if step < warmup:
        return (step + 1) / warmup
    return _half_cosine((step - warmup + 1) / (total - warmup + 1), recipe.lr_decay)


def _half_cosine(progress: float, last: float) -> float:
    return last + (1 - last) * (1 + math.cos(math.pi * min(1.0, progress))) / 2


SCHEDULES: dict[Schedule, Callable[[Recipe, int, int], float]] = {
    "constant": constant,
    "step": staircase,
    "exponential": exponential,
    "cosine": cosine,
    "one-cycle": one_cycle,
}
