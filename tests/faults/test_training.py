"""Training goes on after anything, and ends with the weights of a run that nothing disturbed."""

import errno
import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inkdigits.artifact import load_artifact
from inkdigits.errors import ArtifactError, InkdigitsError, StorageError, UsageError
from inkdigits.training.checkpoint import Checkpoint
from inkdigits.training.checkpoint_file import BEFORE, FILE, encode_state, load_state
from inkdigits.training.run_folder import open_run
from inkdigits.training.runs import train_run
from tests.command_line import call, error_of, start
from tests.faults.disk import PowerCuts, failing
from tests.faults.training import SMALL, begin, go_on, train_and_die, weights_of


@pytest.fixture(scope="module")
def whole(small_data, tmp_path_factory) -> dict[str, bytes]:
    """The weights of a run that nothing disturbs."""
    run = begin(tmp_path_factory.mktemp("whole") / "run", small_data)
    return weights_of(train_run(run).read_bytes())


@pytest.fixture(scope="module")
def whole_small(small_data, tmp_path_factory) -> dict[str, bytes]:
    run = begin(tmp_path_factory.mktemp("small") / "run", small_data, SMALL)
    return weights_of(train_run(run).read_bytes())


KILLED_BEFORE = {
    "the first step": ("step", 1),
    "a step of the first epoch": ("step", 4),
    "the first checkpoint is opened": ("open", 2),
    "the first checkpoint is flushed": ("flush", 4),
    "the first checkpoint gets its name": ("rename", 2),
    "the history is written": ("open", 3),
    "the last checkpoint gets another name": ("rename", 4),
    "the new checkpoint gets its name": ("rename", 5),
    "a step of the second network": ("step", 15),
    "the last checkpoint is flushed": ("flush", 16),
    "the artifact gets its name": ("rename", 14),
}


@pytest.mark.parametrize("moment", KILLED_BEFORE)
def test_a_run_that_was_killed_goes_on(in_child, small_data, tmp_path, whole, moment):
    folder = tmp_path / "run"
    assert in_child(train_and_die, folder, small_data, *KILLED_BEFORE[moment]) == -9
    assert not (folder / "artifact.onnx").exists()
    assert weights_of(go_on(folder, small_data)) == whole
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + 2 * 2


def test_a_run_that_is_killed_again_and_again_goes_on(in_child, small_data, tmp_path, whole):
    folder = tmp_path / "run"
    deaths = 0
    while in_child(train_and_die, folder, small_data, "flush", 7) == -9:
        deaths += 1
        assert deaths < 20
    assert deaths > 2
    assert weights_of((folder / "artifact.onnx").read_bytes()) == whole


def test_a_run_that_was_killed_before_it_began_is_named(in_child, small_data, tmp_path):
    folder = tmp_path / "run"
    assert in_child(train_and_die, folder, small_data, "open", 1) == -9
    with pytest.raises(UsageError, match="is not a run folder: it has no run.json; start a new"):
        open_run(folder)


def test_after_a_power_cut_at_any_call_the_run_goes_on(small_data, tmp_path, whole_small):
    run = begin(tmp_path / "run", small_data, SMALL)
    cuts = PowerCuts(tmp_path / "run")
    with cuts.watching():
        train_run(run)
    settings = (run.folder / "run.json").read_bytes()
    different = {tuple(sorted(left.items())) for left in cuts.left}
    assert len(cuts.left) > 3 * 30
    assert len(different) > 20
    for number, left in enumerate(different):
        folder = tmp_path / f"after{number}"
        folder.mkdir()
        for name, content in {"run.json": settings, **dict(left)}.items():
            (folder / name).write_bytes(content)
        assert weights_of(go_on(folder, small_data)) == whole_small
        assert len((folder / "history.csv").read_text().splitlines()) == 1 + SMALL.epochs


def test_a_power_cut_leaves_the_last_checkpoint_or_the_one_before(small_data, tmp_path):
    run = begin(tmp_path / "run", small_data, SMALL)
    cuts, kept, done = PowerCuts(run.folder), [], []
    with cuts.watching():
        train_run(run, on_epoch=lambda epoch: done.append((len(cuts.left), epoch.epoch)))
    for number, left in enumerate(cuts.left):
        for name in (FILE, BEFORE):
            (tmp_path / name).unlink(missing_ok=True)
            if name in left:
                (tmp_path / name).write_bytes(left[name])
        found = load_state(tmp_path, Checkpoint.from_dict)
        kept.append(found.epochs_done if found else 0)
        ended = max([epoch for end, epoch in done if end <= number], default=0)
        assert kept[-1] in {ended, ended + 1}
    assert {*kept} == {0, 1, 2, 3}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize(
    ("disk_call", "number"), [("open", 1), ("flush", 3), ("rename", 3), ("rename", 7)]
)
def test_a_disk_that_fails_is_named_and_the_run_goes_on(
    small_data, tmp_path, whole_small, disk_call, number, code
):
    run = begin(tmp_path / "run", small_data, SMALL)
    with (
        failing(disk_call, number, code),
        pytest.raises(StorageError, match=f"can't (write|rename) {run.folder}/"),
    ):
        train_run(run)
    assert not list(run.folder.glob("*.part"))
    assert weights_of(go_on(run.folder, small_data)) == whole_small


def train_with_little_room(folder: Path, data: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # then writes are cut short
    with pytest.raises(StorageError, match="can't write"):
        go_on(folder, data)


def test_a_write_that_is_cut_short_leaves_nothing_half(in_child, small_data, tmp_path, whole_small):
    folder = begin(tmp_path / "run", small_data, SMALL).folder
    assert in_child(train_with_little_room, folder, small_data) == 0
    assert {path.name for path in folder.iterdir()} == {"run.json", ".lock"}
    assert weights_of(go_on(folder, small_data)) == whole_small


@pytest.fixture
def full_disk(tmp_path):
    """Runs a command with a disk of so many kB at `full` in the folder: a real one, in memory."""
    place = tmp_path / "full"
    place.mkdir()
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("A REAL FULL DISK IS NOT TESTED: 'unshare -rm' is not allowed here")

    def run(kilobytes: int, *command: object) -> subprocess.CompletedProcess:
        mount = f'mount -t tmpfs -o size={kilobytes}k tmpfs {place} && "$@"; code=$?; '
        keep = f"cp -r {place} {tmp_path}/kept; exit $code"
        shell = ["unshare", "-rm", "sh", "-c", mount + keep, "sh", *map(str, command)]
        return subprocess.run(shell, capture_output=True, text=True)

    return run


def test_a_full_disk_ends_the_run_and_it_goes_on_elsewhere(
    full_disk, small_data, tmp_path, whole_small
):
    settings = [f"--set={name}={getattr(SMALL, name)}" for name in ("epochs", "batch_size")]
    where = ["--data", "kmnist", "--data-dir", small_data, "--out", tmp_path / "full" / "run"]
    options = [*settings, "--set=rotation_deg=5.0", "--seed", 1, "--no-test", *where]
    # Room for the first checkpoint, not for the second beside it.
    done = full_disk(400, sys.executable, "-m", "inkdigits", "train", "tiny", *options)
    assert done.returncode == 4, done.stderr
    assert "the disk is full; free some space or choose another folder" in done.stderr
    assert "Traceback" not in done.stderr
    folder = tmp_path / "kept" / "run"
    assert not list(folder.glob(".*.part"))
    found = load_state(folder, Checkpoint.from_dict)
    assert found
    assert found.epochs_done == 1
    assert weights_of(go_on(folder, small_data)) == whole_small


# Foreign, cut and damaged files


def finished(folder: Path, data: Path) -> Path:
    """A run of which the last epoch is still to do."""
    run = begin(folder, data, SMALL)

    def stop(epoch) -> None:
        if epoch.epoch == SMALL.epochs - 1:
            raise KeyboardInterrupt

    with pytest.raises(InkdigitsError):
        train_run(run, on_epoch=stop)
    return folder


@pytest.fixture(scope="module")
def kept(small_data, tmp_path_factory) -> Path:
    return finished(tmp_path_factory.mktemp("kept") / "run", small_data)


@pytest.fixture
def stopped(kept, tmp_path) -> Path:
    return shutil.copytree(kept, tmp_path / "run")


def test_every_flipped_bit_and_every_cut_of_a_checkpoint_is_noticed(stopped):
    content = (stopped / FILE).read_bytes()
    (stopped / BEFORE).unlink()
    for place in (*range(0, 3000, 97), *range(3000, len(content), 9973), len(content) - 1):
        flipped = bytes([content[place] ^ 4])
        for damaged in (content[:place] + flipped + content[place + 1 :], content[:place]):
            (stopped / FILE).write_bytes(damaged)
            with pytest.raises(UsageError, match=f"{FILE} is .*; start a new run"):
                load_state(stopped, Checkpoint.from_dict)


def test_a_damaged_checkpoint_costs_an_epoch_and_is_said(stopped, small_data, whole_small, capsys):
    content = bytearray((stopped / FILE).read_bytes())
    content[-5] ^= 1
    (stopped / FILE).write_bytes(content)
    where = ("--data-dir", small_data, "--no-test")
    code, out, err = call(capsys, "train", "--resume", stopped, *where)
    assert (code, err) == (0, "")
    assert f"is damaged: its checksum does not match; going on from {BEFORE}" in out
    assert weights_of((stopped / "artifact.onnx").read_bytes()) == whole_small


class Trap:
    """Unpickling it writes a file."""

    def __reduce__(self):
        return (Path.write_text, (Path("trapped"), "code was run"))


def pickled() -> bytes:
    import io

    import torch

    file = io.BytesIO()
    torch.save({"model": Trap()}, file)
    return file.getvalue()


FOREIGN = {
    "a pickle": (pickled, "is no checkpoint of inkdigits, or is damaged"),
    "nothing": (lambda: b"", "is no checkpoint of inkdigits, or is damaged"),
    "a text": (lambda: b"hello", "is no checkpoint of inkdigits, or is damaged"),
    "another state": (lambda: encode_state({"step": 1}), "of another version of inkdigits"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_checkpoint_is_refused_and_nothing_in_it_is_run(
    stopped, small_data, capsys, monkeypatch, tmp_path, what
):
    monkeypatch.chdir(tmp_path)
    make, message = FOREIGN[what]
    (stopped / BEFORE).unlink()
    (stopped / FILE).write_bytes(make())
    code, err = error_of(capsys, "train", "--quiet", "--resume", stopped, "--data-dir", small_data)
    assert (code, message in err) == (2, True), err
    assert not Path("trapped").exists()


def test_a_checkpoint_of_a_later_version_is_named(stopped, monkeypatch):
    monkeypatch.setattr("inkdigits.training.checkpoint_file._FORMAT", "2")
    with pytest.raises(UsageError, match="has checkpoint format 1, and this version reads 2"):
        load_state(stopped, Checkpoint.from_dict)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "run.json is damaged"),
        (b"[]", "run.json is damaged"),
        (b'{"recipe": {"name": "tiny"}, "later": 1}', "run.json is damaged"),
        (b"\xff\xfe", "run.json is damaged"),
        (b"[" * 100_000, "run.json is damaged"),
    ],
)
def test_a_foreign_run_folder_is_refused(stopped, small_data, capsys, content, message):
    (stopped / "run.json").write_bytes(content)
    code, err = error_of(capsys, "train", "--quiet", "--resume", stopped, "--data-dir", small_data)
    assert (code, message in err) == (2, True), err


def test_settings_of_another_version_are_refused(stopped):
    settings = json.loads((stopped / "run.json").read_text())
    settings["recipe"]["brightness"] = 2
    (stopped / "run.json").write_text(json.dumps(settings))
    with pytest.raises(UsageError, match="run.json is damaged .*brightness"):
        open_run(stopped)


def test_a_flipped_bit_in_the_artifact_is_noticed(stopped):
    content = bytearray((stopped / "artifact.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (stopped / "artifact.onnx").write_bytes(content)
    with pytest.raises(ArtifactError, match="is damaged: its checksum does not match"):
        load_artifact(stopped)


def test_two_processes_do_not_train_the_same_run(small_data, tmp_path):
    folder = begin(tmp_path / "run", small_data, SMALL).folder
    refused = []

    def on_epoch(_epoch) -> None:
        process = start("train", "--resume", folder, "--data-dir", small_data, "--no-test")
        refused.append((process.communicate()[1], process.returncode))
        raise KeyboardInterrupt

    with pytest.raises(InkdigitsError):
        train_run(open_run(folder), data_folder=small_data, on_epoch=on_epoch)
    ((err, code),) = refused
    assert (code, f"another process trains {folder}" in err) == (2, True), err


def test_a_clock_that_goes_back_changes_nothing(small_data, tmp_path, whole, monkeypatch):
    hours = iter(range(10**6, 0, -1))
    monkeypatch.setattr("time.time", lambda: 3600.0 * next(hours))
    run = begin(tmp_path / "run", small_data)
    assert weights_of(train_run(run).read_bytes()) == whole
