"""Effects of appearance and drawn junk: ranges, shares, reproducibility."""

from dataclasses import replace

import pytest
import torch

from inkdigits.errors import UsageError
from inkdigits.recipes import RECIPES
from inkdigits.recipes.recipe import EFFECT_NAMES
from inkdigits.training.augment.appearance import EFFECTS, apply_effects
from inkdigits.training.augment.junk import KINDS, draw_junk
from inkdigits.training.augment.noise import Draws


@pytest.fixture(scope="module")
def digits(mnist):
    return torch.from_numpy(mnist.images[:200]).unsqueeze(1).float()


def draws(seed=0):
    return Draws(torch.Generator().manual_seed(seed))


def test_the_recipes_know_every_effect():
    assert set(EFFECT_NAMES) == set(EFFECTS)


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_stays_in_range_and_hits_its_share(name, digits):
    before = digits.clone()
    changed = apply_effects(digits, name, 0.5, draws())
    assert torch.equal(digits, before)
    assert torch.equal(changed, apply_effects(digits, name, 0.5, draws()))
    assert not torch.equal(changed, apply_effects(digits, name, 0.5, draws(1)))
    assert 0 <= changed.min() <= changed.max() <= 255
    share = (changed != digits).flatten(1).any(dim=1).float().mean().item()
    assert 0.25 < share < 0.65


def test_no_effects_no_change(digits):
    assert torch.equal(apply_effects(digits, "", 0.5, draws()), digits)
    assert torch.equal(apply_effects(digits, "pen+grain", 0.0, draws()), digits)


def test_two_fifths_of_the_pens_leave_the_outline_alone():
    square = torch.zeros(2000, 1, 28, 28)
    square[:, :, 8:20, 8:20] = 255
    drawn = EFFECTS["pen"](square, draws())
    hollow = (drawn[:, 0, 14, 14] < 60) & (drawn[:, 0, 14, 7:21].amax(1) > 200)
    assert hollow.float().mean().item() == pytest.approx(0.4, abs=0.03)
    assert (drawn[~hollow, 0, 14, 14] > 200).all()


def test_some_scans_fill_a_square():
    narrow = torch.zeros(1000, 1, 28, 28)
    narrow[:, :, 4:24, 3:12] = 255
    drawn = EFFECTS["scan"](narrow, draws())
    right_half = (drawn[:, 0, 14, 14:] > 100).sum(1)
    filled = (right_half >= 7) & (right_half <= 12)
    assert filled.float().mean().item() == pytest.approx(0.3, abs=0.05)
    assert (right_half[~filled] == 0).all()


def test_junk_that_forms_have_is_drawn_more_often(digits, monkeypatch):
    levels = {kind: float(level) for level, kind in enumerate(KINDS, start=1)}
    flat = {
        kind: lambda some, _, level=level: torch.full_like(some, level)
        for kind, level in levels.items()
    }
    monkeypatch.setattr("inkdigits.training.augment.junk.KINDS", flat)
    drawn = draw_junk(6000, digits.repeat(30, 1, 1, 1), draws())[:, 0, 0, 0]
    shares = {kind: (drawn == level).float().mean().item() for kind, level in levels.items()}
    ordinary = 1 / (len(KINDS) - 3 + 3 + 2 + 2)
    for kind, weight in {"pairs": 3, "letters": 2, "scribbles": 2, "blank": 1, "piles": 1}.items():
        assert shares[kind] == pytest.approx(weight * ordinary, abs=0.02), kind


@pytest.mark.parametrize("kind", KINDS)
def test_junk_of_every_kind_is_in_range_and_no_two_are_the_same(kind, digits, monkeypatch):
    monkeypatch.setattr("inkdigits.training.augment.junk.KINDS", {kind: KINDS[kind]})
    drawn = draw_junk(50, digits, draws())
    assert drawn.shape == (50, 1, 28, 28)
    assert torch.isfinite(drawn).all()
    assert 0 <= drawn.min() <= drawn.max() <= 255
    assert torch.equal(drawn, draw_junk(50, digits, draws()))
    assert len(drawn.flatten(1).unique(dim=0)) > 10


def test_recipes_refuse_what_does_not_fit():
    with pytest.raises(UsageError, match=r"effects has 'fog'; join some of pen, scan"):
        replace(RECIPES["standard"], effects="pen+fog")
    with pytest.raises(UsageError, match=r"junk_share is 0.2; strided has no class for junk"):
        replace(RECIPES["standard"], junk_share=0.2)
    with pytest.raises(UsageError, match="has a class for junk, so it must be above 0"):
        replace(RECIPES["robust"], junk_share=0.0)
