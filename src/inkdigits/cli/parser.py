"""The parser of the commands and their options; imports nothing heavy."""

import argparse
import textwrap
from pathlib import Path
from typing import NoReturn, TypeAlias

import inkdigits
from inkdigits.cli.options import (
    add_artifact,
    add_dataset,
    add_engine,
    add_output,
    add_recipe,
    add_search,
)
from inkdigits.cli.parser_camera import add_camera_options
from inkdigits.cli.parser_models import add_export, add_import
from inkdigits.cli.parser_predict import add_predict_options, add_watch_options
from inkdigits.cli.parser_web import (
    add_correcting_options,
    add_corrections_options,
    add_serve_options,
)
from inkdigits.errors import EXIT_CODES, shortened

_Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"


def _exit_codes() -> str:
    """The list of exit codes in `--help`."""
    meanings = {0: "done", 1: "done, with errors in some rows", **dict(EXIT_CODES.values())}
    listed = "; ".join(f"{code} {meaning}" for code, meaning in meanings.items())
    return textwrap.fill(f"exit codes: {listed}", 80)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(shortened(message))


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; imports nothing heavy."""
    parser = _Parser(
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
    _add_tune(commands)
    _add_evaluate(commands)
    add_predict_options(_add_command(commands, "predict", "read the digits in pictures"))
    add_watch_options(_add_command(commands, "watch", "read the pictures that arrive in a folder"))
    add_camera_options(_add_command(commands, "camera", "read what a camera sees, in a window"))
    add_export(_add_command(commands, "export", "write a model in another format"))
    add_import(_add_command(commands, "import", "make an artifact of another digit model"))
    add_serve_options(_add_command(commands, "serve", "serve the page and the API"))
    corrections = _add_command(commands, "corrections", "what people corrected on the page")
    add_corrections_options(corrections)
    add_output(corrections)
    return parser


def _add_command(commands: _Commands, name: str, summary: str) -> argparse.ArgumentParser:
    """A sub-command implemented by `run(arguments)` in `inkdigits.cli.<name>`."""
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(module=f"inkdigits.cli.{name}")
    return parser


def _add_data_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="the folder with the data sets; torchvision's layout works too (default: "
        "$INKDIGITS_DATA, then the per-user cache)",
    )


def _add_source(parser: argparse.ArgumentParser, purpose: str) -> None:
    """What it works on, how own pictures are taken, and what is printed."""
    add_dataset(parser, purpose)
    _add_handling(parser)
    _add_data_folder(parser)
    add_output(parser)


def _add_handling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as-is", action="store_true", help="leave own 28×28 pictures untouched, light on dark"
    )
    parser.add_argument(
        "--groups",
        default="",
        metavar="PATTERN",
        help="a regular expression; what it finds in a picture's name below its class folder (its "
        "first group) is its writer, and no writer is on both sides of a split",
    )
    parser.add_argument(
        "--by",
        default="",
        metavar="COLUMN",
        help="a column beside the labels that has the writer; 'folder' is the picture's folder",
    )


def _add_data(commands: _Commands) -> None:
    parser = _add_command(commands, "data", "fetch, describe, verify or inspect a data set")
    actions = ["fetch", "info", "verify", "inspect"]
    parser.add_argument(
        "action", choices=actions, help="what to do; inspect writes a page of samples and doubts"
    )
    parser.add_argument(
        "data",
        nargs="?",
        metavar="SOURCE",
        help="a data set's name (default: mnist), or, to inspect, your own as in 'train --data'",
    )
    _add_handling(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the page of inspect (default: NAME-inspected.html)",
    )
    _add_data_folder(parser)
    add_output(parser)


def _add_recipes(commands: _Commands) -> None:
    parser = _add_command(commands, "recipes", "list the recipes and their results")
    parser.add_argument("--json", action="store_true", help="all fields of every recipe, as JSON")


def _add_train(commands: _Commands) -> None:
    parser = _add_command(commands, "train", "train a recipe and evaluate it on the test set")
    add_recipe(parser)
    add_engine(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="a new folder for the run")
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="RUN_OR_ARTIFACT",
        help="learn what this one, such as an ensemble, says of each image, in place of its label; "
        "asked once, then kept in the cache",
    )
    parser.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="RUN_OR_ARTIFACT",
        help="train this one further, in place of a recipe; 'shipped' is the model in the package",
    )
    parser.add_argument(
        "--freeze", action="store_true", help="with --from: only the last layer learns"
    )
    parser.add_argument(
        "--replay",
        default="",
        metavar="NAME",
        help="with --from: a data set to train on beside the own pictures, so that it isn't "
        "forgotten, such as mnist",
    )
    add_correcting_options(parser)
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="resume an interrupted run")
    parser.add_argument(
        "--no-test",
        action="store_true",
        help="don't use the test set; for tuning, which may look at validation only",
    )
    _add_source(parser, "what to train on (default: mnist)")


def _add_tune(commands: _Commands) -> None:
    parser = _add_command(commands, "tune", "search better values for the fields of a recipe")
    add_recipe(parser)
    add_search(parser)
    _add_source(parser, "what to train on; its test set isn't opened (default: mnist)")


def _add_evaluate(commands: _Commands) -> None:
    parser = _add_command(
        commands, "evaluate", "evaluate an artifact on a test set; write a report"
    )
    add_artifact(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="the folder for the report (default: the run folder, or NAME-report beside an "
        "artifact file; a subfolder if the data set is not the one it was trained on)",
    )
    parser.add_argument(
        "--corruptions",
        action="store_true",
        help="also test on 15 corruptions at 5 severities; takes two minutes",
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="RUN_OR_ARTIFACT",
        help="compare with this one on the same images: McNemar's test, and which digits changed",
    )
    _add_source(parser, "what to test on (default: what it was trained on)")
