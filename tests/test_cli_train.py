"""The commands `train` and `evaluate`."""

import csv
import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from inkdigits import Reader
from inkdigits.data import load_dataset
from tests.command_line import call, error_of, start, train
from tests.conftest import write_dataset


def test_a_run_folder_has_all_it_should(capsys, small_data, tmp_path):
    run = tmp_path / "run"
    code, out, err = train(capsys, small_data, run, "--set", "epochs=2", "--seed", 3)
    assert (code, err) == (0, "")
    assert "epoch 1/2" in out
    assert f"report    {run / 'report.html'}" in out
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("run.json", "history.csv", "checkpoint.safetensors", "artifact.onnx"),
        "checkpoint-before.safetensors",
        ".lock",
        *("report.json", "report.html", "plots"),
    }
    settings = json.loads((run / "run.json").read_text())
    assert settings["recipe"]["epochs"] == 2
    assert (settings["seed"], settings["dataset"]) == (3, "kmnist")
    assert settings["environment"]["torch"]
    assert len(settings["environment"]["data_sha256"]) == 2
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert set(rows[0]) == {
        *(
            "network",
            "epoch",
            "train_loss",
            "train_accuracy",
            "validation_loss",
            "validation_accuracy",
        ),
        *("learning_rate", "seconds"),
    }


def test_json_output_is_json_alone(capsys, small_data, tmp_path):
    code, out, _ = train(capsys, small_data, tmp_path / "run", "--json")
    values = json.loads(out)
    assert code == 0
    assert Path(values["report"]).is_file()
    assert values["test"]["images"] == 200


def test_another_data_set_is_not_taken_for_clothing(capsys, small_data, tmp_path):
    """KMNIST and Fashion-MNIST use the same file names."""

    def refused(run: Path) -> set[str]:
        return {row["name"] for row in json.loads((run / "report.json").read_text())["rejection"]}

    assert "skipped   rejection of fashion-mnist" in train(capsys, small_data, tmp_path / "run")[1]
    assert "fashion-mnist" not in refused(tmp_path / "run")
    test = load_dataset("kmnist", "test", small_data)
    for name in ("kmnist", "fashion-mnist"):
        write_dataset(tmp_path / name, name, test, test)
    assert "skipped" not in train(capsys, tmp_path, tmp_path / "again")[1]
    assert "fashion-mnist" in refused(tmp_path / "again")


def test_quiet_prints_the_result_alone(capsys, small_data, tmp_path):
    out = train(capsys, small_data, tmp_path / "run", "--quiet")[1]
    first = [line.split()[0] for line in out.splitlines()]
    assert first == ["test", "artifact", "skipped", "report"]


def test_an_existing_folder_is_never_overwritten(capsys, small_data, tmp_path):
    (tmp_path / "mine").write_text("precious")
    code, _, err = train(capsys, small_data, tmp_path)
    assert code == 4
    assert "it exists and is in the way" in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["tinny"], 2, "no recipe 'tinny'; did you mean 'tiny'"),
        (["tiny", "--set", "epoch=3"], 2, "did you mean 'epochs'"),
        (["tiny", "--seed", "x"], 2, "invalid int value"),
        (["tiny", "--resume", "nowhere"], 2, "--resume continues a run with its own settings"),
        (["tiny", "--seed", "-1"], 2, "the seed is -1"),
        (["--resume", "nowhere"], 2, "nowhere is not a run folder"),
        (["tiny", "--set", "peak_lr=1e9", "--set", "optimizer=sgd"], 7, "the loss is"),
    ],
)
def test_training_faults(capsys, small_data, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    where = ["--quiet", "--data-dir", small_data]
    where += [] if "--resume" in arguments else ["--data", "kmnist"]
    got, err = error_of(capsys, "train", *arguments, *where)
    assert (got, message in err) == (code, True), err


def test_training_cannot_see_the_test_set(capsys, mnist, small_data, tmp_path):
    """With another test set, the artifact is the same except for the seconds."""
    from inkdigits.data import LabelledImages

    train_data = load_dataset("kmnist", "train", small_data)
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
    other_test = LabelledImages(noise, np.arange(50, dtype=np.uint8) % 10)
    poisoned = write_dataset(tmp_path / "poisoned", "kmnist", train_data, other_test)
    train(capsys, small_data, tmp_path / "one", "--set", "patience=1")
    train(capsys, poisoned, tmp_path / "two", "--set", "patience=1")
    one, two = (Reader.load(tmp_path / run / "artifact.onnx") for run in ("one", "two"))
    images = mnist.images[:500]
    np.testing.assert_array_equal(one.predict_proba(images), two.predict_proba(images))
    assert one.info.accept_at == two.info.accept_at
    assert one.info.validation == two.info.validation


def test_the_test_set_is_opened_only_when_the_artifact_is_written(
    capsys, small_data, tmp_path, monkeypatch
):
    from inkdigits.data import datasets

    opened = []
    real = datasets.read_bytes

    def watched(path):
        opened.append((path.name.partition("-")[0], (tmp_path / "run" / "artifact.onnx").exists()))
        return real(path)

    monkeypatch.setattr(datasets, "read_bytes", watched)
    train(capsys, small_data, tmp_path / "run")
    assert set(opened) == {("train", False), ("t10k", True)}
    opened.clear()
    out = train(capsys, small_data, tmp_path / "tuning", "--no-test")[1]
    assert {name for name, _ in opened} == {"train"}
    assert "validation accuracy" in out
    assert not (tmp_path / "tuning" / "report.json").exists()


def test_ctrl_c_keeps_what_is_finished_and_resume_goes_on(capsys, small_data, tmp_path):
    long = ("--set", "epochs=40", "--set", "rotation_deg=5", "--seed", "1")
    where = ("--data", "kmnist", "--data-dir", small_data)
    process = start(
        *("train", "tiny", *long, *where, "--no-test", "--out", tmp_path / "cut"),
        # A background job of a script ignores SIGINT, and its children would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "cut" / "history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("inkdigits: error: stopped; ")
    assert "resume with 'inkdigits train --resume" in err
    assert "Traceback" not in err
    done = len((tmp_path / "cut" / "history.csv").read_text().splitlines()) - 1
    assert 1 <= done < 40
    assert len(Reader.load(tmp_path / "cut").info.history) == done

    code, out, _ = call(capsys, "train", "--resume", tmp_path / "cut", "--no-test", *where[2:])
    assert code == 0, out
    call(capsys, "train", "tiny", *long, *where, "--no-test", "--out", tmp_path / "whole")
    cut, whole = (Reader.load(tmp_path / run / "artifact.onnx") for run in ("cut", "whole"))
    images = np.random.default_rng(0).integers(0, 256, (99, 28, 28), np.uint8)
    np.testing.assert_array_equal(cut.predict_proba(images), whole.predict_proba(images))
    assert len(cut.info.history) == 40


def test_tiny_on_the_real_mnist_reaches_its_floor(capsys, mnist, tmp_path):
    code, out, _ = call(capsys, "train", "tiny", "--out", tmp_path / "run", "--json")
    assert code == 0
    assert json.loads(out)["test"]["accuracy"] >= 0.97


def test_evaluate_the_shipped_model(capsys, tmp_path, monkeypatch, mnist_test):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "evaluate")
    assert code == 0
    assert "95% interval" in out
    assert (tmp_path / "robust-report" / "report.html").is_file()


def test_a_run_is_not_resumed_with_other_data(capsys, small_data, tmp_path, mnist):
    from inkdigits.data import load_dataset

    train(capsys, small_data, tmp_path / "run", "--no-test")
    test = load_dataset("kmnist", "test", small_data)
    other = write_dataset(tmp_path / "other", "kmnist", test, test)
    again = ("train", "--quiet", "--resume", tmp_path / "run", "--data-dir")
    code, err = error_of(capsys, *again, other)
    assert (code, "started with other kmnist files" in err) == (2, True)


def test_evaluate_a_run_on_its_own_and_on_another_data_set(capsys, small_data, tmp_path):
    train(capsys, small_data, tmp_path / "run")
    where = ("--data", "kmnist", "--data-dir", small_data)
    before = json.loads((tmp_path / "run" / "report.json").read_text())
    (tmp_path / "run" / "report.json").unlink()
    assert call(capsys, "evaluate", tmp_path / "run", *where)[0] == 0
    after = json.loads((tmp_path / "run" / "report.json").read_text())
    assert before == after
    test = load_dataset("kmnist", "test", small_data)
    names = np.array(test.class_names)[test.labels]
    parts = {"x_train": test.images, "y_train": names, "x_test": test.images, "y_test": names}
    np.savez(tmp_path / "other.npz", **parts)
    assert call(capsys, "evaluate", tmp_path / "run", "--data", tmp_path / "other.npz")[0] == 0
    assert (tmp_path / "run" / "other.npz" / "report.json").is_file()
    assert call(capsys, "evaluate", tmp_path / "run" / "artifact.onnx", *where[2:])[0] == 0
    assert (tmp_path / "run" / "artifact-report" / "report.html").is_file()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [(None, 4, "no such file"), (b"", 5, "not an inkdigits artifact")],
)
def test_evaluation_faults(capsys, tmp_path, content, code, message):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    got, err = error_of(capsys, "evaluate", path)
    assert (got, message in err) == (code, True)
