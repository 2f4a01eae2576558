"""`--engine ray` on a cluster of this machine; each start has a time limit and one retry."""

import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.command_line import call, start

if not find_spec("ray"):
    pytest.skip("NOT CHECKED: --engine ray: make test-ray installs it", allow_module_level=True)

LIMIT_S = 120
PICTURES = 1200  # five parts


@pytest.fixture(scope="module")
def many(mnist_test, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    for number in range(PICTURES):
        picture = Image.fromarray(255 - mnist_test.images[number]).resize((56, 56))
        picture.save(folder / f"{number:04}.png")
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def undisturbed(many, tmp_path_factory) -> bytes:
    """The parts that processes of this machine make, one after the other."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    start("predict", many, "--output", f"{out}/", "--jobs", 2).communicate(timeout=LIMIT_S)
    return joined(out)


def joined(folder: Path) -> bytes:
    return b"".join(part.read_bytes() for part in sorted(folder.glob("part-*")))


def begin(many: Path, out: Path) -> subprocess.Popen:
    """The job, with two actors, as soon as there is a part."""
    for _ in range(2):  # Ray gives up where its own processes take half a minute to start
        process = start(
            "predict", many, "--output", f"{out}/", "--engine", "ray", "--jobs", 2, "--resume"
        )
        until = time.monotonic() + LIMIT_S
        while process.poll() is None and time.monotonic() < until:
            if list(out.glob(".part-*.notes")):
                return process
            time.sleep(0.02)
        process.kill()
        said = process.communicate()
    pytest.fail(f"Ray made nothing in {LIMIT_S} s, twice: {said}")


def actors_of(process: subprocess.Popen) -> list[psutil.Process]:
    family = psutil.Process(process.pid).children(recursive=True)
    return [one for one in family if "ray::_Actor.do" in " ".join(one.cmdline())]


def ended(process: subprocess.Popen) -> tuple[str, str]:
    """What it says when it has ended, which it does in time."""
    try:
        return process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.communicate()


def refusal_of(*command: object) -> tuple[int, str]:
    """The exit code and the error of a command; tried again where Ray can't start."""
    for _ in range(2):
        process = start(*command)
        _, error = ended(process)
        if "Ray can't be reached or started" not in error:
            break
    return process.returncode, error


def test_a_killed_actor_loses_and_doubles_nothing(many, undisturbed, tmp_path):
    out = tmp_path / "out"
    process = begin(many, out)
    actors_of(process)[0].kill()
    said, error = ended(process)
    assert (process.returncode, error) == (1, "")
    assert f"{PICTURES + 1:,} rows, 1 with an error" in said
    assert joined(out) == undisturbed


def test_a_killed_driver_is_resumed_without_ray_too(capsys, many, undisturbed, tmp_path):
    out = tmp_path / "out"
    process = begin(many, out)
    actors = actors_of(process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not psutil.wait_procs(actors, timeout=LIMIT_S)[1]
    before = len(list(out.glob("part-*")))
    code, said, _ = call(capsys, "predict", many, "--output", f"{out}/", "--resume")
    assert code in {0, 1}
    assert f"{before} parts were there" in said
    assert joined(out) == undisturbed


def test_more_actors_than_processors_are_refused(tmp_path, many):
    run = ("predict", many, "--output", f"{tmp_path}/out/", "--engine", "ray", "--jobs", 1000)
    code, error = refusal_of(*run)
    assert code == 2
    assert "1000 actors need as many CPUs; the Ray cluster has" in error
    assert error.count("\n") == 1


def test_what_an_actor_raises_is_one_sentence(tmp_path, many):
    out = tmp_path / "out"
    (out / ".part-0000000.notes").mkdir(parents=True)
    code, error = refusal_of("predict", many, "--output", f"{out}/", "--engine", "ray")
    assert (code, "it is a folder" in error, error.count("\n")) == (4, True, 1)
