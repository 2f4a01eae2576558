"""Measure recipes: train each with several seeds, evaluate on the test set, store the results.

    python benchmarks/recipe_results.py [RECIPE …]             train missing and changed ones
    python benchmarks/recipe_results.py --again [RECIPE …]     train all of them

Each run adds its results to `src/inkdigits/recipes/results.json`, so an interrupted measurement
resumes where it stopped. At the end the tables in `docs/explanation/accuracy.md` are written. Do
one run at a time and keep the machine otherwise idle: a second busy process ruins the timings.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from documents import put_table

from inkdigits.data import load_dataset
from inkdigits.environment import describe_environment
from inkdigits.errors import UsageError
from inkdigits.evaluation import evaluate
from inkdigits.files import write_atomic
from inkdigits.reading import Reader
from inkdigits.recipes import RECIPES, Recipe, find_recipe
from inkdigits.recipes.architectures import ARCHITECTURES
from inkdigits.recipes.results import load_results
from inkdigits.training import used_precision
from inkdigits.training.memory import keep_freed_memory
from inkdigits.training.runs import start_run, train_run

ROOT = Path(__file__).parent.parent
MEASURED = ROOT / "src" / "inkdigits" / "recipes" / "results.json"
ACCURACY = ROOT / "docs" / "explanation" / "accuracy.md"
# The others have 3.
SEEDS = {"tiny": 5, "fast": 20, "standard": 10, "accurate": 5}
# Chris Deotte, "25 Million Images! [0.99757] MNIST", Kaggle, 2018: the best with a distribution.
PUBLISHED = (
    ("published: one network of Deotte's", "99.641 ± 0.047", 100),
    ("published: an ensemble of 15 of them", "99.745 ± 0.020", 100),
)


def measure(recipe: Recipe, seed: int, scratch: Path) -> dict[str, Any]:
    """One training run and its test accuracy."""
    run = start_run(recipe, seed, folder=scratch / f"{recipe.name}-{seed}", device="cpu")
    artifact = train_run(run)
    reader = Reader.load(artifact)
    report = evaluate(reader, load_dataset("mnist", "test"))
    return {
        "recipe": recipe.name,
        "seed": seed,
        "accuracy": report.accuracy,
        "train_seconds": round(sum(row["seconds"] for row in reader.info.history), 2),
        "parameters": reader.info.parameters,
        "hardware": hardware(),
        "settings": recipe.to_dict(),
        "layers": layers(recipe),
    }


def is_current(run: dict[str, Any]) -> bool:
    """Whether a stored run used the current recipe."""
    recipe = RECIPES[run["recipe"]]
    try:  # a field added since the run had its default
        then = Recipe(**{**run["settings"], "summary": recipe.summary})
    except (TypeError, UsageError):  # a field or an architecture that no longer exists
        return False
    return then == recipe and run["layers"] == layers(recipe)


def layers(recipe: Recipe) -> list[str]:
    """The recipe's layers as text."""
    return [repr(layer) for layer in ARCHITECTURES[recipe.architecture]]


def hardware() -> str:
    """The machine as text."""
    here = describe_environment()
    slow = "" if used_precision(RECIPES["standard"]) == "bf16" else " without fast bf16"
    cores = f"{here['cores']} cores of {here['cpu']}{slow}"
    return f"{cores}, torch {here['torch']}, Python {here['python']}"


def recipes_table() -> str:
    """Markdown: all recipes, from `results.json`."""
    measured = load_results()
    machines = dict(
        zip(dict.fromkeys(run["hardware"] for run in measured.runs), "ABCD", strict=False)
    )
    lines = [
        "| recipe | test accuracy, % | seeds | training, median | on | parameters | what it is |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, recipe in RECIPES.items():
        accuracy, seeds, seconds, parameters = measured.figures(name)
        on = {machines[run["hardware"]] for run in measured.runs if run["recipe"] == name}
        figures = " | ".join((accuracy, seeds, seconds, ", ".join(sorted(on)), parameters))
        lines.append(f"| `{name}` | {figures} | {recipe.summary} |")
    named = "; ".join(f"{letter}: {machine}" for machine, letter in machines.items())
    return "\n".join(lines) + f"\n\nMean ± standard deviation. {named}.\n"


def record_table() -> str:
    """Markdown: the most accurate recipes beside published results that have a spread."""
    measured = load_results()
    lines = ["| what | test accuracy, % | n |", "|---|---|---|"]
    for name in ("standard", "accurate", "ensemble"):
        accuracy, seeds, *_ = measured.figures(name)
        lines.append(f"| `{name}`: {RECIPES[name].summary} | {accuracy} | {seeds} |")
    lines += [f"| {what} | {accuracy} | {n} |" for what, accuracy, n in PUBLISHED]
    return "\n".join(lines) + f"\n\nMean ± standard deviation; {measured.hardware}.\n"


def write_measured(runs: list[dict[str, Any]]) -> None:
    """Store the runs, recipe by recipe."""
    order = list(RECIPES)
    runs.sort(key=lambda run: (order.index(run["recipe"]), run["seed"]))
    write_atomic(MEASURED, json.dumps({"runs": runs}, indent=1).encode())


def measure_missing(recipe: Recipe, *, again: bool) -> None:
    """Train the recipe with each seed that has no current result."""
    runs = list(load_results().runs)
    others = [run for run in runs if run["recipe"] != recipe.name]
    mine = [run for run in runs if run["recipe"] == recipe.name and is_current(run) and not again]
    missing = set(range(SEEDS.get(recipe.name, 3))) - {run["seed"] for run in mine}
    for seed in sorted(missing):
        with tempfile.TemporaryDirectory() as scratch:
            mine.append(measure(recipe, seed, Path(scratch)))
        write_measured(others + mine)
        print(f"{recipe.name} {seed}: {mine[-1]['accuracy']:.2%} {mine[-1]['train_seconds']} s")


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="default: all")
    parser.add_argument("--again", action="store_true", help="also measured ones")
    arguments = parser.parse_args()
    keep_freed_memory()  # as `inkdigits train` does
    for recipe in [find_recipe(name) for name in arguments.recipes] or RECIPES.values():
        measure_missing(recipe, again=arguments.again)
    put_table(ACCURACY, "recipes", recipes_table())
    put_table(ACCURACY, "record", record_table())


if __name__ == "__main__":
    main()
