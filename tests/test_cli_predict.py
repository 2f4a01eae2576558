"""The command `predict`."""

import csv
import gzip
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from inkdigits import Reader
from inkdigits.data import save_idx
from inkdigits.evaluation.non_digits import draw_non_digits
from tests.command_line import call, error_of, start


def test_predict_json_follows_the_contract(capsys, pictures):
    code, out, _ = call(capsys, "predict", pictures, "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert [row["path"] for row in rows] == [
        str(pictures / name) for name in ("a.png", "b.bmp", "more/c.jpg")
    ]
    assert [row["text"] for row in rows] == ["7", "2", "1"]
    assert set(rows[0]) == {
        *("path", "text", "confidence", "accepted", "digits", "marks", "numbers", "table"),
        *("notes", "error"),
    }
    assert rows[0]["error"] is None
    (digit,) = rows[0]["digits"]
    assert set(digit) == {
        *("label", "confidence", "probabilities", "candidates", "coverage", "box", "accepted"),
        "notes",
    }
    assert digit["label"] == 7
    assert len(digit["probabilities"]) == 10
    assert len(digit["box"]) == 4
    (number,) = rows[0]["numbers"]
    assert set(number) == {"text", "value", "box", "confidence", "accepted"}
    assert (number["text"], number["value"], rows[0]["marks"]) == ("7", 7, [])


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


def test_a_table_has_a_line_of_csv_for_each_of_its_rows(capsys, tmp_path, pictures):
    page = np.zeros((200, 300), np.uint8)
    seven = np.asarray(Image.open(pictures / "a.png").convert("L").resize((80, 80)))
    for top, left in [(10, 10), (110, 10), (110, 210)]:
        page[top : top + 80, left : left + 80] = seven
    Image.fromarray(page).save(tmp_path / "table.png")
    out = call(capsys, "predict", tmp_path / "table.png", "--grid", "2x2", "--format", "csv")[1]
    rows = list(csv.DictReader(out.split("\n")))
    assert [(row["row"], row["cell_1"], row["cell_2"]) for row in rows] == [
        ("1", "7", ""),
        ("2", "7", "7"),
    ]
    assert [row["text"] for row in rows] == ["7 .", "7 7"]
    assert {row["accepted"] for row in rows} <= {"true", "false"}


def test_regions_are_rows_with_names(capsys, tmp_path, pictures):
    regions = tmp_path / "regions.json"
    regions.write_text('{"regions": {"all": [0, 0, 1, 1], "corner": [0, 0, 0.05, 0.05]}}')
    arguments = ("predict", pictures / "a.png", "--regions", regions)
    code, out, _ = call(capsys, *arguments, "--annotate", tmp_path / "seen")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(row["region"], row["text"]) for row in rows] == [("all", "7"), ("corner", "")]
    assert len(list((tmp_path / "seen").rglob("*.png"))) == 1
    table = list(csv.DictReader(call(capsys, *arguments, "--format", "csv")[1].split("\n")))
    assert [(row["region"], row["text"]) for row in table] == [("all", "7"), ("corner", "")]
    assert "corner" in call(capsys, *arguments, "--format", "table")[1]
    assert error_of(capsys, *arguments, "--grid", "2x2")[0] == 2
    assert error_of(capsys, *arguments, "--format", "kaggle")[0] == 2


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        "{}",
        '{"regions": {"a": [0, 0, 2, 1]}}',
        '{"regions": {"a": 3}}',
        '{"regions": {"a": [0, 0, 1, 1]}, "off": 1}',
        '{"of": "page", "regions": {"a": [0, 0, 1, 1]}}',
        '{"regions": {"a": [0, 0, 1, 1], "a": [0, 0, 0.5, 1]}}',
        "[" * 100_000,
    ],
)
def test_bad_regions_are_a_clear_error(capsys, tmp_path, pictures, content):
    path = tmp_path / "regions.json"
    path.write_text(content)
    code, message = error_of(capsys, "predict", pictures, "--regions", path)
    assert code == 2
    assert str(path) in message


@pytest.mark.parametrize("name", ["out.json", "out.jsonl", "out.csv", "out.CSV"])
def test_output_goes_to_a_file_in_the_format_of_its_name(capsys, pictures, tmp_path, name):
    form = name.partition(".")[2].lower()
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


def test_standard_input_is_a_picture(pictures):
    content = (pictures / "a.png").read_bytes()
    command = [sys.executable, "-m", "inkdigits", "predict", "-"]
    done = subprocess.run(command, input=content, capture_output=True, check=True)
    row = json.loads(done.stdout)
    assert (row["path"], row["text"]) == ("-", "7")
    done = subprocess.run(command, input=b"", capture_output=True)
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (1, "empty")


def test_several_processes_give_the_same_rows_in_the_same_order(capsys, pictures):
    (pictures / "b2.png").write_bytes(b"not a picture")
    paths = [pictures] * 5
    alone = call(capsys, "predict", *paths)
    assert call(capsys, "predict", *paths, "--jobs", 2) == alone
    assert alone[0] == 1
    assert len(alone[1].splitlines()) == 20
    assert error_of(capsys, "predict", *paths, "--jobs", 0)[0] == 2


def test_a_link_back_is_a_fault_and_other_links_are_followed(capsys, pictures, tmp_path):
    (pictures / "more" / "again").symlink_to(pictures)
    outside = tmp_path / "outside"
    outside.mkdir()
    (pictures / "a.png").rename(outside / "a.png")
    (pictures / "linked").symlink_to(outside)
    code, out, _ = call(capsys, "predict", pictures)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    found = {row["path"].removeprefix(f"{pictures}/"): row["text"] for row in rows}
    assert found == {"b.bmp": "2", "linked/a.png": "7", "more/c.jpg": "1", "more/again": ""}
    assert [row["error"]["code"] for row in rows if row["error"]] == ["folder_loop"]


def test_kaggles_table_goes_in_and_out(capsys, tmp_path, mnist_test):
    table = tmp_path / "test.csv"
    header = ",".join(f"pixel{i}" for i in range(784))
    rows = [",".join(map(str, image.ravel())) for image in mnist_test.images[:5]]
    table.write_text("\n".join([header, *rows]) + "\n")
    _, out, _ = call(capsys, "predict", table, "--format", "kaggle")
    assert out == "ImageId,Label\n1,7\n2,2\n3,1\n4,0\n5,4\n"
    labelled = [f"label,{header}", *(f"9,{row}" for row in rows)]
    table.write_text("\n".join(labelled) + "\n")
    assert call(capsys, "predict", table, "--format", "kaggle")[1] == out
    packed = tmp_path / "test.csv.gz"  # as a spreadsheet saves it: a byte order mark, a blank line
    packed.write_bytes(gzip.compress("\n".join([*labelled, ""]).encode("utf-8-sig")))
    assert call(capsys, "predict", packed, "--format", "kaggle")[1] == out
    _, lines, _ = call(capsys, "predict", table)
    assert json.loads(lines.splitlines()[2])["path"] == f"{table}#3"


NO_NAMES = ",".join(["0"] * 784) + "\n"  # as a header they would be lost


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "pixel0\n" + ",".join(["300"] * 784) + "\n", NO_NAMES]
)
def test_another_table_has_a_code(capsys, tmp_path, text):
    (tmp_path / "other.csv").write_text(text)
    code, out, _ = call(capsys, "predict", tmp_path / "other.csv")
    assert (code, json.loads(out)["error"]["code"]) == (1, "bad_table")


def test_idx_files_are_read(capsys, tmp_path, mnist_test):
    for name in ("some-idx3-ubyte", "some-idx3-ubyte.gz"):
        save_idx(tmp_path / name, mnist_test.images[:3])
        _, out, _ = call(capsys, "predict", tmp_path / name, "--format", "csv")
        assert [row["text"] for row in csv.DictReader(out.splitlines())] == ["7", "2", "1"]
    save_idx(tmp_path / "other-idx3-ubyte", np.zeros((2, 5, 5), np.uint8))
    code, out, _ = call(capsys, "predict", tmp_path / "other-idx3-ubyte")
    assert (code, json.loads(out)["error"]["code"]) == (1, "bad_table")


def test_the_pages_of_a_pdf_are_rows(capsys, tmp_path, mnist_test):
    pages = [Image.fromarray(255 - image).resize((280, 280)) for image in mnist_test.images[:2]]
    pages[0].save(tmp_path / "two.pdf", save_all=True, append_images=pages[1:])
    _, out, _ = call(capsys, "predict", tmp_path)
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["path"][-2:], row["text"]) for row in rows] == [("#1", "7"), ("#2", "2")]


def test_hints_reach_the_reader(capsys, tmp_path, mnist_test):
    pair = np.hstack([np.pad(mnist_test.images[i], 10) for i in (0, 1)])
    Image.fromarray(pair).resize((384, 192)).save(tmp_path / "pair.png")

    def text(*hints: object) -> str:
        return json.loads(call(capsys, "predict", tmp_path, *hints)[1])["text"]

    assert text() == text("--expect", 2) == text("--grid", "1x2") == "7 2"
    assert text("--digits-only") == text("--expect", 2, "--digits-only") == "72"
    assert len(text("--single")) == 1
    for wrong in (("--grid", "2"), ("--grid", "0x3"), ("--expect", "x"), ("--expect", 0)):
        assert error_of(capsys, "predict", tmp_path, *wrong)[0] == 2
    assert error_of(capsys, "predict", tmp_path, "--single", "--expect", 2)[0] == 2


def test_annotated_pictures_lie_under_their_own_paths(capsys, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    out = tmp_path / "seen"
    assert call(capsys, "predict", pictures.name, "--annotate", out)[0] == 0
    drawn = sorted(str(path.relative_to(out)) for path in out.rglob("*.png"))
    assert drawn == [f"pictures/{name}.png" for name in ("a.png", "b.bmp", "more/c.jpg")]
    other = tmp_path / "other"
    for folder in (pictures.name, f"../{pictures.parent.name}/{pictures.name}"):
        assert call(capsys, "predict", folder, "--annotate", other)[0] == 0
    assert sorted(path.name for path in other.iterdir()) == ["_up_", "pictures"]
    assert len(list(other.rglob("*.png"))) == 6

    def size() -> tuple[int, int]:
        with Image.open(out / "pictures" / "a.png.png") as image:
            return image.size

    assert size() == (140, 140)
    for more in (["--show-glyphs"], ["--explain"], ["--show-glyphs", "--explain"]):
        assert call(capsys, "predict", pictures.name, "--annotate", out, *more)[0] == 0
        assert size()[1] > 140
    code, err = error_of(capsys, "predict", pictures, "--explain")
    assert (code, "--annotate FOLDER" in err) == (2, True)


def test_many_glyphs_are_drawn_in_rows(capsys, tmp_path, mnist_test):
    digits = np.hstack([np.pad(image, 10) for image in mnist_test.images[:12]])
    Image.fromarray(digits).save(tmp_path / "a.png")
    out = tmp_path / "seen"
    assert call(capsys, "predict", tmp_path / "a.png", "--annotate", out, "--show-glyphs")[0] == 0
    (seen,) = out.rglob("*.png")
    with Image.open(seen) as image:
        assert image.width < 1.2 * digits.shape[1]
        assert image.height > 3 * 112  # the glyphs' size


def test_a_full_disk_behind_standard_output_is_one_sentence(pictures):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "inkdigits", "predict", str(pictures)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        4,
        "inkdigits: error: can't print: No space left on device\n",
    )


def test_a_path_that_may_not_be_looked_at_is_a_row(capsys, pictures, tmp_path):
    out = tmp_path / "out.jsonl"
    code, _, _ = call(capsys, "predict", "x" * 300, pictures / "a.png", "--output", out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert (code, [row["text"] for row in rows]) == (1, ["", "7"])
    assert rows[0]["error"]["code"] == "unreadable"


def test_output_that_can_not_be_written_is_one_sentence(capsys, pictures):
    code, err = error_of(capsys, "predict", pictures, "--output", pictures)
    assert (code, "it is a folder" in err) == (4, True)
    code, err = error_of(capsys, "predict", pictures, "--output", pictures / ("x" * 300 + ".csv"))
    assert (code, "File name too long" in err, "x" * 50 in err) == (4, True, True)


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
    Image.fromarray(draw_non_digits("scribbles", 1, seed=0)[0]).save(tmp_path / "scribble.png")
    _, out, _ = call(capsys, "predict", tmp_path, "--format", "table")
    candidates = Reader.load().read(tmp_path / "doubtful.png").digits[0].candidates
    assert " or ".join(map(str, candidates)) in out
    assert "not accepted" in out


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_fits_the_terminal(capsys, tmp_path, monkeypatch, mnist_test, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    folder = tmp_path / ("a folder with a long name " * 4)
    folder.mkdir()
    page = np.hstack([np.pad(mnist_test.images[i], 9) for i in range(8)])
    tiny = Image.fromarray(255 - page).resize((120, 16))
    tiny.save(folder / "a page of digits that are too small.png")
    (folder / "no picture.png").write_text("nothing")
    _, out, _ = call(capsys, "predict", folder, "--format", "table")
    lines = out.splitlines()
    assert max(map(len, lines)) <= columns
    assert "…" in lines[1]
    assert len([line for line in lines[1:] if ".png" in line]) == 2  # each name on one line
    remarks = " ".join(line[columns // 3 :] for line in lines[1:])
    assert remarks.count(";") == 3  # three remarks and the number of the others
    assert re.search(r"\d+ more", " ".join(remarks.split()))
    assert "is not an image" in " ".join(remarks.split())
