"""Make an artifact of another program's model, in one line."""

from os import PathLike
from pathlib import Path

from inkdigits.api.progress import shown_progress
from inkdigits.api.run import Run
from inkdigits.artifact import ARTIFACT_NAME
from inkdigits.data import DEFAULT_DATASET, Progress, load_dataset
from inkdigits.errors import needing
from inkdigits.files import make_folder, write_atomic


def import_model(
    path: str | PathLike[str],
    out: str | PathLike[str] | None = None,
    *,
    data_dir: str | PathLike[str] | None = None,
    quiet: bool = False,
) -> Run:
    """Make an artifact of a digit model: `.keras`, `.h5`, `.onnx` or `.pt2`, read as data.

    Which pixels it takes, and in which order its labels are, is found on MNIST's training digits,
    and stands in the run's `info.recipe["summary"]`. It is calibrated on a tenth of them; perhaps
    it has learnt these. `out` is a new folder, by default `runs/<time>-<name>-0`; `data_dir` is
    where MNIST lies. Bars are drawn unless `quiet`. `Run.report` evaluates it.

    Raises `ArtifactError` if the file is damaged or has something that can't be imported, which is
    named, `UsageError` for another kind of file, `StorageError` if it can't be read or the folder
    exists, `DataError` if MNIST can't be loaded, `MissingExtra` without the extra `keras`, or
    `train`.
    """
    folder = Path(data_dir) if data_dir else None
    with shown_progress(quiet=quiet) as progress:
        return import_into(Path(path), Path(out) if out else None, folder, progress)


def import_into(path: Path, out: Path | None, data_dir: Path | None, progress: Progress) -> Run:
    """As `import_model`, with a progress of one's own."""
    with needing("train", "importing"):
        from inkdigits.importing import import_file
        from inkdigits.training.run_folder import default_folder
    digits = load_dataset(DEFAULT_DATASET, "train", data_dir, progress)
    progress(f"trying {path.name} on digits", 0, 0)
    content = import_file(path, digits)
    folder = out or default_folder(path.stem, 0)
    make_folder(folder, must_be_new=True)
    write_atomic(folder / ARTIFACT_NAME, content)
    return Run(folder, data_dir)
