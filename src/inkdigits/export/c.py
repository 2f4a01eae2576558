"""Export as one C99 file for microcontrollers, without heap and dependencies: float or int8.

int8 weights have a scale for each filter; the values between layers are uint8 with a scale and a
zero point for each layer, measured on training digits. Sums are int32.
"""

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import MissingExtra
from inkdigits.export.c_kernels import END, FLOAT, HEAD, INT8, POOL
from inkdigits.export.network import Network
from inkdigits.export.source import Outputs, Run, Source
from inkdigits.export.stages import (
    Affine,
    Pool,
    Stage,
    Weighted,
    shapes_of,
    stages_of,
    values_after,
)

_MEASURED = 200  # digits that the ranges of values are taken from


def export_c(source: Source) -> bytes:
    """The text of a C file that computes in float."""
    return _File(source, int8=False).text().encode()


def export_c_int8(source: Source) -> bytes:
    """The text of a C file that computes in int8."""
    return _File(source, int8=True).text().encode()


def open_c(content: bytes) -> Run:
    """A C file, compiled here and ready to run; `MissingExtra` without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise MissingExtra("comparing C needs a compiler: none of cc, gcc and clang is installed")
    with tempfile.TemporaryDirectory() as folder:
        code, library = Path(folder) / "read.c", Path(folder) / "read.so"
        code.write_bytes(content)
        flags = ["-std=c99", "-O3", "-shared", "-fPIC"]
        command = [compiler, *flags, str(code), "-o", str(library), "-lm"]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        read = ctypes.CDLL(str(library)).inkdigits_read
    found = re.search(rb"INKDIGITS_LABELS (\d+)", content)
    labels = int(found[1]) if found else 0

    def run(images: NDArray[np.uint8]) -> Outputs:
        probabilities = np.empty((len(images), labels), np.float32)
        familiarity = np.empty(len(images), np.float32)
        for row, image in enumerate(np.ascontiguousarray(images)):
            arrays = image, probabilities[row], familiarity[row:]
            read(*(array.ctypes.data_as(ctypes.c_void_p) for array in arrays))
        return probabilities, familiarity

    return run


@dataclass(frozen=True)
class _Range:
    """How the values after a layer are stored, as value / scale + zero."""

    scale: float
    zero: float


class _File:
    """A C file in the making: constants, calls, and the bytes that they take."""

    def __init__(self, source: Source, *, int8: bool) -> None:
        self._source, self._int8 = source, int8
        self._constants: list[str] = []
        self._calls: list[str] = []
        self._kernels: list[str] = ["stored", "weighted"] if int8 else []
        self._flash, self._buffers = 0, {"a": 0, "b": 0}
        for number, network in enumerate(source.networks):
            self._add_network(f"n{number}", network)

    def text(self) -> str:
        """The whole file."""
        info, networks = self._source.info, self._source.networks
        kind, functions = ("uint8_t", INT8) if self._int8 else ("float", FLOAT)
        size = 1 if self._int8 else 4
        head = HEAD.format(
            title=f"{info.recipe['name']}, {'int8' if self._int8 else 'float'}".replace("*/", ""),
            version=info.version,
            flash=self._flash,
            ram=size * sum(self._buffers.values()),
            classes=len(info.labels),
            logits=len(info.labels) + networks[0].knows_junk,
            accept_at=_number(info.accept_at),
            set_threshold=_number(info.set_threshold),
        )
        end = END.format(
            labels=", ".join(_string(label) for label in info.labels),
            calls="".join(f"  {call};\n" for call in self._calls),
            networks=len(networks),
            temperature=_number(info.temperature),
        )
        kernels = "".join(text for name, text in functions.items() if name in self._kernels)
        pool = POOL.format(kind=kind) if "pool" in self._kernels else ""
        buffers = "".join(
            f"static {kind} {name}[{length}];\n" for name, length in self._buffers.items()
        )
        return f"{head}{kernels}{pool}{''.join(self._constants)}{buffers}\n{end}"

    def _add_network(self, name: str, network: Network) -> None:
        stages = stages_of(network)
        shapes, last = shapes_of(stages), len(stages) - 1
        ranges = self._ranges(network, stages)
        values = "pixels"
        if not self._int8:
            self._buffers["a"] = max(self._buffers["a"], prod(shapes[0]))
            mean, scale = _number(network.pixel_mean), _number(network.pixel_scale)
            formula = f"a[i] = (pixels[i] - {mean}f) / {scale}f"
            self._calls.append(f"for (int i = 0; i < {prod(shapes[0])}; i++) {formula}")
            values = "a"
        for index, stage in enumerate(stages):
            out = "found" if index == last else "b" if values == "a" else "a"
            if index != last:
                self._buffers[out] = max(self._buffers[out], prod(shapes[index + 1]))
            self._add_stage(
                f"{name}_{index}", stage, shapes[index], ranges[index : index + 2], values, out
            )
            values = out
        self._calls.append("for (int i = 0; i < INKDIGITS_LOGITS; i++) logits[i] += found[i]")

    def _ranges(self, network: Network, stages: tuple[Stage, ...]) -> list[_Range]:
        """Of the pixels and of the values after each step; the logits stay float."""
        pixels = _Range(1 / network.pixel_scale, network.pixel_mean)
        ranges = [pixels]
        if not self._int8:
            return [pixels] * (len(stages) + 1)
        images = self._source.digits[:_MEASURED, None].astype(np.float32)
        normalised = (images - np.float32(network.pixel_mean)) / np.float32(network.pixel_scale)
        for stage, values in zip(stages[:-1], values_after(stages, normalised), strict=False):
            low, high = min(0.0, float(values.min())), max(1e-6, float(values.max()))
            scale = (high - low) / 255
            kept = isinstance(stage, Pool)  # the maximum is stored as it was
            ranges.append(ranges[-1] if kept else _Range(scale, round(-low / scale)))
        return [*ranges, _Range(1.0, 0.0)]

    def _add_stage(
        self,
        name: str,
        stage: Stage,
        shape: tuple[int, ...],
        ranges: list[_Range],
        values: str,
        out: str,
    ) -> None:
        """Append the constants and the call of a step."""
        if isinstance(stage, Pool):
            return self._call("pool", values, *shape[:2], stage.size, out)
        constants, zero = self._weights(name, stage, ranges), []
        least = int(stage.relu)
        if self._int8:
            zero = [round(ranges[0].zero)]
            least = round(ranges[1].zero) if stage.relu else 0
        if isinstance(stage, Affine):
            return self._call(
                "affine", values, *zero, shape[0], prod(shape[1:]), *constants, least, out
            )
        units, *rest = stage.weight.shape
        if len(rest) == 1:
            inputs = values, *zero, *rest, *constants, units
            if self._int8 and out == "found":
                return self._call("last_dense", *inputs, out)
            return self._call("dense", *inputs, least, out)
        layout = units, rest[1], stage.stride, stage.padding
        return self._call("convolve", values, *zero, *shape[:2], *constants, *layout, least, out)

    def _call(self, kernel: str, *arguments: object) -> None:
        self._kernels.append(kernel)
        self._calls.append(f"{kernel}({', '.join(map(str, arguments))})")

    def _weights(self, name: str, stage: Weighted | Affine, ranges: list[_Range]) -> list[str]:
        """The names of a step's constants, in the order of its function's arguments."""
        inside, outside = ranges
        if isinstance(stage, Affine):
            factor, offset = stage.factor, stage.offset
            if self._int8:
                factor = factor * inside.scale / outside.scale
                offset = offset / outside.scale + outside.zero
            return [self._floats(f"{name}_factor", factor), self._floats(f"{name}_offset", offset)]
        if not self._int8:
            weight = self._floats(f"{name}_weight", stage.weight)
            return [weight, self._floats(f"{name}_bias", stage.bias)]
        return self._int8_weights(name, stage, inside, outside)

    def _int8_weights(
        self, name: str, stage: Weighted, inside: _Range, outside: _Range
    ) -> list[str]:
        flat = stage.weight.reshape(len(stage.weight), -1)
        scale = np.maximum(np.abs(flat).max(axis=1), 1e-12) / 127
        stored = np.round(flat / scale[:, None]).astype(np.int8)
        rounded = inside.zero - round(inside.zero)  # of the zero point, which is a whole number
        bias = stage.bias - rounded * inside.scale * scale * stored.sum(axis=1, dtype=np.int64)
        self._constants.append(_array("int8_t", f"{name}_weight", map(str, stored.ravel())))
        self._flash += stored.size
        return [
            f"{name}_weight",
            self._floats(f"{name}_factor", scale * inside.scale / outside.scale),
            self._floats(f"{name}_bias", bias / outside.scale + outside.zero),
        ]

    def _floats(self, name: str, values: NDArray[np.floating]) -> str:
        texts = (f"{_number(value)}f" for value in values.astype(np.float32).ravel().tolist())
        self._constants.append(_array("float", name, texts))
        self._flash += 4 * values.size
        return name


def _array(kind: str, name: str, values: Iterable[str]) -> str:
    texts = list(values)
    rows = (",".join(texts[start : start + 16]) for start in range(0, len(texts), 16))
    return f"static const {kind} {name}[] = {{\n" + ",\n".join(rows) + "};\n\n"


def _number(value: float) -> str:
    """A float32 as C writes it, exactly, without its suffix."""
    text = f"{value:.9g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _string(text: str) -> str:
    plain = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{"".join(plain)}"'
