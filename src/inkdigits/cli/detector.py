"""`inkdigits train detector`: the network that finds digits and marks in pictures."""

from argparse import Namespace

from inkdigits.cli.console import Console
from inkdigits.errors import UsageError
from inkdigits.recipes import override
from inkdigits.recipes.detector import DetectorRecipe

_WRONG = (
    *("data", "data_dir", "as_is", "groups", "by"),
    *("start", "freeze", "replay", "teacher", "no_test", "tracker"),
)


def run(arguments: Namespace) -> int:
    """Train into a run folder, or resume one, and return the exit code."""
    from inkdigits.evaluation.detector import write_detector_report
    from inkdigits.training.detector.runs import (
        open_detector_run,
        start_detector_run,
        train_detector_run,
    )
    from inkdigits.training.run_folder import default_folder

    if any(getattr(arguments, name) for name in _WRONG):
        raise UsageError(
            "the detector draws its pages from MNIST, and its report from them; it takes only "
            "--set, --seed, --device, --out, --resume, --quiet and --json"
        )
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    with console.progress() as progress:
        if arguments.resume:
            this = open_detector_run(arguments.resume, arguments.device)
        else:
            recipe, seed = override(DetectorRecipe(), arguments.assignments), arguments.seed or 0
            folder = arguments.out or default_folder(recipe.name, seed)
            this = start_detector_run(recipe, seed, folder, arguments.device)
        console.note(f"detector, seed {this.seed}, into {this.folder}")
        path = train_detector_run(this, progress)
        report, page = write_detector_report(path, this.folder, progress)
    values = {
        "run": str(this.folder),
        "detector": str(path),
        "report": str(page),
        "steps": this.recipe.steps,
        "recall": report.digits.recall,
        "precision": report.digits.precision,
    }
    lines = [
        f"recall    {report.digits.recall:.2%} of {report.digits.drawn} drawn digits",
        f"precision {report.digits.precision:.2%} of {report.digits.found} found digits",
        f"report    {page}",
        f"detector  {path}",
    ]
    console.result(lines, values)
    return 0
