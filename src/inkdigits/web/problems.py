"""Errors as problems (RFC 9457): one table from the error tree to HTTP statuses."""

import json
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

from inkdigits.errors import (
    ArtifactError,
    CanvasError,
    DataError,
    InkdigitsError,
    MissingExtra,
    StorageError,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1

STATUSES: dict[type[InkdigitsError], tuple[int, str]] = {
    CanvasError: (422, "unreadable_picture"),
    UsageError: (400, "wrong_usage"),
    MissingExtra: (501, "missing_extra"),
    StorageError: (507, "storage"),
    DataError: (422, "bad_data"),
    ArtifactError: (500, "bad_artifact"),
}
"""The status and code of each kind of error."""

_OF_PICTURES = {"too_large": 413, "not_supported": 415}
_REFUSALS = {
    400: "bad_request",
    401: "no_token",
    403: "other_origin",
    404: "not_found",
    405: "wrong_method",
    413: "too_large",
    415: "wrong_type",
    421: "wrong_host",
    429: "too_many_requests",
    503: "busy",
    504: "too_slow",
}


class Refused(Exception):
    """A request that is refused before, or instead of, being worked on."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def problem(status: int, code: str, detail: str) -> Response:
    """A problem document; `code` is stable and machine-readable."""
    title = code.replace("_", " ")
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    response = Response(
        json.dumps(body | {"detail": detail, "code": code}), status, content_type=MEDIA_TYPE
    )
    if status in {429, 503}:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def as_problem(error: Exception) -> Response:
    """The problem that an error is answered with; an unexpected one tells nothing of the inside."""
    if isinstance(error, CanvasError):
        status = _OF_PICTURES.get(error.code, STATUSES[CanvasError][0])
        return problem(status, error.code, error.message)
    if isinstance(error, InkdigitsError):
        status, code = next(known for kind, known in STATUSES.items() if isinstance(error, kind))
        return problem(status, code, str(error))
    if isinstance(error, Refused):
        return problem(error.status, _REFUSALS[error.status], str(error))
    if isinstance(error, HTTPException) and error.code in _REFUSALS:
        response = problem(error.code, _REFUSALS[error.code], error.description or "")
        if error.code == 405:
            response.headers["Allow"] = ", ".join(
                sorted(getattr(error, "valid_methods", None) or ())
            )
        return response
    return problem(500, "internal", "something went wrong inside; the server's log says what")
