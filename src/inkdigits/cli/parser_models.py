"""The options of `inkdigits export`; imports nothing heavy."""

import argparse
from pathlib import Path

_FORMATS = [
    *("onnx", "onnx-int8", "torch", "safetensors", "keras", "tflite", "tflite-int8"),
    *("c", "c-int8", "hub"),
]


def add_export(parser: argparse.ArgumentParser) -> None:
    """What becomes of which model, and where."""
    parser.add_argument(
        "artifact",
        nargs="?",
        type=Path,
        metavar="RUN_OR_ARTIFACT",
        help="a run folder or an artifact file (default: the model inside the package)",
    )
    parser.add_argument(
        "--format",
        required=True,
        choices=_FORMATS,
        help="torch is .pt2, c one C99 file, hub a folder with ONNX, safetensors and a model card",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="the file, or the new folder of hub (default: named after the recipe, here)",
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON, nothing else")
