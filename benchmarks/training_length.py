"""What longer training would bring: errors on held-out digits against epochs, extrapolated.

    python benchmarks/training_length.py

Trains two networks for more and more epochs, each with the whole learning-rate schedule, and reads
the digits that they haven't seen: `standard`, trained without a fifth of the training set, for
three of the fifths; and `accurate`, half as wide and trained on one fifth, so that it makes more
errors. What they said is kept in `runs/ablation/`: an interrupted run goes on where it stopped.
Writes `benchmarks/results/training_length.json`, and the table and the picture in
`docs/explanation/accuracy.md`.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from accurate_ablation import FIFTH, FOLDS, PAGE, WHOLE, Protocol, trained
from curves import label_logarithms
from documents import put_table
from matplotlib.figure import Figure
from numpy.typing import NDArray
from paired import UNCHANGED
from scipy.optimize import nnls

from inkdigits.data import LabelledImages, load_dataset, stratified_folds
from inkdigits.environment import describe_environment
from inkdigits.evaluation.plots import encode_png
from inkdigits.files import write_atomic
from inkdigits.recipes import RECIPES, Recipe
from inkdigits.training.memory import keep_freed_memory

HERE = Path(__file__).parent
LONGER = (2, 8)  # times the longest training, extrapolated
POWERS = np.linspace(0.2, 3, 57)
Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A network, for how many epochs it is trained, and on what."""

    recipe: Recipe
    epochs: tuple[int, ...]
    protocol: Protocol
    folds: int


LINES = {
    "`standard`": Line(RECIPES["standard"], (3, 6, 12, 24, 48), WHOLE, 3),
    "`accurate`, half as wide, on 12,000": Line(
        FIFTH.recipe(UNCHANGED), (4, 8, 15, 30, 60), FIFTH, 1
    ),
}


def errors_of(line: Line, epochs: int, data: LabelledImages, fold: NDArray[np.intp]) -> int:
    """The errors of all trainings on what they held out."""
    recipe = replace(line.recipe, epochs=epochs)
    errors = 0
    for number in range(line.folds):
        held_out = line.protocol.read(fold, number)
        logits = trained(line.protocol, recipe, data, fold, number)[held_out]
        errors += int((logits.argmax(axis=1) != data.labels[held_out]).sum())
    return errors


def terms(epochs: Curve, power: float) -> Curve:
    """What the error is a sum of: a floor, and a power of the length."""
    return np.stack([np.ones_like(epochs), epochs**-power], axis=1)


def extrapolate(epochs: Curve, errors: Curve, wanted: Curve) -> Curve:
    """Errors after other numbers of epochs: a floor and a power, fitted by least squares.

    Neither is negative. Counts are as uncertain as their square root.
    """
    uncertain = np.sqrt(errors)
    fits = [
        (*nnls(terms(epochs, power) / uncertain[:, None], errors / uncertain), power)
        for power in POWERS
    ]
    shares, _, power = min(fits, key=lambda fit: fit[1])
    return terms(wanted, power) @ shares


def interval(epochs: Curve, errors: Curve, wanted: Curve) -> tuple[Curve, Curve]:
    """95 % intervals of the extrapolation, if counts vary as Poisson's do."""
    random = np.random.default_rng(0)
    many = [extrapolate(epochs, random.poisson(errors).astype(float), wanted) for _ in range(500)]
    low, high = np.percentile(many, (2.5, 97.5), axis=0)
    return low, high


def measured(line: Line, data: LabelledImages, fold: NDArray[np.intp]) -> dict[str, Any]:
    """What a network was trained for and read, and what longer training would bring."""
    epochs = np.array(line.epochs, float)
    errors = np.array([errors_of(line, length, data, fold) for length in line.epochs], float)
    longer = np.array(LONGER) * epochs[-1]
    low, high = interval(epochs, errors, longer)
    return {
        "epochs": line.epochs,
        "digits": sum(int(line.protocol.read(fold, number).sum()) for number in range(line.folds)),
        "errors": errors.tolist(),
        "longer": longer.tolist(),
        "likely": extrapolate(epochs, errors, longer).tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: what was measured, then what longer training would bring."""
    rows = ["| network | epochs | held-out digits | errors | error, % |", "|---|---|---|---|---|"]
    for name, line in results.items():
        digits = line["digits"]
        for epochs, errors in zip(line["epochs"], line["errors"], strict=True):
            percent = 100 * errors / digits
            rows.append(f"| {name} | {epochs} | {digits:,} | {errors:.0f} | {percent:.2f} |")
        longer = zip(line["longer"], line["likely"], line["low"], line["high"], strict=True)
        for epochs, *counts in longer:
            likely, low, high = (f"{100 * count / digits:.2f}" for count in counts)
            rows.append(f"| {name} | {epochs:.0f}, extrapolated | | | {likely} ({low} to {high}) |")
    return "\n".join(rows) + "\n"


def plot(results: dict[str, dict[str, Any]]) -> Figure:
    """Error against epochs; the band is the 95 % interval of the extrapolation."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for (name, line), colour in zip(results.items(), ("#1f6feb", "#d4542a"), strict=True):
        epochs, errors = np.array(line["epochs"], float), np.array(line["errors"])
        percent = 100 / line["digits"]
        lengths = np.geomspace(epochs[0], line["longer"][-1], 60)
        low, high = interval(epochs, errors, lengths)
        axes.fill_between(lengths, low * percent, high * percent, color=colour, alpha=0.12, lw=0)
        axes.plot(lengths, extrapolate(epochs, errors, lengths) * percent, "--", color=colour, lw=1)
        spread = np.sqrt(errors) * percent
        label = name.replace("`", "")
        axes.errorbar(epochs, errors * percent, spread, fmt="o", color=colour, label=label)
    axes.set(xlabel="epochs", ylabel="errors on held-out digits, %")
    label_logarithms(axes, [3, 10, 30, 100, 300], [0.3, 0.4, 0.5, 0.7, 1])
    return figure


def main() -> None:
    """Train what is missing; write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.parse_args()
    keep_freed_memory()
    data = load_dataset()
    fold = stratified_folds(data.labels, FOLDS, seed=0)
    results = {name: measured(line, data, fold) for name, line in LINES.items()}
    values = {"environment": describe_environment(), "results": results}
    content = json.dumps(values, indent=1).encode()
    write_atomic(HERE / "results" / "training_length.json", content)
    put_table(PAGE, "length", table(results))
    write_atomic(PAGE.with_name("training-length.png"), encode_png(plot(results)))


if __name__ == "__main__":
    main()
