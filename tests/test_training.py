import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from inkdigits.artifact import parse_artifact
from inkdigits.data import LabelledImages, Split, stratified_split
from inkdigits.errors import TrainingDiverged, UsageError
from inkdigits.reading import Reader
from inkdigits.recipes import RECIPES
from inkdigits.training import fit, memory, predict_logits, train_artifact
from inkdigits.training.batches import Batches
from inkdigits.training.checkpoint import Checkpoint
from inkdigits.training.models import rebuild
from tests.command_line import call
from tests.conftest import take

# A bit of everything: batch norm, dropout, augmentation, bf16, a last batch that isn't full.
RECIPE = replace(RECIPES["standard"], epochs=3, batch_size=48)


@pytest.fixture(scope="module")
def split(mnist) -> Split:
    return stratified_split(take(mnist, 400), 0.2, seed=0)


def same_weights(first: dict, second: dict) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


ROBUST = replace(RECIPES["robust"], epochs=3, batch_size=48)
ENSEMBLE = replace(RECIPE, epochs=2, networks=2)


@pytest.mark.parametrize(
    "recipe", [RECIPE, replace(RECIPE, precision="fp32", optimizer="sgd"), ROBUST]
)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(split, recipe):
    first, again, other = (fit(recipe, split, seed) for seed in (7, np.int64(7), 8))
    assert same_weights(first.finished[0], again.finished[0])
    assert not same_weights(first.finished[0], other.finished[0])


def test_without_fast_bf16_it_trains_in_fp32(split, monkeypatch):
    expected = fit(replace(RECIPE, precision="fp32"), split, seed=0)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert same_weights(fit(RECIPE, split, seed=0).finished[0], expected.finished[0])


def test_an_artifact_is_made_without_a_folder(split, mnist):
    recipe, epochs = RECIPES["tiny"], []
    content = train_artifact(recipe, split, seed=2, on_epoch=epochs.append)
    reader = Reader(parse_artifact(content))
    assert (reader.info.recipe, reader.info.seed) == (recipe.to_dict(), 2)
    assert reader.info.environment["data_sha256"] == mnist.sha256
    model = rebuild(recipe, epochs[-1].weights())
    assert reader.predict(mnist.images[:50]).tolist() == (
        predict_logits(model, mnist.images[:50]).argmax(1).tolist()
    )


def test_only_the_command_tunes_the_memory_of_its_process(split, monkeypatch, capsys, tmp_path):
    called = []
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: called.append(True))
    fit(RECIPES["tiny"], split, seed=0)
    assert called == []
    call(capsys, "train", "tiny", "--out", tmp_path, "--data-dir", tmp_path)
    assert called == [True]


def test_training_leaves_the_callers_random_state_alone(split):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(replace(RECIPE, epochs=1), split, seed=1)
    assert torch.rand(3).equal(expected)


@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, patience=2), ROBUST, ENSEMBLE])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(split, recipe):
    checkpoints = []
    whole = fit(recipe, split, seed=3, on_epoch=checkpoints.append)
    stored = Checkpoint.from_dict(checkpoints[0].to_dict())
    resumed = fit(recipe, split, seed=3, resume=stored)
    for ours, theirs in zip(whole.weights(), resumed.weights(), strict=True):
        assert same_weights(ours, theirs)
    assert [row.train_loss for row in whole.history] == [row.train_loss for row in resumed.history]


def test_each_network_of_an_ensemble_is_another(split):
    checkpoints = []
    last = fit(ENSEMBLE, split, seed=3, on_epoch=checkpoints.append)
    assert [(row.network, row.epoch) for row in last.history] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert not same_weights(*last.weights())
    resumed = fit(ENSEMBLE, split, seed=3, resume=checkpoints[1])
    assert same_weights(last.weights()[1], resumed.weights()[1])
    alone = fit(replace(ENSEMBLE, networks=1), split, seed=3)
    assert same_weights(last.weights()[0], alone.weights()[0])


def test_networks_take_turns_with_the_variations(split):
    unlike = replace(
        ENSEMBLE, variations="architecture=tiny/architecture=strided,zoom=0.1", networks=3, epochs=1
    )
    checkpoints = []
    last = fit(unlike, split, seed=3, on_epoch=checkpoints.append)
    first, second, third = rebuild(unlike, last.weights()).models
    assert first.layers == third.layers == RECIPES["tiny"].layers()
    assert second.layers == RECIPES["standard"].layers()
    resumed = fit(unlike, split, seed=3, resume=checkpoints[0])
    assert all(map(same_weights, last.weights(), resumed.weights()))


def test_a_share_of_the_images_keeps_its_shape(split):
    recipe = replace(RECIPE, plain_share=0.3, batch_size=320)
    torch.manual_seed(0)
    images, _ = next(iter(Batches(split.train, recipe)))
    originals = torch.from_numpy(split.train.images).flatten(1).float()
    same = (torch.cdist(images.flatten(1), originals, p=1).amin(dim=1) == 0).float().mean().item()
    assert 0.2 < same < 0.4


def test_an_image_that_is_left_over_joins_the_last_batch(split):
    """Batch norm and junk need more than one image."""
    few = LabelledImages(split.train.images[:65], split.train.labels[:65])
    recipe = replace(RECIPES["robust"], batch_size=32, junk_share=0.01, drawn_share=0.0)
    batches = Batches(few, recipe)
    sizes = [len(images) for images, _ in batches]
    assert (sizes, len(batches)) == ([32 + 1, 33 + 1], 2)


def test_digits_in_other_styles_are_added_each_as_often(split):
    batches = Batches(split.train, replace(RECIPES["tiny"], drawn_share=0.5))
    counts = np.bincount(batches.targets[len(split.train) :].argmax(1), minlength=10)
    assert counts.sum() == round(0.5 * len(split.train))
    assert counts.max() - counts.min() <= 1
    assert all(image.max() > 200 for image in batches.images)
    again = Batches(split.train, batches.recipe)
    assert torch.equal(again.images, batches.images)


def test_history_has_a_row_for_each_epoch(split):
    steps = []
    history = fit(RECIPE, split, seed=0, on_step=lambda *done: steps.append(done)).history
    assert [row.epoch for row in history] == [1, 2, 3]
    assert all(row.train_loss > 0 and row.seconds > 0 for row in history)
    assert all(0 <= row.validation_accuracy <= 1 for row in history)
    total = 3 * math.ceil(len(split.train) / RECIPE.batch_size)
    assert steps == [(step + 1, total) for step in range(total)]


def test_it_learns(split):
    recipe = replace(RECIPES["tiny"], epochs=12, batch_size=32)
    history = fit(recipe, split, seed=0).history
    assert history[-1].train_accuracy > 0.97
    assert history[-1].validation_accuracy > 0.8


def test_early_stopping_restores_the_best_weights(split):
    # A learning rate far too high at the end: validation gets worse, training must stop.
    recipe = replace(RECIPES["tiny"], epochs=40, batch_size=32, schedule="constant", patience=3)
    kept = []
    last = fit(recipe, split, seed=0, on_epoch=kept.append)
    losses = [row.validation_loss for row in last.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3 < 40
    assert same_weights(last.finished[0], kept[best].model)
    assert not same_weights(last.finished[0], kept[-1].model)


def test_without_a_validation_part_nothing_is_claimed(mnist):
    split = stratified_split(take(mnist, 100), 0, seed=0)
    row = fit(replace(RECIPE, epochs=1, validation_fraction=0.0), split, seed=0).history[0]
    assert row.validation_loss is row.validation_accuracy is None


def test_weights_spoilt_by_the_last_step_stop_the_run(split):
    one_step = replace(
        RECIPES["tiny"], optimizer="sgd", peak_lr=1e9, schedule="constant", batch_size=400
    )
    with pytest.raises(TrainingDiverged, match="weights or validation loss are not finite"):
        fit(replace(one_step, weight_decay=1e9, architecture="keras-baseline"), split, seed=0)


def test_a_checkpoint_of_another_network_is_refused(split):
    kept = []
    fit(replace(RECIPES["tiny"], epochs=1), split, seed=0, on_epoch=kept.append)
    with pytest.raises(UsageError, match="for another network"):
        fit(RECIPE, split, seed=0, resume=kept[0])


@pytest.mark.parametrize(
    ("fraction", "patience", "part"), [(0.999, 0, "train"), (1e-6, 2, "valid")]
)
def test_a_split_with_an_empty_part_is_refused(mnist, fraction, patience, part):
    recipe = replace(RECIPE, validation_fraction=fraction, patience=patience)
    with pytest.raises(UsageError, match=f"leaves no images in the {part}"):
        fit(recipe, stratified_split(take(mnist, 40), fraction, seed=0), seed=0)


def test_a_loss_that_is_not_finite_stops_the_run(split):
    recipe = replace(RECIPES["tiny"], optimizer="sgd", peak_lr=1e9, epochs=3)
    with pytest.raises(
        TrainingDiverged, match=r"the loss is (nan|inf) at step \d+ .*lower peak_lr"
    ):
        fit(recipe, split, seed=0)
