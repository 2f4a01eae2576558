"""Smoke tests: the benchmarks run on little data, and the tables show the stored results."""

import json
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inkdigits.errors import TrainingInterrupted
from inkdigits.recipes import RECIPES
from inkdigits.training.runs import start_run, train_run
from tests.conftest import take, write_dataset

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_a_recipe_runs_as_a_peer(mnist, mnist_test, tmp_path):
    train, test = take(mnist, 500), take(mnist_test, 100)
    np.savez(
        tmp_path / "data.npz",
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
    )
    script = BENCHMARKS / "peers" / "inkdigits_recipe.py"
    command = [sys.executable, str(script), "tiny", str(tmp_path / "data.npz"), "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    values = json.loads(done.stdout)
    assert len(values["seconds"]) == len(values["accuracy"]) == 1


@pytest.mark.parametrize(
    ("name", "key"), [("training_speed", "runs"), ("reading_speed", "figures")]
)
def test_the_stored_table_is_of_the_stored_results(name, key):
    results = json.loads((BENCHMARKS / "results" / f"{name}.json").read_text(encoding="utf-8"))
    table = runpy.run_path(str(BENCHMARKS / f"{name}.py"))["table"]
    stored = (BENCHMARKS / "results" / f"{name}.md").read_text(encoding="utf-8")
    assert table(results[key]) == stored
    assert stored in (BENCHMARKS.parent / "docs" / "explanation" / "performance.md").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("name", ["accurate_ablation", "little_ablation", "standard_ablation"])
def test_the_table_of_what_was_tried_is_of_the_stored_results(name):
    stored = json.loads((BENCHMARKS / "results" / f"{name}.json").read_text(encoding="utf-8"))
    table = runpy.run_path(str(BENCHMARKS / "paired.py"))["table"]
    page = (BENCHMARKS.parent / "docs" / "explanation" / "accuracy.md").read_text(encoding="utf-8")
    assert table(stored["results"]) in page


def test_the_table_of_longer_training_is_of_the_stored_results():
    stored = json.loads((BENCHMARKS / "results" / "training_length.json").read_text("utf-8"))
    table = runpy.run_path(str(BENCHMARKS / "training_length.py"))["table"]
    page = (BENCHMARKS.parent / "docs" / "explanation" / "accuracy.md").read_text(encoding="utf-8")
    assert table(stored["results"]) in page


def test_the_table_of_pictures_is_of_the_stored_results():
    results = json.loads(
        (BENCHMARKS / "results" / "drawn_pictures.json").read_text(encoding="utf-8")
    )
    tables = runpy.run_path(str(BENCHMARKS / "drawn_pictures.py"))
    page = (BENCHMARKS.parent / "docs" / "explanation" / "pictures.md").read_text(encoding="utf-8")
    assert tables["accuracy_table"](results["accuracy"]) in page
    assert tables["speed_table"](results["seconds"]) in page


def test_the_tables_of_trust_are_of_the_stored_results():
    page = (BENCHMARKS.parent / "docs" / "explanation" / "trust.md").read_text(encoding="utf-8")

    def stored(name, key):
        return json.loads((BENCHMARKS / "results" / f"{name}.json").read_text("utf-8"))[key]

    shipped = runpy.run_path(str(BENCHMARKS / "trust.py"))["table"]
    assert shipped(stored("trust", "figures")) in page
    tables = runpy.run_path(str(BENCHMARKS / "robust_ablation.py"))
    for table in ("ablation_table", "score_table"):
        assert tables[table](stored("robust_ablation", "results")) in page
    assert "Fashion-MNIST" in stored("trust", "figures")["rejection"]


@pytest.mark.parametrize("name", ["trust", "robust_ablation"])
def test_without_fashion_mnist_no_table_loses_a_row(name, empty_cache, monkeypatch):
    run = runpy.run_path(str(BENCHMARKS / f"{name}.py"))
    written = []
    for writer in ("write_atomic", "put_table"):
        monkeypatch.setitem(run["main"].__globals__, writer, lambda *what: written.append(what))
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(SystemExit, match="Fashion-MNIST is not here, so nothing was measured"):
        run["main"]()
    assert written == []


def test_fashion_mnist_is_found_where_the_package_looks(tmp_path, mnist, monkeypatch):
    images = take(mnist, 20)
    write_dataset(tmp_path / "fashion-mnist", "fashion-mnist", images, take(mnist, 10, start=20))
    monkeypatch.setenv("INKDIGITS_DATA", str(tmp_path))
    found = runpy.run_path(str(BENCHMARKS / "clothing.py"))["fashion_mnist"]("train")
    np.testing.assert_array_equal(found, images.images)


def test_the_tables_of_scale_are_of_the_stored_results():
    results = json.loads((BENCHMARKS / "results" / "scale.json").read_text(encoding="utf-8"))
    tables = runpy.run_path(str(BENCHMARKS / "scale.py"))
    page = (BENCHMARKS.parent / "docs" / "how-to" / "scale.md").read_text(encoding="utf-8")
    assert tables["growth_table"](results["growth"]) in page
    assert tables["price_table"](results["growth"]) in page
    assert tables["ray_table"](results["ray"]) in page


def test_the_record_goes_on_after_an_interruption(tmp_path):
    record = runpy.run_path(str(BENCHMARKS / "record.py"))
    entry = record["Entry"](replace(RECIPES["tiny"], epochs=2))
    record["measure"].__globals__["RUNS"] = tmp_path / "undisturbed"
    undisturbed = record["measure"](entry, 0)
    record["measure"].__globals__["RUNS"] = tmp_path / "interrupted"

    def stop(_epoch: object) -> None:
        raise KeyboardInterrupt

    run = start_run(entry.recipe, 0, folder=entry.folder(0), device="cpu")
    assert record["epochs_left"](entry, 0) == 2
    with pytest.raises(TrainingInterrupted):
        train_run(run, on_epoch=stop)
    assert record["epochs_left"](entry, 0) == 1
    resumed = record["measure"](entry, 0)
    assert resumed["misread"] == undisturbed["misread"]
    assert resumed["accuracy"] == 1 - len(resumed["misread"]) / 10_000 > 0.97
    taught = record["Entry"](RECIPES["tiny"], teacher="tiny")
    assert (str(taught), record["Entry"].parse("tiny+tiny")) == ("tiny, taught by tiny", taught)
    assert record["measure"](taught, 1)["teacher"] == "tiny"


def test_paired_errors_are_those_of_the_same_digits():
    paired = runpy.run_path(str(BENCHMARKS / "paired.py"))
    labels = {0: np.array([0, 1, 1, 0]), 1: np.array([1, 1])}
    right = {fold: 4.0 * np.eye(2)[values] for fold, values in labels.items()}
    flawed = {0: right[0].copy()}
    flawed[0][:3] = flawed[0][:3, ::-1]
    unchanged, changed = (paired["Outcome"](logits, labels) for logits in (right, flawed))
    row = changed.beside(unchanged)
    assert (row["digits"], row["errors"], row["only_this"], row["only_before"]) == (4, 3, 3, 0)
    assert row["p"] == pytest.approx(0.25)
    assert row["loss_more"] > 0
    assert unchanged.beside(unchanged)["loss_more"] == 0
