"""The corruptions: what each one does to a picture, and that the same seed does the same."""

import numpy as np
import pytest

from inkdigits import Reader
from inkdigits.errors import UsageError
from inkdigits.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from inkdigits.evaluation.non_digits import OUTSIDERS, draw_outsiders
from inkdigits.evaluation.robustness import measure_corruptions, measure_rejection
from tests.conftest import take


@pytest.fixture(scope="module")
def images(mnist_test):
    return mnist_test.images[:300]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_severity_damages_and_the_seed_decides_how(name, images):
    before = images.copy()
    for severity in SEVERITIES:
        damaged = corrupt(images, name, severity, seed=1)
        assert damaged.dtype == np.uint8
        assert damaged.shape == images.shape
        assert (damaged != images).any(axis=(1, 2)).mean() > 0.95
        assert (damaged == corrupt(images, name, severity, seed=1)).all()
    assert (images == before).all()
    assert len(CORRUPTIONS[name].parameters) == len(SEVERITIES)


@pytest.mark.parametrize(
    "name", sorted(set(CORRUPTIONS) - {"brightness", "stripe", "canny_edges", "scale"})
)
def test_another_seed_damages_in_another_way(name, images):
    assert (corrupt(images, name, seed=1) != corrupt(images, name, seed=2)).any()


def test_without_a_severity_it_is_the_papers(images):
    assert (corrupt(images, "scale") == corrupt(images, "scale", 3)).all()
    assert (corrupt(images, "brightness") == corrupt(images, "brightness", 5)).all()


def test_what_can_be_said_exactly(images):
    brighter = np.minimum(images + 127.5, 255)
    assert np.abs(corrupt(images, "brightness", 5) - brighter).max() <= 0.5
    stripe = corrupt(images, "stripe")
    assert (stripe[:, :, 7:21] == images[:, :, 7:21]).all()
    assert (stripe[:, :, :7] == 255 - images[:, :, :7]).all()
    inner = np.pad(images[0, 5:23, 5:23], 5)
    moved = corrupt(inner[None], "translate", 3)[0]
    rolled = [np.roll(inner, (a, b), (0, 1)) for a in (-3, 3) for b in (-3, 3)]
    assert any((moved == other).all() for other in rolled)
    assert set(np.unique(corrupt(images, "canny_edges"))) == {0, 255}
    assert (corrupt(images, "dotted_line") >= images).all()
    assert (corrupt(images, "zigzag") >= images).all()


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_hits_the_share_it_states(severity, images):
    share = CORRUPTIONS["impulse_noise"].parameters[severity - 1]
    grey = np.full_like(images, 100)
    damaged = corrupt(grey, "impulse_noise", severity)
    assert (damaged == 0).mean() == pytest.approx(share / 2, rel=0.1)
    assert (damaged == 255).mean() == pytest.approx(share / 2, rel=0.1)


def test_scaling_and_turning_keep_the_centre():
    dot = np.zeros((1, 28, 28), np.uint8)
    dot[0, 13:15, 13:15] = 255
    for name in ("scale", "rotate", "shear"):
        turned = corrupt(dot, name)[0].astype(float)
        rows, columns = np.indices(turned.shape)
        assert (turned * rows).sum() / turned.sum() == pytest.approx(13.5, abs=0.05)
        assert (turned * columns).sum() / turned.sum() == pytest.approx(13.5, abs=0.05)


@pytest.mark.parametrize("name", ["canny_edges", "stripe", "brightness"])
def test_what_is_certain_does_not_depend_on_the_other_images(name, images):
    alone = np.concatenate([corrupt(images[i : i + 1], name) for i in range(20)])
    assert (alone == corrupt(images, name)[:20]).all()


def test_an_edge_is_an_outline():
    square = np.zeros((1, 28, 28), np.uint8)
    square[0, 8:20, 8:20] = 255
    edges = corrupt(square, "canny_edges")[0] > 0
    assert not edges[11:17, 11:17].any()
    for line in (edges[:, 14], edges[14]):  # in at one side, out at the other
        assert (np.diff(line.astype(int)) == 1).sum() == 2


def test_a_wrong_name_or_severity_says_what_there_is(images):
    with pytest.raises(UsageError, match="no corruption 'snow'; choose one of shot_noise"):
        corrupt(images, "snow")
    with pytest.raises(UsageError, match="severity is 6; it must be 1, 2, 3, 4 or 5"):
        corrupt(images, "fog", 6)


@pytest.mark.parametrize("name", OUTSIDERS)
def test_outsiders_are_images_that_the_seed_decides(name):
    drawn = draw_outsiders(name, 20, seed=3)
    assert drawn.shape == (20, 28, 28)
    assert drawn.dtype == np.uint8
    assert (drawn == draw_outsiders(name, 20, seed=3)).all()
    assert (drawn != draw_outsiders(name, 20, seed=4)).any()


def test_the_tables(mnist_test):
    reader, few = Reader.load(), take(mnist_test, 200)
    seen = []
    rows = measure_corruptions(reader, few, lambda *progress: seen.append(progress))
    assert [row.corruption for row in rows] == list(CORRUPTIONS)
    assert seen[-1] == ("damaging digits", 75, 75)
    for row in rows:
        assert row.paper in row.severities
        assert row.severities[0] > 0.6
        assert row.in_set >= row.paper
        assert 0.6 < row.accepted <= 1
    refused = measure_rejection(reader, {"inked": few.images})
    assert [row.name for row in refused] == ["inked", *OUTSIDERS]
    assert refused[0].rejected < 0.05
    *drawn, letters = refused[1:]
    assert all(row.rejected > 0.98 for row in drawn)
    assert letters.rejected > 0.85
