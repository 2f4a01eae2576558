"""Which changes make `accurate` more accurate: paired errors on digits held out in five folds.

    make ablation

Trains `accurate` without each fifth of the training set, measures on that fifth, and does so again
with one change each, so that all read the same digits. With `--little` it trains on one fifth, half
as wide, and measures on the other four: on so many errors a smaller difference shows. What the
networks said is kept in `runs/ablation/`: an interrupted run goes on where it stopped. Rows say on
how many digits they were measured. Writes `benchmarks/results/accurate_ablation.json`, or
`little_ablation.json`, and a table in `docs/explanation/accuracy.md`.
"""

import argparse
import hashlib
import json
from dataclasses import dataclass, replace
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
    Conv,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    conv,
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


def halved(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The layers with half the channels."""
    return tuple(
        replace(layer, channels=layer.channels // 2) if isinstance(layer, Conv) else layer
        for layer in layers
    )


# Convolutions without padding or pooling, each wider, are after An and others (2020).
ARCHITECTURES |= {
    "half": halved(ARCHITECTURES["deep-wide"]),
    "5×5": (*(layer for k in range(5) for layer in conv(32 + 16 * k, 5)), Flatten(), Dense(10)),
    "max pooling": (
        *(*conv(32), *conv(32), *conv(48, padding=1), MaxPool()),
        *(*conv(64), *conv(64), *conv(96, padding=1), MaxPool()),
        *(*conv(128, 4), Flatten(), Dense(10)),
    ),
}
NARROW = {"architecture": "half"}
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
    "no label smoothing": {"label_smoothing": 0.0},
}
LITTLE: dict[str, dict[str, Any]] = {
    UNCHANGED: {},
    "twice as wide": {"architecture": "deep-wide"},
    "max pooling, not strides": {"architecture": "max pooling"},
    "5×5 convolutions": {"architecture": "5×5"},
    "twice as long": {"epochs": 60},
    "less augmentation": {"rotation_deg": 8.0, "shift_px": 1.5, "shear_deg": 5.0},
    "more augmentation": {"rotation_deg": 20.0, "shift_px": 3.0, "zoom": 0.15, "shear_deg": 12.0},
    "elastic distortions": {"elastic_px": 0.7},
    "holes": {"effects": "hole", "effect_rate": 0.5},
}
MEANS = (
    ("half as wide", "half as wide, no label smoothing"),
    (UNCHANGED, "half as wide", "half as wide, no label smoothing"),
    (UNCHANGED, "twice as wide", "twice as long"),
    (UNCHANGED, "max pooling, not strides", "5×5 convolutions"),
    (UNCHANGED, "holes", "elastic distortions"),
)


@dataclass(frozen=True)
class Protocol:
    """What is compared on what: changes, epochs, and whether networks are trained on the fold."""

    name: str
    changes: dict[str, dict[str, Any]]
    epochs: int
    on_fold: bool

    def recipe(self, change: str) -> Recipe:
        """`accurate` with a change."""
        basis = replace(RECIPES["accurate"], epochs=self.epochs)
        return replace(basis, **{**(NARROW if self.on_fold else {}), **self.changes[change]})

    def read(self, fold: NDArray[np.intp], number: int) -> NDArray[np.bool_]:
        """Which digits are held out."""
        return (fold != number) if self.on_fold else (fold == number)


WHOLE = Protocol("ablation", CHANGES, epochs=12, on_fold=False)
FIFTH = Protocol("little", LITTLE, epochs=30, on_fold=True)


def kept_at(protocol: Protocol, recipe: Recipe, number: int) -> Path:
    """Where the logits of all digits lie, by a hash of what was trained and on what."""
    named = dict.fromkeys(("name", "summary", "architecture"), "")
    settings = {**recipe.to_dict(), **named, "layers": repr(recipe.layers())}
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    return KEPT / f"{protocol.name}-{key}-{number}.npy"


def train(recipe: Recipe, data: LabelledImages, held_out: NDArray[np.bool_], seed: int) -> Logits:
    """Train without some digits; the logits of all, to choose and to teach by."""
    split = Split(train=data.only(~held_out), validation=data.only(slice(0)))

    def show(checkpoint: Checkpoint) -> None:
        latest = checkpoint.history[-1]
        print(f"  epoch {latest.epoch}: {latest.seconds:.0f} s", flush=True)

    weights = fit(recipe, split, seed, device="cpu", on_epoch=show).weights()
    logits: Logits = predict_logits(rebuild(recipe, weights), data.images).numpy()
    return logits


def trained(
    protocol: Protocol, recipe: Recipe, data: LabelledImages, fold: NDArray[np.intp], number: int
) -> Logits:
    """The logits of all digits, of a network trained without those held out; trained only once."""
    once = partial(train, recipe, data, protocol.read(fold, number), number)
    return remembered(kept_at(protocol, recipe, number), once)


def results_of(protocol: Protocol, data: LabelledImages, fold: NDArray[np.intp]) -> dict[str, Any]:
    """Each change beside the unchanged recipe, then means of unlike networks."""
    numbers = range(FOLDS)
    held_out = {number: protocol.read(fold, number) for number in numbers}
    labels = {number: data.labels[held_out[number]] for number in numbers}
    logits: dict[str, dict[int, Logits]] = {}
    for change in protocol.changes:
        paths = {number: kept_at(protocol, protocol.recipe(change), number) for number in numbers}
        by_fold = {k: np.load(path)[held_out[k]] for k, path in paths.items() if path.exists()}
        if by_fold:
            logits[change] = by_fold
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
    parser.add_argument("--little", action="store_true", help="train on a fifth, not on four")
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many, 0: only the table")
    arguments = parser.parse_args()
    keep_freed_memory()
    data = load_dataset()
    fold = stratified_folds(data.labels, FOLDS, seed=0)
    protocol = FIFTH if arguments.little else WHOLE
    names = list(protocol.changes)
    for name in [names[int(number)] for number in arguments.changes] or names:
        for number in range(arguments.folds):
            print(f"{name}, fold {number}", flush=True)
            trained(protocol, protocol.recipe(name), data, fold, number)
    results = results_of(protocol, data, fold)
    values = {
        "environment": describe_environment(),
        "epochs": protocol.epochs,
        "results": results,
    }
    stem = "little_ablation" if arguments.little else "accurate_ablation"
    write_atomic(HERE / "results" / f"{stem}.json", json.dumps(values, indent=1).encode())
    put_table(PAGE, protocol.name, table(results))


if __name__ == "__main__":
    main()
