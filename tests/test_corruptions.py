"""The corruptions: the effect of each, and reproducibility by seed."""

import numpy as np
import pytest

from inkdigits import Reader
from inkdigits.errors import UsageError
from inkdigits.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from inkdigits.evaluation.non_digits import NON_DIGITS, draw_non_digits
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


# The effect of each corruption on a simple shape, calculated by hand from its description: a
# spread, an angle, a length, a level.
GREY, BLACK, WHITE = (np.full((400, 28, 28), level, np.uint8) for level in (51, 0, 255))
BAR, DOT, SQUARE = np.zeros_like(BLACK), np.zeros_like(BLACK), np.zeros_like(BLACK)
BAR[:, 6:22, 13:16] = DOT[:, 13:15, 13:15] = SQUARE[:, 9:19, 9:19] = 255
TRAIL = np.exp(-(np.arange(21) ** 2) / (2 * 3**2))  # one-sided, of radius 10 and deviation 3


def damaged(name: str, images: np.ndarray, severity: int | None = None) -> np.ndarray:
    return corrupt(images, name, severity, seed=2).astype(float) / 255


def slope(images: np.ndarray) -> np.ndarray:
    """Columns per row by which the ink's centre moves between rows 9 and 18, either way."""
    middle = (images * np.arange(28)).sum(axis=2) / images.sum(axis=2).clip(1e-9)
    return np.abs(middle[:, 18] - middle[:, 9]) / 9


def moved(images: np.ndarray) -> np.ndarray:
    """The offset of the ink's centre from the middle in rows and columns, (2, n)."""
    rows, columns = images.sum(axis=2) @ np.arange(28), images.sum(axis=1) @ np.arange(28)
    return np.abs(np.stack([rows, columns]) / images.sum(axis=(1, 2)) - 13.5)


def waves(images: np.ndarray) -> np.ndarray:
    """The standard deviation of a drawn line from its straight fit, in rows."""
    columns = np.arange(5, 22)
    ink = images[:, :, columns]
    middle = (ink * np.arange(28)[:, None]).sum(axis=1) / ink.sum(axis=1).clip(1e-9)
    inside = (middle > 6).all(axis=1) & (middle < 21).all(axis=1)  # not cut by the border
    fits = np.polynomial.polynomial.polyfit(columns, middle[inside].T, 1)
    return (middle[inside] - np.polynomial.polynomial.polyval(columns, fits)).std(axis=1)


REFERENCES = {
    "shot noise: the variance is the mean over 60 photons": (
        lambda: damaged("shot_noise", GREY, 1).var(),
        pytest.approx(0.2 / 60, rel=0.03),
    ),
    "impulse noise: 27 % of the pixels": (
        lambda: (damaged("impulse_noise", GREY, 5) != 0.2).mean(),
        pytest.approx(0.27, abs=0.01),
    ),
    "glass blur: two Gaussians of 0.7 and swaps spread a dot's square to 3 to 4 times": (
        lambda: (damaged("glass_blur", DOT).max(axis=(1, 2)) ** -1).mean(),
        pytest.approx(3.5, abs=0.5),
    ),
    "motion blur: a trail of the length of its Gaussian": (
        lambda: np.hypot(*moved(damaged("motion_blur", DOT))).mean(),
        pytest.approx(np.average(np.arange(21), weights=TRAIL), rel=0.1),
    ),
    "motion blur: within 45° of the horizontal": (
        lambda: (np.subtract(*moved(damaged("motion_blur", DOT))) < 0.1).mean(),
        1.0,
    ),
    "shear: by 0.4 radians": (
        lambda: slope(damaged("shear", BAR)).mean(),
        pytest.approx(np.sin(0.4), abs=0.02),
    ),
    "rotate: by 0.4 radians": (
        lambda: slope(damaged("rotate", BAR)).mean(),
        pytest.approx(np.tan(0.4), abs=0.03),
    ),
    "scale: to 0.7 of the length": (
        lambda: damaged("scale", SQUARE).sum(axis=(1, 2)).mean(),
        pytest.approx((0.7 * 10) ** 2, rel=0.03),
    ),
    "brightness: half of white on top": (
        lambda: damaged("brightness", GREY).mean(),
        pytest.approx(0.2 + 0.5, abs=0.003),
    ),
    "translate: three pixels along each axis": (
        lambda: np.ptp(moved(damaged("translate", DOT)) - 3),
        pytest.approx(0, abs=1e-9),
    ),
    "stripe: seven columns at each side as a negative": (
        lambda: (damaged("stripe", BLACK) == 1).mean(),
        14 / 28,
    ),
    "fog of density 3: white is veiled to a quarter at most": (
        lambda: damaged("fog", WHITE).min(),
        pytest.approx(1 / (1 + 3), abs=0.02),
    ),
    "fog: relative to the brightest ink, so that black stays black": (
        lambda: damaged("fog", BLACK).max(),
        0.0,
    ),
    "spatter: blots of one dark grey": (lambda: damaged("spatter", BLACK).max(), 63 / 255),
    "dotted line: two columns of four are left out": (
        lambda: np.flatnonzero(damaged("dotted_line", BLACK, 5).max(axis=(0, 1))).tolist(),
        [column for column in range(27) if column % 4 >= 2],
    ),
    "zigzag: teeth of 2 pixels to both sides of a line": (
        lambda: waves(damaged("zigzag", BLACK)).mean(),
        pytest.approx(2 / np.sqrt(3), rel=0.1),  # the deviation of a triangle wave of that height
    ),
    "Canny: the outline of a square of 10 pixels, at its border or just outside": (
        lambda: damaged("canny_edges", SQUARE).sum(axis=(1, 2)).mean(),
        pytest.approx((36 + 44) / 2, abs=4),
    ),
}


@pytest.mark.parametrize("description", REFERENCES)
def test_a_corruption_does_what_its_description_says(description):
    measure, expected = REFERENCES[description]
    assert measure() == expected


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


@pytest.mark.parametrize("name", NON_DIGITS)
def test_non_digits_are_images_that_the_seed_decides(name):
    drawn = draw_non_digits(name, 20, seed=3)
    assert drawn.shape == (20, 28, 28)
    assert drawn.dtype == np.uint8
    assert (drawn == draw_non_digits(name, 20, seed=3)).all()
    assert (drawn != draw_non_digits(name, 20, seed=4)).any()


def test_the_tables(mnist_test):
    reader, few = Reader.load(), take(mnist_test, 200)
    seen = []
    rows = measure_corruptions(reader, few, lambda *progress: seen.append(progress))
    assert [row.corruption for row in rows] == list(CORRUPTIONS)
    assert seen[-1] == ("measuring corruptions", 75, 75)
    for row in rows:
        assert row.paper in row.severities
        assert row.severities[0] > 0.6
        assert row.in_set >= row.paper
        assert 0.6 < row.accepted <= 1
    refused = measure_rejection(reader, {"inked": few.images})
    assert [row.name for row in refused] == ["inked", *NON_DIGITS]
    assert refused[0].rejected < 0.05
    *drawn, letters = refused[1:]
    assert all(row.rejected > 0.98 for row in drawn)
    assert letters.rejected > 0.85
