"""`inkdigits evaluate`: an artifact on a test set, and the report."""

from argparse import Namespace
from pathlib import Path

from inkdigits.artifact import ARTIFACT_NAME
from inkdigits.cli.console import Console
from inkdigits.data import load_dataset
from inkdigits.errors import MissingExtra
from inkdigits.reading import SHIPPED, Reader


def run(arguments: Namespace) -> int:
    """Run the command; the exit code."""
    try:
        from inkdigits.evaluation import write_report
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"evaluation needs {error.name}, which is not installed: "
            "pip install 'inkdigits[report]'"
        ) from error
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    given = arguments.artifact
    reader = Reader.load(given / ARTIFACT_NAME if given and given.is_dir() else given)
    dataset = arguments.data or reader.info.dataset
    out = arguments.out or _default_folder(given, reader, dataset)
    with console.progress() as progress:
        test = load_dataset(dataset, "test", arguments.data_dir, progress)
        progress(f"evaluating on {len(test):,} test images", 0, 0)
        report, page = write_report(reader, test, out, dataset)
    lines = [report.headline(), f"report    {page}"]
    console.result(lines, {"report": str(page), "test": report.summary()})
    return 0


def _default_folder(given: Path | None, reader: Reader, dataset: str) -> Path:
    """The run folder itself, or a folder beside the artifact file, named after it."""
    artifact = given or Path(SHIPPED)
    folder = artifact if artifact.is_dir() else artifact.with_name(f"{artifact.stem}-report")
    return folder if dataset == reader.info.dataset else folder / dataset
