"""The page and its API, served by Flask: draw, photograph, correct; needs the extra `web`."""

from typing import TYPE_CHECKING, Any

from inkdigits.web.settings import Settings

if TYPE_CHECKING:
    from inkdigits.web.app import create_app

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    """`create_app` when it is asked for: the processes that read pictures need no Flask."""
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from inkdigits.web.app import create_app

    return create_app
