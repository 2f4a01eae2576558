"""Training with Keras gives the same kind of run as with PyTorch."""

import json
from dataclasses import replace

import numpy as np
import pytest

import inkdigits
from inkdigits.data import Split
from inkdigits.errors import TrainingDiverged, UsageError
from inkdigits.export.keras import KerasNetwork, keras
from inkdigits.export.source import Source
from inkdigits.recipes import RECIPES
from inkdigits.training.keras_engine import fit_keras
from inkdigits.training.schedules import learning_rate
from inkdigits.training.sealing import seal_checkpoint
from tests.command_line import call, error_of
from tests.conftest import take

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning",  # Keras on PyTorch with NumPy 2
)
TINY = replace(RECIPES["tiny"], epochs=1)


@pytest.fixture(scope="module")
def some(mnist):
    return Split(take(mnist, 1500), take(mnist, 500, start=1500))


def sealed(recipe, split):
    environment = {"inkdigits": "0", "data_sha256": {}}
    checkpoint = fit_keras(recipe, split, 0)
    return seal_checkpoint(checkpoint, recipe, 0, split.validation, "mnist", environment)


def size_of_weights(checkpoint):
    (weights,) = checkpoint.weights()
    return sum(float((values**2).sum()) for values in weights.values() if values.ndim > 1)


def test_the_command_leaves_a_whole_run(capsys, small_data, tmp_path):
    run = tmp_path / "run"
    where = ("--data", "kmnist", "--data-dir", small_data, "--out", run)
    more = ("--set", "epochs=2", "--set", "batch_size=32", "--json")
    code, out, _ = call(capsys, "train", "tiny", "--engine", "keras", *where, *more)
    assert code == 0
    assert json.loads(out)["test"]["accuracy"] > 0.5
    info = inkdigits.Run(run).info
    assert info.environment["engine"] == f"Keras {keras.__version__} on {keras.backend.backend()}"
    assert info.environment["precision"] == "fp32"
    assert [row["epoch"] for row in info.history] == [1, 2]
    assert {path.name for path in run.iterdir()} >= {"run.json", "history.csv", "report.html"}
    code, err = error_of(capsys, "train", "--resume", run)
    assert code == 2
    assert "was trained with Keras, which can't resume" in err


@pytest.mark.parametrize(
    "architecture", ["tiny", "strided", "keras-batch-norm", "torch-two-conv", "deep-wide"]
)
def test_forward_passes_agree_with_the_artifact(some, architecture, mnist_test):
    """On the weights that Keras trained."""
    recipe = replace(TINY, architecture=architecture, pixel_mean=33.3, pixel_scale=78.6)
    few = Split(take(some.train, 64), take(some.validation, 50))
    source = Source.parse(sealed(recipe, few))
    (network,) = source.networks
    made = KerasNetwork(network.layers, network.pixel_mean, network.pixel_scale)
    pixels = keras.Input((28, 28, 1))
    model = keras.Model(pixels, made(pixels))
    made.set_weights(network.weights)
    images = mnist_test.images[:100]
    logits = model(images[..., None].astype(np.float32), training=False)
    calm = keras.ops.softmax(logits / source.info.temperature)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(calm), source.run(images)[0], atol=1e-4)
    for ours, theirs in zip(made.get_weights(), network.weights, strict=True):
        assert ours.keys() == theirs.keys()
        for part in theirs:
            np.testing.assert_array_equal(ours[part], theirs[part], part)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_optimisers_learn_and_weight_decay_shrinks(some, optimizer):
    recipe = replace(TINY, optimizer=optimizer, peak_lr=0.1 if optimizer == "sgd" else 0.003)
    plain = fit_keras(recipe, some, 0)
    assert plain.history[0].validation_accuracy > 0.5
    decayed = fit_keras(replace(recipe, weight_decay=5.0 if optimizer == "adamw" else 0.1), some, 0)
    assert size_of_weights(decayed) < 0.9 * size_of_weights(plain)


def test_the_learning_rate_follows_the_schedule(some):
    recipe = replace(TINY, epochs=3, schedule="one-cycle", batch_size=256)
    rows = fit_keras(recipe, some, 0).history
    steps = -(-len(some.train) // 256)
    expected = [learning_rate(recipe, steps * epoch - 1, steps) for epoch in (1, 2, 3)]
    assert [row.learning_rate for row in rows] == pytest.approx(expected)


def test_patience_stops_and_restores_the_best(some):
    recipe = replace(TINY, epochs=30, patience=2, schedule="constant", peak_lr=0.02)
    states = []
    last = fit_keras(recipe, some, 0, on_epoch=states.append)
    losses = [row.validation_loss for row in last.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 30
    (restored,) = last.weights()
    for name, values in states[best].model.items():
        np.testing.assert_array_equal(restored[name], values, name)


def test_networks_are_trained_one_after_another(some):
    few, steps = Split(take(some.train, 256), some.validation), []
    last = fit_keras(replace(TINY, networks=2), few, 0, on_step=lambda *step: steps.append(step))
    assert [row.network for row in last.history] == [1, 2]
    assert len(last.weights()) == 2
    assert steps[-1][0] == steps[-1][1] == len(steps)


def test_what_keras_cannot_do(some, capsys):
    with pytest.raises(TrainingDiverged, match="not finite after epoch 1"):
        fit_keras(replace(TINY, optimizer="sgd", peak_lr=1e9), some, 0)
    with pytest.raises(UsageError, match="leave out --from, --device"):
        inkdigits.train("tiny", device="cpu", engine="keras", quiet=True)
    with pytest.raises(UsageError, match="there is no engine 'jax'; choose torch or keras"):
        inkdigits.train("tiny", engine="jax", quiet=True)
    code, err = error_of(capsys, "train", "--engine", "keras", "--from", "shipped")
    assert (code, "from the start; leave out --resume" in err) == (2, True)
