"""What a worker notes of what it is about to read, so that it is known what it died over."""

from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from inkdigits.batch.pool import DEATHS
from inkdigits.files import storage_errors

_BEGIN, _END = "begin", "stopped"


class Notes:
    """A file with a line for each thing before it is read; removed when all has gone well.

    It outlives its process, and the job: a picture that ends all of it is known when it is resumed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with storage_errors("write", path):
            text = path.read_text("ascii") if path.exists() else ""
            self._file = path.open("a", encoding="ascii", buffering=1)  # by lines
        attempts = [attempt.split() for attempt in text.split(_BEGIN)]
        deaths = Counter(lines[-1] for lines in attempts if lines)
        self._fatal = {what for what, number in deaths.items() if number >= DEATHS}

    def __enter__(self) -> "Notes":
        self._file.write(_BEGIN + "\n")
        return self

    def is_fatal(self, what: str) -> bool:
        """Note what is about to be read; whether as many processes died over it as are allowed."""
        self._file.write(what + "\n")
        return what in self._fatal

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error:  # nobody died
            with suppress(OSError):
                self._file.write(_END + "\n")
        self._file.close()
        if not error:
            self._path.unlink(missing_ok=True)
