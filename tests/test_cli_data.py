"""The commands `recipes` and `data`."""

import json

from inkdigits.recipes import RECIPES
from tests.command_line import call, error_of


def test_recipes_lists_each_with_its_figures(capsys):
    code, out, _ = call(capsys, "recipes")
    assert code == 0
    assert all(name in out for name in RECIPES)
    rows = json.loads(call(capsys, "recipes", "--json")[1])
    standard = next(row for row in rows if row["name"] == "standard")
    assert standard["measured"]["accuracy_mean"] >= 0.995
    assert standard["epochs"] == RECIPES["standard"].epochs


def test_data_fetch_info_verify(capsys, mnist):
    code, out, _ = call(capsys, "data", "fetch")
    assert code == 0
    assert "MNIST is in" in out
    info = json.loads(call(capsys, "data", "info", "--json")[1])
    assert info["train"]["images"] == 60_000
    assert info["train"]["per_class"]["5"] == 5421
    code, out, _ = call(capsys, "data", "verify")
    assert code == 0
    assert out.count("matches") == 4


def test_data_of_another_name_from_a_folder(capsys, small_data):
    code, out, _ = call(capsys, "data", "info", "kmnist", "--data-dir", small_data)
    assert code == 0
    assert "600 images" in out
    out = call(capsys, "data", "verify", "kmnist", "--data-dir", small_data)[1]
    assert "no known hash" in out


def test_data_faults(capsys, tmp_path, empty_cache):
    code, err = error_of(capsys, "data", "verify", "--data-dir", tmp_path)
    assert (code, "run 'inkdigits data fetch' first" in err) == (3, True)
    assert error_of(capsys, "data", "fetch", "mnits")[0] == 2
    (tmp_path / "file").write_text("")
    code, err = error_of(capsys, "data", "fetch", "--data-dir", tmp_path / "file" / "x")
    assert (code, "can't make the folder" in err) == (4, True)
