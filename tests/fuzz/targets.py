"""What is fuzzed: a reader of foreign bytes, bytes to begin with, and the errors it may raise."""

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import numpy as np
from PIL import Image

from inkdigits.errors import ArtifactError, CanvasError, DataError, UsageError

HERE = Path(__file__).parent
FOUND = HERE / "found"


@dataclass(frozen=True)
class Target:
    """`read` takes any bytes, and gives something or raises one of the `refusals`."""

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    refusals: tuple[type[Exception], ...]

    def check(self, content: bytes) -> None:
        """Read some bytes; whatever else than a refusal comes out is a fault."""
        with suppress(self.refusals):
            self.read(content)


@contextmanager
def _file(content: bytes, suffix: str) -> Iterator[Path]:
    with NamedTemporaryFile(suffix=suffix, dir="/dev/shm") as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


# Data sets


def _idx(content: bytes) -> None:
    from inkdigits.data import parse_idx
    from inkdigits.data.idx import gunzip

    parse_idx(gunzip(content))


def _idx_seeds() -> list[bytes]:
    from inkdigits.data import encode_idx

    arrays = [np.zeros((2, 3, 3), np.uint8), np.arange(5, dtype=np.float32), np.zeros((0, 4), "i2")]
    plain = [encode_idx(array) for array in arrays]
    return [*plain, *map(gzip.compress, plain)]


_ROW = ",".join(["0"] * 700 + ["255"] * 84)
_TABLES = [
    f"label,{','.join(f'pixel{n}' for n in range(784))}\n7,{_ROW}\n1,{_ROW}\n",
    f"7,{_ROW}\n\n1,{_ROW}\n",
    "label,a1,a2,a3,a4,writer\n1,0,0,1,0,me\n2,1,0,0,0,you\n",
    "file,label\na.png,1\n",
    'label;x1\n"7";0.5\n',
]


def _csv(content: bytes) -> None:
    """A table of glyphs to read, and one of labelled pictures to train on."""
    from inkdigits.batch.items import open_items
    from inkdigits.data.table import read_csv

    with _file(content, ".csv") as path:
        for _ in open_items([path]):
            pass
        read_csv(content, path)


def _arrays(content: bytes) -> None:
    """Files of NumPy, Parquet and MATLAB, and compressed ones."""
    from inkdigits.data.forms import read_form

    with _file(content, ".data") as path:
        read_form(path)


def _array_seeds() -> list[bytes]:
    import pyarrow
    from pyarrow import parquet
    from scipy.io import savemat

    images, labels = np.zeros((3, 4, 4), np.uint8), np.arange(3)
    seeds = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, x_train=images, y_train=labels)
        seeds.append(file.getvalue())
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"image": [_picture("PNG")] * 2, "label": [1, 2]}), file)
    seeds.append(file.getvalue())
    words = np.array(["a", "bc", ""], object)
    for named in ({"x": images, "y": labels}, {"x": images, "y": words, "writer": ["me", "you"]}):
        for packed in (False, True):
            file = io.BytesIO()
            savemat(file, named, do_compression=packed)
            seeds.append(file.getvalue())
    return [*seeds, *map(gzip.compress, seeds)]


# Pictures


def _picture(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray((np.indices((24, 16)).sum(0) * 6).astype(np.uint8)).save(file, form, **options)
    return file.getvalue()


def _image(content: bytes) -> None:
    from inkdigits.imaging import decoding
    from inkdigits.imaging.canvas import count_pages, load_canvas

    # Smaller than for users, so that what takes seconds is a fault and not just a large picture.
    decoding.MAX_PIXELS = 1_000_000
    count_pages(content)
    load_canvas(content)


def _image_seeds() -> list[bytes]:
    forms = ["PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF", "PDF", "AVIF"]
    packed = _picture("TIFF", compression="tiff_lzw")
    turned = Image.Exif()
    turned[0x0112] = 6
    heic = (HERE.parent / "seven.heic").read_bytes()
    return [*map(_picture, forms), packed, heic, _picture("JPEG", exif=turned)]


def _text(content: bytes) -> None:
    """Base64, data URLs, and anything else that is given as a text."""
    from inkdigits.imaging.sources import plain_source

    plain_source(content.decode("utf-8", "surrogateescape"))


def _text_seeds() -> list[bytes]:
    import base64

    plain = base64.b64encode(_picture("PNG"))
    return [plain, b"data:image/png;base64," + plain, b"data:,%89PNG", b"photo.jpg"]


# Networks


def _artifact(content: bytes) -> None:
    """A sealed graph: its checksum is right, whatever is in it."""
    from inkdigits.artifact import CPU, NUMPY, parse_artifact, seal

    for providers in ([NUMPY], CPU):
        with suppress(ArtifactError):
            parse_artifact(seal(content, {}), threads=1, providers=providers)


def _artifact_seeds() -> list[bytes]:
    from onnx import TensorProto, helper, numpy_helper

    from inkdigits.artifact import ArtifactInfo, seal

    info = ArtifactInfo("0", ("0", "1"), "", {}, 0, 1, 1.0, {}, 0.0, 0.1, 0.9, [], {}).to_dict()
    weight = numpy_helper.from_array(np.zeros((2, 2), np.float32), "w")
    stored = helper.make_tensor("w", TensorProto.FLOAT, [2, 2], vals=[1.0] * 4)
    seeds = []
    for weights in (weight, stored):
        nodes = [helper.make_node("Gemm", ["x", "w"], ["y"], alpha=1.0, transB=1)]
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy"]
        graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], [weights])
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
        seeds += [model, seal(model, info)]
    return seeds


def _onnx(content: bytes) -> None:
    from inkdigits.importing.sealing import read_foreign

    with _file(content, ".onnx") as path:
        read_foreign(path)


def _keras(content: bytes) -> None:
    """A whole file, or its settings beside good weights, or its weights beside good settings."""
    from inkdigits.importing.sealing import read_foreign

    way, rest = content[:1], content[1:]
    with _file(rest if way == b"0" else _keras_file(rest, way), ".keras") as path:
        read_foreign(path)


def _keras_file(content: bytes, way: bytes) -> bytes:
    parts = dict(_keras_parts())
    parts["config.json" if way == b"1" else "model.weights.h5"] = content
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


def _keras_parts() -> list[tuple[str, bytes]]:
    return [(name, (HERE / "seeds" / name).read_bytes()) for name in _KERAS_PARTS]


_KERAS_PARTS = ("config.json", "model.weights.h5")


def _keras_seeds() -> list[bytes]:
    config, weights = (part for _, part in _keras_parts())
    return [b"0" + _keras_file(config, b"1"), b"1" + config, b"2" + weights]


def _program(content: bytes) -> None:
    """A `.pt2` file: the graph of a program that has no weights."""
    from inkdigits.importing.sealing import read_foreign

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("p/models/model.json", content)
        archive.writestr("p/data/weights/model_weights_config.json", '{"config": {}}')
    with _file(file.getvalue(), ".pt2") as path:
        read_foreign(path)


def _program_seeds() -> list[bytes]:
    tensor = {"dtype": 7, "sizes": [{"as_int": 1}, {"as_int": 784}]}
    name = {"as_tensor": {"name": "x"}}
    node = {
        "target": "torch.ops.aten.relu.default",
        "inputs": [{"name": "self", "arg": name}],
        "outputs": [{"as_tensor": {"name": "y"}}],
    }
    output = {"as_tensor": {"name": "y"}}
    graph = {
        "graph": {"nodes": [node], "outputs": [output], "tensor_values": {"x": tensor}},
        "signature": {"input_specs": [{"user_input": {"arg": name}}]},
    }
    return [json.dumps({"graph_module": graph}).encode()]


def _checkpoint(content: bytes) -> None:
    """A whole file, or only its state beside good tensors; the checksum is right."""
    from inkdigits.files import sha256
    from inkdigits.training.checkpoint import Checkpoint
    from inkdigits.training.checkpoint_file import FILE, load_state

    way, rest = content[:1], content[1:]
    if way != b"0":
        rest = _checkpoint_file(rest.decode("utf-8", "replace"))
    blank = re.sub(rb'("sha256":")[0-9a-f]{64}', rb"\g<1>" + b"0" * 64, rest, count=1)
    sealed = blank.replace(b"0" * 64, sha256(blank).encode(), 1)
    with TemporaryDirectory(dir="/dev/shm") as folder:
        (Path(folder) / FILE).write_bytes(sealed)
        load_state(Path(folder), Checkpoint.from_dict)


def _checkpoint_file(state: str) -> bytes:
    import safetensors.torch
    import torch

    tensors = {str(number): torch.zeros(2) for number in range(3)}
    metadata = {"format": "1", "state": state, "sha256": "0" * 64}
    return safetensors.torch.save(tensors, metadata)


def _checkpoint_seeds() -> list[bytes]:
    import torch

    from inkdigits.training.checkpoint import Checkpoint, Epoch
    from inkdigits.training.checkpoint_file import encode_state

    weights = {"a": torch.zeros(2, 2), "b": torch.ones(())}
    row = Epoch(1, 1, 0.5, 0.5, None, None, 0.1, 1.0)
    random_state = torch.zeros(3, dtype=torch.uint8)
    state = Checkpoint(random_state, (row,), (weights,), weights, {"moments": [weights["a"]]})
    whole = encode_state(state.to_dict())
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    return [b"0" + whole, b"1" + header["__metadata__"]["state"].encode()]


# Requests

_BODIES = [
    ("read", "image/png"),
    ("read", "application/json"),
    ("read", "multipart/form-data; boundary=x"),
    ("regions", "application/json"),
    ("regions", "multipart/form-data; boundary=x"),
    ("predict", "application/json"),
    ("predict", "application/octet-stream"),
    ("explain", "application/json"),
    ("corrections", "application/json"),
    ("corrections/import", "application/json"),
]


def _body(content: bytes) -> None:
    """The first byte chooses the address and the type, the rest is the body."""
    path, kind = _BODIES[content[0] % len(_BODIES)] if content else _BODIES[0]
    answer = _client().post(f"/api/v1/{path}", data=content[1:], content_type=kind)
    if answer.status_code >= 500 and answer.status_code != 504:
        raise AssertionError(f"{path} answered {answer.status_code}: {answer.text}")


_CLIENT: list = []


def _client():
    from inkdigits.web import Settings, create_app

    if not _CLIENT:
        app = create_app(Settings(pixel_limit=100_000, corrections="sqlite:////dev/shm/fuzz.db"))
        _CLIENT.append(app.test_client())
    return _CLIENT[0]


def _body_seeds() -> list[bytes]:
    part = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    picture = part % (b"picture", b'; filename="a.png"', _picture("PNG"))
    regions = json.dumps({"regions": [{"name": "a", "box": [0, 0, 9, 9]}]}).encode()
    glyph = [[0] * 28] * 28
    npy = io.BytesIO()
    np.save(npy, np.zeros((1, 28, 28), np.uint8))
    bodies = [
        _picture("PNG"),
        b'{"picture": "data:image/png;base64,iVBORw0KGgo="}',
        picture + b"--x--\r\n",
        b'{"picture": "data:image/png;base64,iVBORw0KGgo=", "regions": {}}',
        picture + part % (b"regions", b"", regions) + b"--x--\r\n",
        json.dumps({"images": [glyph]}).encode(),
        npy.getvalue(),
        json.dumps({"image": glyph, "label": "1"}).encode(),
        json.dumps({"glyph": glyph, "read": "1", "label": "7", "page": "drawn"}).encode(),
        json.dumps({"corrections": []}).encode(),
    ]
    return [bytes([place]) + body for place, body in enumerate(bodies)]


TARGETS: dict[str, Target] = {
    "idx": Target(_idx, _idx_seeds, (DataError,)),
    "csv": Target(_csv, lambda: [table.encode() for table in _TABLES], (DataError, CanvasError)),
    "arrays": Target(_arrays, _array_seeds, (DataError,)),
    "image": Target(_image, _image_seeds, (CanvasError,)),
    "text": Target(_text, _text_seeds, (CanvasError,)),
    "artifact": Target(_artifact, _artifact_seeds, ()),
    "onnx": Target(_onnx, _artifact_seeds, (ArtifactError,)),
    "keras": Target(_keras, _keras_seeds, (ArtifactError,)),
    "program": Target(_program, _program_seeds, (ArtifactError,)),
    "checkpoint": Target(_checkpoint, _checkpoint_seeds, (UsageError,)),
    "body": Target(_body, _body_seeds, ()),
}
