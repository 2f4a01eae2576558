"""Two models on the same images, pictures read whole, and figures for each group."""

import json

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inkdigits import Reader
from inkdigits.evaluation.comparison import compare
from inkdigits.metrics import mcnemar
from tests.command_line import call, error_of, train


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_test_is_the_exact_binomial_one(only_first, only_second):
    total = only_first + only_second
    expected = scipy.stats.binomtest(only_first, total).pvalue if total else 1.0
    assert mcnemar(only_first, only_second) == pytest.approx(expected, rel=1e-9)


@pytest.fixture
def own(mnist_test, tmp_path):
    for place in range(60):
        folder = tmp_path / "own" / "test" / str(mnist_test.labels[place])
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(255 - mnist_test.images[place]).resize((84, 84))
        picture.save(folder / f"{'anna' if place % 2 else 'ben'}-{place}.png")
    return tmp_path / "own"


def test_a_model_is_compared_with_another_one(capsys, small_data, own, tmp_path):
    train(capsys, small_data, tmp_path / "run", "--no-test")
    names = Reader.load(tmp_path / "run").info.labels
    assert names != Reader.load().info.labels
    where = ("--data", own, "--out", tmp_path / "out")
    code, error = error_of(capsys, "evaluate", *where, "--against", tmp_path / "run")
    assert (code, "has other labels" in error) == (2, True)


def test_changes_pictures_and_groups_are_in_the_result(capsys, own, tmp_path, mnist_test):
    options = ("--set", "epochs=1", "--data", own, "--no-test", "--out", tmp_path / "run")
    for place in range(60, 120):
        folder = own / "train" / str(mnist_test.labels[place])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - mnist_test.images[place]).resize((84, 84)).save(
            folder / f"{place}.png"
        )
    assert call(capsys, "train", "tiny", *options)[0] == 0
    where = ("--data", own, "--groups", "anna|ben", "--out", tmp_path / "out", "--json")
    code, out, err = call(capsys, "evaluate", "--against", tmp_path / "run", *where)
    assert code == 0, err
    result = json.loads(out)
    assert result["pictures"]["pictures"] == 60
    assert result["pictures"]["right"] >= 58
    assert {name: share["total"] for name, share in result["groups"].items()} == {
        "anna": 30,
        "ben": 30,
    }
    found = result["comparison"]
    right = found["first_right"] - found["only_first"]
    assert right == found["second_right"] - found["only_second"]
    stored = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert len(stored["changed"]) >= found["only_first"] + found["only_second"]
    assert (tmp_path / "out" / "comparison.png").is_file() == bool(stored["changed"])


def test_a_model_beside_itself_changes_nothing(mnist_test):
    reader = Reader.load()
    found = compare(reader, reader, mnist_test.only(np.arange(100)))
    assert (found.only_first, found.only_second, found.p_value, found.changed) == (0, 0, 1.0, [])
