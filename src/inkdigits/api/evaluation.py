"""Evaluate a model on labelled images, in one line."""

from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path

from inkdigits.api.data import Data, load
from inkdigits.api.progress import shown_progress
from inkdigits.artifact import Artifact, ArtifactInfo
from inkdigits.data import AS_FOUND, DATASETS, IN_MEMORY, Handling, LabelledImages, Progress
from inkdigits.data.images import relabelled
from inkdigits.errors import UsageError, needing
from inkdigits.evaluation import Extent, Report
from inkdigits.evaluation import evaluate as measure
from inkdigits.reading import Reader


def evaluate(
    model: Reader | str | PathLike[str] | bytes | Artifact | None = None,
    data: Data | None = None,
    *,
    data_dir: str | PathLike[str] | None = None,
    groups: str = "",
    by: str = "",
    as_is: bool = False,
    corruptions: bool = False,
    quiet: bool = False,
) -> Report:
    """Measure a model on a test set: accuracy with its interval, confusions, scores by class.

    `model` is a reader or whatever `Reader.load` takes; None is the model inside the package.
    `data` is the name of a data set, of which the test set is taken; a path of own pictures; or
    arrays, (images, labels), or what `load_data` gives: all of these. By default it is what the
    model was trained on. Pictures that nobody has parted into training and test sets are all
    measured, or, if the model was trained on them, the fifth that it was kept from.

    `data_dir` is where a named data set lies. `groups`, `by` and `as_is` are for own pictures: see
    `train`. `corruptions` also measures fifteen kinds of damage, for two minutes. Bars are drawn
    unless `quiet`.

    Raises `DataError` if the data can't be used, `UsageError` for a model that was trained on
    arrays and no data, `ArtifactError` or `StorageError` if the model can't be loaded, and
    `MissingExtra` without the extra `report`.
    """
    with needing("report", "evaluation"):
        import inkdigits.evaluation.cards  # noqa: F401
    reader = model if isinstance(model, Reader) else Reader.load(model)
    if data is None:
        data = reader.info.dataset
        if data == IN_MEMORY:
            raise UsageError("the model was trained on arrays; pass the data to evaluate it on")
    name = fspath(data) if isinstance(data, str | PathLike) else IN_MEMORY
    handling, folder = Handling(as_is, groups, by), Path(data_dir) if data_dir else None
    with shown_progress(quiet=quiet) as progress:
        test = load_test(reader.info, data, folder, handling, progress)
        return measure(reader, test, name, Extent(corruptions), progress)


def load_test(
    info: ArtifactInfo, data: Data, folder: Path | None, handling: Handling, progress: Progress
) -> LabelledImages:
    """The test images for a model; of own pictures that nobody has parted, all it didn't learn."""
    test = _load_test(info, data, folder, handling, progress)
    return relabelled(test, info.labels)


def _load_test(
    info: ArtifactInfo, data: Data, folder: Path | None, handling: Handling, progress: Progress
) -> LabelledImages:
    if not isinstance(data, str | PathLike) or data in DATASETS:
        return load(data, "test", folder, handling, progress)
    then = Handling(**info.environment.get("handling", {}))
    if not is_where_it_was_trained(info, data):
        test = load(data, "test", folder, replace(handling, whole=True), progress)
        if not was_trained_on(info, test):
            return test
    if handling not in {AS_FOUND, then}:
        raise UsageError(
            "the model was trained on these pictures, and what it was kept from depends on "
            "--as-is, --groups and --by as they were then; leave them out"
        )
    return load(data, "test", folder, then, progress)


def is_where_it_was_trained(info: ArtifactInfo, dataset: str | PathLike[str]) -> bool:
    """Whether a data set is the path of the own pictures that a model was trained on."""
    return dataset not in DATASETS and Path(dataset).resolve() == Path(info.dataset)


def was_trained_on(info: ArtifactInfo, data: LabelledImages) -> bool:
    """Whether a model was trained on the files that some images are of, wherever they lie now."""
    return {*data.sha256.values()} == {*info.environment["data_sha256"].values()}
