"""Training on a GPU: seconds and test accuracy of `fast` and `standard`, and how near to the CPU.

    make bench-gpu

It needs a GPU that PyTorch finds and about a minute. The clock runs from uint8 arrays in memory to
weights on the CPU, with the split, validation, and the copies to and from the GPU; the test set is
evaluated after that. A training that isn't counted comes first, because a process's first steps
load the GPU's kernels. Then some recipes take a few steps on both devices, in fp32 and in bf16:
their weights and losses must be the same but for rounding. These steps are SGD's: the first of Adam
have one size whatever the gradient, so a gradient that is only rounding moves a weight all the way.
"""

import argparse
import json
import time
from dataclasses import replace

import numpy as np
import torch

from inkdigits.data import LabelledImages, load_dataset, stratified_split
from inkdigits.metrics import accuracy
from inkdigits.recipes import RECIPES, Recipe
from inkdigits.training import fit, predict_logits
from inkdigits.training.devices import choose_device, device_name, used_precision
from inkdigits.training.models import rebuild

SEEDS = {"fast": range(5), "standard": range(3)}
COMPARED = ("tiny", "fast", "standard", "robust")  # those without dropout, whose masks differ
STEPS = 8


def timed(recipe: Recipe, train: LabelledImages, seed: int, device: str) -> tuple[float, object]:
    """Seconds and the checkpoint of one training."""
    began = time.perf_counter()
    split = stratified_split(train, recipe.validation_fraction, seed)
    checkpoint = fit(recipe, split, seed, device=device)
    return time.perf_counter() - began, checkpoint


def measure(
    recipe: Recipe, seeds: range, train: LabelledImages, test: LabelledImages, device: str
) -> dict[str, list[float]]:
    """Seconds and test accuracy of each seed."""
    figures: dict[str, list[float]] = {"seconds": [], "accuracy": []}
    for seed in seeds:
        seconds, checkpoint = timed(recipe, train, seed, device)
        logits = predict_logits(rebuild(recipe, checkpoint.weights()), test.images)
        figures["seconds"].append(seconds)
        figures["accuracy"].append(accuracy(logits.numpy(), test.labels))
    return figures


def difference(recipe: Recipe, train: LabelledImages, device: str) -> tuple[float, float]:
    """The largest difference of a weight, and of the mean losses, after a few steps."""
    few = train.only(np.arange(STEPS * recipe.batch_size))
    recipe = replace(recipe, optimizer="sgd", peak_lr=0.01, epochs=1, drawn_share=0.0)
    split = stratified_split(few, 0.0, 0)
    first, second = (fit(recipe, split, 0, device=where) for where in ("cpu", device))
    weights = zip(first.finished[0].values(), second.finished[0].values(), strict=True)
    largest = max((a - b).abs().max().item() for a, b in weights)
    return largest, abs(first.history[0].train_loss - second.history[0].train_loss)


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, mps or cpu (default: cuda)")
    device = parser.parse_args().device
    chosen = choose_device(device)
    train, test = load_dataset("mnist", "train"), load_dataset("mnist", "test")
    print(f"{device_name(chosen)}, PyTorch {torch.__version__}")
    results: dict[str, dict[str, list[float]]] = {}
    for name, seeds in SEEDS.items():
        recipe = RECIPES[name]
        first, _ = timed(recipe, train, 0, device)
        results[name] = figures = measure(recipe, seeds, train, test, device)
        seconds, right = np.array(figures["seconds"]), np.array(figures["accuracy"])
        print(
            f"{name}, {used_precision(recipe, chosen)}: {seconds.mean():.3f} s "
            f"({seconds.min():.3f} to {seconds.max():.3f}; the first {first:.2f} s), "
            f"test accuracy {right.mean():.2%} ± {right.std(ddof=1):.2%}, n = {len(right)}",
            flush=True,
        )
    for name in COMPARED:
        for precision in ("fp32", "bf16"):
            recipe = replace(RECIPES[name], precision=precision)
            weights, loss = difference(recipe, train, device)
            print(
                f"{name}, {precision}, {STEPS} steps: weights within {weights:.1e} of the CPU's, "
                f"loss within {loss:.1e}",
                flush=True,
            )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
