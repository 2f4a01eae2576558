"""Which changes make `accurate` more accurate: a table, measured on held-out digits.

    make ablation

Trains `accurate` for a few epochs on four fifths of the training set, then again with one change
each, and measures on the last fifth. The unchanged network also serves for test-time shifts and
averaged weights, and as the teacher of a smaller network.
Writes `benchmarks/results/accurate_ablation.json` and the table in `docs/explanation/accuracy.md`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from documents import put_table
from numpy.typing import NDArray
from torch.nn import functional

from inkdigits.data import LabelledImages, Split, load_dataset, stratified_split
from inkdigits.environment import describe_environment
from inkdigits.files import write_atomic
from inkdigits.metrics import cross_entropy, fit_temperature, softmax
from inkdigits.recipes import RECIPES, Recipe
from inkdigits.recipes.architectures import ARCHITECTURES, Dropout
from inkdigits.training import fit, predict_logits, used_precision
from inkdigits.training.batches import Batches
from inkdigits.training.checkpoint import Checkpoint, Weights
from inkdigits.training.models import Model, build_model, rebuild
from inkdigits.training.optimizers import Optimizer
from inkdigits.training.schedules import learning_rate

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "accuracy.md"
HELD_OUT = 0.2
AVERAGED = 3  # the last epochs
UNCHANGED = "nothing"
ARCHITECTURES["deep without dropout"] = tuple(
    layer for layer in ARCHITECTURES["deep"] if not isinstance(layer, Dropout)
)
SMALLER = "the network of `standard`"
CHANGES: dict[str, dict[str, Any]] = {
    "with elastic distortion (0.6 px)": {"elastic_px": 0.6},
    "with other pens on a fifth of the images": {"effects": "pen", "effect_rate": 0.2},
    "with other contrast on a fifth of the images": {"effects": "paper", "effect_rate": 0.2},
    "without dropout": {"architecture": "deep without dropout"},
    "without the unwarped quarter": {"plain_share": 0.0},
    "without label smoothing": {"label_smoothing": 0.0},
    "without augmentation": {"rotation_deg": 0, "shift_px": 0, "zoom": 0, "shear_deg": 0},
    SMALLER: {"architecture": "strided"},
}


def score(logits: NDArray[np.float32], labels: NDArray[np.integer]) -> dict[str, float]:
    """Errors, and the cross-entropy at the best temperature."""
    probabilities = softmax(logits / fit_temperature(logits, labels))
    return {
        "errors": int((logits.argmax(axis=1) != labels).sum()),
        "loss": cross_entropy(probabilities, labels),
    }


def train(recipe: Recipe, split: Split, seed: int) -> tuple[Weights, list[Weights]]:
    """The last weights, and those after each epoch."""
    after: list[Weights] = []

    def keep(checkpoint: Checkpoint) -> None:
        after.append(checkpoint.model or {})

    (last,) = fit(recipe, split, seed, on_epoch=keep).weights()
    return last, after


def distil(recipe: Recipe, teacher: Model, data: LabelledImages, seed: int) -> Weights:
    """Weights trained on the mean of the labels and the teacher's probabilities.

    Source: Hinton, Vinyals and Dean (2015), at a temperature of 1.
    """
    torch.manual_seed(seed)
    pupil, batches = build_model(recipe), Batches(data, recipe)
    optimizer = Optimizer(recipe, pupil)
    use_bf16 = used_precision(recipe) == "bf16"
    teacher.eval()
    pupil.train()
    for epoch in range(recipe.epochs):
        for step, (images, one_hot_labels) in enumerate(batches, start=epoch * len(batches)):
            with torch.autocast("cpu", torch.bfloat16, enabled=use_bf16):
                logits = pupil(images)
                with torch.no_grad():
                    taught = teacher(images).float().softmax(1)
            loss = functional.cross_entropy(logits.float(), (one_hot_labels + taught) / 2)
            gradients = torch.autograd.grad(loss, optimizer.parameters)
            optimizer.step(gradients, learning_rate(recipe, step, len(batches)))
    return pupil.state_dict()


def mean_of(weights: list[Weights]) -> Weights:
    """The mean of weights and batch norm statistics; counters come from the last epoch."""
    return {
        name: torch.stack([each[name] for each in weights]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in weights[-1].items()
    }


def shifted(recipe: Recipe, weights: Weights, data: LabelledImages) -> NDArray[np.float32]:
    """The mean logits of five views: unshifted, and a pixel up, down, left and right."""
    model = rebuild(recipe, [weights])
    moves = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    views = [np.roll(data.images, move, axis=(1, 2)) for move in moves]
    return np.mean([predict_logits(model, view).numpy() for view in views], axis=0)


def table(results: dict[str, dict[str, float]], epochs: int, digits: int) -> str:
    """Markdown: the effect of each change."""
    lines = [
        f"| what was changed; {epochs} epochs each | errors of {digits:,} digits | loss, nats |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {row['errors']} | {row['loss']:.4f} |" for name, row in results.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=4)
    recipe = replace(RECIPES["accurate"], epochs=parser.parse_args().epochs)
    split = stratified_split(load_dataset(), HELD_OUT, seed=0)
    held_out = split.validation
    weights, after = train(recipe, split, seed=0)

    def logits(of: Recipe, trained: Weights) -> NDArray[np.float32]:
        return predict_logits(rebuild(of, [trained]), held_out.images).numpy()

    found = {
        UNCHANGED: logits(recipe, weights),
        "shifted by a pixel each way, the mean": shifted(recipe, weights, held_out),
        "the mean weights of the last three epochs": logits(recipe, mean_of(after[-AVERAGED:])),
    }
    for name, changes in CHANGES.items():
        changed = replace(recipe, **changes)
        found[name] = logits(changed, train(changed, split, seed=0)[0])
        print(name, score(found[name], held_out.labels), flush=True)
    networks = [found[name] for name in (UNCHANGED, *CHANGES)]
    found["the mean of all these networks"] = np.mean(networks, axis=0)
    smaller = replace(recipe, **CHANGES[SMALLER])
    (teacher,) = rebuild(recipe, [weights]).models
    pupil = distil(smaller, teacher, split.train, seed=0)
    found[f"{SMALLER}, taught by `{recipe.name}`"] = logits(smaller, pupil)
    results = {name: score(each, held_out.labels) for name, each in found.items()}
    values = {
        "environment": describe_environment(),
        "epochs": recipe.epochs,
        "digits": len(held_out),
        "results": results,
    }
    write_atomic(HERE / "results" / "accurate_ablation.json", json.dumps(values, indent=1).encode())
    put_table(PAGE, "ablation", table(results, recipe.epochs, len(held_out)))


if __name__ == "__main__":
    main()
