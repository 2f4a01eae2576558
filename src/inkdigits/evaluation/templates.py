"""The templates of reports."""

from functools import cache
from importlib.resources import files

import jinja2


@cache
def template(name: str) -> jinja2.Template:
    """A template of this room; the filter `percent` shows a share."""

    def source_of(name: str) -> str:
        return files("inkdigits.evaluation").joinpath(name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(source_of),
    )
    environment.filters["percent"] = lambda share: f"{share * 100:.2f}\N{NO-BREAK SPACE}%"
    return environment.get_template(name)
