"""The error tree: everything that inkdigits raises on purpose.

    InkdigitsError
    ├── UsageError           a wrong name, value or option
    ├── MissingExtra         an optional dependency is not installed
    ├── DataError            the data set
    │   ├── InvalidIdx         bytes that are not the IDX format
    │   ├── CorruptData        content other than expected
    │   └── FetchFailed        no source provided the data
    ├── StorageError         the disk: full, read-only, missing
    ├── ArtifactError        a file that is not an inkdigits artifact, or is damaged
    ├── CanvasError          a picture that can't be opened or read
    ├── TrainingDiverged     the loss became NaN or infinite
    ├── TrainingRefused      what was trained would be worse than what it began with
    └── TrainingInterrupted  Ctrl-C; finished epochs are kept

Each message names the culprit, the value and the cure. `EXIT_CODES` has their exit codes.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

_LONGEST_WORD, _LONGEST_MESSAGE = 300, 2000  # characters


class InkdigitsError(Exception):
    """The root of the tree; catch this to catch them all."""

    def __init__(self, message: str) -> None:
        super().__init__(shortened(message))


class UsageError(InkdigitsError):
    """A wrong name, value or option."""


class MissingExtra(InkdigitsError):
    """An optional dependency is not installed."""


class DataError(InkdigitsError):
    """Something is wrong with a data set."""


class InvalidIdx(DataError):
    """Bytes that are not the IDX format."""


class CorruptData(DataError):
    """Content other than expected."""


class FetchFailed(DataError):
    """No source provided the data."""


class StorageError(InkdigitsError):
    """The disk is full, read-only or missing."""


class ArtifactError(InkdigitsError):
    """A file that is not an inkdigits artifact, or is damaged."""


CanvasCode = Literal[
    "bad_array",  # values out of range, or an unsupported shape
    "bad_table",  # a CSV, IDX or Parquet file that does not hold pictures
    "crashed",  # reading it ended the process, each time it was tried
    "empty",
    "folder_loop",  # a link to one of its own parent folders
    "no_images",  # a folder without pictures
    "no_such_page",
    "not_a_file",
    "not_an_image",
    "not_found",
    "not_supported",  # an optional library is missing
    "too_large",
    "too_small",
    "too_thin",
    "truncated",
    "unreadable",  # permission denied, or the disk failed
]


class CanvasError(InkdigitsError):
    """A picture that can't be opened or read; `code` is stable and machine-readable."""

    def __init__(self, code: CanvasCode, message: str) -> None:
        super().__init__(message)
        self.args = (code, *self.args)  # both, so that copying and pickling work
        self.code: CanvasCode = code
        self.message: str = self.args[1]

    def __str__(self) -> str:
        return self.message


class TrainingDiverged(InkdigitsError):
    """The loss became NaN or infinite."""


class TrainingRefused(InkdigitsError):
    """What was trained would be worse than what it began with."""


class TrainingInterrupted(InkdigitsError):
    """Training was interrupted; finished epochs are kept."""


EXIT_CODES: dict[type[InkdigitsError], tuple[int, str]] = {
    UsageError: (2, "wrong usage"),
    MissingExtra: (2, "wrong usage"),
    DataError: (3, "data set"),
    StorageError: (4, "disk or memory"),
    ArtifactError: (5, "artifact"),
    CanvasError: (6, "picture"),
    TrainingDiverged: (7, "training diverged"),
    TrainingRefused: (8, "training refused"),
    TrainingInterrupted: (130, "interrupted"),
}
"""The exit code of each kind of error, and its text in `inkdigits --help`."""


@contextmanager
def needing(extra: str, purpose: str) -> Iterator[None]:
    """Turn a failed import inside the block into `MissingExtra`."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{purpose} needs {error.name}, which is not installed: "
            f"pip install 'inkdigits[{extra}]'"
        ) from error


def out_of_memory(name: str) -> CanvasError:
    """The error for a picture that there isn't enough memory for."""
    return CanvasError("too_large", f"{name} needs more memory than there is; make it smaller")


@contextmanager
def within_memory() -> Iterator[None]:
    """Turn running out of memory while a picture is read into a `CanvasError`."""
    try:
        yield
    except MemoryError:
        raise out_of_memory("the picture") from None
    except Exception as error:  # ONNX Runtime has no class for it
        if "Failed to allocate memory" not in str(error) and "bad_alloc" not in str(error):
            raise
        raise out_of_memory("the picture") from None


def shortened(message: str) -> str:
    """The message, with overlong parts such as a data URL given as a path cut in the middle."""
    message = re.sub(rf"\S{{{_LONGEST_WORD},}}", lambda word: _cut(word.group(), 100), message)
    return _cut(message, _LONGEST_MESSAGE // 2) if len(message) > _LONGEST_MESSAGE else message


def _cut(text: str, kept: int) -> str:
    """The first and last `kept` characters, and the number of those left out."""
    return f"{text[:kept]}…({len(text) - 2 * kept:,} characters)…{text[-kept:]}"
