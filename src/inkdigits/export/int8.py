"""Export as an artifact with int8 weights and values, by ONNX Runtime's quantisation.

Ranges of values are measured on training digits. Temperature and thresholds stay the source's.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from inkdigits.artifact import seal_artifact
from inkdigits.export.source import Source

_BATCHES = 5
_OPERATORS = ["Conv", "Gemm", "MatMul", "MaxPool", "Relu", "Flatten"]


def export_int8(source: Source) -> bytes:
    """The bytes of an artifact."""
    with tempfile.TemporaryDirectory() as folder:
        plain, folded, quantised = (Path(folder) / f"{number}.onnx" for number in range(3))
        plain.write_bytes(source.content)
        quant_pre_process(str(plain), str(folded), skip_symbolic_shape=True)  # folds batch norm
        quantize_static(
            str(folded),
            str(quantised),
            _Digits(source.digits),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QUInt8,  # without VNNI, sums with signed ones saturate
        )
        model = onnx.load(quantised)
    del model.metadata_props[:]
    used = {node.domain for node in model.graph.node}
    opsets = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return seal_artifact(model.SerializeToString(deterministic=True), source.info)


class _Digits(CalibrationDataReader):  # type: ignore[misc]
    """Training digits, as the quantisation asks for them."""

    def __init__(self, digits: NDArray[np.uint8]) -> None:
        self._batches = iter(np.array_split(digits, _BATCHES))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch, or None."""
        images = next(self._batches, None)
        return None if images is None else {"images": images}
