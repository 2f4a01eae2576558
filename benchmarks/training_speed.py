"""Training speed of our recipes and their peers, side by side on the same machine.

    make bench                                       all systems, three rounds
    python benchmarks/training_speed.py --systems fast … --out FOLDER

Each system is a script in `peers/`. It runs in its own process and environment (`.venv` or
`.venv-keras`), with the data in memory. In every round each system trains once, with the round as
its seed. Writes `benchmarks/results/training_speed.json` after every run, then `.md`, `.png` and
the table in `docs/explanation/performance.md`. Ratios compare with `keras-baseline` in the same
round. Keep the machine otherwise idle.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from curves import label_logarithms
from documents import put_table
from matplotlib.figure import Figure

from inkdigits.data import load_dataset
from inkdigits.environment import describe_environment
from inkdigits.evaluation.plots import encode_png
from inkdigits.files import write_atomic

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "explanation" / "performance.md"
TORCH, KERAS = ".venv", ".venv-keras"
REFERENCE = "keras-baseline"
SYSTEMS = {
    "inkdigits fast": (TORCH, "inkdigits_recipe.py", "fast"),
    "inkdigits standard": (TORCH, "inkdigits_recipe.py", "standard"),
    "keras-baseline": (KERAS, "keras_networks.py", "keras-baseline"),
    "keras-io": (KERAS, "keras_networks.py", "keras-io"),
    "pytorch-example": (TORCH, "pytorch_example.py", "pytorch-example"),
}


def train(system: str, data: Path, seed: int) -> dict[str, Any]:
    """Run one system once; seconds and test accuracy after each of its epochs."""
    environment, script, name = SYSTEMS[system]
    python = HERE.parent / environment / "bin" / "python"
    command = [str(python), str(HERE / "peers" / script), name, str(data), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{system} failed:\n{done.stderr}")
    return {"system": system, "round": seed, **json.loads(done.stdout.splitlines()[-1])}


def save_data(path: Path) -> None:
    """MNIST as one file that every environment can read."""
    train_data, test_data = load_dataset("mnist", "train"), load_dataset("mnist", "test")
    np.savez(
        path,
        train_images=train_data.images,
        train_labels=train_data.labels,
        test_images=test_data.images,
        test_labels=test_data.labels,
    )


def runs_of(runs: list[dict[str, Any]], system: str) -> list[dict[str, Any]]:
    """The runs of one system, by round."""
    return [run for run in runs if run["system"] == system]


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: accuracy and seconds of each system, and its speed against the reference."""
    lines = [
        f"| system | test accuracy, % | n | median seconds (min … max) | speed, {REFERENCE} = 1 |",
        "|---|---|---|---|---|",
    ]
    reference = {run["round"]: run["seconds"][-1] for run in runs_of(runs, REFERENCE)}
    for system in SYSTEMS:
        mine = runs_of(runs, system)
        if not mine:
            continue
        seconds = [run["seconds"][-1] for run in mine]
        accuracies = [run["accuracy"][-1] * 100 for run in mine]
        spread = statistics.stdev(accuracies) if len(mine) > 1 else 0.0
        ratios = [
            reference[run["round"]] / run["seconds"][-1]
            for run in mine
            if run["round"] in reference
        ]
        ratio = f"{statistics.median(ratios):.1f}" if ratios else ""
        lines.append(
            f"| {system} | {statistics.mean(accuracies):.2f} ± {spread:.2f} | {len(mine)} "
            f"| {statistics.median(seconds):.1f} ({min(seconds):.1f} … {max(seconds):.1f}) "
            f"| {ratio} |"
        )
    return "\n".join(lines) + "\n"


def plot(runs: list[dict[str, Any]]) -> Figure:
    """Test accuracy against training seconds: a line for each system, its mean over the rounds."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for system in SYSTEMS:
        mine = runs_of(runs, system)
        if mine:
            seconds = np.median([run["seconds"] for run in mine], axis=0)
            errors = 100 - 100 * np.mean([run["accuracy"] for run in mine], axis=0)
            axes.plot(seconds, errors, "o-", markersize=4, label=system)
    axes.set(xlabel="training seconds", ylabel="test error, %")
    axes.invert_yaxis()
    label_logarithms(axes, [1, 3, 10, 30, 100, 300], [3, 2, 1, 0.5, 0.3])
    return figure


def main() -> None:
    """Parse, run, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), metavar="SYSTEM"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER")
    arguments = parser.parse_args()
    if len(arguments.systems) < len(SYSTEMS) and arguments.out == RESULTS:
        parser.error("with only some of the systems, give another folder with --out")
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "mnist.npz"
        save_data(data)
        for seed in range(arguments.rounds):
            for system in arguments.systems:
                runs.append(train(system, data, seed))
                latest = runs[-1]
                print(f"{system}: {latest['accuracy'][-1]:.2%} in {latest['seconds'][-1]:.1f} s")
                values = {"environment": describe_environment(), "runs": runs}
                path = arguments.out / "training_speed.json"
                write_atomic(path, json.dumps(values, indent=1).encode())
    write_atomic(arguments.out / "training_speed.md", table(runs).encode())
    write_atomic(arguments.out / "training_speed.png", encode_png(plot(runs)))
    if arguments.out == RESULTS:
        put_table(PAGE, "training", table(runs))


if __name__ == "__main__":
    main()
