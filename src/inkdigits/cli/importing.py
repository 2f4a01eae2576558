"""`inkdigits import`: make an artifact of another digit model, then evaluate it."""

from argparse import Namespace

from inkdigits.api.importing import import_into
from inkdigits.cli.console import Console
from inkdigits.cli.evaluate import report_on_test_set
from inkdigits.cli.train import validation_lines
from inkdigits.data import DEFAULT_DATASET
from inkdigits.errors import needing
from inkdigits.reading import Reader


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code."""
    with needing("report", "evaluation"):
        import inkdigits.evaluation.report  # noqa: F401
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    with console.progress() as progress:
        made = import_into(arguments.model, arguments.out, arguments.data_dir, progress)
        reader, about = Reader.load(made.artifact), made.info.recipe["summary"]
        if arguments.no_test:
            lines, values = validation_lines(reader)
        else:
            lines, values = report_on_test_set(
                reader, DEFAULT_DATASET, made.folder, arguments.data_dir, progress
            )
    lines[1:1] = [f"model     {about}", f"artifact  {made.artifact}"]
    found = {"run": str(made.folder), "artifact": str(made.artifact), "model": about}
    console.result(lines, {**found, **values})
    return 0
