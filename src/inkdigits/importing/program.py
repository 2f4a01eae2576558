"""A PyTorch program, `.pt2`, without PyTorch: its graph is JSON, its weights are plain numbers.

`torch.export.save` writes a zip. Up to version 2.8 it pickled the weights, and a pickle can hold
any code: those files, and tensors that are pickled in newer ones, are refused.
"""

import json
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from inkdigits.errors import ArtifactError
from inkdigits.files import read_member
from inkdigits.importing.activations import activation
from inkdigits.importing.graph import Builder, one_image

_KINDS: dict[int, Any] = {5: np.int64, 7: np.float32, 8: np.float64}  # of PyTorch's schema
_Arguments = dict[str, Any]
_Convert = Callable[["_Program", _Arguments], str]
_IN_TRAINING = "the model was exported while training; call model.eval() before"


def convert_program(path: Path) -> onnx.ModelProto:
    """An ONNX model of a `.pt2` file.

    Raises `ArtifactError` for an unknown operation, and anything for a damaged file.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        described = next((name for name in names if name.endswith("models/model.json")), "")
        if not described:
            raise ArtifactError(
                f"{path} is no program of PyTorch 2.9 or later; older ones have pickled "
                "weights, which are never opened: save it again with torch.export.save"
            )
        root = described.removesuffix("models/model.json")
        graph = json.loads(read_member(archive, described))["graph_module"]
        return _Program(graph, _weights(archive, f"{root}data/weights/")).model()


def _weights(archive: zipfile.ZipFile, folder: str) -> dict[str, NDArray[Any]]:
    """The tensors of an archive, by their names in the module."""
    config = json.loads(read_member(archive, f"{folder}model_weights_config.json"))["config"]
    found = {}
    for name, entry in config.items():
        meta = entry["tensor_meta"]
        if entry["use_pickle"]:
            raise ArtifactError(f"the weights {name!r} are pickled; pickles are never opened")
        if meta["dtype"] not in _KINDS:
            raise ArtifactError(f"the weights {name!r} aren't float32; convert the model to it")
        content = read_member(archive, folder + entry["path_name"])
        values = np.frombuffer(content, _KINDS[meta["dtype"]])
        found[name] = _arranged(values, meta, name)
    return found


def _arranged(values: NDArray[Any], meta: dict[str, Any], name: str) -> NDArray[Any]:
    """A tensor from its numbers, which may lie in another order than its axes."""
    sizes, strides = ([size["as_int"] for size in meta[key]] for key in ("sizes", "strides"))
    start = meta["storage_offset"]["as_int"]
    last = start + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    backwards = min([0, *sizes, *strides]) < 0
    if backwards or (prod(sizes) and not 0 <= start <= last < len(values)):
        raise ArtifactError(f"the weights {name!r} are cut short or damaged")
    steps = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values[start:], sizes, steps, writeable=False).copy()


class _Program:
    """ONNX nodes of a program in the making; `values` are the names of its tensors in ONNX."""

    def __init__(self, described: dict[str, Any], weights: dict[str, NDArray[Any]]) -> None:
        self.graph, self.values = Builder(), dict[str, str]()
        self._described, self._weights = described["graph"], weights
        self._shape: tuple[int, ...] = ()
        self.batch: int | None = None  # of the example, if the program is fixed to it
        inputs: list[str] = []
        for entry in described["signature"]["input_specs"]:
            ((kind, spec),) = entry.items()
            if kind == "user_input":
                inputs.append(spec["arg"]["as_tensor"]["name"])
            else:
                names = [spec.get(key) for key in ("parameter_name", "buffer_name")]
                self._add_weights(spec["arg"]["name"], next(filter(None, names)))
        outputs = len(self._described["outputs"])
        if len(inputs) != 1 or outputs != 1:
            raise ArtifactError(
                f"the model has {len(inputs)} input(s) and {outputs} output(s), not one each"
            )
        self._add_input(inputs[0])

    def _add_weights(self, name: str, of: str) -> None:
        weights = self._weights[of]
        if weights.dtype != np.int64:  # how many batches a batch norm has seen
            self.values[name] = self.graph.value(weights.astype(np.float32))

    def _add_input(self, name: str) -> None:
        sizes = [size.get("as_int") for size in self._described["tensor_values"][name]["sizes"]]
        self._shape, self.batch = one_image(sizes[1:]), sizes[0]
        self.values[name] = "input"

    def model(self) -> onnx.ModelProto:
        """The whole program."""
        for node in self._described["nodes"]:
            target = node["target"].removeprefix("torch.ops.aten.").split(".")[0].rstrip("_")
            if target == "sym_size":
                continue
            if target not in _OPERATIONS:
                known = ", ".join(sorted(_OPERATIONS))
                raise ArtifactError(
                    f"the model has the operation {node['target']}, which can't be imported; "
                    f"these can: {known}"
                )
            arguments = {entry["name"]: _value(entry["arg"]) for entry in node["inputs"]}
            output = node["outputs"][0]["as_tensor"]["name"]
            self.values[output] = _OPERATIONS[target](self, arguments)
        last = self.values[self._described["outputs"][0]["as_tensor"]["name"]]
        return self.graph.finish(last, self._shape)

    def tensor(self, value: Any) -> str:
        """A tensor's name in ONNX, or that of a number's constant."""
        if not isinstance(value, str):
            return self.graph.floats(float(value))
        if value not in self.values:  # a counter of batch norm
            raise ArtifactError(_IN_TRAINING)
        return self.values[value]

    def sizes(self, values: list[Any]) -> str:
        """A shape to reshape to; its first axis is free if it counts the images."""
        first, *others = values
        free = not isinstance(first, int) or first in {self.batch, -1}
        if not all(isinstance(size, int) for size in others):
            raise ArtifactError("the model reshapes to a shape that depends on the images")
        return self.graph.whole(0 if free and -1 in others else -1 if free else first, *others)


def _value(argument: dict[str, Any]) -> Any:
    """An argument: a tensor or a symbol by name, a number, a list of these."""
    ((kind, value),) = argument.items()
    match kind:
        case "as_none":
            return None
        case "as_tensor":
            return value["name"]
        case "as_tensors":
            return [tensor["name"] for tensor in value]
        case "as_sym_int" | "as_sym_ints":
            several = value if isinstance(value, list) else [value]
            sizes = [size.get("as_int", size.get("as_name")) for size in several]
            return sizes if isinstance(value, list) else sizes[0]
        case _:
            return value


def _pair(value: list[int] | int | None, default: int) -> list[int]:
    """For rows and columns."""
    both = [default] if value in (None, []) else value if isinstance(value, list) else [value]
    return both * 2 if len(both) == 1 else both


def _convolution(program: _Program, given: _Arguments) -> str:
    padding = given.get("padding", 0)
    settings: dict[str, Any] = {"pads": _pair(padding, 0) * 2}
    if isinstance(padding, str):
        settings = {"auto_pad": "SAME_UPPER" if padding == "same" else "VALID"}
    weights = [given["weight"], *filter(None, [given.get("bias")])]
    return program.graph.add(
        "Conv",
        *map(program.tensor, [given["input"], *weights]),
        strides=_pair(given.get("stride"), 1),
        dilations=_pair(given.get("dilation"), 1),
        group=given.get("groups", 1),
        **settings,
    )


def _pool(operator: str, **more: Any) -> _Convert:
    def convert(program: _Program, given: _Arguments) -> str:
        size = _pair(given["kernel_size"], 1)
        settings = dict(more)
        if operator == "MaxPool":
            settings["dilations"] = _pair(given.get("dilation"), 1)
        return program.graph.add(
            operator,
            program.tensor(given["self"]),
            kernel_shape=size,
            strides=_pair(given.get("stride") or size, 1),
            pads=_pair(given.get("padding"), 0) * 2,
            ceil_mode=int(given.get("ceil_mode", False)),
            **settings,
        )

    return convert


def _adaptive_pool(program: _Program, given: _Arguments) -> str:
    if _pair(given["output_size"], 1) != [1, 1]:
        raise ArtifactError("adaptive_avg_pool2d can only be imported to 1×1")
    return program.graph.add("GlobalAveragePool", program.tensor(given["self"]))


def _batch_norm(program: _Program, given: _Arguments) -> str:
    if given["training"]:
        raise ArtifactError(_IN_TRAINING)
    parts = ("input", "weight", "bias", "running_mean", "running_var")
    names = [program.tensor(given[part]) for part in parts]
    return program.graph.add("BatchNormalization", *names, epsilon=float(given["eps"]))


def _linear(program: _Program, given: _Arguments) -> str:
    weight = program.graph.add("Transpose", program.tensor(given["weight"]), perm=[1, 0])
    found = program.graph.add("MatMul", program.tensor(given["input"]), weight)
    if given.get("bias") is None:
        return found
    return program.graph.add("Add", found, program.tensor(given["bias"]))


def _flatten(program: _Program, given: _Arguments) -> str:
    if given.get("start_dim", 0) != 1 or given.get("end_dim", -1) != -1:
        raise ArtifactError("flatten can only be imported from axis 1 to the last")
    return program.graph.add("Flatten", program.tensor(given["self"]))


def _reshape(program: _Program, given: _Arguments) -> str:
    sizes = given["size"] if "size" in given else given["shape"]
    return program.graph.add("Reshape", program.tensor(given["self"]), program.sizes(sizes))


def _dropout(program: _Program, given: _Arguments) -> str:
    if given["train"]:
        raise ArtifactError(_IN_TRAINING)
    return program.tensor(given["input"])


def _combined(operator: str) -> _Convert:
    def convert(program: _Program, given: _Arguments) -> str:
        if given.get("alpha", 1) != 1:
            raise ArtifactError("add and sub with alpha can't be imported")
        both = program.tensor(given["self"]), program.tensor(given["other"])
        return program.graph.add(operator, *both)

    return convert


def _active(name: str) -> _Convert:
    def convert(program: _Program, given: _Arguments) -> str:
        if name.endswith("softmax") and given["dim"] not in {1, -1}:
            raise ArtifactError(f"{name} can only be imported along axis 1")
        if given.get("approximate", "none") != "none":
            raise ArtifactError(f"{name} can only be imported without approximation")
        return activation(program.graph, name, program.tensor(given["self"]), name)

    return convert


_OPERATIONS: dict[str, _Convert] = {
    "adaptive_avg_pool2d": _adaptive_pool,
    "add": _combined("Add"),
    "avg_pool2d": _pool("AveragePool", count_include_pad=1),
    "batch_norm": _batch_norm,
    "cat": lambda program, given: program.graph.add(
        "Concat", *map(program.tensor, given["tensors"]), axis=given.get("dim", 0)
    ),
    "conv2d": _convolution,
    "div": _combined("Div"),
    "dropout": _dropout,
    "flatten": _flatten,
    "leaky_relu": lambda program, given: program.graph.add(
        "LeakyRelu", program.tensor(given["self"]), alpha=float(given.get("negative_slope", 0.01))
    ),
    "linear": _linear,
    "max_pool2d": _pool("MaxPool"),
    "mul": _combined("Mul"),
    "reshape": _reshape,
    "sub": _combined("Sub"),
    "unsqueeze": lambda program, given: program.graph.add(
        "Unsqueeze", program.tensor(given["self"]), program.graph.whole(given["dim"])
    ),
    "view": _reshape,
    **{
        name: _active(name)
        for name in (
            *("elu", "gelu", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu"),
            *("softmax", "softplus", "tanh"),
        )
    },
}
