"""`inkdigits evaluate`: an artifact on a test set, and the report."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from inkdigits.artifact import ARTIFACT_NAME
from inkdigits.cli.console import Console
from inkdigits.cli.extras import needing
from inkdigits.data import Progress, load_dataset
from inkdigits.reading import SHIPPED, Reader

Outcome = tuple[list[str], dict[str, Any]]
"""The lines and the JSON values that a command ends with."""


def run(arguments: Namespace) -> int:
    """Run the command; the exit code."""
    with needing("report", "evaluation"):
        import inkdigits.evaluation  # noqa: F401
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    given = arguments.artifact
    reader = Reader.load(given / ARTIFACT_NAME if given and given.is_dir() else given)
    dataset = arguments.data or reader.info.dataset
    out = arguments.out or _default_folder(given, reader, dataset)
    with console.progress() as progress:
        outcome = report_on_test_set(reader, dataset, out, arguments.data_dir, progress)
    console.result(*outcome)
    return 0


def report_on_test_set(
    reader: Reader, dataset: str, out: Path, data_folder: Path | None, progress: Progress
) -> Outcome:
    """Write the report of a reader on a test set into a folder."""
    from inkdigits.evaluation import write_report

    test = load_dataset(dataset, "test", data_folder, progress)
    progress(f"evaluating on {len(test):,} test images", 0, 0)
    report, page = write_report(reader, test, out, dataset)
    lines = [report.headline(), f"report    {page}"]
    return lines, {"report": str(page), "test": report.summary()}


def _default_folder(given: Path | None, reader: Reader, dataset: str) -> Path:
    """The run folder itself, or a folder beside the artifact file, named after it."""
    artifact = given or Path(SHIPPED)
    folder = artifact if artifact.is_dir() else artifact.with_name(f"{artifact.stem}-report")
    return folder if dataset == reader.info.dataset else folder / dataset
