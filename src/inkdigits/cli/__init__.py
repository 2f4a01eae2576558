"""The command line: parse, call, print. The only place that prints or picks an exit code."""

import argparse
import io
import os
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

import inkdigits
from inkdigits.errors import EXIT_CODES, InkdigitsError, StorageError, TrainingInterrupted

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _exit_codes() -> str:
    """What `--help` says of them."""
    meanings = {0: "done", 1: "done, with errors in some rows", **dict(EXIT_CODES.values())}
    listed = "; ".join(f"{code} {meaning}" for code, meaning in meanings.items())
    return textwrap.fill(f"exit codes: {listed}", 80)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="inkdigits",
        description="Handwritten-digit recognition: train, evaluate, predict.",
        epilog=_exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"inkdigits {inkdigits.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_data(commands)
    _add_recipes(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    return parser


def _add_command(commands: _Commands, name: str, summary: str) -> argparse.ArgumentParser:
    """A sub-command whose work is `run(arguments)` in `inkdigits.cli.<name>`."""
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(module=f"inkdigits.cli.{name}")
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--quiet", action="store_true", help="no progress, only the result")
    output.add_argument("--json", action="store_true", help="the result as JSON, nothing else")


def _add_data_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="where data sets lie, also in torchvision's layout (default: $INKDIGITS_DATA, "
        "then the per-user cache)",
    )


def _add_dataset(parser: argparse.ArgumentParser, purpose: str) -> None:
    names = "mnist, fashion-mnist, kmnist, emnist-digits or qmnist"
    parser.add_argument("--data", metavar="NAME", help=f"{purpose}: {names}")


def _add_data(commands: _Commands) -> None:
    parser = _add_command(commands, "data", "fetch, describe or verify a data set")
    parser.add_argument("action", choices=["fetch", "info", "verify"], help="what to do")
    _add_dataset(parser, "the data set (default: mnist)")
    _add_data_folder(parser)
    _add_output(parser)


def _add_recipes(commands: _Commands) -> None:
    parser = _add_command(commands, "recipes", "list the recipes with what they reach")
    parser.add_argument("--json", action="store_true", help="all fields of each, as JSON")


def _add_train(commands: _Commands) -> None:
    parser = _add_command(commands, "train", "train a recipe and evaluate it on the test set")
    parser.add_argument(
        "recipe", nargs="?", metavar="RECIPE", help="see 'inkdigits recipes' (default: standard)"
    )
    parser.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        dest="assignments",
        action="append",
        default=[],
        help="change a field of the recipe; may be repeated",
    )
    parser.add_argument("--seed", type=int, help="of all that is random (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="a new folder for the run")
    parser.add_argument(
        "--resume", type=Path, metavar="FOLDER", help="go on with an interrupted run"
    )
    parser.add_argument(
        "--no-test",
        action="store_true",
        help="leave the test set alone: for tuning, which must look at validation only",
    )
    _add_dataset(parser, "what to train on (default: mnist)")
    _add_data_folder(parser)
    _add_output(parser)


def _add_evaluate(commands: _Commands) -> None:
    parser = _add_command(commands, "evaluate", "measure an artifact on a test set; write a report")
    parser.add_argument(
        "artifact",
        nargs="?",
        type=Path,
        metavar="RUN_OR_ARTIFACT",
        help="a run folder or an artifact file (default: the model inside the package)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where the report goes (default: the run folder, or NAME-report for a file; with "
        "another data set than the run's, a folder of its name in there)",
    )
    parser.add_argument(
        "--corruptions",
        action="store_true",
        help="also on digits damaged in 15 ways at 5 severities; two minutes",
    )
    _add_dataset(parser, "whose test set is used (default: that of the training)")
    _add_data_folder(parser)
    _add_output(parser)


def _add_predict(commands: _Commands) -> None:
    parser = _add_command(commands, "predict", "read the digits in pictures")
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="pictures, folders of them, - for standard input; CSV (as Kaggle's) or IDX files of "
        "28×28 glyphs",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="an artifact (default: the model inside the package)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--single", action="store_true", help="each picture is one digit")
    what.add_argument("--expect", type=int, metavar="N", help="there are N digits in each picture")
    what.add_argument(
        "--grid",
        type=_parse_grid,
        metavar="ROWSxCOLS",
        help="each picture is a table with at most one digit in a cell; an empty one is '.'",
    )
    parser.add_argument(
        "--format",
        choices=["table", "json", "jsonl", "csv", "kaggle"],
        help="default: by the ending of --output; else a table on a terminal, jsonl in a pipe",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write there instead of printing"
    )
    parser.add_argument(
        "--annotate", type=Path, metavar="FOLDER", help="draw boxes and labels into copies, there"
    )
    parser.add_argument(
        "--show-glyphs", action="store_true", help="beneath those, what the network saw"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="beneath those, which ink spoke for the label (blue) and against it (red)",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default: 1)")


def _parse_grid(text: str) -> tuple[int, int]:
    rows, _, columns = text.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns)):
        raise argparse.ArgumentTypeError(f"{text!r} is not ROWSxCOLS, such as 9x9")
    return int(rows), int(columns)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    _prepare_output()
    try:
        try:
            chosen = build_parser().parse_args(arguments)
            code: int = import_module(chosen.module).run(chosen)
        finally:
            sys.stdout.flush()  # here, where its faults are still caught
    except ImportError as error:  # what compiled modules make of Ctrl-C while they are imported
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return _interrupted()
    except InkdigitsError as error:
        print(f"inkdigits: error: {error}", file=sys.stderr)
        return next(code for kind, (code, _) in EXIT_CODES.items() if isinstance(error, kind))
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:  # the reader of a pipe, such as head, has gone
        _discard_output()
        return 0
    except OSError as error:  # a path that may not even be looked at, or standard output
        if error.filename is None:
            _discard_output()
        culprit = "print" if error.filename is None else f"use {error.filename}"
        print(f"inkdigits: error: can't {culprit}: {error.strerror or error}", file=sys.stderr)
        return EXIT_CODES[StorageError][0]
    return code


def _interrupted() -> int:
    print("inkdigits: interrupted", file=sys.stderr)
    return EXIT_CODES[TrainingInterrupted][0]


def _prepare_output() -> None:
    """Print what the terminal's encoding lacks as escapes; print nowhere if output is closed."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Send what is still buffered nowhere, or the interpreter would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
