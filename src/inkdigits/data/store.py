"""Data sets on this machine: find, fetch, verify, load."""

import os
import tempfile
from pathlib import Path

from inkdigits.data.datasets import (
    DATASETS,
    DEFAULT_DATASET,
    SUBSETS,
    Subset,
    candidate_folders,
    dataset_info,
    find_dataset,
    find_file,
    load_subset,
    verify_dataset,
)
from inkdigits.data.images import LabelledImages
from inkdigits.data.own import AS_FOUND, Handling, load_own
from inkdigits.data.sources import SOURCES, Contents, Progress
from inkdigits.errors import DataError, FetchFailed, UsageError
from inkdigits.files import (
    cache_folder,
    make_folder,
    read_bytes,
    sha256,
    storage_errors,
    write_atomic,
)


def ignore_progress(_task: str, _done: int, _total: int) -> None:
    """A `Progress` that shows nothing."""


def given_folder(folder: Path | None) -> Path | None:
    """The folder that the caller or the environment variable `INKDIGITS_DATA` names, if any."""
    from_environment = os.environ.get("INKDIGITS_DATA")
    return folder or (Path(from_environment) if from_environment else None)


def locate_dataset(name: str, folder: Path | None = None) -> Path | None:
    """The folder of a data set, without fetching.

    A given folder is searched alone; otherwise `INKDIGITS_DATA`, then the per-user cache.
    """
    roots = (folder,) if folder else (given_folder(None), cache_folder())
    return next((found for root in roots if root and (found := find_dataset(name, root))), None)


def fetch_dataset(
    name: str, folder: Path | None = None, progress: Progress = ignore_progress
) -> Path:
    """The folder of a data set, verified; fetched if necessary (MNIST only).

    Looks in the given folder (or `INKDIGITS_DATA`), in the per-user cache, then tries `SOURCES`
    in order and writes into the given folder or the cache. What is in the cache is copied into a
    given folder. A damaged cache is fetched again; a damaged given folder is left alone and raises
    `CorruptData`.
    Raises `FetchFailed` if no source has the right bytes, `StorageError` if writing fails.
    """
    given = given_folder(folder)
    if given and (found := find_dataset(name, given)):
        verify_dataset(name, found)
        return found
    can_be_fetched = dataset_info(name).sha256 is not None
    cached = find_dataset(name, cache_folder())
    if cached:
        try:
            verify_dataset(name, cached)
        except DataError:
            if not can_be_fetched:
                raise
        else:
            return _copy_dataset(name, cached, folder) if folder else cached
    if not can_be_fetched:
        raise DataError(_not_there(name, given))
    root = given or cache_folder()
    target = next(candidate_folders(name, root))
    for file_name, content in _fetch_verified(name, root, progress).items():
        write_atomic(target / file_name, content)
    return target


def _copy_dataset(name: str, source: Path, root: Path) -> Path:
    """Copy the files of a data set below a folder; where they are then."""
    target = next(candidate_folders(name, root))
    for file_name in dataset_info(name).file_names():
        path = find_file(source, file_name)
        assert path  # noqa: S101 - it was found there
        write_atomic(target / path.name, read_bytes(path))
    return target


def load_dataset(
    name: str = DEFAULT_DATASET,
    subset: Subset = "train",
    folder: Path | None = None,
    progress: Progress = ignore_progress,
    handling: Handling = AS_FOUND,
) -> LabelledImages:
    """One subset of a data set, verified; without a folder, found or fetched as in `fetch_dataset`.

    Once the data set is on the disk, only the files of that subset are opened. Raises `DataError`
    if a folder is given that doesn't hold the data set; there is no fallback. Other names are
    paths of own pictures, in any of the forms of `forms`; `handling` is for these.
    """
    if subset not in SUBSETS:
        raise UsageError(f"there is no subset {subset!r}; choose 'train' or 'test'")
    if not isinstance(name, str | os.PathLike):
        raise UsageError(f"{type(name).__name__} is neither a data set's name nor a path")
    name = os.fspath(name)
    if name not in DATASETS:
        if not os.path.exists(name):  # noqa: PTH110 - a path's method raises for too long a name
            raise UsageError(
                f"there is no data set, file or folder {name!r}; choose one of "
                f"{', '.join(DATASETS)}, or pass a path"
            )
        return load_own(Path(name), subset, handling, progress)
    if handling != AS_FOUND:
        raise UsageError(
            f"--as-is, --groups and --by are for own pictures, and {name} is a data set"
        )
    found = locate_dataset(name, folder)
    if folder and not found:
        raise DataError(_not_in(name, folder))
    if found:
        try:
            return load_subset(name, subset, found)
        except DataError:
            if found not in candidate_folders(name, cache_folder()):
                raise
    return load_subset(name, subset, fetch_dataset(name, folder, progress))


def _fetch_verified(name: str, root: Path, progress: Progress) -> Contents:
    """The four files from the first source with the right hashes; nothing else is kept."""
    make_folder(root)
    failures = []
    for source_name, source in SOURCES.items():
        try:
            with (
                storage_errors("write in", root),
                tempfile.TemporaryDirectory(dir=root.resolve()) as scratch,
            ):
                contents = source(Path(scratch), progress)
            _check_fetched(name, contents)
        except DataError as error:
            failures.append(f"{source_name}: {error}")
        else:
            return contents
    raise FetchFailed(
        f"no source provided {name}; put its four IDX files into a folder and pass "
        "--data-dir, or try again later:\n  " + "\n  ".join(failures)
    )


def _check_fetched(name: str, contents: Contents) -> None:
    for file_name, expected in (dataset_info(name).sha256 or {}).items():
        digest = sha256(contents[file_name])
        if digest != expected:
            raise FetchFailed(
                f"{file_name} has sha256 {digest[:12]}…, not {expected[:12]}…; nothing was kept"
            )


def _not_in(name: str, folder: Path) -> str:
    below = " nor ".join(str(place) for place in candidate_folders(name, folder))
    files = ", ".join(dataset_info(name).file_names())
    cure = "put them there, or pass their folder with --data-dir"
    if dataset_info(name).sha256:
        fetch = f"inkdigits data fetch {name} --data-dir {folder}"
        cure = f"'{fetch}' fetches them; without --data-dir the per-user cache is used"
    return f"{folder} has no {name}: {files} (plain or .gz) are neither in {below}; {cure}"


def _not_there(name: str, given: Path | None) -> str:
    roots = [root for root in (given, cache_folder()) if root]
    places = ", ".join(str(place) for root in roots for place in candidate_folders(name, root))
    files = ", ".join(dataset_info(name).file_names())
    return (
        f"{name} is not here and can't be fetched: put {files} (plain or .gz) "
        f"into one of {places}; or pass their folder with --data-dir"
    )
