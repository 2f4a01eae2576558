"""Which changes make `accurate` more accurate: paired errors on digits held out in five folds.

    make ablation

Trains `accurate` without each fifth of the training set, measures on that fifth, and does so again
with one change each. So every change can speak on 60,000 digits, and both read the same ones. What
the networks said is kept in `runs/ablation/`: an interrupted run goes on where it stopped. Rows say
on how many digits they were measured. Writes `benchmarks/results/accurate_ablation.json` and the
table in `docs/explanation/accuracy.md`.
"""

import argparse
import hashlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from documents import put_table
from numpy.typing import NDArray
from paired import UNCHANGED, Logits, Outcome, remembered, table

from inkdigits.data import LabelledImages, Split, load_dataset, stratified_folds
from inkdigits.environment import describe_environment
from inkdigits.files import write_atomic
from inkdigits.recipes import RECIPES, Recipe
from inkdigits.recipes.architectures import (
    ARCHITECTURES,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    Layer,
    ReLU,
)
from inkdigits.training import fit, predict_logits
from inkdigits.training.checkpoint import Checkpoint
from inkdigits.training.memory import keep_freed_memory
from inkdigits.training.models import rebuild

HERE = Path(__file__).parent
ROOT = HERE.parent
KEPT = ROOT / "runs" / "ablation"
PAGE = ROOT / "docs" / "explanation" / "accuracy.md"
FOLDS = 5
Labels = dict[int, NDArray[np.integer]]


def wider(layers: tuple[Layer, ...], factor: float) -> tuple[Layer, ...]:
    """The layers with more channels."""
    return tuple(
        replace(layer, channels=round(layer.channels * factor))
        if isinstance(layer, Conv)
        else layer
        for layer in layers
    )


def plain(kernel: int, convolutions: int, more: int) -> tuple[Layer, ...]:
    """Convolutions without padding or pooling, each wider (after An and others, 2020)."""
    layers: list[Layer] = []
    for number in range(convolutions):
        layers += [Conv(32 + more * number, kernel), BatchNorm(), ReLU()]
    return (*layers, Flatten(), Dense(10))


ARCHITECTURES |= {
    "narrow": wider(ARCHITECTURES["deep-wide"], 0.5),
    "5×5": plain(5, 5, 32),
    "7×7": plain(7, 4, 48),
}
NARROW = {"architecture": "narrow"}
BARE = NARROW | {"label_smoothing": 0.0}
CHANGES: dict[str, dict[str, Any]] = {
    UNCHANGED: {},
    "half as wide": NARROW,
    "half as wide, no label smoothing": BARE,
    "half as wide, no label smoothing, up to 0.01": BARE | {"peak_lr": 0.01},
    "half as wide, no label smoothing, up to 0.01, more augmentation": BARE
    | {"peak_lr": 0.01, "rotation_deg": 15.0, "shift_px": 3.0, "zoom": 0.15, "shear_deg": 12.0},
    "half as wide, no label smoothing, cosine decay from 0.003": BARE
    | {"schedule": "cosine", "peak_lr": 0.003},
    "as `ensemble`: half as wide, dropout, cosine decay from 0.003": {
        "architecture": "deep",
        "schedule": "cosine",
        "peak_lr": 0.003,
    },
    "no label smoothing": {"label_smoothing": 0.0},
    "5×5 convolutions": {"architecture": "5×5"},
    "7×7 convolutions": {"architecture": "7×7"},
}
MEANS = (
    ("half as wide", "half as wide, no label smoothing"),
    (UNCHANGED, "half as wide", "half as wide, no label smoothing"),
    (UNCHANGED, "5×5 convolutions", "7×7 convolutions"),
)


def key_of(recipe: Recipe) -> str:
    """A hash of what is trained."""
    named = dict.fromkeys(("name", "summary", "architecture"), "")
    settings = {**recipe.to_dict(), **named, "layers": repr(recipe.layers())}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def kept_at(recipe: Recipe, number: int) -> Path:
    """Where the logits of all digits lie, by a network that was trained without a fold."""
    return KEPT / f"{key_of(recipe)}-{number}.npy"


def train(recipe: Recipe, data: LabelledImages, fold: NDArray[np.intp], number: int) -> Logits:
    """Train without a fold; the logits of all digits, to choose and to teach by."""
    split = Split(train=data.only(fold != number), validation=data.only(fold == number))

    def show(checkpoint: Checkpoint) -> None:
        latest = checkpoint.history[-1]
        print(f"  epoch {latest.epoch}: {latest.validation_accuracy:.2%}", flush=True)

    weights = fit(recipe, split, seed=number, device="cpu", on_epoch=show).weights()
    logits: Logits = predict_logits(rebuild(recipe, weights), data.images).numpy()
    return logits


def kept(recipe: Recipe, fold: NDArray[np.intp]) -> dict[int, Logits]:
    """The logits on each fold that was measured."""
    paths = {number: kept_at(recipe, number) for number in range(FOLDS)}
    return {k: np.load(path)[fold == k] for k, path in paths.items() if path.exists()}


def results_of(logits: dict[str, dict[int, Logits]], labels: Labels) -> dict[str, Any]:
    """Each change beside the unchanged recipe, then means of unlike networks."""
    found = {name: Outcome(by_fold, labels) for name, by_fold in logits.items()}
    for several in MEANS:
        if all(name in logits for name in several):
            folds = set.intersection(*(set(logits[name]) for name in several))
            by_fold = {k: np.mean([logits[name][k] for name in several], axis=0) for k in folds}
            found[f"the mean of {len(several)}: {'; '.join(several)}"] = Outcome(by_fold, labels)
    return {name: outcome.beside(found[UNCHANGED]) for name, outcome in found.items()}


def main() -> None:
    """Train what is missing; write the table of what is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("changes", nargs="*", help="numbers of the changes, default: all")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument(
        "--folds", type=int, default=FOLDS, help="how many are held out, 0: only the table"
    )
    arguments = parser.parse_args()
    keep_freed_memory()
    data = load_dataset()
    fold = stratified_folds(data.labels, FOLDS, seed=0)
    whole = replace(RECIPES["accurate"], epochs=arguments.epochs)
    recipes = {name: replace(whole, **changes) for name, changes in CHANGES.items()}
    for name in [list(CHANGES)[int(number)] for number in arguments.changes] or CHANGES:
        for number in range(arguments.folds):
            print(f"{name}, fold {number}", flush=True)
            recipe = recipes[name]
            remembered(kept_at(recipe, number), partial(train, recipe, data, fold, number))
    logits = {name: kept(recipe, fold) for name, recipe in recipes.items()}
    results = results_of(
        {name: by_fold for name, by_fold in logits.items() if by_fold},
        {number: data.labels[fold == number] for number in range(FOLDS)},
    )
    values = {
        "environment": describe_environment(),
        "epochs": arguments.epochs,
        "results": results,
    }
    write_atomic(HERE / "results" / "accurate_ablation.json", json.dumps(values, indent=1).encode())
    put_table(PAGE, "ablation", table(results))


if __name__ == "__main__":
    main()
