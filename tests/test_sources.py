"""Every form in which people have a picture, and every form of images for the network."""

import base64
import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.figure import Figure
from PIL import Image

from inkdigits import Reader
from inkdigits.errors import CanvasError, UsageError
from inkdigits.imaging import open_picture
from inkdigits.imaging.sources import plain_source

READER = Reader.load()

# A colour picture: red on the left, blue on the right, a grey third below.
COLOURS = np.zeros((30, 40, 3), np.uint8)
COLOURS[:, :20, 0], COLOURS[:, 20:, 2], COLOURS[20:] = 200, 100, 60
GREY = COLOURS.max(axis=2)
CLEAR = np.dstack([COLOURS, np.full((30, 40), 255, np.uint8)])


def encoded(values: np.ndarray = COLOURS) -> bytes:
    content = io.BytesIO()
    Image.fromarray(values).save(content, "PNG")
    return content.getvalue()


PNG = encoded()
BASE64 = base64.b64encode(PNG).decode()


class Upload:
    """As Flask's FileStorage, which has `read` and no `readinto`."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


class Array:
    """As other libraries' arrays."""

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return COLOURS


IN_COLOUR = {
    "bytes": PNG,
    "bytearray": bytearray(PNG),
    "memoryview": memoryview(PNG),
    "BytesIO": io.BytesIO(PNG),
    "an upload": Upload(PNG),
    "Pillow": Image.fromarray(COLOURS),
    "data URL": f"data:image/png;base64,{BASE64}",
    "data URL, percent-encoded": "data:image/png," + "".join(f"%{byte:02x}" for byte in PNG),
    "data URL, percent-encoded base64": "data:;base64," + BASE64.replace("+", "%2B"),
    "DATA url": f"DATA:image/png;BASE64,{BASE64}",
    "base64": BASE64,
    "base64 in lines": base64.encodebytes(PNG).decode(),
    "base64, URL-safe": base64.urlsafe_b64encode(PNG).decode(),
    "base64 without padding": base64.urlsafe_b64encode(PNG).decode().rstrip("="),
    "array (h, w, 3)": COLOURS,
    "array (h, w, 4)": CLEAR,
    "array (3, h, w)": np.moveaxis(COLOURS, 2, 0),
    "array 0…1": COLOURS / 255,
    "what NumPy converts": Array(),
    "tensor (3, h, w)": torch.from_numpy(COLOURS).permute(2, 0, 1),
    "tensor (4, h, w)": torch.from_numpy(CLEAR).permute(2, 0, 1),
    "tensor (h, w, 3)": torch.from_numpy(COLOURS),
    "tensor 0…1 with a gradient": (torch.from_numpy(COLOURS) / 255).requires_grad_(),
}


@pytest.mark.parametrize("source", IN_COLOUR.values(), ids=IN_COLOUR.keys())
def test_every_form_in_colour_is_the_same_picture(source):
    seen = np.asarray(open_picture(source), int)
    # A brightest pixel of 200 stands for 200 in uint8, and for 200 of 255 in 0…1.
    assert np.abs(seen - COLOURS).max() <= 1


IN_GREY = {
    "(h, w)": GREY,
    "(h, w, 1)": GREY[..., None],
    "(1, h, w)": GREY[None],
    "uint16": GREY.astype(np.uint16) * 257,
    "int64": GREY.astype(np.int64),
    "tensor (h, w)": torch.from_numpy(GREY),
    "tensor (1, h, w)": torch.from_numpy(GREY)[None],
    "tensor, bfloat16": torch.from_numpy(GREY).to(torch.bfloat16),
}


@pytest.mark.parametrize("source", IN_GREY.values(), ids=IN_GREY.keys())
def test_every_form_in_grey_is_the_same_picture(source):
    seen = np.asarray(open_picture(source), int)
    assert np.abs(seen - GREY[..., None]).max() <= 1


@pytest.mark.parametrize("channels", [3, 4])
def test_with_bgr_the_channels_are_as_in_opencv(channels):
    order = [2, 1, 0, 3][:channels]
    frame = CLEAR[..., order]
    for source in (frame, torch.from_numpy(frame.copy()).permute(2, 0, 1)):
        seen = np.asarray(plain_source(source, bgr=True))
        np.testing.assert_array_equal(seen, CLEAR[..., :channels])
    np.testing.assert_array_equal(np.asarray(plain_source(GREY, bgr=True)), GREY)


def test_a_text_that_is_a_path_is_a_path_whatever_else_it_might_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = encoded(np.zeros((5, 6), np.uint8))
    name = base64.urlsafe_b64encode(small).decode()
    assert open_picture(name).size == (6, 5)
    (tmp_path / name).write_bytes(PNG)
    for source in (name, tmp_path / name):
        assert open_picture(source).size == (40, 30)
    with (tmp_path / name).open("rb") as file:
        assert open_picture(file).size == (40, 30)


def test_a_figure_is_read_as_it_is_drawn(mnist_test):
    figure = Figure(figsize=(3, 3))
    axes = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    axes.imshow(255 - mnist_test.images[0], cmap="gray", vmin=0, vmax=255)
    axes.axis("off")
    assert READER.read(figure).text == "7"


class Asynchronous:
    async def read(self) -> bytes:
        return b""


def read_to_its_end() -> io.BytesIO:
    stream = io.BytesIO(PNG)
    stream.read()
    return stream


def closed() -> io.BytesIO:
    stream = io.BytesIO(PNG)
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        (read_to_its_end(), "empty", "read to its end: seek"),
        (closed(), "unreadable", "closed file"),
        (io.StringIO("text"), "unreadable", "gives text; open the file in binary mode"),
        (Asynchronous(), "unreadable", "asynchronous: pass what 'await picture.read"),
        (b"", "empty", "0 bytes"),
        (b"no picture at all", "not_an_image", "is not an image"),
        ("data:image/png;base64", "not_an_image", "no comma"),
        ("data:image/png;base64,A", "truncated", "data URL is damaged"),
        ("data:image/png;base64,!!!!", "truncated", "data URL is damaged"),
        ("data:image/png;base64," + BASE64[:60], "truncated", "cut short"),
        (BASE64[:-3] + "é==", "not_found", "does not exist"),
        ("photo", "not_found", "photo does not exist"),
        (np.zeros((2, 28, 28)), "bad_array", r"\(2, 28, 28\); it must be grey"),
        (torch.zeros(1, 1, 28, 28), "bad_array", r"\(1, 1, 28, 28\); it must be grey"),
        (np.full((9, 9), np.nan), "bad_array", "they must fill"),
        (np.array(["a"]), "bad_array", "of numbers"),
        (3.5, "bad_array", "is a float; it must be a path"),
    ],
)
def test_what_cannot_be_read_is_a_short_error_with_its_cure(source, code, message):
    with pytest.raises(CanvasError, match=message) as caught:
        READER.read(source)
    assert caught.value.code == code
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("source", [PNG, io.BytesIO(PNG), BASE64, Image.fromarray(COLOURS)])
def test_bgr_is_for_arrays(source):
    with pytest.raises(UsageError, match="bgr says how an array's channels lie"):
        READER.read(source, bgr=True)


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80).map(lambda b: "data:," + str(b))))
def test_any_text_is_a_picture_or_a_picture_error(text):
    with pytest.raises(CanvasError):
        READER.read(text)


# Images for the network


@pytest.fixture(scope="module")
def images(mnist_test) -> np.ndarray:
    return mnist_test.images[:12]


FORMS = {
    "uint8 (n, 28, 28)": lambda x: x,
    "(n, 28, 28, 1)": lambda x: x[..., None],
    "(n, 1, 28, 28)": lambda x: x[:, None],
    "(n, 784)": lambda x: x.reshape(-1, 784),
    "float 0…1": lambda x: x / 255,
    "float32 0…1": lambda x: x / np.float32(255),
    "float 0…255": lambda x: x.astype(float),
    "int64": lambda x: x.astype(np.int64),
    "not contiguous": lambda x: np.asfortranarray(x),
    "a list of arrays": list,
    "lists of numbers": lambda x: x.tolist(),
    "tensor (n, 1, 28, 28) 0…1": lambda x: torch.from_numpy(x)[:, None] / 255,
    "tensor with a gradient": lambda x: torch.from_numpy(x).float().requires_grad_(),
    "a list of tensors": lambda x: list(torch.from_numpy(x)),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_images_of_every_form_are_predicted_alike(images, form):
    expected = READER.score_glyphs(images)[0]
    given_images = form(images)
    np.testing.assert_allclose(READER.predict_proba(given_images), expected, atol=1e-5)
    np.testing.assert_array_equal(READER.predict(given_images), expected.argmax(axis=1))
    assert READER.predict(given_images).tolist()[:4] == [7, 2, 1, 0]


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (1, 28, 28), (784,), (1, 784)])
def test_one_image_gives_one_row(images, shape):
    assert READER.predict(images[1].reshape(shape)).tolist() == [2]
    assert READER.predict_proba(images[1].reshape(shape) / 255).shape == (1, 10)


def test_masks_are_images_and_none_are_none(images):
    mask = images > 100
    expected = READER.predict(mask * np.uint8(255))
    for given_images in (mask, mask.astype(int), mask.astype(float)):
        np.testing.assert_array_equal(READER.predict(given_images), expected)
    for nothing in (images[:0], np.zeros((0, 784))):
        assert READER.predict_proba(nothing).shape == (0, 10)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 27, 28), np.uint8), r"uint8 \(2, 27, 28\); they must be .*\(n, 784\)"),
        (np.zeros((5, 64)), "'reader.read' takes a picture of any size"),
        (np.zeros((2, 28, 28, 3)), "they must be numbers"),
        (np.zeros((1, 1, 1, 28, 28)), "they must be numbers"),
        (np.float64(3), "they must be numbers"),
        (np.full((1, 28, 28), "a"), "they must be numbers"),
        ([[1, 2], [3]], "the images are no array"),
        (np.full((1, 28, 28), np.nan), "replace NaN"),
        (np.full((1, 28, 28), -0.42), "begin at -0.42; .* undo the standardising"),
        (np.full((1, 28, 28), 16.0), "go up to 16; .* multiply by 255 / white"),
        (np.full((1, 28, 28), 4095), "go up to 4095"),
        (np.full((1, 28, 28), np.inf), "go up to inf"),
    ],
)
def test_other_images_are_refused_with_a_cure(values, message):
    for call in (READER.predict, READER.predict_proba, READER.score_glyphs, READER.read_glyphs):
        with pytest.raises(UsageError, match=message):
            call(values)


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.float32, np.int16]),
        st.sampled_from([(28, 28), (2, 784), (3, 1, 28, 28)]),
    )
)
def test_any_numbers_are_probabilities_or_a_usage_error(values):
    try:
        probabilities = READER.predict_proba(values)
    except UsageError:
        assert values.dtype != np.uint8
    else:
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
