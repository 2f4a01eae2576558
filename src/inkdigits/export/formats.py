"""The formats that an artifact can be exported to; each file is compared with it before it is kept.

A format's module is loaded when it is asked for, since each needs its own library.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import ArtifactError, needing
from inkdigits.export.source import Outputs, Run, Source
from inkdigits.metrics import log_sum_exp, softmax

TOLERANCE = 1e-4  # of a probability, in float formats; float32 alone differs by 1e-6
_FAMILIARITY = 1e-3  # of a familiarity, in float formats; those of digits are about 10
LEAST_AGREEMENT = 0.99  # of the labels, in int8 formats


@dataclass(frozen=True)
class Format:
    """How a format is written and run: functions of modules of this room.

    `export` makes a file's bytes from a source; `open` makes such bytes ready to run, to give the
    outputs, or the logits, where the file has no softmax. `extra` is what has to be installed.
    `int8` files compute in int8, so their probabilities are only near the artifact's.
    """

    suffix: str
    export: str
    open: str
    extra: str = "train"
    int8: bool = False

    def write(self, source: Source) -> bytes:
        """The bytes of a file; `MissingExtra` without the format's library."""
        content: bytes = self._call(self.export, source)
        return content

    def opened(self, content: bytes, source: Source) -> Run:
        """A file's bytes, ready to run; `MissingExtra` without what runs it."""
        run = self._call(self.open, content)

        def outputs(images: NDArray[np.uint8]) -> Outputs:
            found = run(images)
            return found if isinstance(found, tuple) else _after_logits(found, source)

        return outputs

    def _call(self, path: str, *arguments: Any) -> Any:
        module, name = path.split(".")
        with needing(self.extra, f"the format {self.suffix}"):
            return getattr(import_module(f"inkdigits.export.{module}"), name)(*arguments)


FORMATS = {
    "onnx": Format(".onnx", "source.as_it_is", "source.open_onnx"),
    "onnx-int8": Format(".int8.onnx", "int8.export_int8", "source.open_onnx", int8=True),
    "torch": Format(".pt2", "torch.export_torch", "torch.open_torch"),
    "safetensors": Format(
        ".safetensors", "safetensors.export_safetensors", "safetensors.open_safetensors"
    ),
    "keras": Format(".keras", "keras.export_keras", "keras.open_keras", "keras"),
    "tflite": Format(".tflite", "tflite.export_tflite", "tflite.open_tflite", "tflite"),
    "tflite-int8": Format(
        ".int8.tflite", "tflite.export_tflite_int8", "tflite.open_tflite", "tflite", int8=True
    ),
    "c": Format(".c", "c.export_c", "c.open_c"),
    "c-int8": Format(".int8.c", "c.export_c_int8", "c.open_c", int8=True),
}


@dataclass(frozen=True)
class Exported:
    """A file that was compared with its artifact on `images` digits.

    `difference` is the largest of a probability, `agreement` the share of equal labels, both 0…1.
    """

    content: bytes
    difference: float
    agreement: float
    images: int


def export(source: Source, name: str) -> Exported:
    """A file's bytes in a format, compared with the artifact; nothing is written.

    Raises `ArtifactError` if they differ too much, or for an imported model in a format that needs
    its layers; `MissingExtra` without the format's library, or without what runs it here.
    """
    chosen = FORMATS[name]
    content = chosen.write(source)
    images = source.held_out
    (expected, known), (found, seen) = source.run(images), chosen.opened(content, source)(images)
    difference = float(np.abs(expected - found).max())
    agreement = float((expected.argmax(axis=1) == found.argmax(axis=1)).mean())
    near = difference <= TOLERANCE and np.allclose(known, seen, rtol=0, atol=_FAMILIARITY)
    if not (agreement >= LEAST_AGREEMENT if chosen.int8 else near):
        raise ArtifactError(
            f"as {name} the model gives other results: {agreement:.1%} of {len(images):,} labels "
            f"agree, probabilities differ by up to {difference:.2g}; nothing was written"
        )
    return Exported(content, difference, agreement, len(images))


def _after_logits(logits: NDArray[np.float32], source: Source) -> Outputs:
    classes = len(source.info.labels)
    digits = logits[:, :classes]
    familiarity = log_sum_exp(digits)
    if logits.shape[1] > classes:
        familiarity = familiarity - logits[:, classes]
    probabilities = softmax(digits / source.info.temperature)
    return probabilities.astype(np.float32), familiarity.astype(np.float32)
