"""The options of the commands that read pictures in files; imports nothing heavy."""

import argparse
from pathlib import Path

from inkdigits.cli.options import add_dataset, add_model
from inkdigits.files import as_place


def add_predict_options(parser: argparse.ArgumentParser) -> None:
    """What to read, how, where to, and by how many."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=as_place,
        metavar="PATH",
        help="pictures, folders of them, tar and zip archives, Parquet files, URLs of object "
        "stores, a .txt file with a path a line, or - for standard input; also CSV files in "
        "Kaggle's format, IDX, .npz and .npy files, of 28×28 glyphs",
    )
    add_dataset(parser, "in place of paths, the pictures for testing of a labelled source")
    _add_hints(parser)
    parser.add_argument(
        "--output",
        metavar="FILE_OR_FOLDER/",
        help="write to a file instead of printing; or, with / at the end, part files into a folder",
    )
    _add_readings(parser)
    _add_scale(parser)


def add_watch_options(parser: argparse.ArgumentParser) -> None:
    """Which folder to read, how, how often, and where to."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder that fills up")
    parser.add_argument(
        "--every", type=float, default=1.0, metavar="SECONDS", help="how often to look (default: 1)"
    )
    _add_hints(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write to FILE instead of printing"
    )
    _add_readings(parser)


def _add_hints(parser: argparse.ArgumentParser) -> None:
    """With what, and how, pictures are read."""
    add_model(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--single", action="store_true", help="each picture is one digit")
    what.add_argument("--expect", type=int, metavar="N", help="each picture has N digits")
    what.add_argument(
        "--grid",
        type=_parse_grid,
        metavar="ROWSxCOLS",
        help="each picture is a table of numbers; an empty cell reads '.'",
    )
    parser.add_argument(
        "--regions",
        type=Path,
        metavar="FILE",
        help="read these parts of each picture, each on its own: a JSON file with names and boxes",
    )
    parser.add_argument(
        "--digits-only", action="store_true", help="leave out points, dashes and other marks"
    )


def _add_readings(parser: argparse.ArgumentParser) -> None:
    """What becomes of the readings."""
    parser.add_argument(
        "--format",
        choices=["table", "json", "jsonl", "csv", "kaggle", "parquet", "sqlite", "xlsx"],
        help="default: from --output's extension; else a table on a terminal, jsonl in a pipe; the "
        "last three only with --output",
    )
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="FOLDER",
        help="save copies with boxes and labels to FOLDER",
    )
    parser.add_argument(
        "--show-glyphs", action="store_true", help="with --annotate: add what the network saw"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="with --annotate: add the ink that supports the label (blue) or opposes it (red)",
    )


def _add_scale(parser: argparse.ArgumentParser) -> None:
    """How many processes or machines read, and what becomes of a job that was killed."""
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="number of processes (default: 1; with --engine ray, one for each processor)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="with --output FOLDER/: make only the parts that aren't there",
    )
    parser.add_argument(
        "--shard",
        type=_parse_shard,
        default=(0, 1),
        metavar="I/N",
        help="with --output FOLDER/: make only every N-th part; I counts from 0",
    )
    parser.add_argument(
        "--engine",
        choices=["processes", "ray"],
        default="processes",
        help="with --output FOLDER/: what reads, processes here or those of a Ray cluster",
    )


def _parse_shard(text: str) -> tuple[int, int]:
    """The shard and the number of shards of a text such as 0/4."""
    shard, _, shards = text.partition("/")
    if not (shard.isdecimal() and shards.isdecimal() and int(shard) < int(shards)):
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N, such as 0/4 up to 3/4")
    return int(shard), int(shards)


def _parse_grid(text: str) -> tuple[int, int]:
    """Rows and columns of a text such as 9x9."""
    rows, _, columns = text.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns)):
        raise argparse.ArgumentTypeError(f"{text!r} is not ROWSxCOLS, such as 9x9")
    return int(rows), int(columns)
