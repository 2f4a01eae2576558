"""The error tree: everything that inkdigits raises on purpose.

    InkdigitsError
    ├── UsageError           a wrong name, value or option
    ├── MissingExtra         an optional dependency is not installed
    ├── DataError            the data set
    │   ├── InvalidIdx         bytes that are not the IDX format
    │   ├── CorruptData        content that is not what it should be
    │   └── FetchFailed        no source could give the data
    ├── StorageError         the disk: full, read-only, missing
    ├── ArtifactError        a file that is not an artifact of ours, or a damaged one
    ├── CanvasError          a picture that can't be opened or read
    ├── TrainingDiverged     the loss became NaN or infinite
    └── TrainingInterrupted  Ctrl-C; what was finished is kept

Each message names the culprit, the value and the cure. `inkdigits.cli` maps the tree to exit codes.
"""


class InkdigitsError(Exception):
    """The root of the tree; catch this to catch them all."""


class UsageError(InkdigitsError):
    """A wrong name, value or option."""


class MissingExtra(InkdigitsError):
    """An optional dependency is not installed."""


class DataError(InkdigitsError):
    """Something is wrong with a data set."""


class InvalidIdx(DataError):
    """Bytes that are not the IDX format."""


class CorruptData(DataError):
    """Content that is not what it should be."""


class FetchFailed(DataError):
    """No source could give the data."""


class StorageError(InkdigitsError):
    """The disk is full, read-only or not there."""


class ArtifactError(InkdigitsError):
    """A file that is not an artifact of ours, or a damaged one."""


class CanvasError(InkdigitsError):
    """A picture that can't be opened or read; `code` is stable and machine-readable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)  # both, or copies and other processes could not rebuild it
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class TrainingDiverged(InkdigitsError):
    """The loss became NaN or infinite."""


class TrainingInterrupted(InkdigitsError):
    """Training was stopped from outside; what was finished is kept."""
