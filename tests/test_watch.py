"""`inkdigits watch`: what arrives is read once, whatever happens."""

import csv
import json
import signal
import sqlite3

import pytest
from PIL import Image

from inkdigits.batch.watch import Journal, journal_of
from inkdigits.errors import StorageError
from tests.command_line import error_of, start

STATE = (1, 2)


@pytest.fixture
def arrive(mnist_test, tmp_path):
    """Let the n-th test digit arrive in the folder under a name."""
    folder = tmp_path / "in"
    folder.mkdir()

    def put(number: int, name: str) -> None:
        Image.fromarray(255 - mnist_test.images[number]).resize((84, 84)).save(folder / name)

    put.folder = folder
    put.label = lambda number: str(mnist_test.labels[number])
    return put


def watching(arrive, out):
    """A watcher that has looked for the first time."""
    process = start("watch", arrive.folder, "--output", out, "--every", "0.1")
    assert "watching" in process.stdout.readline()
    return process


def ended(process, with_signal):
    process.send_signal(with_signal)
    code = process.wait(timeout=30)
    error = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    return code, error


def texts_in(path):
    rows = list(csv.DictReader(path.read_text().splitlines()))
    return {row["path"].rpartition("/")[2]: row["text"] for row in rows}, len(rows)


def test_each_file_is_read_once_also_after_a_kill(arrive, tmp_path):
    out = tmp_path / "out.csv"
    arrive(0, "a.png")
    process = watching(arrive, out)
    assert f"a.png  {arrive.label(0)}" in process.stdout.readline()
    arrive(1, "b.png")
    assert "b.png" in process.stdout.readline()
    assert ended(process, signal.SIGKILL)[0] == -signal.SIGKILL
    arrive(2, "c.png")
    process = start("watch", arrive.folder, "--output", out, "--every", "0.1")
    assert "2 files are read" in process.stdout.readline()
    assert "c.png" in process.stdout.readline()
    code, error = ended(process, signal.SIGINT)
    assert (code, error) == (0, "1 more files were read\n")
    expected = {name: arrive.label(n) for n, name in enumerate(("a.png", "b.png", "c.png"))}
    assert texts_in(out) == (expected, 3)


def test_a_database_is_watched_into_and_bad_files_are_rows(arrive, tmp_path):
    out = tmp_path / "out.sqlite"
    (arrive.folder / "broken.png").write_bytes(b"\x89PNG and no more")
    process = watching(arrive, out)
    assert "broken.png  not_an_image" in process.stdout.readline()
    ended(process, signal.SIGINT)
    base = sqlite3.connect(out)
    assert base.execute("SELECT error_code FROM readings").fetchall() == [("not_an_image",)]
    base.close()


def test_a_file_that_is_filled_later_is_read_then(arrive, tmp_path):
    out = tmp_path / "out.csv"
    (arrive.folder / "a.png").touch()
    process = watching(arrive, out)
    assert "a.png  empty" in process.stdout.readline()
    arrive(0, "a.png")
    assert f"a.png  {arrive.label(0)}" in process.stdout.readline()
    ended(process, signal.SIGINT)
    assert texts_in(out) == ({"a.png": arrive.label(0)}, 1)


def test_moved_files_and_another_path_of_the_folder_are_known(arrive, tmp_path):
    out = tmp_path / "out.csv"
    arrive(0, "a.png")
    process = watching(arrive, out)
    assert "a.png" in process.stdout.readline()
    (arrive.folder / "done").mkdir()
    (arrive.folder / "a.png").rename(arrive.folder / "done" / "a.png")
    arrive(1, "b.png")
    assert process.stdout.readline().startswith("b.png")
    ended(process, signal.SIGINT)
    (tmp_path / "link").symlink_to(arrive.folder)
    process = start("watch", tmp_path / "link", "--output", out, "--every", "0.1")
    assert "2 files are read" in process.stdout.readline()
    arrive(2, "c.png")
    assert process.stdout.readline().startswith("c.png")
    ended(process, signal.SIGINT)
    assert texts_in(out)[1] == 3


def test_an_output_has_one_watcher_and_one_way_of_reading(capsys, arrive, tmp_path):
    out = tmp_path / "out.csv"
    process = watching(arrive, out)
    where = ("watch", arrive.folder, "--output", out)
    assert "another 'inkdigits' writes" in error_of(capsys, *where)[1]
    ended(process, signal.SIGINT)
    code, error = error_of(capsys, *where, "--single")
    assert (code, "was read with other options" in error) == (2, True)


def test_a_line_that_was_cut_off_is_read_again(tmp_path):
    path = journal_of(tmp_path / "out.csv")
    journal = Journal(path, {"expect": 3})
    journal.append("a.png", STATE, [{"text": "1"}])
    first = path.read_bytes()
    journal.append("b.png", STATE, [{"text": "2"}])
    whole = path.read_bytes()
    for cut in range(len(first), len(whole)):
        path.write_bytes(whole[:cut])
        assert list(Journal(path, {"expect": 3}).rows) == ["a.png"]
        assert path.read_bytes() == first
    again = Journal(path, {"expect": 3})
    again.append("b.png", STATE, [{"text": "2"}])
    assert path.read_bytes() == whole
    path.write_bytes(whole[:5])  # not even the settings
    assert not Journal(path, {"expect": 4}).rows


def test_a_foreign_journal_is_left_alone(tmp_path):
    path = tmp_path / "out.csv.journal"
    for content in ("mine\n", json.dumps({"other": 1}) + "\n", "[1]\n"):
        path.write_text(content)
        with pytest.raises(StorageError, match="is no journal of 'inkdigits watch'"):
            Journal(path, {})
        assert path.read_text() == content


def test_wrong_options_are_refused(capsys, tmp_path):
    assert "is no folder" in error_of(capsys, "watch", tmp_path / "no", "--output", "x.csv")[1]
    assert "say where the readings go" in error_of(capsys, "watch", tmp_path)[1]
    every = ("--output", tmp_path / "x.csv", "--every", "0")
    assert "must be above 0" in error_of(capsys, "watch", tmp_path, *every)[1]
