"""`inkdigits train`: a recipe into a run folder, then its evaluation on the test set."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkdigits.artifact import ARTIFACT_NAME
from inkdigits.cli.console import Console
from inkdigits.data import DEFAULT_DATASET, Progress, load_dataset
from inkdigits.errors import MissingExtra, UsageError
from inkdigits.reading import Reader
from inkdigits.recipes import find_recipe, override

Outcome = tuple[list[str], dict[str, Any]]
"""The lines and the JSON values that a command ends with."""

if TYPE_CHECKING:
    from inkdigits.runs import Run
    from inkdigits.training import Epoch


def run(arguments: Namespace) -> int:
    """Run the command; the exit code."""
    try:
        import inkdigits.evaluation  # noqa: F401  # what is missing must be said before the training
        from inkdigits.runs import train_run
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"training needs {error.name}, which is not installed: pip install 'inkdigits[train]'"
        ) from error
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    with console.progress() as progress:
        this = _open_or_start(arguments, progress)
        console.note(f"{this.recipe.name}, seed {this.seed}, on {this.dataset}, into {this.folder}")
        artifact = train_run(
            this,
            data_folder=arguments.data_dir,
            progress=progress,
            on_epoch=lambda epoch: console.note(_epoch_line(epoch, this.recipe.epochs)),
        )
        outcome = _validation(artifact) if arguments.no_test else _test(this, arguments, progress)
    lines, values = outcome
    lines.insert(1, f"artifact  {artifact}")
    console.result(lines, {"run": str(this.folder), "artifact": str(artifact), **values})
    return 0


def _open_or_start(arguments: Namespace, progress: Progress) -> "Run":
    from inkdigits.runs import open_run, start_run

    new = (arguments.recipe, arguments.assignments, arguments.out, arguments.data, arguments.seed)
    if arguments.resume:
        if any(value not in (None, []) for value in new):
            raise UsageError(
                "--resume goes on with the run as it was begun; "
                "leave out RECIPE, --set, --seed, --data and --out"
            )
        return open_run(arguments.resume)
    return start_run(
        override(find_recipe(arguments.recipe or "standard"), arguments.assignments),
        arguments.seed or 0,
        arguments.data or DEFAULT_DATASET,
        folder=arguments.out,
        data_folder=arguments.data_dir,
        progress=progress,
    )


def _test(this: "Run", arguments: Namespace, progress: Progress) -> Outcome:
    """Evaluate the finished artifact on the test set, into the run folder."""
    from inkdigits.evaluation import write_report

    progress("evaluating on the test set", 0, 0)
    test = load_dataset(this.dataset, "test", arguments.data_dir)
    reader = Reader.load(this.folder / ARTIFACT_NAME)
    report, page = write_report(reader, test, this.folder, this.dataset)
    lines = [report.headline(), f"report    {page}"]
    return lines, {"report": str(page), "test": report.summary()}


def _validation(artifact: Path) -> Outcome:
    validation = Reader.load(artifact).info.validation
    figures = "there was no validation part"
    if validation["images"]:
        figures = (
            f"validation accuracy {validation['accuracy']:.2%}, loss {validation['loss']:.4f} "
            f"on {validation['images']} images; the test set was left alone"
        )
    return [figures], {"validation": validation}


def _epoch_line(epoch: "Epoch", epochs: int) -> str:
    validation = ""
    if epoch.validation_accuracy is not None:
        validation = (
            f"   validation loss {epoch.validation_loss:.4f}"
            f"  accuracy {epoch.validation_accuracy:.2%}"
        )
    return (
        f"epoch {epoch.epoch:>{len(str(epochs))}}/{epochs}   train loss {epoch.train_loss:.4f}"
        f"  accuracy {epoch.train_accuracy:.2%}{validation}   {epoch.seconds:.1f} s"
    )
