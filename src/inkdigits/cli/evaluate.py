"""`inkdigits evaluate`: measure an artifact on a test set and write the report."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.cli.console import Console
from inkdigits.cli.extras import needing
from inkdigits.data import AS_FOUND, DATASETS, Handling, Progress, load_dataset, locate_dataset
from inkdigits.data.datasets import relabelled
from inkdigits.data.store import given_folder
from inkdigits.files import cache_folder
from inkdigits.reading import Reader
from inkdigits.reading.reader import SHIPPED

OUTSIDE = "fashion-mnist"
Outcome = tuple[list[str], dict[str, Any]]
"""A command's result: lines for people, values for JSON."""


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code."""
    with needing("report", "evaluation"):
        import inkdigits.evaluation.report  # noqa: F401
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    reader = Reader.load(arguments.artifact)
    dataset = arguments.data or reader.info.dataset
    handling = Handling(arguments.as_is, arguments.groups)
    if Path(dataset).resolve() == Path(reader.info.dataset):  # the test set of its own split
        handling = Handling(**reader.info.environment.get("handling", {}))
    out = arguments.out or _default_folder(arguments.artifact, reader, dataset)
    with console.progress() as progress:
        outcome = report_on_test_set(
            reader,
            dataset,
            out,
            arguments.data_dir,
            progress,
            handling=handling,
            corruptions=arguments.corruptions,
        )
    console.result(*outcome)
    return 0


def report_on_test_set(
    reader: Reader,
    dataset: str,
    out: Path,
    data_folder: Path | None,
    progress: Progress,
    *,
    handling: Handling = AS_FOUND,
    corruptions: bool = False,
) -> Outcome:
    """Write the report of a reader on a test set into a folder."""
    from inkdigits.evaluation import Extent
    from inkdigits.evaluation.report import write_report

    test = load_dataset(dataset, "test", data_folder, progress, handling)
    test = relabelled(test, reader.info.labels)
    progress(f"evaluating on {len(test):,} test images", 0, 0)
    outside = _load_outside(dataset, data_folder)
    report, page = write_report(reader, test, out, dataset, Extent(corruptions, outside), progress)
    lines = [report.headline(), *filter(None, [test.about])]
    if corruptions:
        lines.append(f"corrupted digits {report.corruption_mean():.2%}, the mean of 15 corruptions")
    if not outside and dataset in DATASETS and dataset != OUTSIDE:
        folder = (given_folder(data_folder) or cache_folder()) / OUTSIDE
        lines.append(f"skipped   rejection of {OUTSIDE}: its four files are not in {folder}")
    lines.append(f"report    {page}")
    return lines, {"report": str(page), "test": report.summary()}


def _load_outside(dataset: str, data_folder: Path | None) -> dict[str, NDArray[np.uint8]]:
    """The test images of a data set without digits, if it is on this machine.

    Its file names are MNIST's, so the folder of the evaluated data set doesn't count.
    """
    found = locate_dataset(OUTSIDE, data_folder)
    same = dataset in DATASETS and found == locate_dataset(dataset, data_folder)
    if found is None or same:
        return {}
    return {OUTSIDE: load_dataset(OUTSIDE, "test", data_folder).images}


def _default_folder(given: Path | None, reader: Reader, dataset: str) -> Path:
    """The run folder itself, or a folder beside the artifact file, named after it."""
    artifact = given or Path(SHIPPED)
    folder = artifact if artifact.is_dir() else artifact.with_name(f"{artifact.stem}-report")
    return folder if dataset == reader.info.dataset else folder / Path(dataset).name
