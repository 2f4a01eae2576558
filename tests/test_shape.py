import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from inkdigits.training.augment.noise import Draws
from inkdigits.training.augment.shape import affine_maps, random_warp

ZERO = {"rotation_deg": 0.0, "shift_px": 0.0, "zoom": 0.0, "shear_deg": 0.0, "elastic_px": 0.0}


def images(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 255


def warp(pictures, angle=0.0, shear=0.0, zoom=(1.0, 1.0), shift_px=(0.0, 0.0)):
    n = len(pictures)
    maps = affine_maps(
        torch.full((n,), angle),
        torch.full((n,), shear),
        torch.tensor(zoom)[:, None].expand(2, n),
        torch.tensor(shift_px)[:, None].expand(2, n) * 2 / 28,
    )
    grid = functional.affine_grid(maps, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, align_corners=False)


def close(ours, expected):
    torch.testing.assert_close(ours, expected, rtol=0, atol=0.05)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_quarter_turn_is_rot90(turns):
    close(warp(images(), angle=turns * math.pi / 2), torch.rot90(images(), turns, dims=(2, 3)))


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -2), (5, 4)])
def test_a_whole_pixel_shift_moves_the_picture_and_brings_in_black(dx, dy):
    expected = torch.zeros_like(images())
    padded = functional.pad(images(), (8, 8, 8, 8))
    expected = padded[:, :, 8 + dy : 36 + dy, 8 + dx : 36 + dx]
    close(warp(images(), shift_px=(float(dx), float(dy))), expected)


def test_a_zoom_of_2_doubles_the_middle():
    middle = images()[:, :, 7:21, 7:21]
    expected = functional.interpolate(middle, scale_factor=2, mode="bilinear")
    close(warp(images(), zoom=(2.0, 2.0))[:, :, 2:-2, 2:-2], expected[:, :, 2:-2, 2:-2])


def test_a_shear_moves_rows_in_proportion_to_their_height():
    upright = torch.zeros(1, 1, 28, 28)
    upright[..., 14] = 255
    sheared = warp(upright, shear=math.radians(20))
    columns = (sheared * torch.arange(28)).sum(-1) / sheared.sum(-1)
    slope = (columns[0, 0, 20] - columns[0, 0, 8]) / 12
    assert abs(slope) == pytest.approx(math.tan(math.radians(20)), abs=0.02)


@given(st.integers(0, 99))
def test_without_bounds_images_and_generator_are_untouched(seed):
    generator = torch.Generator().manual_seed(seed)
    before = generator.get_state()
    assert random_warp(images(), **ZERO, draws=Draws(generator)).equal(images())
    assert generator.get_state().equal(before)


@given(
    st.integers(0, 99),
    st.fixed_dictionaries(
        {
            "rotation_deg": st.floats(0, 45),
            "shift_px": st.floats(0, 6),
            "zoom": st.floats(0, 0.5),
            "shear_deg": st.floats(0, 30),
            "elastic_px": st.floats(0, 3),
        }
    ),
)
def test_the_generator_decides_and_pixels_stay_in_range(seed, bounds):
    first, again = (
        random_warp(images(), **bounds, draws=Draws(torch.Generator().manual_seed(seed)))
        for _ in range(2)
    )
    assert first.equal(again)
    assert first.shape == images().shape
    assert first.min() >= 0
    assert first.max() <= 255.01


def spread(**bounds: float) -> torch.Tensor:
    """Row and column of two marks, above and below the middle, in 500 augmented pictures."""
    marks = torch.zeros(500, 2, 28, 28)
    marks[:, 0, 5:8, 13:15] = marks[:, 1, 20:23, 13:15] = 1
    moved = [
        random_warp(
            marks[:, [mark]], **{**ZERO, **bounds}, draws=Draws(torch.Generator().manual_seed(4))
        )
        for mark in (0, 1)
    ]
    weights = torch.cat(moved, dim=1)
    places = torch.arange(28.0)
    mass = weights.sum((2, 3))
    rows = (weights.sum(3) * places).sum(2) / mass
    columns = (weights.sum(2) * places).sum(2) / mass
    return torch.stack([rows, columns])  # (2, 500, 2): axis, picture, mark


def test_each_bound_is_reached_and_kept():
    """The marks lie 15 pixels apart on a vertical line through the middle."""
    rows, columns = spread(rotation_deg=20)
    angles = torch.atan2(columns[:, 1] - columns[:, 0], rows[:, 1] - rows[:, 0]).rad2deg()
    assert 19 < angles.abs().max() < 20.5
    rows, columns = spread(shear_deg=15)
    slopes = ((columns[:, 1] - columns[:, 0]) / (rows[:, 1] - rows[:, 0])).atan().rad2deg()
    assert 14 < slopes.abs().max() < 15.5
    assert (rows - torch.tensor([6.0, 21.0])).abs().max() < 0.1
    rows, columns = spread(zoom=0.2)
    factors = (rows[:, 1] - rows[:, 0]) / 15
    assert factors.min() == pytest.approx(0.8, abs=0.02)
    assert factors.max() == pytest.approx(1.2, abs=0.02)
    rows, columns = spread(shift_px=3)
    for moved in (rows[:, 0] - 6, columns[:, 0] - 13.5):
        assert 2.8 < moved.abs().max() < 3.05


@given(st.floats(0.5, 8))
def test_a_shift_stays_within_its_bound(bound):
    dot = torch.zeros(64, 1, 28, 28)
    dot[..., 14, 14] = 1
    draws = Draws(torch.Generator().manual_seed(1))
    moved = random_warp(dot, **{**ZERO, "shift_px": bound}, draws=draws)
    _, _, rows, columns = moved.nonzero(as_tuple=True)
    for places in (rows, columns):
        assert (places - 14).abs().max() <= math.ceil(bound)


def test_every_image_gets_amounts_of_its_own():
    same = images(1).expand(8, -1, -1, -1)
    draws = Draws(torch.Generator().manual_seed(0))
    turned = random_warp(same, **{**ZERO, "rotation_deg": 20}, draws=draws)
    assert all(not turned[0].equal(other) for other in turned[1:])
