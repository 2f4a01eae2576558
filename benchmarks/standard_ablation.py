"""What teaching and doubtful labels change in `standard`: paired errors on held-out digits.

    python benchmarks/accurate_ablation.py && python benchmarks/standard_ablation.py

Trains `standard` without each fifth of the training set, with several seeds, then taught by the
networks that `accurate_ablation.py` trained without the same fifth, and without the digits whose
labels `inkdigits data inspect` doubts, looking at the other four fifths alone. What the networks
said is kept in `runs/ablation/`. Writes `benchmarks/results/standard_ablation.json`, and the table
and the picture in `docs/explanation/accuracy.md`.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
from accurate_ablation import FOLDS, KEPT, PAGE, WHOLE, kept_at
from documents import put_table
from numpy.typing import NDArray
from paired import UNCHANGED, Logits, Outcome, remembered, table

from inkdigits.data import LabelledImages, Split, load_dataset, one_hot, stratified_folds
from inkdigits.environment import describe_environment
from inkdigits.evaluation.inspection import find_doubts
from inkdigits.evaluation.plots import encode_png, plot_digits
from inkdigits.files import write_atomic
from inkdigits.metrics import fit_temperature, softmax
from inkdigits.recipes import RECIPES
from inkdigits.training import batches, fit, predict_logits
from inkdigits.training.memory import keep_freed_memory
from inkdigits.training.models import rebuild

HERE = Path(__file__).parent
STANDARD = RECIPES["standard"]


class Folds:
    """The training set in folds, and what is known of each of them."""

    def __init__(self) -> None:
        self.data = load_dataset()
        self.fold = stratified_folds(self.data.labels, FOLDS, seed=0)

    def held_out(self, number: int) -> LabelledImages:
        """The digits of a fold."""
        return self.data.only(self.fold == number)

    def others(self, number: int) -> LabelledImages:
        """The digits of the other folds."""
        return self.data.only(self.fold != number)

    def taught(self, number: int, change: str) -> LabelledImages:
        """The other folds, with what a network of the other ablation says of them.

        Its probabilities are calibrated on the fold, as an artifact's are on held-out digits.
        """
        logits = np.load(kept_at(WHOLE, WHOLE.recipe(change), number))
        mine = self.fold == number
        said = softmax(logits[~mine] / fit_temperature(logits[mine], self.data.labels[mine]))
        return replace(self.others(number), taught=said.astype(np.float32))

    def doubted(self, number: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Places in the other folds whose labels are doubtful, and what they were read as."""

        def find() -> NDArray[np.intp]:
            doubts = find_doubts(self.others(number))
            return np.array([(each.place, each.predicted) for each in doubts], int).reshape(-1, 2)

        places, read_as = remembered(KEPT / f"doubts-{number}.npy", find).T
        return places, read_as

    def without_doubts(self, number: int) -> LabelledImages:
        """The other folds without doubtful digits."""
        chosen = np.ones(int((self.fold != number).sum()), bool)
        chosen[self.doubted(number)[0]] = False
        return self.others(number).only(chosen)

    def softened(self, number: int) -> LabelledImages:
        """The other folds; a doubtful digit is half what its label says, half what was read."""
        data, (places, read_as) = self.others(number), self.doubted(number)
        said = one_hot(data.labels)
        said[places] = (said[places] + one_hot(read_as)) / 2
        smoothing = STANDARD.label_smoothing
        return replace(data, taught=said * (1 - smoothing) + smoothing / said.shape[1])


@dataclass(frozen=True)
class Variant:
    """A change: the digits to train on, and at which temperature what is said is softened."""

    digits: Callable[[int], LabelledImages]
    temperature: float = 1.0
    smoothing: float = STANDARD.label_smoothing


def variants(folds: Folds) -> dict[str, Variant]:
    """The changes by name."""
    taught = partial(folds.taught, change="half as wide, no label smoothing")
    smooth = partial(folds.taught, change="half as wide")
    return {
        UNCHANGED: Variant(folds.others),
        "no label smoothing": Variant(folds.others, smoothing=0.0),
        "taught": Variant(taught),
        "taught, softened at 2": Variant(taught, 2.0),
        "taught, softened at 3": Variant(taught, 3.0),
        "taught, softened at 5": Variant(taught, 5.0),
        "taught by a network with label smoothing": Variant(smooth),
        "doubtful labels left out": Variant(folds.without_doubts),
        "doubtful labels softened": Variant(folds.softened),
    }


def train(variant: Variant, folds: Folds, number: int, seed: int) -> Logits:
    """Train with a change; what the network says of the fold that is held out."""
    recipe = replace(STANDARD, label_smoothing=variant.smoothing)
    split = Split(train=variant.digits(number), validation=folds.held_out(number))
    with patch.object(batches, "TEMPERATURE", variant.temperature):
        weights = fit(recipe, split, seed, device="cpu").weights()
    logits: Logits = predict_logits(rebuild(recipe, weights), split.validation.images).numpy()
    return logits


def measured(
    name: str, variant: Variant, folds: Folds, runs: list[tuple[int, int]]
) -> dict[tuple[int, int], Logits]:
    """What the networks of a change say; trained if they aren't yet."""
    named = f"standard-{name}".replace(" ", "-")
    return {
        (number, seed): remembered(
            KEPT / f"{named}-{number}-{seed}.npy", partial(train, variant, folds, number, seed)
        )
        for number, seed in runs
    }


def draw_doubted(folds: Folds) -> None:
    """Draw the digits with doubtful labels that were left out without the first fold."""
    data, (places, read_as) = folds.others(0), folds.doubted(0)
    captions = [
        f"labelled {data.labels[place]}, read {read}"
        for place, read in zip(places, read_as, strict=True)
    ]
    figure = plot_digits(255 - data.images[places], captions, [True] * len(places), columns=6)
    write_atomic(PAGE.with_name("doubted-labels.png"), encode_png(figure))


def main() -> None:
    """Train what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many are held out")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    keep_freed_memory()
    folds = Folds()
    runs = [(k, seed) for seed in range(arguments.seeds) for k in range(arguments.folds)]
    labels = {run: folds.held_out(run[0]).labels for run in runs}
    changes = variants(folds)
    unchanged = Outcome(measured(UNCHANGED, changes[UNCHANGED], folds, runs), labels)
    results = {}
    for name, variant in changes.items():
        results[name] = Outcome(measured(name, variant, folds, runs), labels).beside(unchanged)
        print(name, results[name], flush=True)
    values = {"environment": describe_environment(), "results": results}
    write_atomic(HERE / "results" / "standard_ablation.json", json.dumps(values, indent=1).encode())
    put_table(PAGE, "teaching", table(results))
    draw_doubted(folds)


if __name__ == "__main__":
    main()
