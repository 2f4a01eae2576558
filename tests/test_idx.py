import contextlib
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inkdigits.data import encode_idx, load_idx, parse_idx, save_idx
from inkdigits.errors import InvalidIdx, StorageError

DTYPES = [np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)
IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@given(arrays)
def test_parse_is_the_inverse_of_encode(array):
    parsed = parse_idx(encode_idx(array))
    assert parsed.dtype == array.dtype
    np.testing.assert_array_equal(parsed, array)


@given(st.binary(max_size=64))
def test_any_bytes_parse_or_raise_invalid_idx(content):
    with contextlib.suppress(InvalidIdx):
        assert encode_idx(parse_idx(content)) == content


def test_header_is_the_documented_one():
    assert encode_idx(IMAGES)[:16].hex() == "00000803" + "00000002" + "00000003" + "00000004"
    assert encode_idx(np.array([7], np.uint8)) == bytes.fromhex("00000801" + "00000001" + "07")


@given(st.integers(0, len(encode_idx(IMAGES)) - 1))
def test_a_short_file_is_refused(size):
    with pytest.raises(InvalidIdx, match="pixels: "):
        parse_idx(encode_idx(IMAGES)[:size], "pixels")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "too short"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "magic number 0x89504e47"),
        (b"\x00\x00\x07\x01" + bytes(8), "magic number"),
        (encode_idx(IMAGES) + b"\x00", "trailing bytes"),
        (encode_idx(IMAGES)[:-1], "short: 39 bytes"),
        (b"\x00\x00\x08\xff" + b"\x00\x00\x00\x01" * 255 + b"\x00", "can't hold its shape"),
    ],
)
def test_each_fault_has_its_message(content, message):
    with pytest.raises(InvalidIdx, match=message):
        parse_idx(content, "some-file")


def test_a_type_that_idx_lacks_is_refused():
    with pytest.raises(InvalidIdx, match="no type for complex128"):
        encode_idx(np.zeros(3, np.complex128))


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_files_plain_or_compressed(tmp_path, name):
    path = tmp_path / name
    save_idx(path, IMAGES)
    assert path.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    np.testing.assert_array_equal(load_idx(path), IMAGES)


def test_damaged_gzip_is_refused(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(encode_idx(IMAGES))[:-12])
    with pytest.raises(InvalidIdx, match="gzip data is damaged"):
        load_idx(path)


def test_a_missing_file_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="no such file"):
        load_idx(tmp_path / "nothing")
