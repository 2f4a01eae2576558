"""Which effects make `robust` robust, and which score separates digits from non-digits.

    make ablation      (with benchmarks/accurate_ablation.py)

Trains `robust` for a few epochs, then without one effect or without the junk. Everything is
measured on the held-out part of the training set, damaged or not, on drawn non-digits, and on
Fashion-MNIST's *training* images, from a data folder or the cache. Writes
`benchmarks/results/robust_ablation.json` and the tables in `docs/explanation/trust.md`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from clothing import fashion_mnist
from documents import put_table
from numpy.typing import NDArray
from torch import nn

from inkdigits.data import LabelledImages, Split, load_dataset, stratified_split
from inkdigits.environment import describe_environment
from inkdigits.evaluation.corruptions import CORRUPTIONS, corrupt
from inkdigits.evaluation.non_digits import draw_every_kind
from inkdigits.files import write_atomic
from inkdigits.metrics import accuracy, log_sum_exp, softmax
from inkdigits.recipes import RECIPES, Recipe
from inkdigits.recipes.architectures import ARCHITECTURES, CLASSES, Dense, knows_junk
from inkdigits.training import fit, predict_logits
from inkdigits.training.calibration import ACCEPTED_SHARE, familiarity
from inkdigits.training.models import Model, rebuild

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "trust.md"
Images = NDArray[np.uint8]


def variants(epochs: int) -> dict[str, Recipe]:
    """`robust` with fewer epochs, and the same without one part each."""
    whole = replace(RECIPES["robust"], epochs=epochs)
    ARCHITECTURES["ten classes"] = (*ARCHITECTURES[whole.architecture][:-1], Dense(CLASSES))
    effects = whole.effects.split("+")
    without = {
        f"without {name}": replace(whole, effects="+".join(n for n in effects if n != name))
        for name in effects
    }
    return {
        "all of it": whole,
        **without,
        "without any effect": replace(whole, effects=""),
        "without junk": replace(whole, architecture="ten classes", junk_share=0.0),
    }


def train(recipe: Recipe, split: Split, seed: int) -> Model:
    """A trained model."""
    return rebuild(recipe, fit(recipe, split, seed).weights()).models[0]


def features(model: Model, images: Images) -> NDArray[np.float32]:
    """The inputs (n, k) of the last layer."""
    headless = nn.Sequential(model.normalise, model.network[:-1])
    return predict_logits(headless, images).numpy()


def mahalanobis(model: Model, train_part: LabelledImages) -> Any:
    """Minus the squared distance to the nearest class mean (Lee et al., 2018), as a function."""
    known = features(model, train_part.images[:20_000])
    labels = train_part.labels[:20_000]
    means = np.stack([known[labels == label].mean(axis=0) for label in range(CLASSES)])
    centred = known - means[labels]
    covariance = centred.T @ centred / len(centred)
    inverse = np.linalg.inv(
        covariance + 1e-3 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    )

    def score(images: Images) -> NDArray[np.float64]:
        found = features(model, images)
        gaps = [found - mean for mean in means]
        return -np.min(
            [np.einsum("ni,ij,nj->n", gap, inverse, gap, optimize=True) for gap in gaps], axis=0
        )

    return score


def mixed(one: Any, other: Any, digits: Images) -> Any:
    """The sum of two scores, each in standard deviations from its mean over digits."""
    spreads = [(score, score(digits).mean(), score(digits).std()) for score in (one, other)]
    return lambda images: sum((score(images) - mean) / std for score, mean, std in spreads)


def scores(model: Model, train_part: LabelledImages) -> dict[str, Any]:
    """Functions that score how much images resemble digits, by name."""

    def logits(images: Images) -> NDArray[np.float32]:
        return predict_logits(model, images).numpy()

    found = {
        "softmax": lambda images: softmax(logits(images)[:, :CLASSES]).max(axis=1),
        "energy": lambda images: log_sum_exp(logits(images)[:, :CLASSES]),
        "Mahalanobis": mahalanobis(model, train_part),
    }
    if knows_junk(model.layers):
        found["junk class"] = lambda images: familiarity(logits(images))
    best = "junk class" if "junk class" in found else "energy"
    found[f"{best} and Mahalanobis"] = mixed(
        found[best], found["Mahalanobis"], train_part.images[:20_000]
    )
    return found


def rejected(score: Any, digits: Images, outside: dict[str, Images]) -> dict[str, float]:
    """The share of each kind rejected when 99 % of the digits are kept."""
    limit = np.quantile(score(digits), 1 - ACCEPTED_SHARE)
    return {name: float((score(images) < limit).mean()) for name, images in outside.items()}


def measure(model: Model, split: Split, outside: dict[str, Images]) -> dict[str, Any]:
    """Accuracy on held-out digits, clean and damaged, and the share each score rejects."""
    held_out = split.validation

    def accuracy_on(images: Images) -> float:
        return accuracy(predict_logits(model, images)[:, :CLASSES].numpy(), held_out.labels)

    return {
        "clean": accuracy_on(held_out.images),
        "corrupted": {name: accuracy_on(corrupt(held_out.images, name)) for name in CORRUPTIONS},
        "rejected": {
            name: rejected(score, held_out.images, outside)
            for name, score in scores(model, split.train).items()
        },
    }


def ablation_table(results: dict[str, Any]) -> str:
    """Markdown: a row for each variant."""
    lines = [
        "| recipe | held-out digits, % | damaged, mean of 15, % | what suffers most |",
        "|---|---|---|---|",
    ]
    whole = results["all of it"]
    for name, found in results.items():
        mean = np.mean(list(found["corrupted"].values()))
        losses = {k: whole["corrupted"][k] - v for k, v in found["corrupted"].items()}
        worst = sorted(losses, key=lambda k: -losses[k])[:2]
        said = ", ".join(
            f"{k.replace('_', ' ')} −{losses[k] * 100:.1f}" for k in worst if losses[k] > 0
        )
        lines.append(f"| {name} | {found['clean'] * 100:.2f} | {mean * 100:.2f} | {said} |")
    return "\n".join(lines) + "\n"


def score_table(results: dict[str, Any]) -> str:
    """Markdown: the share rejected by each score, for the network with and without junk."""
    kinds = list(results["all of it"]["rejected"]["energy"])
    lines = [f"| network, score | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for network in ("without junk", "all of it"):
        for score, shares in results[network]["rejected"].items():
            cells = " | ".join(f"{shares[kind] * 100:.1f}" for kind in kinds)
            title = "with junk" if network == "all of it" else network
            lines.append(f"| {title}, {score} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse, train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    outside = {"Fashion-MNIST": fashion_mnist("train")[:10_000], **draw_every_kind(seed=0)}
    split = stratified_split(load_dataset(), 0.1, seed=0)
    results: dict[str, Any] = {}
    for name, recipe in variants(arguments.epochs).items():
        results[name] = measure(train(recipe, split, seed=0), split, outside)
        print(name, f"{results[name]['clean']:.2%}", flush=True)
    values = {"environment": describe_environment(), "epochs": arguments.epochs, "results": results}
    write_atomic(HERE / "results" / "robust_ablation.json", json.dumps(values, indent=1).encode())
    put_table(PAGE, "ablation", ablation_table(results))
    put_table(PAGE, "scores", score_table(results))


if __name__ == "__main__":
    main()
