"""The API for reading: pictures, regions, glyphs, explanations, and what the reader is."""

import numpy as np
from flask import Request

from inkdigits.artifact import GLYPH_PX
from inkdigits.reading import Reading
from inkdigits.web import answers, work
from inkdigits.web.bodies import (
    as_glyphs,
    glyphs_of,
    members,
    parse_grid,
    picture_of,
    regions_of,
)
from inkdigits.web.schemas import Schema
from inkdigits.web.service import Endpoint, Service

_PIXELS: Schema = {"type": "integer", "minimum": 0, "maximum": 255}
_ROW: Schema = {"type": "array", "items": _PIXELS, "minItems": GLYPH_PX, "maxItems": GLYPH_PX}
GLYPH: Schema = {"type": "array", "items": _ROW, "minItems": GLYPH_PX, "maxItems": GLYPH_PX}
_BINARY: Schema = {"type": "string", "format": "binary"}
_DATA_URL: Schema = {"type": "string", "description": "a data URL: data:image/png;base64,…"}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_BOX: Schema = {"type": "array", "items": _SHARE, "minItems": 4, "maxItems": 4}
_REGIONS: Schema = {
    "type": "object",
    "description": "as in a --regions file: left, top, width and height as shares of the picture",
    "properties": {
        "of": {"enum": ["picture", "table"]},
        "regions": {"type": "object", "additionalProperties": _BOX, "minProperties": 1},
    },
    "required": ["regions"],
    "additionalProperties": False,
}


def object_of(**properties: Schema) -> Schema:
    """The schema of an object that must have these properties."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def read(service: Service, request: Request, options: answers.ReadOptions) -> answers.ReadAnswer:
    """Read the numbers in a picture."""
    content = picture_of(request, service.settings.pixel_limit)
    grid, now = parse_grid(options.grid), service.live.current
    answer = service.workers.run(work.read_picture, now, content, grid, options)
    _count(service, answer.reading)
    return answer


def read_regions(
    service: Service, request: Request, options: answers.RegionOptions
) -> answers.RegionsAnswer:
    """Read the regions of a form or a meter, each on its own."""
    regions = regions_of(request)
    content = picture_of(request, service.settings.pixel_limit)
    now = service.live.current
    answer = service.workers.run(work.read_regions, now, content, regions, options)
    for reading in answer.readings.values():
        _count(service, reading)
    return answer


def predict(service: Service, request: Request, _: answers.NoOptions) -> answers.PredictAnswer:
    """Classify glyphs, without looking for them.

    Requests aren't batched: the network takes 0.05 ms of a request's 0.6 ms.
    """
    images, now = glyphs_of(request), service.live.current
    probabilities, familiarity = now.reader.score_glyphs(images)
    accepted = now.reader.accepts(familiarity)
    inside = now.reader.prediction_sets(probabilities)
    found = [
        answers.Prediction(
            label=int(order[0]),
            confidence=float(p[order[0]]),
            probabilities=p.tolist(),
            candidates=[int(k) for k in order if within[k]],
            accepted=bool(known),
        )
        for p, within, known, order in zip(
            probabilities,
            inside,
            accepted,
            np.argsort(-probabilities, axis=1, kind="stable"),
            strict=True,
        )
    ]
    return answers.PredictAnswer(found, now.sha256)


def explain(service: Service, request: Request, _: answers.NoOptions) -> answers.ExplainAnswer:
    """Which ink of a glyph supports a label, by default the likeliest, and which opposes it."""
    body, now = members(request), service.live.current
    (glyph,) = as_glyphs([body.get("glyph")])
    label = body.get("label")
    return service.workers.run(work.explain, now, glyph, label)


def model(service: Service, _request: Request, _: answers.NoOptions) -> answers.ModelAnswer:
    """What the reader is."""
    stored = bool(service.settings.corrections)
    return work.describe(service.live.current, service.live.path, corrections=stored)


def health(_service: Service, _request: Request, _: answers.NoOptions) -> answers.Status:
    """Alive: the process answers."""
    return answers.Status("alive")


def readiness(service: Service, _request: Request, _: answers.NoOptions) -> answers.Status:
    """Ready: a picture can be read, and the database answers; otherwise a problem."""
    service.workers.run(work.identify, service.live.current)  # refused while too many wait
    if service.store:
        service.store.counts()
    return answers.Status("ready")


def _count(service: Service, reading: Reading) -> None:
    service.telemetry.count("inkdigits_readings_total", accepted=str(reading.accepted).lower())


_PICTURES: dict[str, Schema] = {
    "image/*": _BINARY,
    "application/octet-stream": _BINARY,
    "multipart/form-data": object_of(picture=_BINARY),
    "application/json": object_of(picture=_DATA_URL),
}
_EXPLAINED: Schema = object_of(glyph=GLYPH)
_EXPLAINED["properties"]["label"] = {"type": ["integer", "null"], "minimum": 0}

ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/v1/read",
        "read",
        "Read the numbers in a picture",
        read,
        answers.ReadAnswer,
        answers.ReadOptions,
        _PICTURES,
    ),
    Endpoint(
        "POST",
        "/api/v1/regions",
        "regions",
        "Read named regions of a picture, each on its own",
        read_regions,
        answers.RegionsAnswer,
        answers.RegionOptions,
        {
            "multipart/form-data": object_of(picture=_BINARY, regions=_REGIONS),
            "application/json": object_of(picture=_DATA_URL, regions=_REGIONS),
        },
    ),
    Endpoint(
        "POST",
        "/api/v1/predict",
        "predict",
        "Classify 28×28 glyphs, bright ink on black",
        predict,
        answers.PredictAnswer,
        bodies={
            "application/json": object_of(images={"type": "array", "items": GLYPH, "minItems": 1}),
            "application/octet-stream": _BINARY | {"description": "uint8 (n, 28, 28) as .npy"},
        },
    ),
    Endpoint(
        "POST",
        "/api/v1/explain",
        "explain",
        "The evidence of a glyph's ink for a label",
        explain,
        answers.ExplainAnswer,
        bodies={"application/json": _EXPLAINED},
    ),
    Endpoint("GET", "/api/v1/model", "model", "What the reader is", model, answers.ModelAnswer),
    Endpoint("GET", "/healthz", "healthz", "Whether the server lives", health, answers.Status),
    Endpoint("GET", "/readyz", "readyz", "Whether it can read now", readiness, answers.Status),
)
