import re
import tempfile
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.errors import StorageError, UsageError
from inkdigits.recipes import RECIPES, Recipe, find_recipe, override
from inkdigits.recipes.file import encode_recipe
from inkdigits.recipes.space import Choices, Interval, default_searches, parse_space
from inkdigits.training.schedules import SCHEDULES, learning_rate

STANDARD = RECIPES["standard"]


def test_recipes_are_named_frozen_values():
    assert all(name == recipe.name for name, recipe in RECIPES.items())
    assert {"tiny", "fast", "standard", "keras-baseline"} < set(RECIPES)
    with pytest.raises(FrozenInstanceError):
        STANDARD.epochs = 3


def test_fields_are_overridden_with_their_types():
    changed = override(STANDARD, ["epochs=3", "peak_lr=1e-2", "optimizer=sgd", "zoom=0"])
    assert changed == replace(STANDARD, epochs=3, peak_lr=0.01, optimizer="sgd", zoom=0.0)
    assert type(changed.zoom) is float


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "'epochs' is not field=value"),
        ("epoch=3", "no field 'epoch'; did you mean 'epochs'"),
        ("peak-lr=3", "no field 'peak-lr'; did you mean 'peak_lr'"),
        ("qqq=3", "no field 'qqq'; choose one of"),
        ("name=mine", "no field 'name'"),
        ("epochs=2.5", "epochs is '2.5'; it must be a whole number"),
        ("epochs=0", "epochs is 0; it must be at least 1$"),
        ("epochs=-1", "epochs is -1"),
        ("peak_lr=fast", "peak_lr is 'fast'; it must be a number"),
        ("peak_lr=nan", "peak_lr is nan; it must be above 0"),
        ("elastic_px=-0.5", "elastic_px is -0.5; it must be at least 0"),
        ("weight_decay=-1", "weight_decay is -1.0"),
        ("validation_fraction=1", "validation_fraction is 1.0; it must be below 1$"),
        ("optimizer=lion", "optimizer is 'lion'; choose one of adam, adamw, sgd"),
        ("schedule=linear", "schedule is 'linear'; choose one of constant"),
        ("architecture=vgg", "architecture is 'vgg'; choose one of keras-baseline"),
        ("variations=/zoom=0.1", "variations has 2 and networks is 1; set networks=2"),
        ("variations=zoom", "'zoom' is not field=value"),
        ("variations=zoom=2", "zoom is 2.0; it must be below 1"),
        ("variations=architecture=vgg", "architecture is 'vgg'; choose one of keras-baseline"),
        (
            "variations=epochs=3",
            "'epochs=3'; the networks may differ in architecture, rotation_deg",
        ),
        ("lr_decay=2", "lr_decay is 2.0"),
        ("schedule=step", "lr_decay is 0.0; with schedule=step it must be above 0"),
        ("batch_size=" + "9" * 400, "it must be at most 1,000,000,000$"),
        ("shear_deg=90", "shear_deg is 90.0; it must be below 90$"),
    ],
)
def test_a_bad_override_is_refused(assignment, message):
    with pytest.raises(UsageError, match=message):
        override(STANDARD, [assignment])


def test_early_stopping_needs_something_to_watch():
    with pytest.raises(UsageError, match="patience needs a validation_fraction"):
        replace(STANDARD, patience=2, validation_fraction=0.0)


def test_an_unknown_recipe_gets_the_nearest_match():
    with pytest.raises(UsageError, match="no recipe 'standart'; did you mean 'standard'"):
        find_recipe("standart")


def test_a_recipe_survives_its_dictionary():
    assert all(Recipe(**recipe.to_dict()) == recipe for recipe in RECIPES.values())


@given(st.sampled_from(sorted(RECIPES)), st.text(), st.floats(1e-12, 1e9))
def test_a_recipe_survives_its_file(name, summary, rate):
    recipe = replace(RECIPES[name], summary=summary, peak_lr=rate)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.toml"
        path.write_bytes(encode_recipe(recipe, "one\ntwo").encode())
        assert find_recipe(str(path)) == recipe


TOML = encode_recipe(STANDARD)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: 3", "mine.toml is not a recipe file in TOML"),
        ("\x00\x80", "mine.toml is not a recipe file in TOML"),
        ("", "mine.toml lacks name, summary, architecture, epochs"),
        (TOML + "epoch = 3\n", "mine.toml: a recipe has no field 'epoch'; did you mean 'epochs'"),
        (TOML + "[more]\nepochs = 3\n", "mine.toml: a recipe has no field 'more'"),
        (TOML + "epochs = 3\n", "is not a recipe file in TOML: Cannot overwrite a value"),
        (TOML.replace("epochs = 6", "epochs = 6.5"), "epochs is 6.5; it must be a whole number"),
        (TOML.replace("epochs = 6", "epochs = true"), "epochs is True; it must be a whole number"),
        (TOML.replace("epochs = 6", "epochs = []"), r"epochs is \[\]; it must be a whole number"),
        (TOML.replace("epochs = 6", "epochs = 0"), "mine.toml: epochs is 0; it must be at least 1"),
        (TOML.replace('"adamw"', '"lion"'), "mine.toml: optimizer is 'lion'; choose one of adam"),
        (TOML.replace('"adamw"', "[]"), r"mine.toml: optimizer is \[\]; choose one of adam"),
        (TOML.replace('"standard"', '"../../x"'), "name is '../../x'; use letters, digits and"),
    ],
)
def test_a_bad_recipe_file_is_refused(tmp_path, text, message):
    (tmp_path / "mine.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=message):
        find_recipe(str(tmp_path / "mine.toml"))


def test_a_recipe_file_that_is_not_there_is_named():
    with pytest.raises(StorageError, match=r"can't read nowhere.toml: no such file"):
        find_recipe("nowhere.toml")


def test_a_search_space_has_the_types_of_the_fields():
    texts = ["peak_lr=1e-4..1e-1:log", "epochs=1..5", "zoom=0..0.2", "optimizer=adamw|sgd"]
    assert parse_space(STANDARD, [*texts, "batch_size=64|128"]) == {
        "peak_lr": Interval(1e-4, 1e-1, log=True),
        "epochs": Interval(1, 5),
        "zoom": Interval(0.0, 0.2),
        "optimizer": Choices(("adamw", "sgd")),
        "batch_size": Choices((64, 128)),
    }


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_has_a_space_of_its_own(recipe):
    space = parse_space(recipe, default_searches(recipe))
    assert {"peak_lr", "batch_size", "momentum"} < set(space)
    assert ("zoom" in space) == (recipe.zoom > 0)
    assert all(len(set(part.values)) >= 2 for part in space.values())


@pytest.mark.parametrize(
    ("searches", "message"),
    [
        (["peak_lr"], "'peak_lr' is not field=low..high or field=a|b|c"),
        (["peak_lr="], "'peak_lr=' is not field=low..high"),
        (["peak-lr=1..2"], "no field 'peak-lr'; did you mean 'peak_lr'"),
        (["name=a|b"], "no field 'name'"),
        (["peak_lr=0.1"], "peak_lr=0.1: join two or more different values by '|'"),
        (["peak_lr=0.1|0.10"], "join two or more different values"),
        (["peak_lr=a..b"], "peak_lr is 'a'; it must be a number"),
        (["peak_lr=0.1.."], "peak_lr is ''; it must be a number"),
        (["peak_lr=0.1..0.01"], "0.1 isn't below 0.01"),
        (["peak_lr=nan..1"], "nan isn't below 1"),
        (["peak_lr=0..1:log"], "must begin above 0, not at 0"),
        (["peak_lr=0.1..1:ln"], "'ln' is unknown; only ':log' may follow"),
        (["peak_lr=0..1"], "peak_lr is 0.0; it must be above 0"),
        (["epochs=1..2.5"], "epochs is '2.5'; it must be a whole number"),
        (["zoom=0..1"], "zoom is 1.0; it must be below 1"),
        (["optimizer=1..2"], "optimizer takes no numbers"),
        (["optimizer=adam|lion"], "optimizer is 'lion'; choose one of"),
        (["schedule=step|cosine"], "with schedule=step it must be above 0"),
        (["architecture=strided|strided-junk"], "has a class for junk"),
        (["epochs=1..2", "epochs=3..4"], "--search epochs is given twice"),
        (["validation_fraction=0.1..0.2"], "the trials are compared on the images that it holds"),
    ],
)
def test_a_bad_search_is_refused(searches, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_space(replace(STANDARD, lr_decay=0.0), searches)


def rates(steps_per_epoch: int = 10, **settings: object) -> list[float]:
    recipe = replace(STANDARD, peak_lr=1.0, epochs=4, **settings)
    return [learning_rate(recipe, step, steps_per_epoch) for step in range(4 * steps_per_epoch)]


def test_constant():
    assert set(rates(schedule="constant")) == {1.0}


def test_step_falls_at_the_end_of_each_period():
    values = rates(schedule="step", lr_decay=0.5, lr_decay_epochs=2)
    assert values == [1.0] * 20 + [0.5] * 20


def test_exponential_agrees_with_step_at_the_ends_of_epochs():
    smooth = rates(schedule="exponential", lr_decay=0.5)
    stairs = rates(schedule="step", lr_decay=0.5)
    assert smooth[::10] == stairs[::10]
    assert smooth == sorted(smooth, reverse=True)


def test_cosine_agrees_with_torch():
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=0.1)
    for value in rates(schedule="cosine", lr_decay=0.1):
        assert value == pytest.approx(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()


def test_one_cycle_rises_then_falls():
    values = rates(schedule="one-cycle", warmup_fraction=0.25, lr_decay=0.0)
    peak = values.index(max(values))
    assert peak == 9
    assert values[peak] == 1.0
    assert values[: peak + 1] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert values[peak:] == sorted(values[peak:], reverse=True)
    assert 0 < values[-1] < 0.01


@given(
    st.sampled_from(sorted(SCHEDULES)), st.integers(1, 50), st.integers(1, 9), st.floats(0.01, 0.99)
)
def test_every_schedule_stays_between_0_and_the_peak(schedule, steps_per_epoch, epochs, share):
    recipe = replace(
        STANDARD, schedule=schedule, epochs=epochs, lr_decay=share, warmup_fraction=share
    )
    for step in range(steps_per_epoch * epochs):
        assert 0 <= learning_rate(recipe, step, steps_per_epoch) <= recipe.peak_lr * (1 + 1e-12)
