"""`inkdigits evaluate`: measure an artifact on a test set and write the report."""

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.api.evaluation import load_test
from inkdigits.artifact import SHIPPED
from inkdigits.cli.console import Console
from inkdigits.data import (
    AS_FOUND,
    DATASETS,
    Handling,
    LabelledImages,
    Progress,
    load_dataset,
    locate_dataset,
)
from inkdigits.data.store import given_folder
from inkdigits.errors import UsageError, needing
from inkdigits.files import cache_folder
from inkdigits.reading import Reader

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
    handling = Handling(arguments.as_is, arguments.groups, arguments.by)
    out = arguments.out or _default_folder(arguments.artifact, reader, dataset)
    against = _with_labels(arguments.against, reader) if arguments.against else None
    with console.progress() as progress:
        outcome = report_on_test_set(
            reader,
            dataset,
            out,
            arguments.data_dir,
            progress,
            handling=handling,
            corruptions=arguments.corruptions,
            against=against,
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
    against: Reader | None = None,
) -> Outcome:
    """Write the report of a reader on a test set into a folder."""
    from inkdigits.evaluation import Extent, evaluate

    infos = [reader.info, *([against.info] if against else [])]
    test = load_test(infos, dataset, data_folder, handling, progress)
    progress(f"evaluating on {len(test):,} test images", 0, 0)
    outside = _load_outside(dataset, data_folder)
    report = evaluate(reader, test, dataset, Extent(corruptions, outside), progress)
    page = report.write(out)
    lines = [report.headline(), *filter(None, [test.about])]
    if corruptions:
        lines.append(f"corrupted digits {report.corruption_mean():.2%}, the mean of 15 corruptions")
    if not outside and dataset in DATASETS and dataset != OUTSIDE:
        folder = (given_folder(data_folder) or cache_folder()) / OUTSIDE
        lines.append(f"skipped   rejection of {OUTSIDE}: its four files are not in {folder}")
    further, values = _further(reader, test, out, against, progress)
    lines += [*further, f"report    {page}"]
    return lines, {"report": str(page), "test": report.summary(), **values}


def _further(
    reader: Reader, test: LabelledImages, out: Path, against: Reader | None, progress: Progress
) -> Outcome:
    """The pictures as they are, each group, and another model beside this one."""
    from inkdigits.evaluation import comparison

    lines: list[str] = []
    values: dict[str, Any] = {}
    if whole := comparison.read_as_pictures(reader, test, progress):
        lines.append(
            f"pictures  {whole.right} of {whole.pictures} right when they are read whole, with the "
            f"package's detector; {whole.accepted} accepted, {whole.accepted_wrong} of these wrong"
        )
        values["pictures"] = asdict(whole)
    groups = comparison.by_group(reader, test)
    for name, share in groups.items():
        low, high = share.interval
        lines.append(f"group     {name}: {share.right} of {share.total}, {low:.1%} to {high:.1%}")
    if groups:
        values["groups"] = {name: asdict(share) for name, share in groups.items()}
    if against:
        found = comparison.compare(reader, against, test)
        plot = comparison.write_comparison(found, test, out)
        lines.append(
            f"against   the other model: {found.first_right} and {found.second_right} right, "
            f"{found.only_first} only here, {found.only_second} only there; "
            f"p = {found.p_value:.2g} (McNemar, exact)"
        )
        if plot:
            lines.append(f"changed   {len(found.changed)} digits: {plot}")
        values["comparison"] = {k: v for k, v in asdict(found).items() if k != "changed"}
    return lines, values


def _with_labels(path: Path, reader: Reader) -> Reader:
    other = Reader.load(path)
    if other.info.labels != reader.info.labels:
        raise UsageError(f"{path} has other labels than the model that it is compared with")
    return other


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
    same = dataset in DATASETS and dataset == reader.info.dataset
    if same or Path(dataset).resolve() == Path(reader.info.dataset):
        return folder
    return folder / Path(dataset).resolve().name
