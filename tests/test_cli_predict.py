"""The command `predict`."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from inkdigits import Reader
from tests.command_line import call, error_of, start


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
    assert set(digit) == {"label", "confidence", "probabilities", "candidates", "box", "accepted"}
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


def test_a_path_that_may_not_be_looked_at_is_one_sentence(capsys, pictures):
    code, err = error_of(capsys, "predict", pictures, "--output", pictures / ("x" * 300 + ".csv"))
    assert (code, "File name too long" in err, "x" * 300 in err) == (4, True, True)


def test_closed_or_narrow_standard_output_is_no_traceback(pictures):
    program = f"{sys.executable} -m inkdigits"
    for line in (
        f"{program} recipes >&-",
        f"{program} predict {pictures} --format csv >&-",
        f"PYTHONIOENCODING=ascii {program} recipes",
        f"{program} --help > /dev/full",
        f"{program} --help | true",
    ):
        done = subprocess.run(line, shell=True, capture_output=True, text=True)  # noqa: S602
        assert "Traceback" not in done.stderr, line
        assert "Exception ignored" not in done.stderr, line
        assert done.returncode in ({0, 4} if "full" in line else {0}), line  # argparse hides some


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


def test_the_table_says_what_is_doubtful(capsys, tmp_path, mnist_test):
    reader = Reader.load()
    probabilities = reader.predict_proba(mnist_test.images)
    doubtful = int(np.flatnonzero((probabilities >= reader.info.set_threshold).sum(axis=1) == 2)[0])
    Image.fromarray(mnist_test.images[doubtful]).save(tmp_path / "doubtful.png")
    noise = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    _, out, _ = call(capsys, "predict", tmp_path, "--format", "table")
    first, second = np.argsort(-probabilities[doubtful])[:2]
    assert f"{first} or {second}" in out
    assert "perhaps no digit" in out
