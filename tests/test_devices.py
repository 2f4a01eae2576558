"""Where training computes. Without a GPU, a device without data stands for one: it fails where
tensors of two devices meet, and where a value is asked for, which a GPU would be waited for."""

from dataclasses import replace

import pytest
import torch
from gpu_training import COMPARED, difference
from torch.nn import functional

from inkdigits.artifact import parse_artifact
from inkdigits.data import stratified_split
from inkdigits.errors import TrainingDiverged, UsageError
from inkdigits.recipes import RECIPES
from inkdigits.training import fit, loop, train_artifact
from inkdigits.training.batches import Batches
from inkdigits.training.devices import choose_device
from inkdigits.training.models import build_model
from tests.command_line import error_of, train
from tests.conftest import take

needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(),
    reason="NO GPU HERE: training on one is not compared with the CPU; see make bench-gpu",
)


@pytest.fixture
def having(monkeypatch):
    """A machine that has these devices beside its processor."""

    def have(*names: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)

    return have


@pytest.mark.parametrize(
    ("there", "asked", "chosen"),
    [
        ((), "auto", "cpu"),
        (("cuda",), "auto", "cuda"),
        (("mps",), "auto", "mps"),
        (("cuda", "mps"), "auto", "cuda"),
        (("cuda",), "cpu", "cpu"),
        (("cuda", "mps"), "mps", "mps"),
    ],
)
def test_the_device_of_a_name(having, there, asked, chosen):
    having(*there)
    assert choose_device(asked).type == chosen


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("cuda", r"the device is cuda, and PyTorch .* finds none here; use --device cpu, or"),
        ("mps", "the device is mps, and"),
        ("gpu", "the device is 'gpu'; choose one of auto, cpu, cuda, mps"),
    ],
)
def test_a_device_that_is_not_there_is_refused(having, mnist, asked, message):
    having()
    split = stratified_split(take(mnist, 60), 0.1, seed=0)
    with pytest.raises(UsageError, match=message):
        fit(RECIPES["tiny"], split, 0, device=asked)


def test_the_command_takes_a_device_and_the_artifact_says_which(
    capsys, small_data, tmp_path, having, mnist
):
    having()
    folder = tmp_path / "run"
    code, err = error_of(capsys, "train", "tiny", "--device", "cuda", "--out", folder)
    assert (code, folder.exists()) == (2, False)
    assert "the device is cuda, and PyTorch" in err
    assert train(capsys, small_data, folder, "--device", "cpu", "--no-test")[0] == 0
    split = stratified_split(take(mnist, 60), 0.1, seed=0)
    contents = [(folder / "artifact.onnx").read_bytes(), train_artifact(RECIPES["tiny"], split)]
    for content in contents:
        assert parse_artifact(content).info.environment["device"] == "cpu"


@pytest.mark.parametrize(
    ("name", "changes"),
    [("fast", {}), ("standard", {"elastic_px": 1.0}), ("robust", {}), ("accurate", {})],
)
def test_a_step_neither_mixes_devices_nor_waits_for_one(mnist, name, changes):
    recipe = replace(RECIPES[name], batch_size=64, **changes)
    nowhere = torch.device("meta")
    batches = Batches(take(mnist, 200), recipe, nowhere)
    model = build_model(recipe).to(nowhere)
    for images, labels in batches:
        loss = functional.cross_entropy(model(images), labels)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        assert {tensor.device for tensor in (images, labels, *gradients)} == {nowhere}


def test_the_step_that_spoilt_the_loss_is_named_however_rarely_losses_are_read(mnist, monkeypatch):
    recipe = replace(RECIPES["tiny"], optimizer="sgd", peak_lr=1e9, batch_size=16)
    split = stratified_split(take(mnist, 400), 0.1, seed=0)
    messages = []
    for steps in (1, 7, 1000):
        monkeypatch.setattr(loop, "READ_EVERY", steps)
        with pytest.raises(TrainingDiverged, match="at step") as caught:
            fit(recipe, split, 0, device="cpu")
        messages.append(str(caught.value))
    assert len(set(messages)) == 1


@needs_gpu
@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize(("precision", "bound"), [("fp32", 2e-3), ("bf16", 2e-2)])
def test_a_gpu_gives_what_a_processor_gives(mnist, name, precision, bound):
    recipe = replace(RECIPES[name], precision=precision)
    weights, loss = difference(recipe, mnist, "cuda")
    assert max(weights, loss) < bound


@needs_gpu
def test_the_callers_random_state_on_the_gpu_is_left_alone(mnist):
    torch.cuda.manual_seed(5)
    before = torch.cuda.get_rng_state()
    split = stratified_split(take(mnist, 200), 0.1, seed=0)
    fit(replace(RECIPES["accurate"], epochs=1), split, 0, device="cuda")
    assert torch.cuda.get_rng_state().equal(before)
