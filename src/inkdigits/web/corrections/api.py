"""The API of corrections: store, look through, delete, and store again what was deleted."""

from dataclasses import dataclass
from typing import Any

from flask import Request
from werkzeug.exceptions import NotFound

from inkdigits.errors import UsageError, shortened
from inkdigits.web.answers import NoOptions
from inkdigits.web.api import object_of
from inkdigits.web.bodies import check_pixels, from_data_url, members
from inkdigits.web.corrections import Correction, parse_correction
from inkdigits.web.corrections.correction import (
    correct,
    is_hash,
    is_label,
    is_share,
    parse_glyph,
)
from inkdigits.web.corrections.store import Store
from inkdigits.web.schemas import Schema
from inkdigits.web.service import Endpoint, Service

MOST_AT_ONCE = 500


@dataclass(frozen=True)
class PageOptions:
    """Which of the corrections: so many, after the first so many, the newest first."""

    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class CorrectionsAnswer:
    """Corrections, how many are stored, and how many of those were misread."""

    corrections: list[Correction]
    stored: int
    misread: int


@dataclass(frozen=True)
class CountAnswer:
    """How many corrections were stored or deleted."""

    count: int


def store_of(service: Service) -> Store:
    """The store, which is there wherever these endpoints are."""
    assert service.store  # noqa: S101
    return service.store


def store(service: Service, request: Request, _: NoOptions) -> Correction:
    """Store what a digit is."""
    body = members(request)
    _check(body, len(service.live.current.reader.info.labels))
    crop = from_data_url(body["crop"])
    check_pixels(crop, service.settings.pixel_limit)
    said = {name: body.get(name) for name in ("label", "read_as", "confidence")}
    said["artifact"] = body.get("artifact", "")
    glyph = parse_glyph(body["glyph"]) if body.get("glyph") is not None else None
    made: Correction = service.workers.run(correct, service.live.current, said, crop, glyph)
    store_of(service).add([made])
    service.telemetry.count("inkdigits_corrections_total")
    return made


def _check(body: dict[str, Any], labels: int) -> None:
    """Raise `UsageError` for a member that is wrong."""
    label = body.get("label")
    if not is_label(label) or (label is not None and label >= labels):
        raise UsageError(
            f"label is {shortened(repr(label))}; it must be 0 to {labels - 1}, or null"
        )
    if not is_label(body.get("read_as")) or not is_share(body.get("confidence")):
        raise UsageError("read_as must be a label or null, and confidence 0…1 or null")
    if not is_hash(body.get("artifact", "")):
        raise UsageError("artifact must be the SHA-256 that came with the reading")
    if not isinstance(body.get("crop"), str):
        raise UsageError("crop must be a data URL of the picture of the digit")


def page(service: Service, _request: Request, options: PageOptions) -> CorrectionsAnswer:
    """Look through the corrections."""
    limit = min(options.limit or MOST_AT_ONCE, MOST_AT_ONCE)
    some = store_of(service).page(options.offset, limit)
    return CorrectionsAnswer(some, **store_of(service).counts())


def remove(service: Service, _request: Request, _: NoOptions, key: str) -> Correction:
    """Delete one; the answer is what was deleted, to store it again if that was a mistake."""
    found = store_of(service).remove(key)
    if found is None:
        raise NotFound(f"there is no correction {key}")
    return found


def remove_all(service: Service, _request: Request, _: NoOptions) -> CountAnswer:
    """Delete all."""
    return CountAnswer(store_of(service).remove_all())


def take_in(service: Service, request: Request, _: NoOptions) -> CountAnswer:
    """Store corrections that were exported or deleted; those that are there already are skipped."""
    given: Any = members(request).get("corrections")
    if not isinstance(given, list) or len(given) > MOST_AT_ONCE:
        raise UsageError(f"'corrections' must be a list of at most {MOST_AT_ONCE} corrections")
    return CountAnswer(store_of(service).add([parse_correction(values) for values in given]))


_LABEL: Schema = {"type": ["integer", "null"], "minimum": 0, "maximum": 9}
_STORED: Schema = object_of(
    label=_LABEL | {"description": "null: not a digit"},
    crop={"type": "string", "description": "the picture of the digit as a data URL"},
)
_STORED["properties"] |= {
    "read_as": _LABEL,
    "confidence": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "artifact": {"type": "string", "pattern": "^([0-9a-f]{64})?$"},
    "glyph": {
        "type": ["string", "null"],
        "description": "784 bytes in base64; null: laid out from the crop",
    },
}
_TAKEN_IN = object_of(corrections={"type": "array", "items": {"type": "object"}})
_PATH = "/api/v1/corrections"

ENDPOINTS = (
    Endpoint(
        "POST",
        _PATH,
        "correct",
        "Store what a digit is",
        store,
        Correction,
        bodies={"application/json": _STORED},
        status=201,
    ),
    Endpoint(
        "GET",
        _PATH,
        "corrections",
        "Look through the corrections",
        page,
        CorrectionsAnswer,
        PageOptions,
    ),
    Endpoint("DELETE", _PATH, "delete_corrections", "Delete all", remove_all, CountAnswer),
    Endpoint(
        "DELETE",
        f"{_PATH}/<string(length=32):key>",
        "delete_correction",
        "Delete one; the answer is what was deleted",
        remove,
        Correction,
    ),
    Endpoint(
        "POST",
        f"{_PATH}/import",
        "import_corrections",
        "Store corrections that were exported or deleted",
        take_in,
        CountAnswer,
        bodies={"application/json": _TAKEN_IN},
    ),
)
