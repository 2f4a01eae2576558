"""The API for reading: pictures, regions, glyphs, explanations, and what the reader is."""

import base64
import io
import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from flask import Request

from inkdigits.artifact import GLYPH_PX, ArtifactInfo, artifact_path
from inkdigits.errors import UsageError
from inkdigits.imaging import open_picture
from inkdigits.imaging.canvas import count_pages
from inkdigits.reading import Reading
from inkdigits.reading.explanation import evidence_map
from inkdigits.web import answers
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

    def work() -> answers.ReadAnswer:
        reading = now.reader.read(
            content,
            page=options.page,
            single=options.single,
            expect=options.expect,
            grid=grid,
            digits_only=options.digits_only,
        )
        return answers.ReadAnswer(
            reading=reading,
            artifact=now.sha256,
            pages=count_pages(content),
            glyphs=_glyphs(reading) if options.glyphs else [],
            picture=_as_data_url(content, options.page) if options.picture else None,
        )

    answer = service.workers.run(work)
    _count(service, answer.reading)
    return answer


def read_regions(
    service: Service, request: Request, options: answers.RegionOptions
) -> answers.RegionsAnswer:
    """Read the regions of a form or a meter, each on its own."""
    regions = regions_of(request)
    content = picture_of(request, service.settings.pixel_limit)
    now = service.live.current

    def work() -> dict[str, Reading]:
        return now.reader.read_regions(
            content,
            regions,
            page=options.page,
            single=options.single,
            expect=options.expect,
            digits_only=options.digits_only,
        )

    readings = service.workers.run(work)
    for reading in readings.values():
        _count(service, reading)
    glyphs = {
        name: _glyphs(reading) if options.glyphs else [] for name, reading in readings.items()
    }
    return answers.RegionsAnswer(readings, now.sha256, glyphs)


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
    label, count = body.get("label"), len(now.reader.info.labels)
    if label is None:
        label = int(now.reader.predict(glyph[None])[0])
    if type(label) is not int or not 0 <= label < count:
        raise UsageError(f"label is {label!r}; it must be a whole number, 0 to {count - 1}")

    def work() -> list[list[float]]:
        evidence: list[list[float]] = evidence_map(glyph, label, now.reader.predict_proba).tolist()
        return evidence

    return answers.ExplainAnswer(label, service.workers.run(work), now.sha256)


def model(service: Service, _request: Request, _: answers.NoOptions) -> answers.ModelAnswer:
    """What the reader is."""
    now = service.live.current
    info = now.reader.info
    return answers.ModelAnswer(
        version=version("inkdigits"),
        artifact=now.sha256,
        shipped=service.live.path is None,
        labels=list(info.labels),
        dataset=info.dataset,
        recipe=info.recipe,
        parameters=info.parameters,
        coverage=info.coverage,
        validation=info.validation,
        report=_report(service.live.path, info),
        licence="MIT",
        corrections=bool(service.settings.corrections),
    )


def health(_service: Service, _request: Request, _: answers.NoOptions) -> answers.Status:
    """Alive: the process answers."""
    return answers.Status("alive")


def readiness(service: Service, _request: Request, _: answers.NoOptions) -> answers.Status:
    """Ready: a picture can be read, and the database answers; otherwise a problem."""
    service.workers.run(lambda: None)  # refused while the queue is full
    if service.store:
        service.store.counts()
    return answers.Status("ready")


def _report(path: Path | None, info: ArtifactInfo) -> dict[str, Any] | None:
    """The `report.json` beside the artifact, if it is of this artifact."""
    if path is None:
        place = files("inkdigits.web").joinpath("shipped-report.json")
    else:
        place = artifact_path(path).with_name("report.json")
    try:
        found: dict[str, Any] = json.loads(place.read_bytes())
        return found if found["artifact"] == json.loads(json.dumps(info.to_dict())) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _count(service: Service, reading: Reading) -> None:
    service.telemetry.count("inkdigits_readings_total", accepted=str(reading.accepted).lower())


def _glyphs(reading: Reading) -> list[str]:
    """The glyphs of a reading's digits in base64."""
    return [base64.b64encode(digit.glyph.tobytes()).decode() for digit in reading.digits]


def _as_data_url(content: bytes, page: int) -> str:
    file = io.BytesIO()
    open_picture(content, page).save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


_PICTURES: dict[str, Schema] = {
    "image/*": _BINARY,
    "application/octet-stream": _BINARY,
    "multipart/form-data": object_of(picture=_BINARY),
    "application/json": object_of(picture=_DATA_URL),
}
_EXPLAINED: Schema = object_of(glyph=GLYPH)
_EXPLAINED["properties"]["label"] = {"type": "integer", "minimum": 0}

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
