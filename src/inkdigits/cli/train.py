"""`inkdigits train`: a recipe into a run folder, then its evaluation on the test set."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from inkdigits.cli.console import Console
from inkdigits.data import Progress, load_dataset
from inkdigits.errors import MissingExtra, UsageError
from inkdigits.reading import Reader
from inkdigits.recipes import find_recipe, override

if TYPE_CHECKING:
    from inkdigits.runs import Run
    from inkdigits.training import Epoch


def run(arguments: Namespace) -> int:
    """Run the command; the exit code."""
    try:
        from inkdigits.evaluation import write_report
        from inkdigits.runs import train_run
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"training needs {error.name}, which is not installed: pip install 'inkdigits[train]'"
        ) from error
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    folder = arguments.data_dir
    with console.progress() as progress:
        this = _open_or_start(arguments, folder, progress)
        console.note(f"{this.recipe.name}, seed {this.seed}, on {this.dataset}, into {this.folder}")
        artifact = train_run(
            this,
            data_folder=folder,
            progress=progress,
            on_epoch=lambda epoch: console.note(_epoch_line(epoch, this.recipe.epochs)),
        )
        progress("evaluating on the test set", 0, 0)
        test = load_dataset(this.dataset, "test", folder)
        report, page = write_report(Reader.load(artifact), test, this.folder, this.dataset)
    lines = [report.headline(), f"artifact  {artifact}", f"report    {page}"]
    values = {"run": str(this.folder), "artifact": str(artifact), "report": str(page)}
    console.result(lines, {**values, "test": report.summary()})
    return 0


def _open_or_start(arguments: Namespace, folder: Path | None, progress: Progress) -> "Run":
    from inkdigits.runs import open_run, start_run

    if not arguments.resume:
        recipe = override(find_recipe(arguments.recipe or "standard"), arguments.assignments)
        return start_run(
            recipe,
            arguments.seed,
            arguments.data,
            folder=arguments.out,
            data_folder=folder,
            progress=progress,
        )
    if arguments.recipe or arguments.assignments or arguments.out:
        raise UsageError("--resume goes on with the run's own recipe; leave RECIPE, --set, --out")
    return open_run(arguments.resume)


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
