"""Part files: nothing is lost and nothing doubled, whatever is killed."""

import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from pyarrow import parquet

from inkdigits.artifact import shipped
from inkdigits.batch import Job, Worker, find_files, list_entries
from inkdigits.batch.notes import Notes
from inkdigits.batch.parts import Part, PartFolder, PartWriter, parts_of
from inkdigits.batch.pool import DEATHS, in_processes
from inkdigits.cli import main
from inkdigits.errors import StorageError, UsageError
from tests.command_line import call, error_of, start

TABLES, GLYPHS = 12, 500


@pytest.fixture(scope="module")
def inputs(mnist_test, tmp_path_factory) -> Path:
    """A list of tables, each of them a part, and pictures of which one is damaged."""
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(TABLES):
        np.save(folder / f"t{number:02}.npy", mnist_test.images[number * 50 :][:GLYPHS])
    for number in range(6):
        picture = Image.fromarray(255 - mnist_test.images[number]).resize((84, 84))
        picture.save(folder / f"{number}.png")
    (folder / "bad.png").write_bytes(b"no picture")
    listed = folder / "inputs.txt"
    listed.write_text("".join(f"{path}\n" for path in sorted(folder.glob("*.*"))))
    return listed


@pytest.fixture(scope="module")
def undisturbed(inputs, tmp_path_factory) -> list[dict]:
    """The rows of one file."""
    out = tmp_path_factory.mktemp("undisturbed") / "out.jsonl"
    assert main(["predict", str(inputs), "--output", str(out), "--jobs", "2"]) == 1
    return [json.loads(line) for line in out.read_text().splitlines()]


def rows_in(folder: Path) -> list[dict]:
    parts = sorted(folder.glob("part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def test_parts_and_shards_have_the_rows_of_one_file(capsys, inputs, undisturbed, tmp_path):
    for shard in ("1/2", "0/2"):
        where = ("--output", f"{tmp_path}/shards/", "--shard", shard)
        assert call(capsys, "predict", inputs, *where)[0] in {0, 1}
    assert rows_in(tmp_path / "shards") == undisturbed
    code, out, _ = call(capsys, "predict", inputs, "--output", f"{tmp_path}/again/")
    rows = f"{len(undisturbed):,} rows, 1 with an error; 0 parts were there"
    assert (code, out) == (1, f"{tmp_path}/again: {rows}\n")
    shards, again = (sorted((tmp_path / at).glob("part-*")) for at in ("shards", "again"))
    assert [path.name for path in again] == [path.name for path in shards]
    assert len(again) == TABLES + 1


def test_parts_of_parquet_are_a_table(capsys, inputs, undisturbed, tmp_path):
    where = ("--output", f"{tmp_path}/out/", "--format", "parquet", "--jobs", 2)
    assert call(capsys, "predict", inputs, *where)[0] == 1
    found = parquet.read_table(sorted((tmp_path / "out").glob("*.parquet"))).to_pylist()
    assert [row["path"] for row in found] == [row["path"] for row in undisturbed]
    assert [row["text"] for row in found] == [row["text"] for row in undisturbed]
    assert Counter(row["error_code"] for row in found) == {"": len(found) - 1, "not_an_image": 1}


def test_a_folder_is_of_one_job(capsys, inputs, tmp_path):
    out = tmp_path / "out"
    inputs = shutil.copytree(inputs.parent, tmp_path / "inputs") / "inputs.txt"
    inputs.write_text("".join(f"{path}\n" for path in sorted(inputs.parent.glob("*.[np]*"))))
    where = (inputs, "--output", f"{out}/")
    assert call(capsys, "predict", *where)[0] == 1
    before = rows_in(out)
    assert (
        "13 parts of an earlier run: go on with --resume" in error_of(capsys, "predict", *where)[1]
    )
    (out / "part-0000003.jsonl").unlink()
    (out / ".part-0000003.jsonl.1234.part").write_text("half a li")
    (out / ".part-0000004.notes").write_text("begin\n0+0\n")
    code, said, _ = call(capsys, "predict", *where, "--resume")
    assert (code, said) == (0, f"{out}: {GLYPHS} rows, 0 with an error; 12 parts were there\n")
    assert rows_in(out) == before
    assert not list(out.glob(".part*"))
    for other in (("--digits-only",), ("--format", "parquet"), ("--single",)):
        code, error = error_of(capsys, "predict", *where, "--resume", *other)
        assert (code, "was begun with" in error) == (2, True)
    inputs.with_name("t03.npy").write_bytes(b"changed")
    assert '"files": 19' in error_of(capsys, "predict", *where, "--resume")[1]
    inputs.write_text(inputs.read_text() + "more.png\n")
    assert '"files": 20' in error_of(capsys, "predict", *where, "--resume")[1]
    (out / "manifest.json").write_text("{")
    assert error_of(capsys, "predict", *where, "--resume")[0] == 4
    code, error = error_of(capsys, "predict", inputs, "--output", f"{tmp_path}/")
    assert (code, "is in the way; choose a new folder" in error) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.png", "--resume"], "need a folder: --output FOLDER/"),
        (["a.png", "--shard", "0/2", "--output", "a.jsonl"], "need a folder: --output FOLDER/"),
        (["a.png", "--output", "out/", "--shard", "2/2"], "'2/2' is not I/N, such as 0/4"),
        (["a.png", "--output", "out/", "--format", "csv"], "choose --format jsonl or parquet"),
        (["-", "--output", "out/"], "parts are made of files"),
        (["--data", "mnist", "--output", "out/"], "parts are made of files"),
        (["a.png", "--output", "out/", "--model", "none.onnx"], "none.onnx"),
    ],
)
def test_wrong_use_is_one_sentence(capsys, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert says in error_of(capsys, "predict", *arguments)[1]
    assert not list(tmp_path.iterdir())


def test_what_a_process_raises_is_one_sentence(capsys, inputs, tmp_path):
    (tmp_path / "out" / ".part-0000000.notes").mkdir(parents=True)
    code, error = error_of(capsys, "predict", inputs, "--output", f"{tmp_path}/out/")
    assert (code, "it is a folder" in error, error.count("\n")) == (4, True, 1)


def readers_of(process) -> list[psutil.Process]:
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in "".join(child.cmdline())]
    except psutil.Error:
        return []


def wait_for(process, folder: Path, parts: int) -> bool:
    """Whether the job is still going on when there are so many parts."""
    while process.poll() is None and len(list(folder.glob("part-*"))) < parts:
        time.sleep(0.002)
    return process.poll() is None


def test_kills_at_random_moments_lose_and_double_nothing(inputs, undisturbed, tmp_path):
    moment = random.Random()  # noqa: S311
    out = tmp_path / "out"
    run = ("predict", inputs, "--output", f"{out}/", "--resume", "--jobs", 2)
    for parts, kill in ((2, os.killpg), (5, os.kill)):  # with its workers; and they find out
        process = start(*run, start_new_session=True)
        assert wait_for(process, out, parts)
        time.sleep(moment.uniform(0, 0.05))
        kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    process, killed = start(*run), 0
    for parts in (7, 8, 9):
        if wait_for(process, out, parts):
            time.sleep(moment.uniform(0, 0.02))
            for reader in readers_of(process)[:1]:
                reader.kill()
                killed += 1
    assert killed
    said, error = process.communicate(timeout=60)
    assert (process.returncode in {0, 1}, "rows" in said, error) == (True, True, "")
    assert rows_in(out) == undisturbed
    assert not list(out.glob(".part*"))


# What is fatal


class Deadly(Worker):
    """Dies over the first file that it can open."""

    def read(self, item):
        if isinstance(item.source, Path):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(item)


class DeadlyWriter(PartWriter):
    def start(self):
        return partial(self.write, Deadly(Job(), None))


def test_a_picture_that_kills_its_reader_is_a_row_with_an_error(tmp_path):
    names = ["a.png", "deadly.png", "c.png"]
    folder = PartFolder(tmp_path / "out", "jsonl")
    folder.path.mkdir()
    (tmp_path / "deadly.png").write_bytes(b"anything")
    (part,) = parts_of(list_entries(find_files(tmp_path / name for name in names)))
    (done,) = in_processes([part], DeadlyWriter(folder, Job(), b"").start, 1)
    assert (done.entries, done.rows, done.errors) == (3, 3, 3)
    codes = [row["error"]["code"] for row in rows_in(folder.path)]
    assert codes == ["not_found", "crashed", "not_found"]


def test_deaths_are_counted_over_jobs_and_stops_are_not(tmp_path):
    path = tmp_path / "notes"
    for number in range(DEATHS):
        with suppress(StorageError), Notes(path) as notes:
            assert not notes.is_fatal("0.0"), number
            raise StorageError("the disk is full")
    for number in range(DEATHS + 1):
        notes = Notes(path).__enter__()
        assert not notes.is_fatal("0.0")
        assert notes.is_fatal("0.1") == (number == DEATHS)
        notes._file.close()  # as a kill does
    with Notes(path):
        pass
    assert not path.exists()


def square(number: int) -> int:
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 14:
        raise UsageError("14 is too many")
    return number * number


def squares():
    return square


def dies_at_once():
    os._exit(7)


def test_a_task_that_kills_its_process_is_given_up_and_the_others_are_done():
    found = list(in_processes(range(8, 14), squares, 2, give_up=lambda task: -task))
    assert found == [64, 81, 100, 121, 144, -13]


def test_what_a_task_raises_is_raised_and_a_process_that_does_not_start_is_said():
    with pytest.raises(UsageError, match="14 is too many"):
        list(in_processes([1, 2, 14], squares, 2))
    with pytest.raises(UsageError, match="processes die as they start, with 7: is there memory"):
        list(in_processes([1], dies_at_once, 1))


def test_a_part_has_256_pictures_or_a_table():
    names = [f"{number}.png" for number in range(600)]
    entries = [*map(Path, names), Path("a.idx"), Path("b.csv.gz"), Path("last.png")]
    parts = list(parts_of(entries))
    assert [len(part.entries) for part in parts] == [256, 256, 88, 1, 1, 1]
    assert [entry for part in parts for entry in part.entries] == entries
    assert parts[3] == Part(3, (Path("a.idx"),))


def test_a_part_that_ends_whatever_writes_it_is_an_error(tmp_path):
    folder = PartFolder(tmp_path, "jsonl")
    folder.notes(0).write_text("begin\n0+0\n0.0\nend\n" * DEATHS)
    write = PartWriter(folder, Job(), shipped()).start()
    with pytest.raises(StorageError, match="it ends whatever writes it"):
        write(Part(0, (tmp_path / "none.png",)))
