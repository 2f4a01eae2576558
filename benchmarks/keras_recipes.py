"""The five systems that this project started from, trained by Keras on TensorFlow.

    make bench-keras

Each training is a command of its own, `inkdigits train RECIPE --engine keras`, with the seeds 0, 1
and 2. Its test accuracy is added to `benchmarks/results/keras_recipes.json`, so an interrupted
measurement goes on where it stopped. At the end the tables in the README and in
`docs/explanation/accuracy.md` are written, beside what our own loop reached with the same seeds
(`make record`). Seconds are processor seconds of the whole command, since others use the machine.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from documents import put_table

from inkdigits.files import write_atomic
from inkdigits.recipes import RECIPES
from inkdigits.recipes.results import load_results

ROOT = Path(__file__).parent.parent
MEASURED = ROOT / "benchmarks" / "results" / "keras_recipes.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "explanation" / "accuracy.md")
SEEDS = range(3)
# The test accuracy that the authors state; for the first two, which state none, what we set.
HEADLINES = {
    "keras-baseline": 0.992,
    "keras-simple": 0.990,
    "keras-five-epochs": 0.9845,
    "keras-augmented": 0.9917,
    "torch-two-conv": 0.993,
}


def measure(recipe: str, seed: int, folder: Path) -> dict[str, Any]:
    """One training and its test accuracy."""
    command = [sys.executable, "-m", "inkdigits", "train", recipe, "--engine", "keras", "--json"]
    before = processor_seconds()
    done = subprocess.run(
        [*command, "--seed", str(seed), "--out", str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode:
        raise SystemExit(f"{recipe} failed:\n{done.stderr}")
    here = json.loads((folder / "run.json").read_text("utf-8"))["environment"]
    return {
        "recipe": recipe,
        "seed": seed,
        "accuracy": json.loads(done.stdout)["test"]["accuracy"],
        "processor_seconds": round(processor_seconds() - before),
        "settings": RECIPES[recipe].to_dict(),
        "engine": f"{here['engine']} {version('tensorflow')}",
        "hardware": f"{here['cores']} cores of {here['cpu']}",
    }


def processor_seconds() -> float:
    """What the processes that this one started have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: each system's headline, our accuracy and Keras's."""
    lines = [
        "| recipe | headline, % | our loop, % | Keras on TensorFlow, % | n | processor seconds |",
        "|---|---|---|---|---|---|",
    ]
    for recipe, headline in HEADLINES.items():
        mine = [run for run in runs if run["recipe"] == recipe]
        seconds = statistics.median(run["processor_seconds"] for run in mine) if mine else ""
        ours, theirs = load_results().figures(recipe)[0], spread(mine)
        cells = (f"`{recipe}`", f"{headline * 100:.2f}", ours, theirs, len(mine), seconds)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    where = "; ".join(dict.fromkeys(f"{run['engine']}, {run['hardware']}" for run in runs))
    return "\n".join(lines) + f"\n\nMNIST test, mean ± standard deviation. {where}.\n"


def spread(runs: list[dict[str, Any]]) -> str:
    """Mean and standard deviation of the accuracies, in per cent."""
    if not runs:
        return "not measured"
    accuracies = [run["accuracy"] * 100 for run in runs]
    deviation = f" ± {statistics.stdev(accuracies):.2f}" if len(runs) > 1 else ""
    return f"{statistics.mean(accuracies):.2f}{deviation}"


def load_measured() -> list[dict[str, Any]]:
    """The runs stored before, of the recipes as they stand."""
    if not MEASURED.exists():
        return []
    stored = json.loads(MEASURED.read_text("utf-8"))["runs"]
    return [run for run in stored if run["settings"] == RECIPES[run["recipe"]].to_dict()]


def main() -> None:
    """Train what is missing; write the table."""
    runs = load_measured()
    done = {(run["recipe"], run["seed"]) for run in runs}
    for seed in SEEDS:
        for recipe in HEADLINES:
            if (recipe, seed) not in done:
                with tempfile.TemporaryDirectory() as scratch:
                    runs.append(measure(recipe, seed, Path(scratch) / "run"))
                latest = runs[-1]
                print(f"{recipe} {seed}: {latest['accuracy']:.2%}, {latest['processor_seconds']} s")
                write_atomic(MEASURED, json.dumps({"runs": runs}, indent=1).encode())
    for page in PAGES:
        put_table(page, "systems", table(runs))


if __name__ == "__main__":
    main()
