"""An ONNX file as it comes from anywhere: made to take any number of images at once."""

from pathlib import Path

import onnx
from onnx import inliner, numpy_helper

from inkdigits.errors import ArtifactError


def read_onnx(path: Path) -> onnx.ModelProto:
    """The model of an `.onnx` file, with its weights beside it, if they are in another file.

    Raises `ArtifactError` for an artifact of inkdigits, and anything for a damaged file.
    """
    model = onnx.load(path)
    onnx.checker.check_model(model)
    if any(entry.key.startswith("inkdigits.") for entry in model.metadata_props):
        raise ArtifactError(f"{path} is an artifact already; use it as it is")
    model = inliner.inline_local_functions(model)
    _free_batch(model.graph)
    return model


def _free_batch(graph: onnx.GraphProto) -> None:
    """Let the first axis have any size: many exporters fix it to the size of their example."""
    stored = {entry.name: entry for entry in graph.initializer}
    for value in (*graph.input, *graph.output):
        axes = value.type.tensor_type.shape.dim
        if value.name not in stored and axes:
            axes[0].dim_param = "n"
    del graph.value_info[:]
    for node in graph.node:
        if node.op_type == "Constant":
            stored[node.output[0]] = node.attribute[0].t
        if node.op_type == "Reshape" and node.input[1] in stored:
            entry = stored[node.input[1]]
            sizes = numpy_helper.to_array(entry).copy()
            if len(sizes) > 1 and sizes[0] == 1:
                sizes[0] = 0  # as many as there are
                entry.CopyFrom(numpy_helper.from_array(sizes, entry.name))
