"""The Flask app: the page, the API, and what watches over both."""

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, UnsupportedMediaType

from inkdigits.errors import InkdigitsError
from inkdigits.web import api
from inkdigits.web.bodies import parse_options
from inkdigits.web.limits import Threads, Workers
from inkdigits.web.live import LiveReader
from inkdigits.web.openapi import build_openapi
from inkdigits.web.problems import Refused, as_problem
from inkdigits.web.safety import install_checks
from inkdigits.web.schemas import encode
from inkdigits.web.service import Endpoint, Service
from inkdigits.web.settings import Settings
from inkdigits.web.telemetry import Telemetry, install_telemetry

if TYPE_CHECKING:
    from inkdigits.web.corrections.store import Store

LOG = logging.getLogger("inkdigits.web")


def create_app(settings: Settings | None = None) -> Flask:
    """A WSGI app that reads pictures: for waitress, gunicorn, or mounted in an app of your own.

    It watches the artifact's file, in a thread.

    Raises `ArtifactError` or `StorageError` if the artifact can't be opened.
    """
    settings = settings or Settings()
    app = Flask("inkdigits.web", static_folder="static", static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = settings.body_limit
    service = Service(
        settings=settings,
        live=LiveReader(settings.artifact),
        telemetry=Telemetry(),
        store=_open_store(settings.corrections),
        workers=_hire(settings),
    )
    endpoints = [*api.ENDPOINTS, *(_of_corrections() if service.store else ())]
    app.extensions["inkdigits"] = service
    service.live.watch()
    install_telemetry(app, service.telemetry)
    install_checks(app, settings)
    _install_problems(app, service)
    for endpoint in endpoints:
        app.add_url_rule(
            endpoint.path,
            endpoint.name,
            _view(service, endpoint),
            methods=[endpoint.method],
            provide_automatic_options=False,
        )
    _install_pages(app, service, build_openapi(endpoints))
    return app


def _hire(settings: Settings) -> Workers:
    """What does the heavy work; only a server of its own has processes for that."""
    limits = (settings.workers, settings.waiting, settings.time_limit_s)
    if not settings.processes:
        return Threads(*limits)
    from inkdigits.web.processes import Processes

    return Processes(*limits)


def _open_store(address: str) -> "Store | None":
    """The store of corrections at an address; SQLAlchemy is imported only if there is one."""
    if not address:
        return None
    from inkdigits.web.corrections.store import Store

    return Store(address)


def _of_corrections() -> tuple[Endpoint, ...]:
    from inkdigits.web.corrections.api import ENDPOINTS

    return ENDPOINTS


def _view(service: Service, endpoint: Endpoint) -> Callable[..., Response]:
    """A view that answers as the endpoint's row says."""

    def view(**in_path: str) -> Response:
        if endpoint.bodies and not _is_taken(request.mimetype, endpoint):
            known = ", ".join(endpoint.bodies)
            raise UnsupportedMediaType(f"the body is {request.mimetype!r}; send {known}")
        options: Any = parse_options(request.args.lists(), endpoint.options)
        answer = endpoint.work(service, request, options, **in_path)
        return _as_json(encode(answer), endpoint.status)

    return view


def _as_json(content: str, status: int = 200) -> Response:
    return Response(content, status, content_type="application/json")


def _is_taken(mimetype: str, endpoint: Endpoint) -> bool:
    kind = mimetype.split("/")[0]
    return mimetype in endpoint.bodies or f"{kind}/*" in endpoint.bodies


def _install_problems(app: Flask, service: Service) -> None:
    def answer(error: Exception) -> Response:
        response = as_problem(error)
        if response.status_code == 500:
            LOG.error("a request failed", exc_info=error)
        code = response.json["code"] if response.json else ""
        service.telemetry.count("inkdigits_refusals_total", code=code)
        return response

    for kind in (InkdigitsError, Refused, HTTPException, Exception):
        app.register_error_handler(kind, answer)


def _install_pages(app: Flask, service: Service, document: dict[str, Any]) -> None:
    described = json.dumps(document)

    @app.get("/")
    def page() -> Response:
        return app.send_static_file("index.html")

    @app.get("/openapi.json")
    def openapi() -> Response:
        return _as_json(described)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(service.telemetry.to_text(), content_type="text/plain; version=0.0.4")
