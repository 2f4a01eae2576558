"""Where pictures can lie: archives, lists, Parquet files, object stores."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import fsspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from inkdigits.batch.archives import members, read_member
from inkdigits.batch.entries import Item
from inkdigits.imaging import sources
from tests.command_line import call

NAMES = ["a.png", "b.bmp", "more/c.jpg"]


def rows_of(capsys, *arguments: object) -> list[tuple[str, str]]:
    """The path of each row, and its text or the code of its error."""
    out = call(capsys, "predict", *arguments, "--format", "jsonl")[1]
    rows = [json.loads(line) for line in out.splitlines()]
    return [(row["path"], row["error"]["code"] if row["error"] else row["text"]) for row in rows]


def in_tar(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return content.getvalue()


def in_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


ARCHIVES = {
    "a.tar": in_tar,
    "a.TAR.GZ": lambda files: gzip.compress(in_tar(files)),
    "a.tgz": lambda files: gzip.compress(in_tar(files)),
    "a.tar.bz2": lambda files: bz2.compress(in_tar(files)),
    "a.zip": in_zip,
    "stored.zip": lambda files: in_zip(files, zipfile.ZIP_STORED),
}


@pytest.fixture
def files(pictures) -> dict[str, bytes]:
    """Pictures of a 7, a 2 and a 1, with what else lies in archives."""
    return {
        "more/notes.txt": b"not looked at",
        "__MACOSX/a.png": b"nor this",
        "more/._c.jpg": b"nor this",
        **{name: (pictures / name).read_bytes() for name in NAMES},
    }


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("jobs", [1, 2])
def test_the_pictures_in_an_archive_are_read(capsys, tmp_path, files, name, jobs):
    path = tmp_path / name
    path.write_bytes(ARCHIVES[name]({**files, "bad.png": b"no picture"}))
    expected = [*zip(NAMES, "721", strict=True), ("bad.png", "not_an_image")]
    found = rows_of(capsys, path, "--jobs", jobs)
    assert found == [(f"{path}/{inner}", text) for inner, text in expected]


@given(
    st.dictionaries(
        st.text("ab/é ", min_size=1, max_size=120).map(lambda name: f"x{name}x.png"),
        st.binary(max_size=2000),
        max_size=5,
    ),
    st.sampled_from(sorted(ARCHIVES)),
)
def test_what_is_put_into_an_archive_comes_out(tmp_path_factory, files, name):
    path = tmp_path_factory.mktemp("archive") / name
    path.write_bytes(ARCHIVES[name](files))
    found = list(members(path))
    if files:
        assert [(one.inner, read_member(one)) for one in found] == list(files.items())
    else:
        assert [one.source.code for one in found] == ["no_images"]


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("kept", [0, 0.01, 0.5, 0.7])
def test_of_an_archive_that_is_cut_what_comes_before_is_read(tmp_path, files, name, kept):
    content = ARCHIVES[name](files)
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * kept)])
    found = list(members(path))
    assert isinstance(found[-1], Item)
    assert found[-1].source.code == "truncated"
    assert [one.inner for one in found[:-1]] == NAMES[: len(found) - 1]


def test_a_damaged_header_in_a_tar_is_an_error(capsys, tmp_path, files):
    content = bytearray(in_tar(files))
    at = content.index(b"more/c.jpg")
    content[at] = 0xFF
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    assert [text for _, text in rows_of(capsys, path)] == ["7", "2", "truncated"]


def test_a_damaged_file_in_a_zip_does_not_stop_the_others(capsys, tmp_path, files):
    content = bytearray(in_zip(files))
    for_b = zipfile.ZipFile(io.BytesIO(content)).getinfo("b.bmp")
    content[for_b.header_offset + 60] ^= 0xFF
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert [text for _, text in rows_of(capsys, path)] == ["7", "truncated", "1"]


def test_what_an_archive_says_of_itself_is_bounded(capsys, tmp_path, files, monkeypatch):
    monkeypatch.setattr(sources, "MAX_BYTES", 100_000)
    bomb = {"bomb.png": bytes(1_000_000), "a.png": files["a.png"]}
    for name, pack in ARCHIVES.items():
        path = tmp_path / name
        path.write_bytes(pack(bomb))
        assert [text for _, text in rows_of(capsys, path)] == ["too_large", "7"], name
    lying = bytearray(in_zip(bomb))  # says that its million bytes are ten
    entry = lying.index(b"PK\x01\x02")
    lying[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    (tmp_path / "lying.zip").write_bytes(lying)
    assert [text for _, text in rows_of(capsys, tmp_path / "lying.zip")] == ["truncated", "7"]
    long_name = tarfile.TarInfo("x" * 200_000 + ".png").tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "name.tar").write_bytes(long_name + bytes(1024))
    assert [text for _, text in rows_of(capsys, tmp_path / "name.tar")] == ["too_large"]


def test_archives_that_are_not_understood_say_why(capsys, tmp_path, files):
    encrypted = bytearray(in_zip(files))
    entry = encrypted.rindex(b"PK\x01\x02")
    encrypted[entry + 8] |= 1
    contents = {
        "xz.tar": lzma.compress(in_tar(files)),
        "encrypted.zip": encrypted,
        "lzma.zip": in_zip({"a.png": files["a.png"]}, zipfile.ZIP_LZMA),
        "empty.zip": in_zip({}),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = rows_of(capsys, *(tmp_path / name for name in contents), tmp_path / "none.tar")
    codes = [text for _, text in found]
    assert codes == [
        "not_supported",
        *("7", "2", "not_supported"),
        "not_supported",
        "no_images",
        "not_found",
    ]


def test_a_list_has_a_path_or_a_folder_a_line(capsys, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures)
    listed = tmp_path / "list.txt"
    listed.write_bytes(b"b.bmp\r\n\nmore\nnothing.png\n" + bytes(pictures / "a.png"))
    expected = ["b.bmp", "more/c.jpg", "nothing.png", str(pictures / "a.png")]
    found = rows_of(capsys, listed)
    assert found == list(zip(expected, ["2", "1", "not_found", "7"], strict=True))
    assert rows_of(capsys, "gone.txt") == [("gone.txt", "not_found")]


@pytest.mark.parametrize("as_struct", [False, True])
def test_the_pictures_of_a_parquet_file_are_read_in_slices(
    capsys, tmp_path, files, as_struct, monkeypatch
):
    monkeypatch.setattr("inkdigits.batch.parquet._ROWS", 4)
    monkeypatch.setattr("inkdigits.batch.parquet._BATCH", 3)
    contents = [files[NAMES[number % 3]] for number in range(13)]
    contents[7] = None
    images = [{"bytes": content, "path": "x"} for content in contents] if as_struct else contents
    path = tmp_path / "some.parquet"
    parquet.write_table(pa.table({"label": range(13), "Image": images}), path, row_group_size=6)
    expected = [("721" * 5)[number] for number in range(13)]
    expected[7] = "bad_table"
    assert rows_of(capsys, path) == [
        (f"{path}#{number}", text) for number, text in enumerate(expected, start=1)
    ]


def test_other_parquet_files_are_an_error(capsys, tmp_path):
    parquet.write_table(pa.table({"label": [1]}), tmp_path / "labels.parquet")
    parquet.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "none.parquet")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    found = rows_of(capsys, *(tmp_path / f"{name}.parquet" for name in ("labels", "none", "cut")))
    assert [text for _, text in found] == ["bad_table", "empty", "bad_table"]


@pytest.fixture
def bucket(files, mnist_test):
    """An object store in memory."""
    store = fsspec.filesystem("memory")
    for name, content in files.items():
        store.pipe_file(f"/bucket/{name}", content)
    store.pipe_file("/bucket/a.tar", in_tar(files))
    yield "memory://bucket"
    store.rm("/bucket", recursive=True)


def test_object_stores_are_read_through_fsspec(capsys, bucket, tmp_path):
    def texts(*places: str) -> list[str]:
        return [text for _, text in rows_of(capsys, *places)]

    assert rows_of(capsys, f"{bucket}/more/c.jpg") == [(f"{bucket}/more/c.jpg", "1")]
    assert texts(f"{bucket}/more/") == ["not_an_image", "1"]  # ._c.jpg
    assert rows_of(capsys, f"{bucket}/*.bmp") == [("memory:///bucket/b.bmp", "2")]
    assert texts(f"{bucket}/a.tar") == ["7", "2", "1"]
    assert texts(f"{bucket}/none.png", f"{bucket}/none/") == ["not_found", "unreadable"]
    listed = tmp_path / "list.txt"
    listed.write_text(f"{bucket}/a.png\n")
    assert texts(str(listed), "nowhere://a.png") == ["7", "unreadable"]


def test_a_store_whose_library_is_missing_is_named(capsys, monkeypatch):
    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "open", missing)
    out = call(capsys, "predict", "s3://bucket/a.png", "--format", "jsonl")[1]
    error = json.loads(out)["error"]
    assert error["code"] == "not_supported"
    assert "Install s3fs" in error["message"]
