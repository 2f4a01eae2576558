"""What answers the page in a browser: the server's answers, without the server.

Pyodide runs it in a worker, beside the modules that `inkdigits.web.site.folder` lists.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import NUMPY
from inkdigits.errors import CanvasError, InkdigitsError
from inkdigits.graph import Convolve
from inkdigits.reading import Reader
from inkdigits.reading.regions import parse_regions
from inkdigits.web import answers, work
from inkdigits.web.bodies import as_glyphs, check_pixels, parse_grid, parse_options
from inkdigits.web.corrections.correction import (
    correct,
    parse_correction,
    parse_glyph,
)
from inkdigits.web.live import Loaded
from inkdigits.web.schemas import encode
from inkdigits.web.settings import Settings

Floats = NDArray[np.float32]
_NOT_HERE = "that can't be read in a browser; 'inkdigits serve' can"
_TILE = 4  # units that `convolve.wasm` computes at once
_PIXELS = 64  # pixels whose inputs it gathers at once


class BrowserPage:
    """Answers the page with one artifact; `convolve` is what is fast in this browser."""

    def __init__(self, artifact: bytes, convolve: Convolve) -> None:
        reader = Reader.load(artifact, providers=((NUMPY, {"convolve": convolve}),))
        self._now = Loaded(reader, artifact)

    def answer(self, method: str, query: str, body: str, content: bytes) -> str:
        """The answer in JSON, or under `problem` what is wrong; `content` is a picture file's."""
        methods: dict[str, Callable[..., Any]] = {
            "read": self._read,
            "regions": self._regions,
            "explain": self._explain,
            "correct": self._correct,
            "check": self._check,
        }
        try:
            return encode(methods[method](query, json.loads(body or "null"), content))
        except ModuleNotFoundError as error:  # SciPy, for tables
            return _problem("not_supported", f"{_NOT_HERE}: {error.name} is missing")
        except CanvasError as error:
            there = error.code != "not_supported"  # its message says what to install
            return _problem(error.code, error.message if there else _NOT_HERE)
        except InkdigitsError as error:
            return _problem("wrong_usage", str(error))

    def _read(self, query: str, _body: Any, content: bytes) -> answers.ReadAnswer:
        options = parse_options(parse_qs(query).items(), answers.ReadOptions)
        check_pixels(content, Settings.pixel_limit)
        return work.read_picture(self._now, content, parse_grid(options.grid), options)

    def _regions(self, query: str, body: Any, content: bytes) -> answers.RegionsAnswer:
        options = parse_options(parse_qs(query).items(), answers.RegionOptions)
        check_pixels(content, Settings.pixel_limit)
        return work.read_regions(self._now, content, parse_regions(body), options)

    def _explain(self, _query: str, body: Any, _content: bytes) -> answers.ExplainAnswer:
        (glyph,) = as_glyphs([body["glyph"]])
        return work.explain(self._now, glyph, body["label"])

    def _correct(self, _query: str, body: Any, content: bytes) -> dict[str, Any]:
        """A new correction, to be stored by the page; `content` is the crop."""
        given = body.pop("glyph", None)
        glyph = parse_glyph(given) if given else None
        return asdict(correct(self._now, body, content, glyph))

    def _check(self, _query: str, body: Any, _content: bytes) -> list[dict[str, Any]]:
        """Corrections from a file, each of them as it should be."""
        return [asdict(parse_correction(values)) for values in body]


def _problem(code: str, detail: str) -> str:
    return json.dumps({"problem": {"code": code, "detail": detail, "status": 0}})


class Kernel:
    """Convolutions by `convolve.wasm`, which takes a sixth of NumPy's time in a browser.

    `exports` are those of the module; `floats(at, count)` is a view of its memory from that byte.
    """

    def __init__(self, exports: Any, floats: Callable[[int, int], Any]) -> None:
        self._exports, self._floats = exports, floats
        self._free = int(exports.memory.buffer.byteLength)  # what lies below is its own
        self._held: dict[int, int] = {}  # weights that stay in its memory: their places

    def convolve(
        self,
        images: Floats,
        weight: Floats,
        bias: Floats,
        stride: int,
        pad: int,
    ) -> Floats:
        """A `Convolve`."""
        n, channels, height, width = images.shape
        units, _, side, _ = weight.shape
        weight_at, bias_at = self._hold(weight), self._hold(bias)
        rows, columns = ((size + 2 * pad - side) // stride + 1 for size in (height, width))
        out = np.empty((n, units, rows, columns), np.float32)
        images_at = self._free
        columns_at = images_at + _size(images)
        out_at = columns_at + 4 * _PIXELS * channels * side * side
        self._grow(out_at + _size(out))
        self._floats(images_at, images.size).assign(np.ascontiguousarray(images, np.float32))
        places = (images_at, weight_at, bias_at, columns_at, out_at)
        self._exports.convolve(*places, *images.shape, units, side, stride, pad)
        self._floats(out_at, out.size).assign_to(out)
        return out

    def _hold(self, weights: Floats) -> int:
        """Where weights are in the module's memory, with room for units up to a whole tile."""
        key = weights.__array_interface__["data"][0]
        if key not in self._held:
            units = -(-len(weights) // _TILE) * _TILE
            self._held[key], self._free = self._free, self._free + _size(weights[:1]) * units
            self._grow(self._free)
            self._floats(self._held[key], weights.size).assign(np.ascontiguousarray(weights))
        return self._held[key]

    def _grow(self, size_bytes: int) -> None:
        lacking = size_bytes - int(self._exports.memory.buffer.byteLength)
        if lacking > 0:
            self._exports.memory.grow(-(-lacking // 65536))


def _size(array: Floats) -> int:
    """The bytes of an array as float32, rounded up for aligned access."""
    return -(-4 * array.size // 16) * 16
