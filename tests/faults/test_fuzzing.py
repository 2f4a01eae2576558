"""A little fuzzing in each test run; `make fuzz` does much more."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parent.parent.parent

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed: NOTHING IS FUZZED",
)


@needs_atheris
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_stands_a_second(tmp_path, name):
    command = [sys.executable, "-m", "tests.fuzz.one", name, "1"]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
