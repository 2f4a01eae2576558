import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from inkdigits import Reader
from inkdigits.errors import CanvasError
from inkdigits.imaging import load_canvas, open_canvas, open_picture
from inkdigits.imaging.canvas import WORK_PX, count_pages
from inkdigits.imaging.ink import narrow_stroke_width, stroke_width
from inkdigits.imaging.layout import center_of_mass

READER = Reader.load()


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


@pytest.mark.parametrize(
    ("ground", "ink"),
    [
        (
            (255, 255, 255, 0),
            (255, 255, 255, 255),
        ),  # white strokes, as a drawing program saves them
        ((0, 0, 0, 0), (255, 255, 255, 255)),
        ((0, 0, 0, 0), (250, 250, 240, 180)),
    ],
)
def test_white_ink_on_transparency_is_seen(save, ground, ink):
    clear = Image.new("RGBA", (12, 10), ground)
    clear.paste(ink, (5, 2, 7, 8))
    canvas = open_canvas(save(clear))
    assert canvas[5, 5] - int(canvas[0, 0]) > 100
    np.testing.assert_array_equal(np.asarray(open_picture(save(clear)))[5, 5, :2] > 100, True)


@pytest.mark.parametrize("ink", [30, 228])
def test_a_white_picture_with_transparent_corners_stays_on_white(save, ink):
    card = Image.new("RGBA", (12, 10), (255, 255, 255, 255))
    card.paste((ink, ink, ink, 255), (5, 2, 7, 8))
    card.putpixel((0, 0), (0, 0, 0, 0))
    canvas = open_canvas(save(card))
    assert canvas[0, 0] == 255
    assert canvas[5, 5] == ink


def test_one_dark_pixel_does_not_hide_white_ink(save):
    clear = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    clear.paste((255, 255, 255, 255), (25, 10, 35, 50))
    clear.putpixel((1, 1), (0, 0, 0, 255))
    canvas = open_canvas(save(clear))
    assert canvas[30, 30] == 255
    assert canvas[30, 5] == 0


def test_exif_turns_the_picture_upright(save):
    wide = Image.new("L", (40, 20), 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° to the right to see it upright
    assert open_canvas(save(wide, "turned.jpg", exif=exif)).shape == (40, 20)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (np.array([0, 257 * 100, 65535], np.uint16), "a.png"),
        (np.array([0, 1606, 4095], np.uint16), "a.png"),  # 12 bits
        (np.array([0, 100 / 255, 1], np.float32), "a.tiff"),
        (np.array([0, 100, 255], np.float32), "a.tiff"),
    ],
)
def test_deep_pictures_become_8_bits(save, values, name):
    picture = Image.fromarray(np.tile(values, (5, 1)))
    assert open_canvas(save(picture, name)).tolist() == [[0, 100, 255]] * 5


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
    monkeypatch.setattr("inkdigits.imaging.decoding.MAX_PIXELS", 10_000)
    with pytest.raises(CanvasError, match="megapixels") as caught:
        open_canvas(save(Image.new("L", (101, 100))))
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("size", "code"), [((1, 1), "too_small"), ((3, 3), "too_small"), ((20_000, 10), "too_thin")]
)
def test_pictures_without_room_for_a_digit_have_codes(save, size, code):
    with pytest.raises(CanvasError, match=f"{size[0]}×{size[1]} pixels") as caught:
        open_canvas(save(Image.new("L", size, 255)))
    assert caught.value.code == code


def test_arrays_images_and_bytes_are_pictures_too(save, mnist):
    grey = mnist.images[0]
    path = save(Image.fromarray(grey))
    sources = [grey, grey[:, :, None], np.stack([grey] * 3, axis=2), grey / np.float32(255)]
    for source in (*sources, Image.fromarray(grey), path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(open_canvas(source), grey)
    clear = np.dstack([grey, grey, grey, np.zeros_like(grey)])
    assert (open_canvas(clear) == 255).all()
    assert open_canvas(grey > 100).max() == 255


@pytest.mark.parametrize(
    "values", [np.zeros((28, 28, 2)), np.zeros((0, 5)), np.zeros(9), np.array([["a", "b"]])]
)
def test_an_array_that_is_no_picture_has_a_code(values):
    with pytest.raises(CanvasError, match="the array is .* it must be grey") as caught:
        open_canvas(values)
    assert caught.value.code == "bad_array"


UNIT = np.tile(np.linspace(0, 1, 20), (10, 1))


@pytest.mark.parametrize("white", [1, 255, 4095, 65535])
def test_values_may_overshoot_black_and_white_a_little(white):
    values = UNIT * white
    expected = open_canvas(values)
    assert (expected.min(), expected.max()) == (0, 255)
    values[0, 0], values[0, -1] = -0.04 * white, 1.04 * white
    np.testing.assert_array_equal(open_canvas(values), expected)


@pytest.mark.parametrize(
    ("white", "outlier"),
    [(1, 1.2), (255, 300), (1, -0.4), (255, np.inf), (255, -np.inf), (1, np.nan), (1, 1e300)],
)
def test_values_without_a_clear_white_are_refused(white, outlier):
    values = UNIT * white
    values[0, 0] = outlier
    with pytest.raises(CanvasError, match="the values lie between .* 0…1, 0…255") as caught:
        open_canvas(values)
    assert caught.value.code == "bad_array"


@pytest.mark.parametrize("values", [(UNIT - 0.1307) / 0.3081, (1 - UNIT) / 0.3081, 2 * UNIT - 1])
def test_standardised_pictures_are_refused(save, values):
    for source in (values, save(Image.fromarray(values.astype(np.float32)), "a.tiff")):
        with pytest.raises(CanvasError, match="scale them") as caught:
            open_canvas(source)
        assert caught.value.code == "bad_array"


@pytest.mark.parametrize("source", [None, 3, [[0, 255]], {"a": 1}])
def test_what_is_no_picture_at_all_is_named(source):
    name = type(source).__name__
    with pytest.raises(CanvasError, match=f"is a {name}; it must be a path, .* figure") as caught:
        open_canvas(source)
    assert caught.value.code == "bad_array"


def test_a_lab_picture_has_its_greys_and_colours(save):
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    profiles = (ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"))
    path = save(ImageCms.profileToProfile(red, *profiles, outputMode="LAB"), "lab.tiff")
    assert np.abs(np.asarray(open_picture(path)).astype(int) - (255, 0, 0)).max() < 10
    assert open_canvas(path).max() < 100


def test_a_drawing_keeps_the_colours_of_the_picture(save, draw):
    bar = draw(90, 60)[:, :, None] > 100
    picture = np.where(bar, (255, 255, 255), (255, 0, 0)).astype(np.uint8)
    clear = np.dstack([picture, 255 * (picture[:, :, 1] == 0).astype(np.uint8)])  # paper: none
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = save(Image.fromarray(np.rot90(clear).copy()), "turned.png", exif=exif)
    for source in (picture, Image.fromarray(picture), save(Image.fromarray(picture)), turned):
        reading = READER.read(source)
        drawn = np.asarray(reading.draw(source))
        assert drawn.shape == picture.shape
        same = (drawn == picture).all(axis=2)
        (digit,) = reading.digits
        box = digit.box
        inside = same[box.y : box.y + box.height - 1, box.x : box.x + box.width - 1]
        assert inside.mean() > 0.9
        assert 0 < (~same).mean() < 0.2


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(CanvasError, match="is a folder; give the files in it"):
        open_canvas(tmp_path)


def test_a_heic_picture_is_read():
    """A drawn 7, written by libheif's encoder, since pi-heif can't write."""
    canvas = open_canvas(Path(__file__).with_name("seven.heic"))
    assert canvas.shape == (64, 64)
    assert READER.read(canvas).text == "7"


def test_a_damaged_heic_picture_has_a_code():
    with pytest.raises(CanvasError) as caught:
        open_canvas(b"\0\0\0\x18ftypheic" + b"\0" * 64)
    assert caught.value.code in {"truncated", "not_an_image"}


@pytest.mark.parametrize("suffix", ["pdf", "tif"])
def test_the_pages_of_a_pdf_or_tiff_are_canvases(tmp_path, suffix):
    path = tmp_path / f"two.{suffix}"
    pages = [Image.new("L", (200, 100), 255), Image.new("L", (100, 200), 255)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert count_pages(path) == 2
    first, second = (open_canvas(path, page) for page in (0, 1))
    assert first.shape[1] > first.shape[0]
    assert second.shape[1] < second.shape[0]
    for page in (2, -1):
        with pytest.raises(CanvasError, match=f"has no page {page}: it has 2, counted from 0"):
            open_canvas(path, page)


def test_a_picture_of_one_page_has_no_second(save):
    with pytest.raises(CanvasError, match="has no page 1: it has 1") as caught:
        open_canvas(save(Image.new("L", (64, 64), 255)), 1)
    assert caught.value.code == "no_such_page"


def test_a_missing_library_is_named_with_its_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(CanvasError, match=r"pip install 'inkdigits\[pdf\]'") as caught:
        open_canvas(b"%PDF-1.7 and so on")
    assert caught.value.code == "not_supported"


def test_a_large_jpeg_is_reduced_and_keeps_its_place(tmp_path, draw):
    canvas = np.full((3000, 4000), 250, np.uint8)
    canvas[1000:1800, 2000:2560] = draw(800, 560)
    Image.fromarray(canvas).save(tmp_path / "large.jpg")
    Image.fromarray(canvas).save(tmp_path / "large.png")
    for name in ("large.jpg", "large.png"):
        loaded = load_canvas(tmp_path / name)
        assert max(loaded.grey.shape) <= WORK_PX
        assert loaded.grey.shape[0] * loaded.to_picture[1, 1] == 3000
        (digit,) = READER.read(tmp_path / name).digits
        box = digit.box
        assert abs(box.x + box.width / 2 - (2000 + 280)) < 15
        assert abs(box.y + box.height / 2 - 1400) < 15


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ((200, 60, 60), (60, 115, 190)),
        ((255, 105, 180), (255, 140, 60)),
        ((30, 60, 170), (250,) * 3),
    ],
)
def test_coloured_ink_is_seen_on_a_ground_of_its_brightness(save, draw, ink, ground):
    stroke = np.pad(1 - draw(120, 84)[..., None] / 255, ((30, 30), (30, 30), (0, 0)))
    colours = stroke * ink + (1 - stroke) * ground
    path = save(Image.fromarray(colours.round().astype(np.uint8)), "a.png")
    assert READER.read(path).text == "1"


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_boxes_stay_inside_a_picture_that_is_reduced(save, name):
    canvas = np.full((1500, 2801), 250, np.uint8)
    canvas[300:360, 2500:] = canvas[300:1100, -60:] = 20  # a 7 at the border
    for turned in (canvas, canvas.T):
        (digit,) = READER.read(save(Image.fromarray(turned), name), single=True).digits
        assert digit.box.x + digit.box.width <= turned.shape[1]
        assert digit.box.y + digit.box.height <= turned.shape[0]


@pytest.mark.parametrize("loaded", [False, True])
def test_a_jpeg_of_pillows_stays_as_it_is(save, draw, loaded):
    canvas = np.full((2000, 3000), 250, np.uint8)
    canvas[1000:1800, 2000:2560] = draw(800, 560)
    with Image.open(save(Image.fromarray(canvas), "a.jpg")) as image:
        if loaded:
            image.load()
        first, second = READER.read(image), READER.read(image)
        assert image.size == (3000, 2000)
    assert first == second
    assert abs(first.digits[0].box.x + first.digits[0].box.width / 2 - (2000 + 280)) < 15


def glyph_of(canvas) -> np.ndarray:
    (digit,) = READER.read(canvas, single=True).digits
    return digit.glyph


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=5, max_side=40)))
def test_any_canvas_gives_digits_with_boxes_inside_it_or_nothing(canvas):
    for hints in ({}, {"single": True}, {"expect": 2}, {"grid": (2, 2)}, {"digits_only": True}):
        reading = READER.read(canvas, **hints)
        assert any(map(str.isdigit, reading.text)) == bool(reading.digits)
        for digit in reading.digits:
            assert digit.glyph.shape == (28, 28)
            assert digit.glyph.dtype == np.uint8
        for part in (*reading.digits, *reading.marks, *reading.numbers):
            box = part.box
            assert min(box.x, box.y) >= 0
            assert min(box.width, box.height) > 0
            assert box.x + box.width <= canvas.shape[1]
            assert box.y + box.height <= canvas.shape[0]


def test_both_polarities_give_the_same_glyph(draw):
    canvas = draw(90, 70)
    np.testing.assert_array_equal(glyph_of(canvas), glyph_of(255 - canvas))


def test_the_layout_is_20_pixels_high_and_centred_by_mass(draw):
    glyph = glyph_of(draw(200, 150))
    rows = np.flatnonzero((glyph > 50).any(axis=1))
    assert rows[-1] - rows[0] + 1 == 20
    assert glyph.max() == 255
    assert center_of_mass(glyph) == pytest.approx((14, 14), abs=0.6)


@pytest.mark.parametrize(("inverted", "turn"), [(False, 6), (True, 0)])
def test_an_enlarged_mnist_digit_comes_back(mnist, inverted, turn):
    """On a larger canvas, at any position, scale, polarity and rotation: same place and label."""
    rng = np.random.default_rng(0)
    originals = mnist.images[:200]
    glyphs, differences = [], []
    exif = Image.Exif()
    exif[0x0112] = turn or 1
    for original in originals:
        scale = rng.integers(1, 17)
        large = Image.fromarray(original).resize((28 * scale, 28 * scale))
        canvas = np.pad(np.asarray(large), rng.integers(5, 60, (2, 2)))
        if turn:
            canvas = np.rot90(canvas)
        picture = io.BytesIO()
        Image.fromarray(255 - canvas if inverted else canvas).save(
            picture, "PNG", compress_level=1, exif=exif
        )
        glyph = glyph_of(picture.getvalue())
        glyphs.append(glyph)
        differences.append(np.abs(glyph.astype(int) - original).mean() / original.mean())
    assert (READER.predict(np.stack(glyphs)) == READER.predict(originals)).mean() >= 0.995
    assert np.median(differences) < 0.2


@given(st.sampled_from([3, 8, 20, 40]), st.integers(0, 60), st.booleans())
def test_the_width_of_strokes_hardly_depends_on_where_they_are(width, shift, upright):
    mask = np.zeros((400, 400), bool)
    mask[:, 100 + shift : 100 + shift + width] = True
    mask[:, 250 + shift : 250 + shift + width] = True
    measured = narrow_stroke_width(mask if upright else mask.T)
    assert 0.5 * width <= measured <= 1.6 * width


def test_a_large_dark_thing_hardly_changes_the_width_of_strokes():
    mask = np.zeros((600, 600), bool)
    for left in range(40, 300, 40):
        mask[40:120, left : left + 6] = True
    alone = narrow_stroke_width(mask)
    mask[300:, 350:] = True
    assert narrow_stroke_width(mask) < 2 * alone < stroke_width(mask)
