"""A recipe's model as a PyTorch module; weights from artifacts, and as safetensors."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

import inkdigits
from inkdigits.artifact import shipped
from inkdigits.data import Split
from inkdigits.errors import ArtifactError, StorageError, UsageError
from inkdigits.recipes import RECIPES
from inkdigits.training import train_artifact
from tests.conftest import take

USAGE = (Path(__file__).parent.parent / "docs" / "how-to" / "usage.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(mnist, tmp_path_factory):
    """Paths of artifacts: one network, two with other normalisation."""
    folder = tmp_path_factory.mktemp("trained")
    some = take(mnist, 300)
    tiny = RECIPES["tiny"]
    for name, recipe in (
        ("tiny", tiny),
        ("two", replace(tiny, networks=2, pixel_mean=33.3, pixel_scale=78.6)),
    ):
        (folder / name).mkdir()
        (folder / name / "artifact.onnx").write_bytes(train_artifact(recipe, Split(some, some)))
    return folder


def probabilities(model, images, reader):
    """As the artifact has them, from the module's logits."""
    model.eval()
    with torch.inference_mode():
        logits = model(torch.from_numpy(images)[:, None].float())
    digits = logits[:, : len(reader.info.labels)] / reader.info.temperature
    return digits.softmax(1).numpy()


@pytest.mark.parametrize("kind", ["run folder", "file", "text", "bytes", "safetensors"])
@pytest.mark.parametrize("name", ["tiny", "two"])
def test_a_module_gives_the_artifacts_probabilities(trained, mnist_test, tmp_path, name, kind):
    images, artifact = mnist_test.images[:200], trained / name / "artifact.onnx"
    reader = inkdigits.Reader.load(artifact)
    recipe = replace(RECIPES["tiny"], networks=reader.info.recipe["networks"])
    model = inkdigits.build_model(recipe)
    source = {
        "run folder": artifact.parent,
        "file": artifact,
        "text": str(artifact),
        "bytes": artifact.read_bytes(),
        "safetensors": tmp_path / "weights.safetensors",
    }[kind]
    if kind == "safetensors":
        other = inkdigits.build_model(recipe)
        inkdigits.load_weights(other, artifact)
        inkdigits.save_weights(other, source)
    inkdigits.load_weights(model, source)
    ours, theirs = probabilities(model, images, reader), reader.predict_proba(images)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_model_inside_the_package_as_a_module_to_train(mnist):
    model = inkdigits.build_model("robust")
    assert isinstance(model, torch.nn.Module)
    inkdigits.load_weights(model, shipped())
    images, labels = mnist.images[:64], torch.from_numpy(mnist.labels[:64]).long()
    ours = probabilities(model, images, reader := inkdigits.Reader.load())
    np.testing.assert_allclose(ours, reader.predict_proba(images), atol=2e-5)
    logits = model(torch.from_numpy(images)[:, None].float())
    torch.nn.functional.cross_entropy(logits, labels).backward()
    assert all(values.grad is not None for values in model.parameters())


def test_what_a_safetensors_file_says(tmp_path):
    model = inkdigits.build_model("fast", classes=3)
    inkdigits.save_weights(model, tmp_path / "weights.safetensors", labels="abc")
    with safe_open(tmp_path / "weights.safetensors", "pt") as file:
        said = {name: json.loads(value) for name, value in file.metadata().items()}
        assert set(file.keys()) == set(model.state_dict())
    assert said["recipe"] == RECIPES["fast"].to_dict()
    assert said["labels"] == ["a", "b", "c"]
    assert (said["pixel_mean"], said["pixel_scale"]) == pytest.approx((33.3, 78.6))


@pytest.mark.parametrize(
    ("recipe", "source", "error", "message"),
    [
        ("standard", "tiny", ArtifactError, "is of another network than"),
        ("tiny", "two", ArtifactError, r"has 2 network\(s\) for 10 labels, the model 1 for 10"),
        ("tiny", b"nonsense", ArtifactError, "the artifact is not an inkdigits artifact"),
        ("tiny", b"12345678{", ArtifactError, "is no safetensors file, or damaged"),
        ("tiny", "nowhere", StorageError, "nowhere"),
        ("tini", "tiny", UsageError, "there is no recipe 'tini'; did you mean 'tiny'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(trained, recipe, source, error, message):
    with pytest.raises(error, match=message):
        inkdigits.load_weights(
            inkdigits.build_model(recipe), trained / source if isinstance(source, str) else source
        )


@pytest.mark.parametrize("networks", [1, 2])
def test_a_model_becomes_an_artifact(mnist, mnist_test, tmp_path, networks):
    torch.manual_seed(0)
    model = inkdigits.build_model(replace(RECIPES["tiny"], networks=networks))
    inkdigits.save_artifact(model, tmp_path / "artifact.onnx", take(mnist, 300))
    reader = inkdigits.Reader.load(tmp_path)
    images = mnist_test.images[:100]
    found, expected = reader.predict_proba(images), probabilities(model, images, reader)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert reader.info.validation["images"] == 300
    assert reader.accepts(reader.score_glyphs(mnist.images[:300])[1]).mean() == 0.99
    again = inkdigits.build_model(model.recipe)
    inkdigits.load_weights(again, tmp_path)
    np.testing.assert_array_equal(probabilities(again, images, reader), expected)


def test_an_artifact_needs_images_of_the_models_classes(mnist, tmp_path):
    model = inkdigits.build_model("tiny", classes=3)
    with pytest.raises(UsageError, match="held_out has 10 labels, the model 3 classes"):
        inkdigits.save_artifact(model, tmp_path / "artifact.onnx", take(mnist, 30))


def test_the_lines_in_the_docs_run(mnist, tmp_path, monkeypatch):
    (lines,) = re.findall(r"```python\n(model = inkdigits.build_model.*?)```", USAGE, re.S)
    some = take(mnist, 300)
    monkeypatch.chdir(tmp_path)
    Path("artifact.onnx").write_bytes(train_artifact(RECIPES["fast"], Split(some, some)))
    exec(lines, {"inkdigits": inkdigits})  # noqa: S102
    assert Path("fast.safetensors").stat().st_size > 10_000


def test_labels_must_be_as_many_as_the_classes(tmp_path):
    with pytest.raises(UsageError, match="there are 10 labels for 3 classes; pass labels"):
        inkdigits.save_weights(inkdigits.build_model("tiny", classes=3), tmp_path / "weights")
