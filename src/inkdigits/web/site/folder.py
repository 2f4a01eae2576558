"""Assemble the static folder: the page, Pyodide, the package's modules, the artifact."""

import html
import json
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from inkdigits.artifact import GLYPH_PX, NUMPY, artifact_path, shipped
from inkdigits.errors import ArtifactError
from inkdigits.files import read_bytes, sha256
from inkdigits.reading import Reader
from inkdigits.web import work
from inkdigits.web.live import Loaded
from inkdigits.web.safety import POLICY
from inkdigits.web.schemas import encode
from inkdigits.web.site.slimming import pack, slim

# What runs in the browser. `inkdigits.web` comes without its own __init__, which needs Flask.
_MODULES = (
    *("__init__.py", "artifact.py", "errors.py", "files.py", "graph", "imaging", "metrics.py"),
    *("reading", "shipped/cutout.onnx", "shipped/detector.onnx", "web/answers.py", "web/bodies.py"),
    *("web/live.py", "web/schemas.py", "web/settings.py", "web/work.py", "web/site/browser.py"),
    "web/corrections/correction.py",
)
# Lines of the page: the API needs a server, and tables need SciPy.
_NOT_HERE = ('href="#api"', 'id="api"', 'value="grid"')
_TOLERANCE = 1e-3  # of a probability; float32 alone differs by 1e-6, familiarity by 1e-5
_UNSERVED = (
    "This page has to come from a web server, a browser can't run it from a file. In its folder "
    "run: python -m http.server"
)


def build_site(model: Path | None, pyodide: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of the folder by path, for an artifact or run folder, None: the shipped artifact.

    The page is the server's, with another `backend.js`. Raises `StorageError`, and `ArtifactError`
    also for networks that browsers can't run, as imported ones may be.
    """
    content = shipped() if model is None else read_bytes(artifact_path(model))
    now = Loaded(Reader.load(content), content)
    _check(content, now.reader)
    described = encode(work.describe(now, model, corrections=True))
    package = files("inkdigits")
    static = dict(_files(package / "web" / "static", "static/"))
    page = static.pop("static/index.html")
    own = dict(_files(package / "web" / "site" / "static", "static/"))
    manifest, service = own.pop("static/manifest.webmanifest"), own.pop("static/service.js")
    del own["static/convolve.c"]
    site = {
        **static,
        **own,
        "index.html": _page(page.decode()).encode(),
        "manifest.webmanifest": manifest,
        "reader/model.json": described.encode(),
        "reader/artifact.onnx": content,
        "reader/inkdigits.zip": pack(_modules(package)),
        **{f"pyodide/{name}": one for name, one in slim(pyodide).items()},
    }
    return {**site, "service.js": _service(service.decode(), site)}


def _check(content: bytes, reader: Reader) -> None:
    """Raise `ArtifactError` for an artifact that NumPy doesn't run as ONNX Runtime does."""
    images = np.random.default_rng(0).integers(0, 256, (8, GLYPH_PX, GLYPH_PX)).astype(np.uint8)
    try:
        found = Reader.load(content, providers=(NUMPY,)).score_glyphs(images)
        same = all(map(partial(np.allclose, atol=_TOLERANCE), found, reader.score_glyphs(images)))
    except (KeyError, IndexError, TypeError, ValueError):  # an operator in an unknown form
        same = False
    if not same:
        raise ArtifactError("a browser can't run this artifact's network; export another one")


def _files(folder: Any, prefix: str) -> Iterator[tuple[str, bytes]]:
    """The files in a folder of the package and below, by path."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_file():
            yield prefix + entry.name, entry.read_bytes()
        elif entry.name != "__pycache__":
            yield from _files(entry, f"{prefix}{entry.name}/")


def _page(text: str) -> str:
    """The server's page without what needs the server, with what a static folder needs."""
    policy = {**POLICY, "script-src": "'self' 'wasm-unsafe-eval'", "worker-src": "'self'"}
    del policy["frame-ancestors"]  # only a server can say it
    rules = html.escape("; ".join(f"{name} {value}" for name, value in policy.items()))
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{rules}">',
        '<link rel="manifest" href="manifest.webmanifest">',
        '<link rel="apple-touch-icon" href="static/icon.png">',
        '<link rel="stylesheet" href="static/browser.css">',
    )
    unserved = f'<p id="unserved" class="card">{html.escape(_UNSERVED)}</p>'
    lines = []
    for line in text.splitlines():
        if line.startswith("<main"):
            lines.append(unserved)
        if not any(part in line for part in _NOT_HERE):
            lines.append(line)
        if line.startswith("<meta charset"):
            lines += head
    return "\n".join(lines) + "\n"


def _modules(package: Any) -> dict[str, bytes]:
    """The package's modules that run in the browser, by path."""
    modules = {}
    for name in _MODULES:
        entry = package.joinpath(*name.split("/"))
        found = [(name, entry.read_bytes())] if entry.is_file() else _files(entry, f"{name}/")
        modules.update({f"inkdigits/{path}": content for path, content in found})
    return modules


def _service(script: str, site: Mapping[str, bytes]) -> bytes:
    """The service worker, and what it keeps; its version changes with any file."""
    sizes = {path: len(content) for path, content in sorted(site.items())}
    version = sha256("".join(sha256(site[path]) for path in sizes).encode())[:16]
    return f'const VERSION = "{version}";\nconst FILES = {json.dumps(sizes)};\n{script}'.encode()
