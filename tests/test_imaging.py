import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import ndimage

from inkdigits import Reader
from inkdigits.errors import CanvasError, UsageError
from inkdigits.imaging import Box, center_of_mass, open_canvas, to_glyph


@pytest.fixture
def save(tmp_path):
    def write(image: Image.Image, name: str = "canvas.png", **options: object):
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.gif", "a.webp", "a.pgm"])
def test_lossless_formats_give_the_pixels(save, name, mnist):
    options = {"lossless": True} if name.endswith("webp") else {}
    path = save(Image.fromarray(mnist.images[0]), name, **options)
    np.testing.assert_array_equal(open_canvas(path), mnist.images[0])


def test_transparency_lies_over_white(save):
    clear = Image.new("RGBA", (4, 3), (0, 0, 0, 0))
    clear.putpixel((1, 1), (0, 0, 0, 255))
    canvas = open_canvas(save(clear))
    assert canvas.shape == (3, 4)
    assert canvas[1, 1] == 0
    assert np.median(canvas) == 255


def test_exif_turns_the_picture_upright(save):
    wide = Image.new("L", (40, 20), 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° to the right to see it upright
    assert open_canvas(save(wide, "turned.jpg", exif=exif)).shape == (40, 20)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (np.array([[0, 257 * 100, 65535]], np.uint16), "a.png"),
        (np.array([[0, 1606, 4095]], np.uint16), "a.png"),  # 12 bits
        (np.array([[0, 100 / 255, 1]], np.float32), "a.tiff"),
        (np.array([[0, 100, 255]], np.float32), "a.tiff"),
    ],
)
def test_deep_pictures_become_8_bits(save, values, name):
    assert open_canvas(save(Image.fromarray(values), name)).tolist() == [[0, 100, 255]]


def test_damaged_exif_does_not_cost_the_picture(save):
    path = save(Image.new("L", (8, 9), 7), "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")
    assert open_canvas(path).shape == (9, 8)


def encoded(form: str) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"just a text", "not_an_image"),
        (encoded("PNG")[:2000], "truncated"),
        (encoded("JPEG")[:1500], "truncated"),
        (encoded("PNG")[:20], "truncated"),
    ],
)
def test_bad_files_have_codes(tmp_path, content, code):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(CanvasError, match="bad.png") as caught:
        open_canvas(path)
    assert caught.value.code == code


def test_what_is_no_file_has_codes(tmp_path):
    for path, code in ((tmp_path / "nothing", "not_found"), (tmp_path, "no_images")):
        with pytest.raises(CanvasError) as caught:
            open_canvas(path)
        assert caught.value.code == code


def test_a_decompression_bomb_is_refused_before_it_is_decoded(save, monkeypatch):
    monkeypatch.setattr("inkdigits.imaging.MAX_PIXELS", 10_000)
    with pytest.raises(CanvasError, match="megapixels") as caught:
        open_canvas(save(Image.new("L", (101, 100))))
    assert caught.value.code == "too_large"


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_any_canvas_gives_a_glyph_and_a_box_inside_it_or_nothing(canvas):
    found = to_glyph(canvas)
    if found:
        glyph, box = found
        assert glyph.shape == (28, 28)
        assert glyph.dtype == np.uint8
        assert box.width > 0
        assert box.height > 0
        assert box.x + box.width <= canvas.shape[1]
        assert box.y + box.height <= canvas.shape[0]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_canvas_has_no_glyph(level):
    assert to_glyph(np.full((50, 40), level, np.uint8)) is None


def test_both_polarities_give_the_same_glyph(draw):
    canvas = draw(90, 70)
    dark, light = to_glyph(canvas), to_glyph(255 - canvas)
    np.testing.assert_array_equal(dark[0], light[0])
    assert dark[1] == light[1] == Box(31, 18, 8, 54)


def test_the_layout_is_20_pixels_high_and_centred_by_mass(draw):
    glyph, _ = to_glyph(draw(200, 150))
    rows = np.flatnonzero(glyph.any(axis=1))
    assert rows[-1] - rows[0] + 1 == 20
    assert glyph.max() == 255
    assert center_of_mass(glyph) == pytest.approx((14, 14), abs=0.5)


@given(hnp.arrays(np.uint8, (9, 7)).filter(np.any))
def test_center_of_mass_agrees_with_scipy(ink):
    assert center_of_mass(ink) == pytest.approx(ndimage.center_of_mass(ink))


@pytest.mark.parametrize("inverted", [False, True])
def test_an_enlarged_mnist_digit_comes_back(mnist, inverted):
    """Off-centre on a larger canvas, at any scale and either polarity: the same place and label."""
    reader, rng = Reader.load(), np.random.default_rng(0)
    originals = mnist.images[:300]
    glyphs, differences = [], []
    for original in originals:
        scale = rng.integers(1, 31)
        large = Image.fromarray(original).resize((28 * scale, 28 * scale))
        canvas = np.pad(np.asarray(large), rng.integers(5, 60, (2, 2)))
        glyph, _ = to_glyph(255 - canvas if inverted else canvas)
        glyphs.append(glyph)
        differences.append(np.abs(glyph.astype(int) - original).mean() / original.mean())
    assert (reader.predict(np.stack(glyphs)) == reader.predict(originals)).mean() >= 0.995
    assert np.median(differences) < 0.2


@pytest.mark.parametrize(
    "canvas",
    [np.zeros((28, 28, 3), np.uint8), np.zeros((28, 28)), np.zeros((0, 5), np.uint8)],
)
def test_what_is_no_canvas_is_refused(canvas):
    with pytest.raises(UsageError, match=r"must be grey, uint8 \(height, width\)"):
        to_glyph(canvas)
