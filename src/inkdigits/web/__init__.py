"""The page and its API, served by Flask: draw, photograph, correct; needs the extra `web`."""

from inkdigits.web.app import create_app
from inkdigits.web.settings import Settings

__all__ = ["Settings", "create_app"]
