"""The program as a whole: terminals, extras, imports."""

import os
import pty
import subprocess
import sys

import pytest

from inkdigits import Reader
from tests.command_line import call


def test_training_draws_bars_on_a_terminal(small_data, tmp_path):
    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "inkdigits", "train", "tiny", "--out", str(tmp_path / "run")]
    where = ["--data", "kmnist", "--data-dir", str(small_data)]
    process = subprocess.Popen(
        [*command, *where], stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "xterm"}
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(screen, 4096)
        except OSError:  # the other end was closed
            break
        if not piece:
            break
        shown += piece
    os.close(screen)
    assert process.wait() == 0
    assert "━".encode() in shown
    assert b"100%" in shown


EXTRAS = ("torch", "onnx", "matplotlib", "jinja2", "optuna", "sklearn", "flask", "sqlalchemy")
FORBIDDEN = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS})); "


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "COMMAND"),
        (["recipes"], "standard"),
        (["data", "info"], "MNIST"),
        (["predict", "PICTURE"], '"text": "7"'),
    ],
)
def test_using_needs_nothing_of_the_extras(pictures, mnist, arguments, expected):
    arguments = [str(pictures / "a.png") if a == "PICTURE" else a for a in arguments]
    code = FORBIDDEN + f"from inkdigits.cli import main; sys.exit(main({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected in done.stdout


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("train", "inkdigits[train]"),
        ("tune", "inkdigits[tune]"),
        ("evaluate", "inkdigits[report]"),
        ("serve", "inkdigits[web]"),
        ("corrections list", "inkdigits[web]"),
    ],
)
def test_a_missing_extra_is_named_with_its_cure(command, extra):
    code = FORBIDDEN + f"from inkdigits.cli import main; sys.exit(main({command.split()!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"pip install '{extra}'" in done.stderr
    assert "Traceback" not in done.stderr


def test_import_needs_no_torch():
    heavy = {"torch", "onnx", "matplotlib", "scipy", "flask", "sqlalchemy"}
    code = f"import sys, inkdigits; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ctrl_c_that_a_compiled_module_hides_is_quiet_too(capsys, pictures, monkeypatch):
    def load(*_: object) -> None:  # as ONNX Runtime does when interrupted during import
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr(Reader, "load", load)
    code, out, err = call(capsys, "predict", pictures)
    assert (code, out, err) == (130, "", "inkdigits: interrupted\n")
