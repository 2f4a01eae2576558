"""A student learns what its teacher says: through runs, and label by label."""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
import torch

from inkdigits.batches import Batches
from inkdigits.distillation import Teacher
from inkdigits.errors import ArtifactError, UsageError
from inkdigits.reading import SHIPPED, Reader
from inkdigits.recipes import RECIPES
from inkdigits.runs import open_run, start_run, train_run
from tests.conftest import take

STUDENT = replace(RECIPES["robust"], epochs=1, batch_size=64)


def test_a_teachers_labels_are_its_networks_own(mnist):
    """What it accepts it calls a digit, and the digits' shares are its probabilities."""
    reader = Reader.load()
    images = mnist.images[:50]
    labels = Teacher(reader, STUDENT)(torch.from_numpy(images).unsqueeze(1).float()).numpy()
    probabilities, familiarity = reader.judge(images)
    assert labels.shape == (50, 11)
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)
    assert (labels[:, :10].argmax(axis=1) == probabilities.argmax(axis=1)).all()
    odds = labels[:, :10].sum(axis=1) / labels[:, 10]
    np.testing.assert_allclose(np.log(odds), familiarity, atol=0.05)
    softened = labels[:, :10] ** (1 / reader.info.temperature)
    softened /= softened.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softened, probabilities, atol=1e-4)


def test_batches_mix_the_teachers_labels_in(mnist):
    data = take(mnist, 64)
    recipe = replace(STUDENT, teacher_share=0.25)
    teacher = Teacher(Reader.load(), recipe)
    torch.manual_seed(0)
    images, mixed = next(iter(Batches(data, recipe, teacher)))
    torch.manual_seed(0)
    same, plain = next(iter(Batches(data, recipe, None)))
    assert images.equal(same)
    torch.testing.assert_close(mixed, 0.75 * plain + 0.25 * teacher(images))


def test_a_teacher_with_other_classes_is_refused(tmp_path):
    with pytest.raises(UsageError, match="the teacher, of the recipe robust, can't teach standard"):
        Teacher(Reader.load(), RECIPES["standard"])


def test_a_run_keeps_its_teacher(tmp_path, small_data):
    teacher = tmp_path / "teacher.onnx"
    teacher.write_bytes(files("inkdigits").joinpath("shipped", SHIPPED).read_bytes())
    run = start_run(
        STUDENT, 0, "kmnist", folder=tmp_path / "run", data_folder=small_data, teacher=teacher
    )
    teacher.unlink()
    taught = Reader.load(train_run(run, data_folder=small_data))
    assert taught.info.environment["teacher_sha256"]
    (run.folder / "teacher.onnx").write_bytes(b"another")
    with pytest.raises(UsageError, match="teacher.onnx is not what the run began with"):
        train_run(open_run(run.folder), data_folder=small_data)


def test_a_teacher_that_is_no_artifact_is_refused_before_anything_is_made(tmp_path, small_data):
    teacher = tmp_path / "teacher.onnx"
    teacher.write_bytes(b"no artifact")
    with pytest.raises(ArtifactError, match="teacher.onnx is not an inkdigits artifact"):
        start_run(
            STUDENT, 0, "kmnist", folder=tmp_path / "run", data_folder=small_data, teacher=teacher
        )
    assert not (tmp_path / "run").exists()
