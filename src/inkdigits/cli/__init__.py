"""The command line: parse, call, print. The only place that prints or picks an exit code."""

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from inkdigits.cli.parser import build_parser
from inkdigits.errors import (
    EXIT_CODES,
    InkdigitsError,
    StorageError,
    TrainingInterrupted,
    shortened,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    _prepare_output()
    try:
        try:
            chosen = build_parser().parse_args(arguments)
            code: int = import_module(chosen.module).run(chosen)
        finally:
            sys.stdout.flush()  # here, where errors are still caught
    except ImportError as error:  # Ctrl-C during the import of a compiled module
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return _interrupted()
    except InkdigitsError as error:
        print(f"inkdigits: error: {error}", file=sys.stderr)
        return next(code for kind, (code, _) in EXIT_CODES.items() if isinstance(error, kind))
    except KeyboardInterrupt:
        return _interrupted()
    except MemoryError:
        print("inkdigits: error: out of memory; close other programs, or do less", file=sys.stderr)
        return EXIT_CODES[StorageError][0]
    except BrokenPipeError:  # the reader of the pipe, such as head, has exited
        _discard_output()
        return 0
    except OSError as error:  # an inaccessible path, or standard output
        if error.filename is None:
            _discard_output()
        culprit = "print" if error.filename is None else f"use {error.filename}"
        reason = shortened(f"can't {culprit}: {error.strerror or error}")
        print(f"inkdigits: error: {reason}", file=sys.stderr)
        return EXIT_CODES[StorageError][0]
    return code


def _interrupted() -> int:
    print("inkdigits: interrupted", file=sys.stderr)
    return EXIT_CODES[TrainingInterrupted][0]


def _prepare_output() -> None:
    """Escape what the terminal can't encode; discard the output if stdout is closed."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Discard buffered output, or the interpreter would report an error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
