"""Options that several commands share, and those of training; imports nothing heavy."""

import argparse
from pathlib import Path


def add_artifact(parser: argparse.ArgumentParser) -> None:
    """Which model."""
    parser.add_argument(
        "artifact",
        nargs="?",
        type=Path,
        metavar="RUN_OR_ARTIFACT",
        help="a run folder or an artifact file (default: the model inside the package)",
    )


def add_model(parser: argparse.ArgumentParser, use: str = "") -> None:
    """With which model; `use` is what else is done with its file."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help=f"a run folder or an artifact file{use} (default: the model inside the package)",
    )


def add_dataset(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Which labelled pictures, and what for."""
    parser.add_argument(
        "--data",
        metavar="SOURCE",
        help=f"{purpose}: mnist, fashion-mnist, kmnist, qmnist, emnist-letters …, or "
        "your own: a folder of class folders, CSV, .npz, .npy, IDX, Parquet or .mat",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """How the result is printed."""
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--quiet", action="store_true", help="no progress, only the result")
    output.add_argument("--json", action="store_true", help="the result as JSON, nothing else")


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """What is trained: a recipe, changed, and a seed; and where."""
    parser.add_argument(
        "recipe",
        nargs="?",
        metavar="RECIPE",
        help="see 'inkdigits recipes', or a recipe file, .toml (default: standard)",
    )
    parser.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        dest="assignments",
        action="append",
        default=[],
        help="change a field of the recipe; can be repeated",
    )
    parser.add_argument("--seed", type=int, help="the random seed (default: 0)")
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda", "mps"],
        default="auto",
        help="where to train (default: auto, the GPU that PyTorch finds, else cpu)",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """What trains, and what else gets its history."""
    parser.add_argument(
        "--engine",
        choices=["torch", "keras"],
        default="torch",
        help="what trains: PyTorch, or Keras's model.fit on the backend that is installed, which "
        "can't be resumed (default: torch)",
    )
    parser.add_argument(
        "--tracker",
        choices=["tensorboard", "mlflow"],
        default="",
        help="also write each epoch for TensorBoard, into the run folder, or to MLflow",
    )


def add_search(parser: argparse.ArgumentParser) -> None:
    """What is searched, how long, and where."""
    parser.add_argument(
        "--trials",
        type=_parse_count,
        default=50,
        metavar="N",
        help="number of trainings (default: 50)",
    )
    parser.add_argument(
        "--search",
        metavar="FIELD=VALUES",
        dest="searches",
        action="append",
        default=[],
        help="peak_lr=1e-4..1e-1:log, epochs=1..5, 'optimizer=adamw|sgd'; can be repeated "
        "(default: learning rate, batch size, regularisation, the augmentation that it uses)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="a new folder, or that of a search to go on with or to take part in",
    )


def _parse_count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)
