"""What answers are made of, whether a request or a page in a browser asks; imports no Flask."""

import base64
import io
import json
from dataclasses import replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import ArtifactInfo, artifact_path
from inkdigits.errors import UsageError
from inkdigits.imaging import open_picture
from inkdigits.imaging.canvas import count_pages
from inkdigits.reading import Reading
from inkdigits.reading.explanation import evidence_map
from inkdigits.reading.regions import Regions
from inkdigits.web import answers
from inkdigits.web.live import Loaded


def read_picture(
    now: Loaded, content: bytes, grid: tuple[int, int] | None, options: answers.ReadOptions
) -> answers.ReadAnswer:
    """A reading of a picture file's bytes; `grid` is that of the options, parsed."""
    reading = now.reader.read(
        content,
        page=options.page,
        single=options.single,
        expect=options.expect,
        grid=grid,
        digits_only=options.digits_only,
    )
    return answers.ReadAnswer(
        reading=replace(reading, picture=None),  # the answer goes to another process without it
        artifact=now.sha256,
        pages=count_pages(content),
        glyphs=_glyphs(reading) if options.glyphs else [],
        picture=_as_data_url(content, options.page) if options.picture else None,
    )


def read_regions(
    now: Loaded, content: bytes, regions: Regions, options: answers.RegionOptions
) -> answers.RegionsAnswer:
    """A reading of each region of a picture."""
    readings = now.reader.read_regions(
        content,
        regions,
        page=options.page,
        single=options.single,
        expect=options.expect,
        digits_only=options.digits_only,
    )
    glyphs = {
        name: _glyphs(reading) if options.glyphs else [] for name, reading in readings.items()
    }
    return answers.RegionsAnswer(readings, now.sha256, glyphs)


def explain(now: Loaded, glyph: NDArray[np.uint8], label: Any) -> answers.ExplainAnswer:
    """The evidence for a label, None: the likeliest; `UsageError` for what is no label."""
    count = len(now.reader.info.labels)
    if label is None:
        label = int(now.reader.predict(glyph[None])[0])
    if type(label) is not int or not 0 <= label < count:
        raise UsageError(f"label is {label!r}; it must be a whole number, 0 to {count - 1}")
    evidence = evidence_map(glyph, label, now.reader.predict_proba).tolist()
    return answers.ExplainAnswer(label, evidence, now.sha256)


def identify(now: Loaded) -> str:
    """The SHA-256 of the artifact that is loaded: whatever answers can read pictures."""
    return now.sha256


def describe(now: Loaded, path: Path | None, *, corrections: bool) -> answers.ModelAnswer:
    """What the reader is; `path` is that of its artifact, None: the one in the package."""
    info = now.reader.info
    return answers.ModelAnswer(
        version=version("inkdigits"),
        artifact=now.sha256,
        shipped=path is None,
        labels=list(info.labels),
        dataset=info.dataset,
        recipe=info.recipe,
        parameters=info.parameters,
        coverage=info.coverage,
        validation=info.validation,
        report=_report(path, info),
        licence="MIT",
        corrections=corrections,
    )


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


def _glyphs(reading: Reading) -> list[str]:
    """The glyphs of a reading's digits in base64."""
    return [base64.b64encode(digit.glyph.tobytes()).decode() for digit in reading.digits]


def _as_data_url(content: bytes, page: int) -> str:
    file = io.BytesIO()
    open_picture(content, page).save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
