"""Evaluate a model on labelled images, in one line."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.api.data import Data, load
from inkdigits.api.progress import shown_progress
from inkdigits.artifact import Artifact, ArtifactInfo
from inkdigits.data import DATASETS, IN_MEMORY, Handling, LabelledImages, Progress
from inkdigits.data.images import relabelled
from inkdigits.data.learnt import Learnt
from inkdigits.errors import DataError, UsageError, needing
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
    model was trained on. Pictures that the model, or one that it was trained from, has learnt are
    known again and left out.

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
        test = load_test([reader.info], data, folder, handling, progress)
        return measure(reader, test, name, Extent(corruptions), progress)


def load_test(
    infos: Sequence[ArtifactInfo],
    data: Data,
    folder: Path | None,
    handling: Handling,
    progress: Progress,
) -> LabelledImages:
    """The test images for models of the same labels: own pictures without those they have learnt.

    Pictures are taken as they are if the first model was trained on such. Raises `DataError` if
    nothing is left.
    """

    def taken(handling: Handling) -> LabelledImages:
        return relabelled(load(data, "test", folder, handling, progress), infos[0].labels)

    if isinstance(data, str | PathLike) and fspath(data) in DATASETS:
        return taken(handling)
    then = Handling(**infos[0].environment.get("handling", {}))
    if isinstance(data, str | PathLike):
        handling = replace(handling, whole=True, as_is=handling.as_is or then.as_is)
    test = taken(handling)
    known = np.zeros(len(test), bool)
    for info in infos:
        known |= Learnt.by(info).knows(test.images)
    if len(test) and known.all():
        raise DataError(f"all {len(test)} pictures were trained on; evaluate on others")
    if known.any() and then.groups + then.by and not handling.groups + handling.by:
        test = taken(replace(handling, groups=then.groups, by=then.by))
    return _only_new(test, known) if known.any() else test


def _only_new(test: LabelledImages, known: NDArray[np.bool_]) -> LabelledImages:
    """The images that no model has learnt; `about` says how many are left out, and of whom."""
    groups, about = np.array(test.groups), test.about + "; " if test.about else ""
    about += f"{known.sum():,} of {len(test):,} were trained on and are left out"
    if len(groups) and not {*groups[known]} & {*groups[~known]}:
        about += f", all of other groups than the {len({*groups[~known]})} here"
    return replace(test.only(~known), about=about)
