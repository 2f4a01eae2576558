"""The record: train recipes with several seeds, and measure each once on the test set.

    make record                                             everything that has no current result
    python benchmarks/record.py accurate standard+ensemble  these; the second is taught by the first
                                                            ensemble
    python benchmarks/record.py --again …                   also what has one

Says beforehand how long it will take here. A run lies in `runs/record/` until it is measured, so
an interrupted one goes on after its last epoch. Results are added to
`src/inkdigits/recipes/results.json`, and the tables in `docs/explanation/accuracy.md` written,
after each run. Do one at a time and keep the machine otherwise idle: a second busy process ruins
the timings.
"""

import argparse
import json
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from documents import put_table

from inkdigits.artifact import ArtifactInfo
from inkdigits.data import Split, load_dataset
from inkdigits.errors import UsageError
from inkdigits.evaluation import evaluate
from inkdigits.evaluation.plots import encode_png, plot_digits
from inkdigits.files import write_atomic
from inkdigits.reading import Reader
from inkdigits.recipes import RECIPES, Recipe, find_recipe
from inkdigits.recipes.results import load_results
from inkdigits.training import fit
from inkdigits.training.memory import keep_freed_memory
from inkdigits.training.run_folder import open_run
from inkdigits.training.runs import start_run, train_run

ROOT = Path(__file__).parent.parent
MEASURED = ROOT / "src" / "inkdigits" / "recipes" / "results.json"
ACCURACY = ROOT / "docs" / "explanation" / "accuracy.md"
SHEET = ACCURACY.with_name("shared-errors.png")
RUNS = ROOT / "runs" / "record"
TIMED = 30  # steps
# The others have 3.
SEEDS = {"tiny": 5, "fast": 20, "standard": 10, "accurate": 5}
RECORD = ("standard", "standard+ensemble", "accurate", "ensemble")
# Chris Deotte, "25 Million Images! [0.99757] MNIST", Kaggle, 2018: the best with a distribution.
PUBLISHED = (
    ("published: one network of Deotte's", "99.641 ± 0.047", 100),
    ("published: an ensemble of 15 of them", "99.745 ± 0.020", 100),
)


@dataclass(frozen=True)
class Entry:
    """A recipe to measure, perhaps taught by the first run of another one."""

    recipe: Recipe
    teacher: str = ""

    @classmethod
    def parse(cls, text: str) -> "Entry":
        """From `RECIPE` or `RECIPE+TEACHER`; `UsageError` for unknown ones."""
        name, _, teacher = text.partition("+")
        return cls(find_recipe(name), find_recipe(teacher).name if teacher else "")

    def __str__(self) -> str:
        taught = f", taught by {self.teacher}" if self.teacher else ""
        return f"{self.recipe.name}{taught}"

    def folder(self, seed: int) -> Path:
        """Where a run lies."""
        return RUNS / "-".join(filter(None, (self.recipe.name, self.teacher, str(seed))))

    def runs(self) -> list[dict[str, Any]]:
        """The stored runs."""
        return load_results().runs_of(self.recipe.name, self.teacher)


def measure(entry: Entry, seed: int) -> dict[str, Any]:
    """Train, or go on with it, and measure once on the test set."""
    folder = entry.folder(seed)
    if folder.exists():
        run = open_run(folder, device="cpu")
        if run.recipe != entry.recipe:
            shutil.rmtree(folder)
    if not folder.exists():
        teacher = Entry(find_recipe(entry.teacher)).folder(0) if entry.teacher else None
        run = start_run(entry.recipe, seed, folder=folder, device="cpu", teacher=teacher)
    reader = Reader.load(train_run(run))
    report = evaluate(reader, load_dataset("mnist", "test"))
    taught = {"teacher": entry.teacher} if entry.teacher else {}
    return {
        "recipe": entry.recipe.name,
        **taught,
        "seed": seed,
        "accuracy": report.accuracy,
        "misread": {str(mistake.index): mistake.predicted for mistake in report.mistakes},
        "train_seconds": round(sum(row["seconds"] for row in reader.info.history), 2),
        "parameters": reader.info.parameters,
        "hardware": hardware(reader.info),
        "settings": entry.recipe.to_dict(),
        "layers": layers(entry.recipe),
    }


def seconds_of(recipe: Recipe) -> float:
    """How long a training will take here, from a few steps of each of its networks."""
    data = load_dataset()
    few = Split(data.only(slice(TIMED * recipe.batch_size)), data.only(slice(1000)))
    whole = len(data) * (1 - recipe.validation_fraction) / len(few.train)

    def timed(number: int) -> float:
        brief = replace(recipe.of_network(number), networks=1, epochs=2, patience=0)
        return fit(brief, few, 0, device="cpu").history[-1].seconds

    return sum(map(timed, range(recipe.networks))) * whole * recipe.epochs


def epochs_left(entry: Entry, seed: int) -> int:
    """The epochs that a run, perhaps begun, has still to train."""
    history = entry.folder(seed) / "history.csv"
    done = len(history.read_text().splitlines()) - 1 if history.exists() else 0
    return entry.recipe.epochs * entry.recipe.networks - done


def is_current(run: dict[str, Any]) -> bool:
    """Whether a stored run used the current recipe."""
    recipe = RECIPES[run["recipe"]]
    try:  # a field added since the run had its default
        then = Recipe(**{**run["settings"], "summary": recipe.summary})
    except (TypeError, UsageError):  # a field or an architecture that no longer exists
        return False
    return then == recipe and run["layers"] == layers(recipe)


def layers(recipe: Recipe) -> list[str]:
    """The layers of the recipe's networks as text."""
    return [repr(layer) for number in range(recipe.networks) for layer in recipe.layers(number)]


def hardware(info: ArtifactInfo) -> str:
    """The machine that an artifact was trained on, as text; it may be measured elsewhere."""
    there = info.environment
    slow = "" if there["precision"] == info.recipe["precision"] else " without fast bf16"
    cores = f"{there['cores']} core{'s'[: there['cores'] > 1]} of {there['cpu']}{slow}"
    return f"{cores}, torch {there['torch']}, Python {there['python']}"


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
        on = {machines[run["hardware"]] for run in measured.runs_of(name)}
        figures = " | ".join((accuracy, seeds, seconds, ", ".join(sorted(on)), parameters))
        lines.append(f"| `{name}` | {figures} | {recipe.summary} |")
    named = "; ".join(f"{letter}: {machine}" for machine, letter in machines.items())
    return "\n".join(lines) + f"\n\nMean ± standard deviation. {named}.\n"


def record_table() -> str:
    """Markdown: the most accurate recipes beside published results that have a spread."""
    measured = load_results()
    lines = [
        "| what | test accuracy, % | n | parameters | training, median |",
        "|---|---|---|---|---|",
    ]
    entries = [Entry.parse(text) for text in RECORD]
    for entry in entries:
        if not measured.summary(entry.recipe.name, entry.teacher):
            continue
        accuracy, seeds, seconds, parameters = measured.figures(entry.recipe.name, entry.teacher)
        cells = (f"`{entry}`: {entry.recipe.summary}", accuracy, seeds, parameters, seconds)
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"| {what} | {accuracy} | {n} | | |" for what, accuracy, n in PUBLISHED]
    machines = dict.fromkeys(run["hardware"] for entry in entries for run in entry.runs())
    return "\n".join(lines) + f"\n\nMean ± standard deviation; {'; '.join(machines)}.\n"


def shared_errors() -> str:
    """Markdown: how many test digits all of the accurate models misread; draws these too."""
    runs = [
        run
        for run in load_results().runs
        if run["recipe"] in {"accurate", "ensemble"} and "misread" in run
    ]
    names = " and ".join(dict.fromkeys(f"`{run['recipe']}`" for run in runs))
    misread = [{int(place): read for place, read in run["misread"].items()} for run in runs]
    shared = sorted(set.intersection(*map(set, misread)))
    some = set.union(*map(set, misread))
    test = load_dataset("mnist", "test")
    reads = [Counter(each[place] for each in misread).most_common(1)[0][0] for place in shared]
    captions = [
        f"{place}: {test.labels[place]}, read {read}"
        for place, read in zip(shared, reads, strict=True)
    ]
    figure = plot_digits(255 - test.images[shared], captions, [True] * len(shared), columns=7)
    write_atomic(SHEET, encode_png(figure))
    return (
        f"{len(shared)} of the 10,000 test digits are misread by each of the {len(runs)} runs of "
        f"{names}, {len(some)} by at least one.\n\n"
        f"![the digits that all misread]({SHEET.name})\n"
    )


def write_measured(runs: list[dict[str, Any]]) -> None:
    """Store the runs, recipe by recipe, and write the tables."""
    order = list(RECIPES)
    runs.sort(key=lambda run: (order.index(run["recipe"]), run.get("teacher", ""), run["seed"]))
    write_atomic(MEASURED, json.dumps({"runs": runs}, indent=1).encode())
    put_table(ACCURACY, "recipes", recipes_table())
    put_table(ACCURACY, "record", record_table())
    put_table(ACCURACY, "shared", shared_errors())


def missing_seeds(entry: Entry, *, again: bool) -> list[int]:
    """The seeds without a current result."""
    done = {run["seed"] for run in entry.runs() if is_current(run) and not again}
    return [seed for seed in range(SEEDS.get(entry.recipe.name, 3)) if seed not in done]


def announce(missing: dict[Entry, list[int]]) -> None:
    """Say how long the trainings will take on this machine."""
    total = 0.0
    for entry, seeds in missing.items():
        epochs = entry.recipe.epochs * entry.recipe.networks
        left = sum(epochs_left(entry, seed) for seed in seeds) / epochs
        seconds = left * seconds_of(entry.recipe)
        total += seconds
        print(f"{entry}: {len(seeds)} to train, about {seconds / 60:.0f} min", flush=True)
    print(f"about {total / 3600:.1f} h in all, if the machine has nothing else to do", flush=True)


def main() -> None:
    """Parse, announce, measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "entries", nargs="*", metavar="RECIPE[+TEACHER]", help="default: all that is in the tables"
    )
    parser.add_argument("--again", action="store_true", help="also measured ones")
    arguments = parser.parse_args()
    keep_freed_memory()  # as `inkdigits train` does
    names = arguments.entries or [*RECIPES, *(name for name in RECORD if "+" in name)]
    missing = {
        entry: missing_seeds(entry, again=arguments.again) for entry in map(Entry.parse, names)
    }
    missing = {entry: seeds for entry, seeds in missing.items() if seeds}
    announce(missing)
    for entry, seeds in missing.items():
        for seed in seeds:
            found = measure(entry, seed)
            replaced = [run for run in entry.runs() if run["seed"] == seed or not is_current(run)]
            others = [run for run in load_results().runs if run not in replaced]
            write_measured([*others, found])
            print(f"{entry} {seed}: {found['accuracy']:.2%} {found['train_seconds']} s", flush=True)


if __name__ == "__main__":
    main()
