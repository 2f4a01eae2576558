"""Call the commands in tests as a user does."""

import subprocess
import sys
from pathlib import Path

from inkdigits.cli import main


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
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **{**pipes, **options})


def train(capsys, small_data: Path, out: Path, *more: object) -> tuple[int, str, str]:
    where = ("--data", "kmnist", "--data-dir", small_data, "--out", out)
    return call(capsys, "train", "tiny", *where, *more)
