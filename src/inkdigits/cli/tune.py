"""`inkdigits tune`: search better values for a recipe's fields, on the training set alone."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from inkdigits.cli.console import Console
from inkdigits.data import DEFAULT_DATASET, Handling, Progress
from inkdigits.errors import TrainingInterrupted, needing
from inkdigits.files import write_atomic
from inkdigits.recipes import find_recipe, override
from inkdigits.recipes.file import encode_recipe
from inkdigits.recipes.space import default_searches

if TYPE_CHECKING:
    from inkdigits.training.search import Search, Trial


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code."""
    with needing("tune", "tuning"):
        import optuna

        import inkdigits.evaluation.search  # noqa: F401
        from inkdigits.training.memory import keep_freed_memory
        from inkdigits.training.search import run_search
    keep_freed_memory()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    with console.progress() as progress:
        search = _open(arguments, console, progress)
        try:
            run_search(
                search,
                arguments.trials,
                progress=progress,
                on_trial=lambda trial: console.note(_trial_line(trial, arguments.trials)),
            )
        except TrainingInterrupted:
            if any(trial.accuracy is not None for trial in search.trials):
                _write(search)
            raise
        recipe, page = _write(search)
    best = search.best
    lines = [
        f"best      trial {best.number + 1}, validation accuracy {best.accuracy:.2%}, "
        "on images that many trials were compared on; the test set was not used",
        f"recipe    {recipe}; train it with 'inkdigits train {recipe}'",
        f"page      {page}",
    ]
    values = {"trial": best.number + 1, "accuracy": best.accuracy, "values": best.values}
    console.result(lines, {"recipe": str(recipe), "page": str(page), "best": values})
    return 0


def _open(arguments: Namespace, console: Console, progress: Progress) -> "Search":
    from inkdigits.training.run_folder import default_folder
    from inkdigits.training.search import open_search

    recipe = override(find_recipe(arguments.recipe or "standard"), arguments.assignments)
    seed, searches = arguments.seed or 0, arguments.searches or default_searches(recipe)
    search = open_search(
        recipe,
        searches,
        seed,
        arguments.data or DEFAULT_DATASET,
        folder=arguments.out or default_folder(f"{recipe.name}-tune", seed),
        data_folder=arguments.data_dir,
        handling=Handling(arguments.as_is, arguments.groups, arguments.by),
        device=arguments.device,
        progress=progress,
    )
    done = f", after {count} trials" if (count := len(search.trials)) else ""
    console.note(f"{recipe.name}, seed {seed}, on {search.dataset}, into {search.folder}{done}")
    console.note(f"searching {' '.join(searches)}")
    return search


def _write(search: "Search") -> tuple[Path, Path]:
    """Write the best recipe and the page; their paths."""
    from inkdigits.evaluation.search import write_search

    path, best = search.folder / "recipe.toml", search.best
    about = f"Validation accuracy {best.accuracy:.2%} (trial {best.number + 1}, seed {search.seed})"
    write_atomic(path, encode_recipe(search.winner, about).encode())
    return path, write_search(search)


def _trial_line(trial: "Trial", wanted: int) -> str:
    outcome = f"{trial.accuracy:.2%}" if trial.accuracy is not None else trial.state
    values = " ".join(f"{name}={value}" for name, value in trial.values.items())
    return f"trial {trial.number + 1:>{len(str(wanted))}}   {outcome:>8}   {values}"
