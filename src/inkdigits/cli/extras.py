"""Optional dependencies: a missing one is reported with its cure before any work begins."""

from collections.abc import Iterator
from contextlib import contextmanager

from inkdigits.errors import MissingExtra


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
