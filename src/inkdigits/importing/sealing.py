"""A foreign model becomes an artifact: its input is found, its confidences are calibrated."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from inkdigits.artifact import DIGITS, ArtifactInfo, seal_artifact
from inkdigits.data import DEFAULT_DATASET, LabelledImages, stratified_split
from inkdigits.environment import describe_environment
from inkdigits.errors import ArtifactError, InkdigitsError, StorageError, UsageError, needing
from inkdigits.graph import check_graph
from inkdigits.importing.graph import Foreign, embed, to_foreign
from inkdigits.importing.inputs import Wanted, find_input
from inkdigits.importing.onnx_file import read_onnx
from inkdigits.training.calibration import calibrate

SUFFIXES = (".keras", ".h5", ".hdf5", ".onnx", ".pt2")
_SHOWN, _BATCH = 2000, 500  # digits; at once
_HELD_OUT = 0.1  # of the training digits, for calibration


def import_file(path: Path, digits: LabelledImages) -> bytes:
    """The bytes of an artifact of a model file; `digits` are MNIST's training digits.

    Its input is found on some of them; temperature and thresholds are fitted to a tenth that was
    held out. Perhaps the model has learnt these: nothing is known of its training.

    Raises `ArtifactError` if the file is damaged, has layers that can't be imported, or a model
    that isn't for such digits; `UsageError` for another kind of file; `StorageError` if it can't be
    read; `MissingExtra` without h5py, for a file of Keras.
    """
    foreign = read_foreign(path)
    split = stratified_split(digits, _HELD_OUT, seed=0)
    run = _Runner(foreign)
    wanted = find_input(run, split.train.only(np.arange(min(_SHOWN, len(split.train)))))
    held_out = split.validation
    logits = run(wanted.prepared(held_out.images))[:, wanted.order]
    found = calibrate(logits, held_out.labels)
    environment, summary = describe_environment(), f"imported from {path.name}: "
    info = ArtifactInfo(
        version=str(environment["inkdigits"]),
        labels=DIGITS,
        dataset=DEFAULT_DATASET,
        recipe={"name": path.stem, "summary": summary + _about(foreign, wanted)},
        seed=0,
        parameters=foreign.parameters,
        temperature=found.temperature,
        validation=found.validation,
        accept_at=found.accept_at,
        set_threshold=found.set_threshold,
        coverage=found.coverage,
        history=[],
        environment={**environment, "data_sha256": digits.sha256},
    )
    graph = embed(foreign, wanted.factor, wanted.offset, wanted.order, found.temperature)
    return seal_artifact(graph, info)


def read_foreign(path: Path) -> Foreign:
    """The model in a file, by the end of its name; raises as `import_file` does."""
    if not path.is_file():
        raise StorageError(f"can't read {path}: there is no such file")
    read, what = _reader(path)
    try:
        return to_foreign(read(path))
    except InkdigitsError:
        raise
    except Exception as error:  # a file of another program can be wrong in any way
        raise ArtifactError(f"{path} is no {what}, or it is damaged: {error}") from error


def _reader(path: Path) -> tuple[Callable[[Path], onnx.ModelProto], str]:
    """What reads a file, by the end of its name, and what it reads."""
    match path.suffix.lower():
        case ".keras" | ".h5" | ".hdf5":
            with needing("keras", "reading a file of Keras"):
                from inkdigits.importing.keras_layers import convert_keras
            return convert_keras, "Keras model"
        case ".onnx":
            return read_onnx, "ONNX model"
        case ".pt2":
            from inkdigits.importing.program import convert_program

            return convert_program, "PyTorch program"
    raise UsageError(
        f"{path} can't be imported: its name must end in one of {', '.join(SUFFIXES)}; of PyTorch, "
        "torch.export.save writes .pt2; a pickle (.pt, .pth) can hold any code and is never opened"
    )


class _Runner:
    """A foreign network in ONNX Runtime: pixels (n, 28, 28) to logits (n, 10)."""

    def __init__(self, foreign: Foreign) -> None:
        options = SessionOptions()
        options.log_severity_level = 4  # what goes wrong is said below
        content = foreign.model.SerializeToString()
        try:
            check_graph(content)
        except ValueError as error:
            raise ArtifactError(f"the model is refused: {error}") from None
        try:
            self._session = InferenceSession(content, options)
        except Exception as error:  # its errors have no common base class
            raise ArtifactError(f"ONNX Runtime can't run the model: {error}") from error
        kind = foreign.input.type.tensor_type.elem_type
        self._dtype: np.dtype[Any] = onnx.helper.tensor_dtype_to_np_dtype(kind)
        self._shape, self._name = foreign.shape, foreign.input.name

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = []
        for start in range(0, len(pixels), _BATCH):
            part = pixels[start : start + _BATCH].reshape(-1, *self._shape)
            try:
                (found,) = self._session.run(None, {self._name: part.astype(self._dtype)})
            except Exception as error:  # its errors have no common base class
                raise ArtifactError(
                    f"the model can't take {len(part)} images at once; export it with a free "
                    f"batch axis: {error}"
                ) from error
            if found.shape != (len(part), len(DIGITS)):
                raise ArtifactError(
                    f"the model gives {found.shape} for {len(part)} images, not ten values each"
                )
            parts.append(found.astype(np.float32))
        return np.concatenate(parts)


def _about(foreign: Foreign, wanted: Wanted) -> str:
    """In words, what a model takes and gives."""
    shape = "×".join(str(size) for size in foreign.shape)
    order = "0…9"
    if wanted.order != tuple(range(len(DIGITS))):
        order = "".join(DIGITS[wanted.order.index(place)] for place in range(len(DIGITS)))
    return (
        f"takes {shape}, pixels {wanted.pixels}, {wanted.ink} ink; gives "
        f"{foreign.ends_in or 'logits'} in the order {order}"
    )
