"""Evaluate a model on labelled images, in one line."""

from os import PathLike, fspath
from pathlib import Path

from inkdigits.api.data import Data, load
from inkdigits.api.progress import shown_progress
from inkdigits.artifact import Artifact, ArtifactInfo
from inkdigits.data import DATASETS, IN_MEMORY, Handling
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
    as_is: bool = False,
    corruptions: bool = False,
    quiet: bool = False,
) -> Report:
    """Measure a model on a test set: accuracy with its interval, confusions, scores by class.

    `model` is a reader or whatever `Reader.load` takes; None is the model inside the package.
    `data` is the name of a data set, of which the test set is taken; a path of own pictures; or
    arrays, (images, labels), or what `load_data` gives: all of these. By default it is what the
    model was trained on. Of pictures that nobody has parted into training and test sets, the fifth
    is taken that training leaves alone; all of them, if the file or folder is called test.

    `data_dir` is where a named data set lies. `groups` and `as_is` are for own pictures: a regular
    expression for the writer in a file's name, and 28×28 pictures left untouched. `corruptions`
    also measures fifteen kinds of damage, for two minutes. Bars are drawn unless `quiet`.

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
    handling = handling_of(reader.info, name, Handling(as_is, groups))
    folder = Path(data_dir) if data_dir else None
    with shown_progress(quiet=quiet) as progress:
        test = relabelled(load(data, "test", folder, handling, progress), reader.info.labels)
        return measure(reader, test, name, Extent(corruptions), progress)


def handling_of(info: ArtifactInfo, dataset: str, handling: Handling) -> Handling:
    """How pictures are taken: those that a model was trained on as then, for the same test set."""
    if is_its_own(info, dataset):
        return Handling(**info.environment.get("handling", {}))
    return handling


def is_its_own(info: ArtifactInfo, dataset: str) -> bool:
    """Whether a data set is the path of the own pictures that a model was trained on."""
    return dataset not in DATASETS and Path(dataset).resolve() == Path(info.dataset)
