"""Training on what another model says of the images."""

from dataclasses import replace

import numpy as np
import pytest

import inkdigits
from inkdigits.artifact import shipped
from inkdigits.errors import UsageError
from inkdigits.export.source import Source
from inkdigits.recipes import RECIPES
from inkdigits.training.batches import TEMPERATURE, Batches
from inkdigits.training.run_folder import open_run
from inkdigits.training.runs import start_run, train_run
from inkdigits.training.teaching import taught_by
from tests.command_line import error_of, train
from tests.conftest import take

TINY = RECIPES["tiny"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own; its folder of soft labels."""
    monkeypatch.setattr("inkdigits.training.teaching.cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "soft-labels"


@pytest.fixture
def teacher(tmp_path):
    path = tmp_path / "teacher.onnx"
    path.write_bytes(shipped())
    return path


@pytest.fixture
def some(mnist):
    return take(mnist, 600)


def test_soft_labels_are_what_the_teacher_says_and_asked_once(teacher, some, cache, monkeypatch):
    taught = taught_by(teacher, some)
    expected = inkdigits.Reader.load().predict_proba(some.images)
    np.testing.assert_allclose(taught.taught, expected, atol=1e-6)
    (kept,) = cache.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr("inkdigits.training.teaching.Reader", None)  # nobody is asked again
        np.testing.assert_array_equal(taught_by(teacher, some).taught, taught.taught)
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)  # damaged
    np.testing.assert_array_equal(taught_by(teacher, some).taught, taught.taught)


def test_targets_are_what_the_teacher_says_softened(some):
    said = np.zeros((len(some), 10), np.float32)
    rows = np.arange(len(some))
    said[rows, some.labels], said[rows, (some.labels + 1) % 10] = 0.9, 0.1
    taught = replace(some, taught=said)
    chosen = np.arange(599, -1, -2)
    np.testing.assert_array_equal(taught.only(chosen).taught, said[chosen])
    for recipe, columns in ((TINY, 10), (RECIPES["robust"], 11)):
        batches = Batches(taught, recipe)
        targets = batches.targets[: len(some)].numpy()
        assert (targets.shape, batches.label_smoothing) == ((len(some), columns), 0)
        np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)
        ratio = targets[rows, some.labels] / targets[rows, (some.labels + 1) % 10]
        np.testing.assert_allclose(ratio, 9 ** (1 / TEMPERATURE), rtol=1e-3)


def test_a_taught_run_learns_otherwise_and_resumes_with_its_soft_labels(
    small_data, tiny_artifact, tmp_path, cache
):
    recipe, where = replace(TINY, epochs=2), {"data_folder": small_data}
    contents = {}
    for name, teacher in (("alone", None), ("taught", tiny_artifact), ("stopped", tiny_artifact)):
        run = start_run(recipe, 0, "kmnist", folder=tmp_path / name, teacher=teacher, **where)
        assert ("soft_labels_sha256" in run.environment) == bool(teacher)
        if name != "stopped":
            contents[name] = weights_in(train_run(run, **where))
    for path in cache.iterdir():
        path.unlink()
    stopped = open_run(tmp_path / "stopped")
    assert weights_in(train_run(stopped, **where)) == contents["taught"] != contents["alone"]


def weights_in(path):
    """The bytes of an artifact's weights."""
    networks = Source.parse(path.read_bytes()).networks
    return b"".join(v.tobytes() for n in networks for part in n.weights for v in part.values())


def test_the_command_teaches(tmp_path, capsys, small_data, tiny_artifact):
    out = tmp_path / "taught"
    code, _, _ = train(capsys, small_data, out, "--no-test", "--teacher", tiny_artifact)
    assert code == 0
    with np.load(out / "soft-labels.npz") as file:
        assert file["probabilities"].shape == (600, 10)
    (out / "soft-labels.npz").unlink()
    code, err = error_of(capsys, "train", "--resume", out, "--quiet", "--data-dir", small_data)
    assert (code, "soft-labels.npz is missing or damaged; start a new run" in err) == (2, True)


def test_what_a_teacher_cannot_do(teacher, some, tmp_path, capsys):
    letters = replace(some, class_names=tuple("abcdefghij"))
    with pytest.raises(UsageError, match="the labels of the teacher .* are others than the data's"):
        start_run(TINY, 0, letters, folder=tmp_path / "letters", teacher=teacher)
    code, err = error_of(capsys, "train", "--from", "shipped", "--teacher", teacher)
    assert (code, "--teacher goes with RECIPE; leave out --from" in err) == (2, True)
    code, err = error_of(capsys, "train", "tiny", "--teacher", tmp_path)
    assert (code, "can't read" in err) == (4, True)
