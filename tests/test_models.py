"""Architectures as PyTorch models and as ONNX graphs."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from inkdigits.artifact import parse_artifact, seal_artifact
from inkdigits.export.onnx import export_onnx
from inkdigits.metrics import softmax
from inkdigits.reading import Reader
from inkdigits.recipes import RECIPES
from inkdigits.recipes.architectures import ARCHITECTURES
from inkdigits.training import predict_logits
from inkdigits.training.calibration import familiarity
from inkdigits.training.detector import cutout
from inkdigits.training.models import (
    as_network,
    build_model,
    count_parameters,
    networks_of,
    rebuild,
)


@pytest.fixture(scope="module")
def images(mnist):
    return mnist.images[:64]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_artifact_agrees_with_torch(name, images):
    torch.manual_seed(0)
    recipes = (*RECIPES.values(), cutout.RECIPE)
    recipe = next(recipe for recipe in recipes if recipe.architecture == name)
    (model,) = networks_of(build_model(replace(recipe, networks=1)))
    with torch.no_grad():  # one step in training mode changes batch norm's initial statistics
        model(torch.from_numpy(images).unsqueeze(1).float())
    content = seal_artifact(export_onnx([as_network(model)], temperature=0.7), Reader.load().info)
    reader = Reader(parse_artifact(content))
    logits = predict_logits(model, images).numpy()
    probabilities, known = reader.score_glyphs(images)
    np.testing.assert_allclose(probabilities, softmax(logits[:, :10] / 0.7), atol=1e-5)
    np.testing.assert_allclose(known, familiarity(logits), atol=1e-3)


def test_an_ensemble_is_the_mean_of_its_logits(images):
    torch.manual_seed(0)
    recipe = RECIPES["tiny"]
    ensemble = rebuild(recipe, [build_model(recipe).state_dict() for _ in range(3)])
    single = [predict_logits(model, images) for model in ensemble.models]
    logits = predict_logits(ensemble, images)
    torch.testing.assert_close(logits, sum(single) / 3)
    content = seal_artifact(
        export_onnx([as_network(model) for model in ensemble.models]), Reader.load().info
    )
    probabilities, known = Reader(parse_artifact(content)).score_glyphs(images)
    np.testing.assert_allclose(probabilities, softmax(logits.numpy()), atol=1e-5)
    np.testing.assert_allclose(known, familiarity(logits.numpy()), atol=1e-3)
    assert count_parameters(ensemble) == 3 * count_parameters(ensemble.models[0])


# Counted by hand from the layers' shapes; the first agrees with Keras for seed 000's network.
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("keras-baseline", (9 + 1) * 32 + (9 * 32 + 1) * 64 + (1600 + 1) * 128 + 1290),
        ("tiny", (25 + 1) * 16 + (9 * 16 + 1) * 32 + (1568 + 1) * 10),
        ("torch-two-conv", (25 + 1) * 32 + (25 * 32 + 1) * 64 + (3136 + 1) * 10),
    ],
)
def test_parameter_counts(name, parameters):
    assert count_parameters(build_model(RECIPES[name])) == parameters


def test_the_model_owns_its_normalisation():
    model = build_model(RECIPES["tiny"])
    assert model.normalise(torch.tensor([0.0, 255.0])).tolist() == [0.0, 1.0]
    model = build_model(replace(RECIPES["tiny"], pixel_mean=55.0, pixel_scale=100.0))
    assert model.normalise(torch.tensor([5.0, 255.0])).tolist() == [-0.5, 2.0]
    assert {"normalise.mean", "normalise.scale"} <= set(model.state_dict())


def test_same_weights_same_bytes_and_any_onnx_tool_opens_them(images):
    torch.manual_seed(0)
    model = build_model(RECIPES["standard"])
    content = seal_artifact(export_onnx([as_network(model)]), Reader.load().info)
    assert content == seal_artifact(export_onnx([as_network(model)]), Reader.load().info)
    opened = onnx.load_from_string(content)
    onnx.checker.check_model(opened, full_check=True)
    metadata = {entry.key: entry.value for entry in opened.metadata_props}
    assert metadata["inkdigits.dataset"] == '"mnist"'
    assert set(metadata) == {"inkdigits.sha256"} | {
        f"inkdigits.{name}" for name in Reader.load().info.to_dict()
    }
