"""What the handlers of requests work with, in one place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inkdigits.web.answers import NoOptions
from inkdigits.web.limits import Workers
from inkdigits.web.live import LiveReader
from inkdigits.web.schemas import Schema
from inkdigits.web.settings import Settings
from inkdigits.web.telemetry import Telemetry

if TYPE_CHECKING:
    from inkdigits.web.corrections.store import Store


@dataclass(frozen=True)
class Service:
    """The parts of a running server."""

    settings: Settings
    live: LiveReader
    workers: Workers
    telemetry: Telemetry
    store: "Store | None" = None


@dataclass(frozen=True)
class Endpoint:
    """A row of the API: how a request is answered, and how the OpenAPI document describes it.

    `bodies` has the schema of each media type that is taken. `work` takes the service, the request
    its options, and what is in the path.
    """

    method: str
    path: str
    name: str
    summary: str
    work: Callable[..., Any]
    answer: type
    options: type = NoOptions
    bodies: dict[str, Schema] = field(default_factory=dict)
    status: int = 200
