"""Readings as Parquet, SQLite and Excel: the same lines as in CSV, with types."""

import csv
import io
import sqlite3

import numpy as np
import openpyxl
import pytest
from PIL import Image
from pyarrow import parquet

from tests.command_line import call, error_of


def read_parquet(path):
    table = parquet.read_table(path)
    return table.column_names, [tuple(row.values()) for row in table.to_pylist()]


def read_sqlite(path):
    base = sqlite3.connect(path)
    found = base.execute("SELECT * FROM readings")
    names = [column[0] for column in found.description]
    rows = found.fetchall()
    base.close()
    return names, rows


def read_xlsx(path):
    names, *rows = openpyxl.load_workbook(path)["readings"].iter_rows(values_only=True)
    return list(names), rows


READERS = {"parquet": read_parquet, "sqlite": read_sqlite, "xlsx": read_xlsx}


@pytest.fixture
def some(pictures):
    (pictures / "broken.png").write_bytes(b"\x89PNG and no more")
    Image.fromarray(np.full((80, 80), 255, np.uint8)).save(pictures / "blank.png")
    return pictures


@pytest.mark.parametrize("form", READERS)
def test_a_table_has_the_lines_of_the_csv(capsys, some, tmp_path, form):
    code, out, _ = call(capsys, "predict", some, "--format", "csv")
    header, *expected = list(csv.reader(io.StringIO(out)))
    path = tmp_path / f"out.{form}"
    assert call(capsys, "predict", some, "--output", path)[0] == code == 1
    names, rows = READERS[form](path)
    assert names == header
    assert len(rows) == len(expected)
    place = {name: header.index(name) for name in header}
    for row, line in zip(rows, expected, strict=True):
        for name in ("path", "text", "notes", "error_code"):
            assert (row[place[name]] or "") == line[place[name]]
        confidence = row[place["confidence"]]
        assert line[place["confidence"]] == ("" if confidence is None else f"{confidence:.6f}")
        accepted = row[place["accepted"]]
        assert line[place["accepted"]] == ("" if accepted is None else str(bool(accepted)).lower())


@pytest.mark.parametrize("form", READERS)
def test_nothing_to_read_is_an_empty_table(capsys, tmp_path, form):
    (tmp_path / "none").mkdir()
    path = tmp_path / f"out.{form}"
    assert call(capsys, "predict", tmp_path / "none", "--output", path)[0] == 1
    _, rows = READERS[form](path)
    assert len(rows) == 1  # the error


@pytest.mark.parametrize("form", READERS)
def test_what_is_no_text_needs_a_file(capsys, some, form):
    code, error = error_of(capsys, "predict", some, "--format", form)
    assert (code, "say where it goes with --output FILE" in error) == (2, True)


@pytest.mark.parametrize("form", READERS)
def test_regions_have_a_column(capsys, pictures, tmp_path, form):
    regions = tmp_path / "regions.json"
    regions.write_text('{"regions": {"all": [0, 0, 1, 1], "corner": [0, 0, 0.05, 0.05]}}')
    path = tmp_path / f"out.{form}"
    picture = pictures / "a.png"
    code, _, err = call(capsys, "predict", picture, "--regions", regions, "--output", path)
    assert code == 0, err
    names, rows = READERS[form](path)
    assert [row[names.index("region")] for row in rows] == ["all", "corner"]
    assert [row[names.index("text")] or "" for row in rows][1] == ""


def test_an_unknown_ending_is_refused(capsys, some, tmp_path):
    code, error = error_of(capsys, "predict", some, "--output", tmp_path / "out.xls")
    assert (code, "ends in no known form; choose csv, json" in error) == (2, True)
    assert not (tmp_path / "out.xls").exists()
