"""The commands, as a user calls them."""

import csv
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits import Reader
from inkdigits.cli import main
from inkdigits.recipes import RECIPES
from tests.conftest import write_dataset


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command in this process."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse
        code = stop.code
    return code, *capsys.readouterr()


def error_of(capsys, *arguments: object) -> tuple[int, str]:
    code, out, err = call(capsys, *arguments)
    assert out == ""
    assert err.startswith(("inkdigits: error: ", "usage: "))
    return code, err


def start(*arguments: object, **options: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "inkdigits", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


# --- recipes and data


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
    code, out, _ = call(capsys, "data", "info", "--data", "kmnist", "--data-dir", small_data)
    assert code == 0
    assert "600 images" in out
    out = call(capsys, "data", "verify", "--data", "kmnist", "--data-dir", small_data)[1]
    assert "no known hash" in out


def test_data_faults(capsys, tmp_path, empty_cache):
    code, err = error_of(capsys, "data", "verify", "--data-dir", tmp_path)
    assert (code, "run 'inkdigits data fetch' first" in err) == (3, True)
    assert error_of(capsys, "data", "fetch", "--data", "mnits")[0] == 2
    (tmp_path / "file").write_text("")
    code, err = error_of(capsys, "data", "fetch", "--data-dir", tmp_path / "file" / "x")
    assert (code, "can't make the folder" in err) == (4, True)


# --- train


def train(capsys, small_data: Path, out: Path, *more: object) -> tuple[int, str, str]:
    where = ("--data", "kmnist", "--data-dir", small_data, "--out", out)
    return call(capsys, "train", "tiny", *where, *more)


def test_a_run_folder_has_all_it_should(capsys, small_data, tmp_path):
    run = tmp_path / "run"
    code, out, err = train(capsys, small_data, run, "--set", "epochs=2", "--seed", 3)
    assert (code, err) == (0, "")
    assert "epoch 1/2" in out
    assert f"report    {run / 'report.html'}" in out
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("run.json", "history.csv", "checkpoint.pt", "artifact.onnx"),
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
        *("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
        *("learning_rate", "seconds"),
    }


def test_json_output_is_json_alone(capsys, small_data, tmp_path):
    code, out, _ = train(capsys, small_data, tmp_path / "run", "--json")
    values = json.loads(out)
    assert code == 0
    assert Path(values["report"]).is_file()
    assert values["test"]["images"] == 200


def test_quiet_prints_the_result_alone(capsys, small_data, tmp_path):
    out = train(capsys, small_data, tmp_path / "run", "--quiet")[1]
    assert [line.split()[0] for line in out.splitlines()] == ["test", "artifact", "report"]


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
        (["tiny", "--resume", "nowhere"], 2, "--resume goes on with the run as it was begun"),
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
    """Another test set, other labels in it: the same artifact but for the seconds it took."""
    from inkdigits.data import LabelledImages, load_dataset

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
    long = ("--set", "epochs=120", "--set", "rotation_deg=5", "--seed", "1")
    where = ("--data", "kmnist", "--data-dir", small_data)
    process = start(
        *("train", "tiny", *long, *where, "--out", tmp_path / "cut"),
        # A job in the background of a script has SIGINT ignored, and so would its children.
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
    assert "go on with 'inkdigits train --resume" in err
    assert "Traceback" not in err
    done = len((tmp_path / "cut" / "history.csv").read_text().splitlines()) - 1
    assert 1 <= done < 120
    assert len(Reader.load(tmp_path / "cut" / "artifact.onnx").info.history) == done

    code, out, _ = call(capsys, "train", "--resume", tmp_path / "cut", *where[2:])
    assert code == 0, out
    call(capsys, "train", "tiny", *long, *where, "--out", tmp_path / "whole")
    cut, whole = (Reader.load(tmp_path / run / "artifact.onnx") for run in ("cut", "whole"))
    images = np.random.default_rng(0).integers(0, 256, (99, 28, 28), np.uint8)
    np.testing.assert_array_equal(cut.predict_proba(images), whole.predict_proba(images))
    assert len(cut.info.history) == 120


def test_tiny_on_the_real_mnist_reaches_its_floor(capsys, mnist, tmp_path):
    code, out, _ = call(capsys, "train", "tiny", "--out", tmp_path / "run", "--json")
    assert code == 0
    assert json.loads(out)["test"]["accuracy"] >= 0.97


# --- evaluate


def test_evaluate_the_shipped_model(capsys, tmp_path, monkeypatch, mnist_test):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "evaluate")
    assert code == 0
    assert "95 % interval" in out
    assert (tmp_path / "standard-report" / "report.html").is_file()


def test_a_run_is_not_resumed_with_other_data(capsys, small_data, tmp_path, mnist):
    from inkdigits.data import load_dataset

    train(capsys, small_data, tmp_path / "run")
    test = load_dataset("kmnist", "test", small_data)
    other = write_dataset(tmp_path / "other", "kmnist", test, test)
    again = ("train", "--quiet", "--resume", tmp_path / "run", "--data-dir")
    code, err = error_of(capsys, *again, other)
    assert (code, "begun with other kmnist files" in err) == (2, True)


def test_evaluate_a_run_on_its_own_and_on_another_data_set(capsys, small_data, tmp_path, mnist):
    train(capsys, small_data, tmp_path / "run")
    where = ("--data", "kmnist", "--data-dir", small_data)
    before = json.loads((tmp_path / "run" / "report.json").read_text())
    (tmp_path / "run" / "report.json").unlink()
    assert call(capsys, "evaluate", tmp_path / "run", *where)[0] == 0
    after = json.loads((tmp_path / "run" / "report.json").read_text())
    assert before == after
    assert call(capsys, "evaluate", tmp_path / "run", "--data", "mnist")[0] == 0
    assert (tmp_path / "run" / "mnist" / "report.json").is_file()
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


# --- predict


@pytest.fixture
def pictures(tmp_path, mnist_test) -> Path:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for index, name in enumerate(["a.png", "b.bmp", "more/c.jpg"]):
        Image.fromarray(mnist_test.images[index]).resize((140, 140)).save(folder / name)
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_predict_json_follows_the_contract(capsys, pictures):
    code, out, _ = call(capsys, "predict", pictures, "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert [row["path"] for row in rows] == [
        str(pictures / name) for name in ("a.png", "b.bmp", "more/c.jpg")
    ]
    assert [row["text"] for row in rows] == ["7", "2", "1"]
    assert set(rows[0]) == {"path", "text", "confidence", "digits", "error"}
    assert rows[0]["error"] is None
    (digit,) = rows[0]["digits"]
    assert set(digit) == {"label", "confidence", "probabilities", "box", "accepted"}
    assert digit["label"] == 7
    assert len(digit["probabilities"]) == 10
    assert len(digit["box"]) == 4


def test_the_formats_say_the_same(capsys, pictures):
    rows = json.loads(call(capsys, "predict", pictures, "--format", "json")[1])
    lines = call(capsys, "predict", pictures)[1].splitlines()  # jsonl in a pipe
    assert [json.loads(line) for line in lines] == rows
    table = list(
        csv.DictReader(call(capsys, "predict", pictures, "--format", "csv")[1].split("\n"))
    )
    assert [row["text"] for row in table] == ["7", "2", "1"]
    assert all(row["accepted"] == "true" and row["error_code"] == "" for row in table)
    text = call(capsys, "predict", pictures, "--format", "table")[1]
    assert all(row["text"] in text for row in rows)


@pytest.mark.parametrize("name", ["out.json", "out.jsonl", "out.csv"])
def test_output_goes_to_a_file_in_the_format_of_its_name(capsys, pictures, tmp_path, name):
    form = name.partition(".")[2]
    printed = call(capsys, "predict", pictures, "--format", form)[1]
    code, out, _ = call(capsys, "predict", pictures, "--output", tmp_path / name)
    assert (code, out) == (0, "")
    assert (tmp_path / name).read_text() == printed


def test_one_bad_file_does_not_stop_the_others(capsys, pictures, tmp_path):
    bad = pictures / "b2.png"
    bad.write_bytes(b"not a picture")
    (tmp_path / "empty").mkdir()
    paths = (pictures, tmp_path / "missing.png", tmp_path / "empty")
    code, out, err = call(capsys, "predict", *paths, "--format", "json")
    rows = json.loads(out)
    assert (code, err) == (1, "")
    codes = [row["error"] and row["error"]["code"] for row in rows]
    assert codes == [None, None, "not_an_image", None, "not_found", "no_images"]
    assert rows[2]["digits"] == []
    assert str(bad) in rows[2]["error"]["message"]
    text = call(capsys, "predict", *paths, "--format", "table")[1]
    assert "is not an image" in " ".join(text.split())


def test_prediction_faults(capsys, pictures, tmp_path):
    assert error_of(capsys, "predict")[0] == 2
    assert error_of(capsys, "predict", pictures, "--format", "xml")[0] == 2
    assert error_of(capsys, "predict", pictures, "--model", tmp_path / "x")[0] == 4
    blocked = pictures / "a.png" / "out.csv"
    assert error_of(capsys, "predict", pictures, "--output", blocked)[0] == 4


@pytest.mark.parametrize("repeats", [1, 400])
def test_a_reader_of_the_pipe_may_leave(pictures, repeats):
    process = start("predict", *[pictures] * repeats)
    if repeats > 1:
        process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) in {0, 1}
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_full_disk_behind_standard_output_is_one_sentence(pictures):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "inkdigits", "predict", str(pictures)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        4,
        "inkdigits: error: can't print: No space left on device\n",
    )


def test_output_to_a_device_leaves_the_device(capsys, pictures, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    assert call(capsys, "predict", pictures, "--output", pipe)[0] == 0
    assert len(process.communicate(timeout=10)[0].splitlines()) == 3
    assert pipe.is_fifo()


def test_a_file_name_that_is_not_utf_8_can_be_printed(capsys, pictures, tmp_path):
    os.rename(pictures / "a.png", os.fsencode(pictures) + b"/\xff.png")  # noqa: PTH104
    for form in ("json", "jsonl", "csv", "table"):
        code = call(capsys, "predict", pictures, "--output", tmp_path / "out", "--format", form)[0]
        assert code == 0
        assert "\\udcff.png" in (tmp_path / "out").read_text().replace("\\\\", "\\")


# --- the program as a whole


def test_training_draws_bars_on_a_terminal(small_data, tmp_path):
    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "inkdigits", "train", "tiny", "--out", str(tmp_path / "run")]
    where = ["--data", "kmnist", "--data-dir", str(small_data)]
    process = subprocess.Popen(
        [*command, *where], stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "xterm"}
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(screen, 4096)
        except OSError:  # the other side has closed
            break
        if not piece:
            break
        shown += piece
    os.close(screen)
    assert process.wait() == 0
    assert "━".encode() in shown
    assert b"100%" in shown


FORBIDDEN = "import sys; sys.modules.update(torch=None, onnx=None, matplotlib=None, jinja2=None); "


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "COMMAND"),
        (["recipes"], "standard"),
        (["data", "info"], "MNIST"),
        (["predict", "PICTURE"], '"text": "7"'),
    ],
)
def test_using_needs_nothing_of_the_extras(pictures, mnist, arguments, expected):
    arguments = [str(pictures / "a.png") if a == "PICTURE" else a for a in arguments]
    code = FORBIDDEN + f"from inkdigits.cli import main; sys.exit(main({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected in done.stdout


@pytest.mark.parametrize(
    ("command", "extra"), [("train", "inkdigits[train]"), ("evaluate", "inkdigits[report]")]
)
def test_a_missing_extra_is_named_with_its_cure(command, extra):
    code = FORBIDDEN + f"from inkdigits.cli import main; sys.exit(main([{command!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"pip install '{extra}'" in done.stderr
    assert "Traceback" not in done.stderr


def test_import_needs_no_torch():
    code = "import sys, inkdigits; assert not {'torch', 'onnx', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
