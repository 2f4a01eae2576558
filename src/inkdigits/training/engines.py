"""What trains: PyTorch, by this package's own loop, or Keras's `model.fit`."""

from typing import Any

from inkdigits.data import Split
from inkdigits.errors import UsageError
from inkdigits.recipes import Recipe
from inkdigits.training.checkpoint import Checkpoint
from inkdigits.training.devices import AUTO
from inkdigits.training.loop import OnEpoch, OnStep, fit
from inkdigits.training.tuning import Start

TORCH, KERAS = "torch", "keras"


def describe_engine(engine: str, start: Start | None, device: str) -> dict[str, str]:
    """What Keras does otherwise; `UsageError` for what it doesn't do, or another engine."""
    if engine == TORCH:
        return {}
    if engine != KERAS:
        raise UsageError(f"there is no engine {engine!r}; choose {TORCH} or {KERAS}")
    if start or device != AUTO:
        raise UsageError(
            "--engine keras trains a recipe from the start; leave out --from, --device"
        )
    from inkdigits.training.keras_engine import engine_name

    return {"engine": engine_name(), "device": "Keras's choice", "precision": "fp32"}


def fit_with(
    engine: str,
    recipe: Recipe,
    split: Split,
    seed: int,
    *,
    on_step: OnStep,
    on_epoch: OnEpoch,
    **torch_only: Any,
) -> Checkpoint:
    """Train with an engine; the others are of `fit` alone."""
    if engine == KERAS:
        from inkdigits.training.keras_engine import fit_keras

        return fit_keras(recipe, split, seed, on_step=on_step, on_epoch=on_epoch)
    return fit(recipe, split, seed, on_step=on_step, on_epoch=on_epoch, **torch_only)
