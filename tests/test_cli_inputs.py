"""The command `predict` on unusual files, folders, streams and tables."""

import copy
import gzip
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits import Reader
from inkdigits.data import encode_idx, save_idx
from inkdigits.imaging import sources
from tests.command_line import call

HEADER = ",".join(f"pixel{i}" for i in range(784))


def rows_of(capsys, *arguments: object) -> list[dict]:
    return [json.loads(line) for line in call(capsys, "predict", *arguments)[1].splitlines()]


def codes_of(capsys, *arguments: object) -> list[str]:
    """The error code or the text of each row."""
    rows = rows_of(capsys, *arguments)
    return [row["error"]["code"] if row["error"] else row["text"] for row in rows]


def write_table(path: Path, rows: list[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def table_rows(mnist_test) -> list[str]:
    """The first three digits of the test set, 7, 2 and 1, as rows of a table."""
    return [",".join(map(str, image.ravel())) for image in mnist_test.images[:3]]


@pytest.fixture
def stdin(monkeypatch):
    def feed(content: bytes) -> str:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return "-"

    return feed


@pytest.fixture
def two_pages(mnist_test) -> bytes:
    """A PDF with a 7 and a 2."""
    pages = [Image.fromarray(255 - image).resize((280, 280)) for image in mnist_test.images[:2]]
    content = io.BytesIO()
    pages[0].save(content, "PDF", save_all=True, append_images=pages[1:])
    return content.getvalue()


def test_what_fails_before_it_is_read_is_a_row_with_several_processes_too(capsys, pictures):
    (pictures / "more" / "again").symlink_to(pictures)
    paths = (pictures, pictures / "nothing.csv", pictures / "a.png", "--jobs", 2)
    assert codes_of(capsys, *paths) == ["7", "2", "1", "folder_loop", "not_found", "7"]


def test_a_reading_with_an_error_can_be_copied(tmp_path):
    (reading,) = Reader.load().read_many([tmp_path / "nothing.png"])
    twin = copy.deepcopy(reading)
    assert twin.to_dict() == reading.to_dict()
    assert str(twin.error) == f"{tmp_path / 'nothing.png'} does not exist"


def test_no_more_is_read_than_a_picture_can_have(
    capsys, pictures, tmp_path, stdin, table_rows, monkeypatch
):
    limit = 500_000
    monkeypatch.setattr(sources, "MAX_BYTES", limit)
    good = pictures / "a.png"
    tail = tmp_path / "tail.png"
    tail.write_bytes(good.read_bytes() + bytes(limit))
    images = encode_idx(np.zeros((1000, 28, 28), np.uint8))
    (tmp_path / "big.idx").write_bytes(images)
    (tmp_path / "bomb.idx.gz").write_bytes(gzip.compress(images))
    line = write_table(tmp_path / "line.csv", [*table_rows, "0" * limit])
    bomb = tmp_path / "line.csv.gz"
    bomb.write_bytes(gzip.compress(line.read_bytes()))
    tables = (tmp_path / "big.idx", tmp_path / "bomb.idx.gz")
    assert codes_of(capsys, tail, *tables, good) == ["too_large"] * 3 + ["7"]
    for path in (line, bomb):
        assert codes_of(capsys, path, good) == ["7", "2", "1", "too_large", "7"]
    assert codes_of(capsys, stdin(bytes(limit + 1)), good) == ["too_large", "7"]


def test_a_pdf_is_known_by_its_content(capsys, tmp_path, stdin, two_pages):
    (tmp_path / "document").write_bytes(two_pages)
    rows = rows_of(capsys, tmp_path / "document", stdin(two_pages))
    expected = [(f"{tmp_path}/document#1", "7"), (f"{tmp_path}/document#2", "2")]
    assert [(row["path"], row["text"]) for row in rows] == [*expected, ("-#1", "7"), ("-#2", "2")]


def test_closed_standard_input_is_a_row(pictures):
    line = f"{sys.executable} -m inkdigits predict - {pictures / 'a.png'} <&-"
    done = subprocess.run(line, shell=True, capture_output=True, text=True)  # noqa: S602
    first, second = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, done.stderr) == (1, "")
    assert (first["error"]["code"], second["text"]) == ("unreadable", "7")


def test_folders_that_link_to_each_other_are_read_once_by_their_own_paths(capsys, pictures):
    names = [f"d{i}" for i in range(5)]
    for name in names:
        (pictures / "all" / name).mkdir(parents=True)
        os.link(pictures / "a.png", pictures / "all" / name / "a.png")
        for other in set(names) - {name}:
            (pictures / "all" / name / f"to-{other}").symlink_to(pictures / "all" / other)
    paths = [row["path"] for row in rows_of(capsys, pictures / "all")]
    assert paths == [f"{pictures}/all/{name}/a.png" for name in names]


@pytest.fixture
def deep(pictures, monkeypatch):
    """A folder with a picture nested deeper than Python recurses, so pytest can't clean up."""
    monkeypatch.chdir(pictures)
    for _ in range(sys.getrecursionlimit() + 10):
        Path("d").mkdir()
        os.chdir("d")
    os.link(pictures / "a.png", "a.png")
    os.chdir(pictures)
    yield Path("d")
    subprocess.run(["rm", "-r", "d"], check=True)


def test_folders_may_be_deeper_than_python_recurses(capsys, deep):
    rows = rows_of(capsys, deep)
    assert [(row["text"], row["path"][-8:]) for row in rows] == [("7", "/d/a.png")]


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.AVIF"])
def test_folders_are_searched_for_pictures_by_all_their_endings(capsys, pictures, tmp_path, name):
    (tmp_path / "new").mkdir()
    form = "AVIF" if name.endswith("AVIF") else "JPEG"
    with Image.open(pictures / "a.png") as image:
        image.save(tmp_path / "new" / name, form)
    assert codes_of(capsys, tmp_path / "new") == ["7"]


def test_tables_have_the_codes_of_files_and_empty_ones_are_said(capsys, tmp_path):
    for name in ("no.csv", "no.idx"):
        assert codes_of(capsys, tmp_path / name) == ["not_found"]
    save_idx(tmp_path / "none.idx", np.zeros((0, 28, 28), np.uint8))
    (tmp_path / "zero.csv").touch()
    write_table(tmp_path / "header.csv", [])
    for name in ("none.idx", "zero.csv", "header.csv"):
        assert codes_of(capsys, tmp_path / name) == ["empty"]


def test_a_bad_row_of_a_table_is_one_row(capsys, tmp_path, table_rows):
    rows = [*table_rows, table_rows[0].replace("0", "300", 1), "oops", '"open', table_rows[0]]
    table = write_table(tmp_path / "t.csv", rows)
    assert codes_of(capsys, table) == ["7", "2", "1", *["bad_table"] * 3, "7"]
    fourth = rows_of(capsys, table)[3]
    assert fourth["path"] == f"{table}#4"
    assert re.search(r"row 4 .*: pixel \d+ is '300'$", fourth["error"]["message"])
    assert rows_of(capsys, table)[4]["error"]["message"].endswith("it has 1")
    packed = tmp_path / "cut.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes())[:-9])
    assert codes_of(capsys, packed)[:3] == ["7", "2", "1"]
    assert codes_of(capsys, packed)[-1] == "bad_table"


def test_the_name_of_the_labels_may_be_capitalised(capsys, tmp_path, table_rows):
    rows = [f"9,{row}" for row in table_rows]
    table = write_table(tmp_path / "t.csv", rows, f"Label,{HEADER}")
    assert codes_of(capsys, table) == ["7", "2", "1"]


@pytest.mark.parametrize("option", [[], ["--show-glyphs"], ["--explain"]])
def test_the_glyphs_of_tables_are_drawn_under_the_names_of_their_rows(
    capsys, tmp_path, table_rows, mnist_test, monkeypatch, option
):
    monkeypatch.chdir(tmp_path)
    write_table(Path("t.csv"), [*table_rows[:2], "oops"])
    save_idx(Path("t.idx"), mnist_test.images[:1])
    call(capsys, "predict", "t.csv", "t.idx", "--annotate", "seen", *option)
    drawn = sorted(path.name for path in Path("seen").iterdir())
    assert drawn == ["t.csv#1.png", "t.csv#2.png", "t.idx#1.png"]
    with Image.open("seen/t.csv#1.png") as image:
        pixels = np.asarray(image).astype(int)
    left = pixels[8:120, 8:120]  # the tile above the caption
    assert left.min() < 100
    assert (np.ptp(left, axis=2).max() > 50) == (option == ["--explain"])
