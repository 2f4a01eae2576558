"""One of our own recipes, timed like the peers.

    python inkdigits_recipe.py RECIPE DATA.npz SEED

The clock runs from uint8 arrays in memory to the final weights, including the split, initial
weights, augmentation, warm-up and validation. The test set is evaluated after that.
"""

import json
import sys
import time

import numpy as np
import torch

from inkdigits.data import LabelledImages, stratified_split
from inkdigits.metrics import accuracy
from inkdigits.recipes import find_recipe
from inkdigits.training import fit, predict_logits
from inkdigits.training.loop import Checkpoint
from inkdigits.training.memory import keep_freed_memory
from inkdigits.training.models import build_model


def main(name: str, path: str, seed: str) -> None:
    """Train, then test every snapshot."""
    data = np.load(path)
    recipe = find_recipe(name)
    train = LabelledImages(data["train_images"], data["train_labels"])
    seconds: list[float] = []
    snapshots: list[Checkpoint] = []

    def note(checkpoint: Checkpoint) -> None:
        seconds.append(time.perf_counter() - started)
        snapshots.append(checkpoint)

    keep_freed_memory()  # as `inkdigits train` does
    started = time.perf_counter()
    split = stratified_split(train, recipe.validation_fraction, int(seed))
    fit(recipe, split, int(seed), device="cpu", on_epoch=note)
    model = build_model(recipe)
    accuracies = []
    for checkpoint in snapshots:
        model.load_state_dict(checkpoint.model)
        logits = predict_logits(model, data["test_images"]).numpy()
        accuracies.append(accuracy(logits, data["test_labels"]))
    versions = {"torch": torch.__version__}
    print(json.dumps({"seconds": seconds, "accuracy": accuracies, "versions": versions}))


if __name__ == "__main__":
    main(*sys.argv[1:])
