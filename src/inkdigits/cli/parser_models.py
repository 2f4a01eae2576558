"""The options of `inkdigits export` and `inkdigits import`; imports nothing heavy."""

import argparse
from pathlib import Path

from inkdigits.cli.options import add_artifact, add_output

_FORMATS = [
    *("onnx", "onnx-int8", "torch", "safetensors", "keras", "tflite", "tflite-int8"),
    *("c", "c-int8", "hub", "web"),
]


def add_export(parser: argparse.ArgumentParser) -> None:
    """What becomes of which model, and where."""
    add_artifact(parser)
    parser.add_argument(
        "--format",
        required=True,
        choices=_FORMATS,
        help="torch is .pt2, c one C99 file, hub a folder with ONNX, safetensors and a model card, "
        "web the page as a static folder that reads in the browser",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="the file, or the new folder of hub or web (default: named after the recipe, here)",
    )
    parser.add_argument(
        "--pyodide",
        type=Path,
        metavar="FOLDER",
        help="with --format web: a folder with Pyodide's files (default: the cached ones, else "
        "they are fetched)",
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON, nothing else")


def add_import(parser: argparse.ArgumentParser) -> None:
    """Which model, and where the run folder lies."""
    parser.set_defaults(module="inkdigits.cli.importing")
    parser.add_argument(
        "model", type=Path, metavar="FILE", help="a model: .keras, .h5, .onnx or .pt2"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="a new folder for the artifact")
    parser.add_argument(
        "--no-test", action="store_true", help="don't evaluate it on MNIST's test set"
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="where MNIST is (default: $INKDIGITS_DATA, then the per-user cache)",
    )
    add_output(parser)
