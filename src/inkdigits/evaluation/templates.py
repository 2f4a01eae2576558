"""The templates of reports."""

from functools import cache

import jinja2

from inkdigits.data import DATASETS


def title_of(dataset: str) -> str:
    """How a data set is called in a title."""
    return DATASETS[dataset].title if dataset in DATASETS else dataset


@cache
def template(name: str) -> jinja2.Template:
    """A template of this room; the filter `percent` shows a share."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.PackageLoader("inkdigits.evaluation", ""),
    )
    environment.filters["percent"] = lambda share: f"{share:.2%}"
    return environment.get_template(name)
