"""Networks run by NumPy give what ONNX Runtime gives."""

from dataclasses import replace

import numpy as np
import pytest

from inkdigits.artifact import CPU, NUMPY, load_artifact, open_sealed, seal, seal_artifact, shipped
from inkdigits.errors import ArtifactError
from inkdigits.export.onnx import export_onnx
from inkdigits.graph import NumpySession
from inkdigits.reading import Reader
from inkdigits.recipes import RECIPES
from inkdigits.recipes.architectures import ARCHITECTURES
from inkdigits.training.detector import cutout
from inkdigits.training.models import as_network, build_model

OUTPUTS = ["probabilities", "familiarity"]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)


def agree(content, names, feeds):
    ours = load_artifact(content, providers=(NUMPY,)).session.run(names, feeds)
    theirs = load_artifact(content).session.run(names, feeds)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)
        assert one.dtype == other.dtype


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_gives_what_onnx_runtime_gives(architecture, images):
    recipes = (*RECIPES.values(), cutout.RECIPE)
    recipe = next(known for known in recipes if known.architecture == architecture)
    model = build_model(replace(recipe, networks=1)).eval()
    content = export_onnx([as_network(model)], temperature=0.7)
    agree(seal_artifact(content, Reader.load().info), OUTPUTS, {"images": images})


def test_an_ensemble_gives_what_onnx_runtime_gives(images):
    networks = [as_network(build_model("fast").eval()) for _ in range(3)]
    agree(seal_artifact(export_onnx(networks), Reader.load().info), OUTPUTS, {"images": images})


def test_the_detector_gives_what_onnx_runtime_gives():
    content = shipped("detector.onnx")
    ink = np.random.default_rng(0).random((1, 1, 48, 80), np.float32)
    sessions = (open_sealed(content, "it", providers=given) for given in ((NUMPY,), CPU))
    ours, theirs = (session.run(["classes", "sizes"], {"ink": ink}) for session in sessions)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


def test_a_picture_is_read_the_same_way(mnist_test):
    row = 255 - np.hstack(
        [np.kron(image, np.ones((2, 2), np.uint8)) for image in mnist_test.images[:3]]
    )
    ours, theirs = Reader.load(providers=(NUMPY,)).read(row), Reader.load().read(row)
    assert len(ours.digits) == 3
    assert ours.text == theirs.text
    assert [digit.box for digit in ours.digits] == [digit.box for digit in theirs.digits]


def test_another_convolution_can_be_given(images):
    seen = []

    def convolve(images, weight, bias, stride, pad):
        seen.append(images.shape)
        n, _, height, width = images.shape
        side = (height + 2 * pad - weight.shape[2]) // stride + 1
        return np.zeros((n, len(weight), side, (width + 2 * pad - weight.shape[3]) // stride + 1))

    reader = Reader.load(providers=((NUMPY, {"convolve": convolve}),))
    assert np.ptp(reader.predict_proba(images)) < 1e-6  # nothing speaks for any label
    assert (5, 1, 28, 28) in seen


@pytest.mark.parametrize("graph", [b"", b"\x0d", b"\xff\xff", b"\x3a\x05hello"])
def test_what_is_no_network_is_refused(graph):
    with pytest.raises(ArtifactError):
        load_artifact(seal(graph, {}), providers=(NUMPY,))


def test_an_unknown_operator_is_refused_before_anything_is_run():
    content = shipped().replace(b"MaxPool", b"MinPool")
    with pytest.raises(ValueError, match="MinPool"):
        NumpySession(content)
