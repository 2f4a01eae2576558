"""The OpenAPI 3.1 document, from the table of endpoints and the dataclasses of their answers."""

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from inkdigits.web.answers import Problem
from inkdigits.web.problems import MEDIA_TYPE
from inkdigits.web.schemas import Schemas, parameters
from inkdigits.web.service import Endpoint

_IN_PATH = re.compile(r"<string\(length=32\):(\w+)>")


def build_openapi(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The document, for JSON."""
    schemas = Schemas()
    problem = {MEDIA_TYPE: {"schema": schemas.of(Problem)}}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation: dict[str, Any] = {
            "operationId": endpoint.name,
            "summary": endpoint.summary,
            "parameters": [*_path_parameters(endpoint.path), *parameters(endpoint.options)],
            "responses": {
                str(endpoint.status): {
                    "description": "the answer",
                    "content": {"application/json": {"schema": schemas.of(endpoint.answer)}},
                },
                "default": {"description": "a problem", "content": problem},
            },
        }
        if endpoint.bodies:
            content = {kind: {"schema": schema} for kind, schema in endpoint.bodies.items()}
            operation["requestBody"] = {"required": True, "content": content}
        path = _IN_PATH.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "inkdigits",
            "version": version("inkdigits"),
            "description": "Reads handwritten digits. Errors are problems (RFC 9457).",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _path_parameters(path: str) -> list[dict[str, Any]]:
    schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name in _IN_PATH.findall(path)
    ]
