"""The options of `inkdigits camera`; imports nothing heavy."""

import argparse
from pathlib import Path

from inkdigits.cli.options import add_model


def add_camera_options(parser: argparse.ArgumentParser) -> None:
    """What to look at, how often to read it, and what is known of it."""
    parser.add_argument(
        "source",
        nargs="?",
        type=_parse_source,
        default=0,
        metavar="SOURCE",
        help="a camera's number or a video file (default: 0, the first camera)",
    )
    parser.add_argument(
        "--every",
        type=float,
        default=0.5,
        metavar="SECONDS",
        help="how often to read a frame (default: 0.5)",
    )
    add_model(parser)
    parser.add_argument("--expect", type=int, metavar="N", help="each frame has N digits")
    parser.add_argument(
        "--digits-only", action="store_true", help="leave out points, dashes and other marks"
    )


def _parse_source(text: str) -> int | Path:
    return int(text) if text.isdecimal() else Path(text)
