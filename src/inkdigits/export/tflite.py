"""Export as TensorFlow Lite, `.tflite`, by TensorFlow's own converter: float, or int8 throughout.

The model takes one image of raw pixels (1, 28, 28, 1), float32 or, with int8, uint8. It gives
`logits`, one for each label and one for junk if the network knows it: the softmax comes after it,
because int8 is too coarse for probabilities.
"""

import contextlib
import io
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from inkdigits.errors import UsageError
from inkdigits.export.keras import as_model, backend, build_logits
from inkdigits.export.source import Source

_MEASURED = 200  # digits that the ranges of values are taken from


def export_tflite(source: Source) -> bytes:
    """The bytes of a file that computes in float."""
    return _convert(source, int8=False)


def export_tflite_int8(source: Source) -> bytes:
    """The bytes of a file that computes in int8."""
    return _convert(source, int8=True)


def open_tflite(content: bytes) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A file in ai-edge-litert, ready to give the logits of images."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    pixels, logits = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = np.empty((len(images), logits["shape"][1]), np.float32)
        for row, image in enumerate(images):
            interpreter.set_tensor(pixels["index"], image[None, ..., None].astype(pixels["dtype"]))
            interpreter.invoke()
            found[row] = interpreter.get_tensor(logits["index"])[0]
        return found

    return run


def _convert(source: Source, *, int8: bool) -> bytes:
    if backend() != "tensorflow":
        raise UsageError(
            f"Keras runs on {backend()} here, and TensorFlow Lite needs TensorFlow: "
            "set KERAS_BACKEND=tensorflow"
        )
    pixels, logits = build_logits(source.networks)
    converter = tf.lite.TFLiteConverter.from_keras_model(as_model(pixels, {"logits": logits}))
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _examples(source.digits)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
    with contextlib.redirect_stdout(io.StringIO()):  # it prints all shapes
        content: bytes = converter.convert()
    return content


def _examples(digits: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float32]]]:
    for image in digits[:_MEASURED]:
        yield [image[None, ..., None].astype(np.float32)]
