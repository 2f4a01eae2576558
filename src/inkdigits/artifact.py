"""The artifact: one self-describing ONNX file, the only thing that passes from training to use.

uint8 images (n, 28, 28) go in as `images`; `probabilities` (n, 10) and `familiarity` (n,) come
out: normalisation, temperature and softmax are inside the graph. The file's metadata has the fields
of `ArtifactInfo`, one JSON value per field, under keys that begin with `inkdigits.`; the last key
is a SHA-256 of all bytes before it. Any ONNX tool opens the file; loading it can't run code.

An ONNX file is a protobuf message, and concatenating the bytes of protobuf messages merges them.
So metadata and checksum are appended without parsing the graph.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from inkdigits.errors import ArtifactError, StorageError, UsageError
from inkdigits.files import read_bytes, sha256, storage_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

GLYPH_PX = 28  # the side of an input image; docstrings write it as a number
DIGITS = tuple("0123456789")  # the labels of a reader of digits
ARTIFACT_NAME = "artifact.onnx"  # in a run folder
SHIPPED = "robust.onnx"  # the glyph network inside the package
FORMAT = 2
Provider = str | tuple[str, dict[str, Any]]
"""The name of one of ONNX Runtime's execution providers, or that and its options."""

CPU: tuple[Provider, ...] = ("CPUExecutionProvider",)
NUMPY = "NumPy"
"""Instead of ONNX Runtime's providers: runs where ONNX Runtime can't be had (`inkdigits.graph`)."""

_PREFIX = "inkdigits."
_CHECKSUM_KEY = "inkdigits.sha256"


@dataclass(frozen=True)
class ArtifactInfo:
    """The metadata of an artifact.

    `temperature` divides the logits, inside the graph, to calibrate confidences. `accept_at` is
    the familiarity threshold: images that reach it are accepted as digits. The labels with a
    probability of at least `set_threshold` include the true one for the share `coverage` of
    digits. All three were fitted on the held-out part of the training set (see `calibration`);
    `validation` has `accuracy`, `loss` and `images` for it. `history` has a row for each epoch,
    `environment` says where and on which files it was trained.
    """

    version: str
    labels: tuple[str, ...]
    dataset: str
    recipe: dict[str, Any]
    seed: int
    parameters: int
    temperature: float
    validation: dict[str, float]
    accept_at: float
    set_threshold: float
    coverage: float
    history: list[dict[str, float]]
    environment: dict[str, Any]
    format: int = FORMAT

    @property
    def knows_junk(self) -> bool:
        """Whether it was trained with non-digits; otherwise it accepts many of them."""
        return bool(self.recipe.get("junk_share"))

    @property
    def is_imported(self) -> bool:
        """Whether it was made of another program's model, of whose training nothing is known."""
        return "architecture" not in self.recipe

    def to_dict(self) -> dict[str, Any]:
        """Field names and values, for JSON."""
        return asdict(self)


class Session(Protocol):
    """What runs a network: ONNX Runtime's sessions do, and whatever has the same two methods."""

    def run(self, names: Sequence[str], feeds: "Mapping[str, NDArray[Any]]", /) -> Any:
        """The outputs of these names for named inputs."""

    def get_modelmeta(self) -> Any:
        """What has the file's metadata, as `custom_metadata_map`."""


@dataclass(frozen=True)
class Artifact:
    """An opened artifact: what runs its network, and its metadata."""

    session: Session
    info: ArtifactInfo


def are_glyphs(images: "NDArray[Any]") -> bool:
    """Whether an array is valid input for an artifact: uint8 (n, 28, 28)."""
    return images.dtype == "uint8" and images.ndim == 3 and images.shape[1:] == (GLYPH_PX, GLYPH_PX)


def seal_artifact(graph: bytes, info: ArtifactInfo) -> bytes:
    """The bytes of an artifact: a serialised ONNX model, the metadata, the checksum."""
    return seal(graph, info.to_dict())


def seal(graph: bytes, metadata: dict[str, Any]) -> bytes:
    """A serialised ONNX model with metadata, one JSON value per key, and the checksum."""
    body = graph
    for name, value in metadata.items():
        body += _metadata_entry(_PREFIX + name, json.dumps(value))
    return body + _metadata_entry(_CHECKSUM_KEY, sha256(body))


def parse_artifact(
    content: bytes,
    name: str = "artifact",
    threads: int = 0,
    providers: Sequence[Provider] = CPU,
) -> Artifact:
    """Check the bytes of an artifact and read its metadata; `name` is for errors.

    `threads` is how many threads run the network, 0: all; `providers` are ONNX Runtime's, the
    preferred one first, or `NUMPY`. Raises `ArtifactError` if the bytes aren't an inkdigits
    artifact, or are damaged, `UsageError` for a provider that isn't there.
    """
    session = open_sealed(content, name, threads, providers)
    try:
        metadata = session.get_modelmeta().custom_metadata_map
    except ValueError as error:  # it isn't UTF-8
        raise ArtifactError(f"{name} lacks required metadata: {error}") from None
    info = _parse_info(metadata, name)
    _check_promise(session, info, name)
    return Artifact(session, info)


def open_sealed(
    content: bytes, name: str, threads: int = 0, providers: Sequence[Provider] = CPU
) -> Session:
    """Check the checksum of a sealed graph, and that it is plain data, and open it.

    Raises as `parse_artifact` does.
    """
    from inkdigits.graph import NumpySession, check_graph

    trailer_size = len(_metadata_entry(_CHECKSUM_KEY, sha256(b"")))
    body, trailer = content[:-trailer_size], content[-trailer_size:]
    if not trailer.startswith(_metadata_entry(_CHECKSUM_KEY, sha256(b""))[:-64]):
        raise ArtifactError(
            f"{name} is not an inkdigits artifact, or it was cut short; "
            "use an artifact.onnx that 'inkdigits train' wrote"
        )
    if trailer[-64:] != sha256(body).encode():
        raise ArtifactError(f"{name} is damaged: its checksum does not match; copy it again")
    try:
        check_graph(content)
    except ValueError as error:
        raise ArtifactError(
            f"{name} is refused: {error}; train or import the model again"
        ) from None
    with_options = [given if isinstance(given, tuple) else (given, {}) for given in providers]
    if len(with_options) == 1 and with_options[0][0] == NUMPY:
        try:
            return NumpySession(content, **with_options[0][1])
        except ValueError as error:
            raise ArtifactError(f"NumPy can't run {name}: {error}") from None
    return _open_session(content, name, threads, providers)


def shipped(name: str = SHIPPED) -> bytes:
    """The bytes of a network inside the package."""
    return files("inkdigits").joinpath("shipped", name).read_bytes()


def load_artifact(
    source: str | PathLike[str] | bytes, threads: int = 0, providers: Sequence[Provider] = CPU
) -> Artifact:
    """Read and check an artifact file, the one in a run folder, or an artifact's bytes.

    Raises `UsageError` for another kind of source, `StorageError`, and what `parse_artifact` does.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return parse_artifact(bytes(source), "the artifact", threads, providers)
    if not isinstance(source, str | PathLike):
        raise UsageError(
            f"a {type(source).__name__} is no artifact; pass a path, a run, or an artifact's bytes"
        )
    try:
        path = artifact_path(Path(source))
        content = read_bytes(path)
    except ValueError as error:  # a NUL byte in the path
        raise StorageError(f"can't read {str(source)!r}: {error}") from None
    return parse_artifact(content, str(path), threads, providers)


def artifact_path(path: Path) -> Path:
    """The path itself, or that of the artifact in a run folder."""
    with storage_errors("read", path):
        return path / ARTIFACT_NAME if path.is_dir() else path


def _open_session(
    content: bytes, name: str, threads: int, providers: Sequence[Provider]
) -> Session:
    import onnxruntime

    providers = [providers] if isinstance(providers, str) else providers
    wanted = [str(one[0] if isinstance(one, tuple) else one) for one in providers]
    _check_providers(wanted, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only, no warnings about the machine's topology
    try:
        session: Any = onnxruntime.InferenceSession(content, options, providers=list(providers))
    except Exception as error:  # its errors have no common base class
        raise ArtifactError(f"ONNX Runtime can't open {name}: {error}") from error
    _check_providers(wanted, session.get_providers())  # it goes on without one that doesn't start
    opened: Session = session
    return opened


def _check_providers(wanted: list[str], present: list[str]) -> None:
    for name in wanted:
        if name not in present:
            raise UsageError(
                f"ONNX Runtime has no provider {name!r} here; there are {', '.join(present)}. "
                "Another build of it, such as onnxruntime-gpu, may have it"
            )


def _parse_info(metadata: dict[str, str], name: str) -> ArtifactInfo:
    found = metadata.get(_PREFIX + "format")
    if found != json.dumps(FORMAT):
        version = metadata.get(_PREFIX + "version", "unknown")
        raise ArtifactError(
            f"{name} has artifact format {found}, this version reads {FORMAT}; "
            f"install inkdigits {version}, which wrote it, or train it again"
        )
    try:
        values = {field.name: json.loads(metadata[_PREFIX + field.name]) for field in _FIELDS}
    except (KeyError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{name} lacks required metadata: {error}") from error
    for field in _FIELDS:
        if not isinstance(values[field.name], _JSON_TYPES[field.type]):
            raise ArtifactError(f"{name} has wrong metadata: {field.name} is not {field.type}")
    return ArtifactInfo(**{**values, "labels": tuple(values["labels"])})


def _check_promise(session: Session, info: ArtifactInfo, name: str) -> None:
    """`ArtifactError` unless the graph takes a glyph, and gives what an artifact's graph does."""
    import numpy as np

    blank = np.zeros((1, GLYPH_PX, GLYPH_PX), np.uint8)
    try:
        found = session.run(["probabilities", "familiarity"], {"images": blank})
    except Exception as error:  # ONNX Runtime's and NumPy's errors have no common base class
        raise ArtifactError(f"{name} can't read a glyph: {error}") from error
    shapes = [values.shape for values in found]
    if shapes != [(1, len(info.labels)), (1,)]:
        raise ArtifactError(f"{name} gives arrays of {shapes} for a glyph and {info.labels}")


_FIELDS = fields(ArtifactInfo)
_JSON_TYPES: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    tuple[str, ...]: (list,),
    dict[str, Any]: (dict,),
    dict[str, float]: (dict,),
    list[dict[str, float]]: (list,),
}

# The part of the protobuf wire format used here: a field is a tag (number << 3 | 2 for bytes),
# a length and the bytes. `metadata_props` is field 14 of ONNX's ModelProto; its entries have the
# key as field 1 and the value as field 2 (onnx.proto).
_METADATA_TAG, _KEY_TAG, _VALUE_TAG = 14 << 3 | 2, 1 << 3 | 2, 2 << 3 | 2


def _metadata_entry(key: str, value: str) -> bytes:
    entry = _field(_KEY_TAG, key.encode()) + _field(_VALUE_TAG, value.encode())
    return _field(_METADATA_TAG, entry)


def _field(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
