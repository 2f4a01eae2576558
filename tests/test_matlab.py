"""MATLAB 5 files are read as SciPy reads them, which wrote them here."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.io import loadmat, savemat

from inkdigits.data.matlab import parse_mat

numbers = hnp.arrays(
    st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]),
    hnp.array_shapes(min_dims=2, max_dims=4),
)
texts = st.text(st.characters(max_codepoint=0x24F, exclude_characters="\0"), min_size=1)
rows = st.lists(texts, min_size=1).map(np.array)


def saved(packed: bool, **arrays: object) -> bytes:
    file = io.BytesIO()
    savemat(file, arrays, do_compression=packed)
    return file.getvalue()


@given(st.one_of(numbers, rows), st.booleans())
def test_arrays_are_as_scipy_reads_them(values, packed):
    content = saved(packed, first=values, second=np.ones((2, 3)))
    expected = loadmat(io.BytesIO(content))
    parsed = parse_mat(content)
    assert list(parsed) == ["first", "second"]
    for name, array in parsed.items():
        np.testing.assert_array_equal(array, expected[name])
        assert array.dtype == expected[name].dtype


@given(st.lists(texts | numbers, min_size=1, max_size=5))
def test_cells_hold_texts_and_numbers(parts):
    cells = np.empty(len(parts), object)
    for place, part in enumerate(parts):
        cells[place] = part
    parsed = parse_mat(saved(False, cells=cells))["cells"]
    for found, part in zip(parsed, parts, strict=True):
        np.testing.assert_array_equal(found, part if isinstance(part, np.ndarray) else [part])


def big_endian(words: list[int]) -> bytes:
    """A file of these 32-bit numbers."""
    return b"MATLAB 5.0".ljust(124) + b"\1\0MI" + np.array(words, ">u4").tobytes()


def test_the_other_byte_order_is_read():
    words = [14, 56, 6, 8, 13, 0, 5, 8, 1, 2, 1 << 16 | 1, 0x61000000, 6, 8, 258, 7]
    np.testing.assert_array_equal(parse_mat(big_endian(words))["a"], [[258, 7]])


def test_an_array_without_a_shape_is_refused():
    words = [14, 48, 6, 8, 13, 0, 5, 0, 1 << 16 | 1, 0x61000000, 6, 4, 258, 0]
    with pytest.raises(ValueError, match="an array has no shape"):
        parse_mat(big_endian(words))


def test_what_is_no_picture_or_label_is_left_out():
    others = {"settings": {"a": 1}, "waves": np.array([1j]), "nested": [["a"], "b"]}
    parsed = parse_mat(saved(True, x=np.ones((2, 2)), **others))
    assert list(parsed) == ["x", "nested"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM", "it is of another version"),
        (saved(True, x=np.ones(9))[:-9], "it is cut short"),
        (b"MATLAB 5.0".ljust(124) + b"\0\1IM\x0f\0\0\0\4\0\0\0abcd", "incorrect header"),
    ],
)
def test_what_cannot_be_read_is_named(content, message):
    with pytest.raises(ValueError, match=message):
        parse_mat(content)
