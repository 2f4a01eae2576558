"""Train a recipe on a split and seal the artifact, as bytes, without a run folder."""

from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from inkdigits.artifact import ArtifactInfo, seal_artifact
from inkdigits.data import DEFAULT_DATASET, IN_MEMORY, LabelledImages, Split
from inkdigits.data.learnt import Learnt
from inkdigits.environment import describe_environment
from inkdigits.errors import UsageError
from inkdigits.export.onnx import export_onnx
from inkdigits.files import write_atomic
from inkdigits.recipes import Recipe
from inkdigits.training.calibration import calibrate
from inkdigits.training.checkpoint import Checkpoint, Epoch, Weights
from inkdigits.training.devices import AUTO, choose_device, device_name, used_precision
from inkdigits.training.loop import (
    OnEpoch,
    OnStep,
    fit,
    ignore_epoch,
    ignore_step,
    predict_logits,
)
from inkdigits.training.models import (
    Ensemble,
    Model,
    as_network,
    count_parameters,
    networks_of,
    rebuild,
)
from inkdigits.training.tuning import Start


def train_artifact(
    recipe: Recipe,
    split: Split,
    seed: int = 0,
    *,
    start: Start | None = None,
    dataset: str = DEFAULT_DATASET,
    device: str = AUTO,
    on_step: OnStep = ignore_step,
    on_epoch: OnEpoch = ignore_epoch,
) -> bytes:
    """Train a recipe on a split; returns the artifact's bytes, for `parse_artifact` or a file.

    `start` is an artifact to train further, with its `tuning_recipe`. `dataset` is the name of the
    data, for the artifact. `device` is auto, cpu, cuda or mps. Raises the same as `fit`.
    """
    environment = describe_training(recipe, split.train.sha256, choose_device(device))
    before = Learnt.by(start.info if start else None)
    learnt = before.after(dataset, split, recipe.validation_fraction, seed)
    environment["learnt"] = learnt.to_dict()
    checkpoint = fit(
        recipe, split, seed, start=start, device=device, on_step=on_step, on_epoch=on_epoch
    )
    return seal_checkpoint(checkpoint, recipe, seed, split.validation, dataset, environment)


def describe_training(
    recipe: Recipe, data_sha256: dict[str, str], device: torch.device
) -> dict[str, Any]:
    """The environment and the data files of a training run."""
    return {
        **describe_environment(),
        "threads": torch.get_num_threads(),
        "device": device_name(device),
        "precision": used_precision(recipe, device),
        "data_sha256": data_sha256,
    }


def seal_checkpoint(
    checkpoint: Checkpoint,
    recipe: Recipe,
    seed: int,
    validation: LabelledImages,
    dataset: str,
    environment: dict[str, Any],
) -> bytes:
    """Calibrate a checkpoint's networks on held-out images; returns the artifact's bytes."""
    weights, history = checkpoint.weights(), checkpoint.history
    return _seal(weights, recipe, seed, validation, dataset, environment, history)


def save_artifact(
    model: Model | Ensemble, path: str | PathLike[str], held_out: LabelledImages
) -> None:
    """Calibrate a model of `build_model` and write it as an artifact, for `Reader.load`.

    `held_out` are images that it wasn't trained on, best 1,000 or more; temperature, threshold and
    prediction sets are fitted to them, and their labels become the artifact's. Its metadata has the
    model's recipe, seed 0 and no history. Raises `UsageError` if the images have another number of
    labels than the model, `StorageError` if it can't be written.
    """
    if len(held_out.class_names) != model.classes:
        raise UsageError(
            f"held_out has {len(held_out.class_names)} labels, the model {model.classes} classes; "
            "pass images of the classes that it was trained on"
        )
    environment = {**describe_environment(), "data_sha256": held_out.sha256}
    weights = [network.state_dict() for network in networks_of(model)]
    content = _seal(weights, model.recipe, 0, held_out, IN_MEMORY, environment, ())
    write_atomic(Path(path), content)


def _seal(
    weights: Sequence[Weights],
    recipe: Recipe,
    seed: int,
    validation: LabelledImages,
    dataset: str,
    environment: dict[str, Any],
    history: Sequence[Epoch],
) -> bytes:
    classes = len(validation.class_names)
    model = rebuild(recipe, weights, classes)
    logits = predict_logits(model, validation.images).numpy()
    found = calibrate(logits, validation.labels, classes)
    info = ArtifactInfo(
        version=str(environment["inkdigits"]),
        labels=validation.class_names,
        dataset=dataset,
        recipe=recipe.to_dict(),
        seed=seed,
        parameters=count_parameters(model),
        temperature=found.temperature,
        validation=found.validation,
        accept_at=found.accept_at,
        set_threshold=found.set_threshold,
        coverage=found.coverage,
        history=[asdict(epoch) for epoch in history],
        environment=environment,
    )
    networks = [as_network(trained) for trained in model.models]
    return seal_artifact(export_onnx(networks, found.temperature), info)
