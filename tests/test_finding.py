"""Reading pictures: strings, lines, grids and photographs, of digits held out of training."""

import numpy as np
import pytest
from handwriting import (
    Page,
    ink_of,
    meet,
    photograph,
    put,
    string,
    string_of_ink,
    with_margin,
)
from PIL import Image, ImageDraw

from inkdigits import Reader, Reading
from inkdigits.data import stratified_split
from inkdigits.errors import CanvasError, UsageError
from inkdigits.evaluation.non_digits import draw_non_digits
from inkdigits.imaging.cuts import cut
from inkdigits.imaging.segmentation import Piece, join

READER = Reader.load()


@pytest.fixture(scope="module")
def held_out(mnist):
    """The digits held out from the training of the shipped network (seed 0)."""
    return stratified_split(mnist, 0.1, seed=0).validation


@pytest.fixture(scope="module")
def clear(held_out):
    """Five images of each digit that are read with confidence: the tests are about the page."""
    probabilities = READER.predict_proba(held_out.images)
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    right = order[probabilities.argmax(axis=1)[order] == held_out.labels[order]]
    return {k: held_out.images[right[held_out.labels[right] == k][:5]] for k in range(10)}


def write(clear, text: str, height_px: int = 60, gap_px: int = 20, seed: int = 0) -> np.ndarray:
    """Ink 0…1 of some lines of digits, evenly spaced, with a margin; a space is a gap."""
    rng = np.random.default_rng(seed)
    lines = text.split("\n")
    step = height_px + gap_px
    page = np.zeros((len(lines) * step * 2, max(map(len, lines)) * step + step), np.float32)
    for row, line in enumerate(lines):
        left = step // 2
        for letter in line:
            if letter == " ":
                left += step
                continue
            ink = ink_of(clear[int(letter)][rng.integers(5)], height_px, rng)
            put(page, ink, row * step * 2 + step // 2 + (height_px - ink.shape[0]) // 2, left)
            left += ink.shape[1] + gap_px
    return page


def dark(ink: np.ndarray) -> np.ndarray:
    return (240 - 200 * ink).astype(np.uint8)


def right_share(pages: list[Page], **hints) -> float:
    return float(np.mean([READER.read(page.canvas, **hints).text == page.text for page in pages]))


@pytest.mark.parametrize("text", ["2", "07", "31415926", "12\n345\n6", "4 4  4\n 7 7"])
def test_lines_are_read_in_order(clear, text):
    assert READER.read(dark(write(clear, text))).text == text.replace(" ", "")


def test_a_tilted_line_stays_one_line(clear):
    page = write(clear, "1234567")
    tilted = np.zeros((page.shape[0] + 60, page.shape[1]), np.float32)
    for column in range(page.shape[1]):
        top = round(60 * column / page.shape[1])
        tilted[top : top + page.shape[0], column] = page[:, column]
    assert READER.read(dark(tilted)).text == "1234567"


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_points_signs_specks_and_frames_are_no_digits(clear, light_on_dark):
    page = write(clear, "35 72", height_px=80)
    rows, columns = np.nonzero(page > 0.5)
    bottom, middle = rows.max(), (rows.min() + rows.max()) // 2
    gap = (columns[columns < page.shape[1] // 2].max() + 60) // 1
    page[bottom - 8 : bottom, gap : gap + 8] = 1  # a decimal point
    page[middle - 3 : middle + 3, 2:30] = 1  # a minus sign
    page[5:7, 200:202] = 1  # a speck
    framed = np.pad(page, 30)
    framed[8:12, 8:-8] = framed[-12:-8, 8:-8] = framed[8:-8, 8:12] = framed[8:-8, -12:-8] = 1
    canvas = dark(framed)
    assert READER.read(255 - canvas if light_on_dark else canvas).text == "3572"


@pytest.mark.parametrize("light_on_dark", [False, True])
@pytest.mark.parametrize("seen", ["minus", "point", "thin frame", "thick frame"])
def test_marks_and_frames_alone_are_no_digits(seen, light_on_dark):
    page = Image.new("L", (400, 300))
    draw = ImageDraw.Draw(page)
    if seen == "minus":
        draw.line((120, 150, 220, 152), 255, 10)
    elif seen == "point":
        draw.ellipse((180, 130, 204, 154), 255)
    else:
        draw.rectangle((50, 50, 350, 250), outline=255, width=3 if seen == "thin frame" else 9)
    ink = np.asarray(page, np.float32) / 255
    canvas = dark(ink)
    assert READER.read(255 - canvas if light_on_dark else canvas).text == ""


def test_a_broken_stroke_is_joined(clear):
    page = write(clear, "8538")
    rows = np.flatnonzero(page.max(axis=1) > 0.5)
    third = rows[len(rows) // 3]
    page[third : third + 2] = 0  # a fold in the paper
    reading = READER.read(dark(page))
    assert reading.text == "8538"
    assert any("2 pieces" in digit.notes for digit in reading.digits)


@pytest.mark.parametrize("rules", ["lines", "squares"])
def test_ruled_paper_is_not_read(clear, rules):
    texts = []
    for seed in range(8):
        ink = with_margin(write(clear, "2480", seed=seed), 0.1)
        texts.append(READER.read(photograph(ink, np.random.default_rng(seed), rules=rules)).text)
    assert texts.count("2480") >= 7


def test_strokes_stay_whole_where_rules_cross_them(held_out):
    rng = np.random.default_rng(6)
    pages = []
    for _ in range(40):
        ink, text = string_of_ink(held_out, 5, 40, rng, styles=True)
        pages.append(Page(photograph(with_margin(ink, 0.1), rng, rules="squares"), text))
    assert right_share(pages) >= 0.92


def chain(clear, text: str, touching: range) -> np.ndarray:
    """Ink 0…1 of digits in a row; those at the indices `touching` touch the one before."""
    page = np.zeros((70, 700), np.float32)
    left = 20
    for place, label in enumerate(text):
        ink = ink_of(clear[int(label)][0], 60, np.random.default_rng(0))
        left = meet(page, ink, 5, left + 60) if place in touching else left + 12
        put(page, ink, 5, left)
        left += ink.shape[1]
    return page


def test_a_chain_of_touching_digits_comes_apart(clear):
    text = "25306825"
    assert READER.read(dark(chain(clear, text, range(1, len(text))))).text == text


def test_what_had_to_be_cut_is_less_readily_accepted(clear):
    letters = [
        Image.fromarray(letter).resize((168, 168))
        for letter in draw_non_digits("letters", 40, seed=0)
    ]
    assert np.mean([READER.read(letter).accepted for letter in letters]) < 0.25  # without: 0.4
    assert READER.read(dark(np.pad(write(clear, "35", gap_px=-4), 20))).accepted


def test_a_wide_0_is_not_cut(clear):
    page = write(clear, "7030", height_px=90)
    wide = Image.fromarray(page).resize((round(page.shape[1] * 1.35), page.shape[0]))
    assert READER.read(dark(np.asarray(wide))).text == "7030"


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_what_reaches_in_from_beyond_the_border_is_not_read(clear, light_on_dark):
    page = np.pad(write(clear, "2507", height_px=40), ((150, 250), (200, 200)))
    rows, columns = np.mgrid[0 : page.shape[0], 0 : page.shape[1]]
    finger = np.hypot((columns - 90) / 110, (rows - page.shape[0]) / 160) < 1
    canvas = dark(np.maximum(page, 0.9 * finger))
    canvas[60:95, :3] = 40  # the end of a ruled line
    assert READER.read(255 - canvas if light_on_dark else canvas).text == "2507"


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_a_table_in_sight_hides_nothing(clear, light_on_dark):
    page = np.pad(write(clear, "83731", height_px=40), ((250, 400), (300, 400)))
    rows, columns = np.mgrid[0 : page.shape[0], 0 : page.shape[1]]
    canvas = dark(page)
    canvas[(columns < 150 - 0.2 * rows) | (rows < 90)] = 60
    assert READER.read(255 - canvas if light_on_dark else canvas).text == "83731"


def on_a_desk(page: np.ndarray) -> np.ndarray:
    """The page as a sheet with tilted sides on a desk."""
    height, width = page.shape
    rows, columns = np.mgrid[0:height, 0:width]
    sheet = (columns > 70 - 0.1 * rows) & (columns < width - 110 + 0.08 * rows)
    sheet &= (rows > 40 + 0.02 * columns) & (rows < height - 50)
    grain = np.random.default_rng(0).normal(size=(height, 1)) * 12
    return np.where(sheet, page, 70 + grain).astype(np.uint8)


@pytest.mark.parametrize("hints", [{}, {"expect": 5}])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_sheet_on_a_desk_is_read_where_it_lies(clear, scale, hints):
    page = dark(np.pad(write(clear, "60294"), ((60, 150), (120, 180))))
    page[70:-60:40] = np.minimum(page[70:-60:40], 150)  # ruled
    photo = on_a_desk(page).repeat(scale, axis=0).repeat(scale, axis=1)
    alone, reading = READER.read(page), READER.read(photo, **hints)
    assert reading.text == alone.text == "60294"
    for ours, theirs in zip(reading.digits, alone.digits, strict=True):
        apart = [vars(ours.box)[side] - scale * vars(theirs.box)[side] for side in vars(ours.box)]
        assert np.abs(apart).max() <= 3 * scale


def test_one_digit_or_none_on_a_sheet(clear):
    page = dark(np.pad(write(clear, "7"), ((60, 150), (220, 280))))
    assert READER.read(on_a_desk(page), single=True).text == "7"
    assert READER.read(on_a_desk(np.full_like(page, 240))).text == ""


def test_two_sheets_and_a_receipt_are_read(clear):
    desk = np.full((700, 1200), 70, np.uint8)
    for left, text in ((40, "357"), (640, "248")):
        desk[40:660, left : left + 520] = 235
        ink = write(clear, text)
        field = desk[200 : 200 + ink.shape[0], left + 60 : left + 60 + ink.shape[1]]
        np.minimum(field, dark(ink), out=field)
    assert READER.read(desk).text == "357248"
    receipt = np.full((1200, 500), 70, np.uint8)
    receipt[60:1140, 150:350] = 235
    ink = write(clear, "42", height_px=40)
    receipt[600 : 600 + ink.shape[0], 160 : 160 + ink.shape[1]] = dark(ink)
    assert READER.read(receipt).text == "42"


@pytest.mark.parametrize("ends", [(220, 405, 665, 260), (120, 360, 560, 330)])
def test_a_pen_on_the_paper_is_not_read(clear, ends):
    page = 0.8 * np.pad(write(clear, "4"), ((80, 160), (200, 300)))
    pen = Image.new("L", page.shape[::-1])
    ImageDraw.Draw(pen).line(ends, fill=255, width=22)
    assert READER.read(dark(np.maximum(page, np.asarray(pen, np.float32) / 255))).text == "4"


def test_a_digit_at_the_border_is_read_beside_a_speck(clear):
    ink = ink_of(clear[9][0], 120, np.random.default_rng(0))
    page = np.pad(ink, ((20, 0), (30, 40)))
    page[24:38, -12:-6] = 1
    assert READER.read(dark(page)).text == "9"


def test_a_tightly_cropped_string_keeps_what_touches_the_border(clear):
    page = chain(clear, "32055", range(1, 3))
    columns = np.flatnonzero(page.max(axis=0) > 0.5)
    canvas = dark(page[:, columns[0] : columns[-1] + 20])
    assert READER.read(canvas).text == "32055"


def test_a_thin_pale_line_beside_digits_is_no_one(clear):
    page = np.pad(write(clear, "248"), ((0, 0), (0, 40)))
    page[20:-20, -30:-28] = 0.6
    assert READER.read(dark(page)).text == "248"
    page[20:-20, -30:-24] = 1  # with the digits' pen and ink it would count as a digit
    assert READER.read(dark(page)).text == "2481"


def test_touching_digits_come_apart_where_they_touch(clear):
    rng = np.random.default_rng(3)
    misplaced = []
    for _ in range(30):
        left, right = (ink_of(clear[k][rng.integers(5)], 60, rng) for k in rng.integers(0, 10, 2))
        page = np.zeros((70, 200), np.float32)
        put(page, left, 0, 20)
        alone = page.copy()
        put(page, right, 0, meet(page, right, 0, 130))
        parts = [part for part, _ in cut(Piece(page, 0, 0), 60)]
        ways = [join(parts[:k]) for k in range(1, len(parts))]
        wrong = [np.abs(place(way, page.shape) - alone).sum() / page.sum() for way in ways]
        misplaced.append(min(wrong))
    assert np.median(misplaced) < 0.02
    assert np.mean(np.array(misplaced) < 0.1) > 0.8


def place(piece: Piece, shape: tuple[int, int]) -> np.ndarray:
    """Its ink on an empty canvas."""
    canvas = np.zeros(shape, np.float32)
    put(canvas, piece.ink, piece.y, piece.x)
    return canvas


def test_how_many_digits_there_are_can_be_told(held_out):
    rng = np.random.default_rng(5)
    pages = [string(held_out, rng, touching=True) for _ in range(40)]
    told = [READER.read(page.canvas, expect=len(page.text)) for page in pages]
    counts = [
        len(reading.digits) == len(page.text) for reading, page in zip(told, pages, strict=True)
    ]
    assert np.mean(counts) > 0.95
    right = np.mean([r.text == p.text for r, p in zip(told, pages, strict=True)])
    assert right >= right_share(pages)


@pytest.mark.parametrize("gap_px", [10, 20, 30])
@pytest.mark.parametrize("text", ["4711", "902853", "31415926"])
def test_a_column_of_digits_is_no_1(clear, text, gap_px):
    step, rng = 60 + gap_px, np.random.default_rng(0)
    page = np.zeros((len(text) * step + 40, 120), np.float32)
    for row, digit in enumerate(text):
        put(page, ink_of(clear[int(digit)][0], 60, rng), row * step + 20, 30)
    assert READER.read(dark(page)).text == "\n".join(text)


@pytest.mark.parametrize("margin_px", [2, 4, 8])
def test_a_lone_1_near_the_border_is_read(clear, margin_px):
    page = write(clear, "4071\n1")
    rows, columns = np.nonzero(page)
    inked = page[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert READER.read(dark(np.pad(inked, margin_px))).text == "4071\n1"


def test_fewer_digits_than_expected_are_noted(clear):
    page = dark(write(clear, "1"))
    assert READER.read(page, expect=1).accepted
    reading = READER.read(page, expect=4)
    assert not reading.accepted
    assert len(reading.digits) < 4
    assert reading.notes == (f"{len(reading.digits)} digits found where 4 were expected",)


def test_an_empty_cell_is_a_point(clear):
    page = np.zeros((2 * 90 + 3, 3 * 90 + 3), np.float32)
    page[::90] = page[1::90] = page[:, ::90] = page[:, 1::90] = 1
    rng = np.random.default_rng(0)
    for row, column, digit in ((0, 0, 5), (0, 2, 3), (1, 1, 7)):
        put(page, ink_of(clear[digit][0], 50, rng), row * 90 + 20, column * 90 + 25)
    assert READER.read(dark(np.pad(page, 15)), grid=(2, 3)).text == "5.3\n.7."
    assert READER.read(np.full((80, 90), 255, np.uint8), grid=(2, 3)).text == "...\n..."


def test_what_a_cell_holds_beside_its_digit_is_noted(clear):
    cells = dark(np.pad(table(clear, "57880135"), 30))
    notes = [digit.notes for digit in READER.read(cells, grid=(1, 4)).digits]
    assert notes == [("more ink in the cell",)] * 4
    assert not any(digit.notes for digit in READER.read(cells, grid=(1, 8)).digits)


def table(clear, text: str, *, cell: int = 60, line: int = 2, apart: int = 0) -> np.ndarray:
    """Ink of a printed table with these rows of digits; its boxes are `apart` pixels apart."""
    rows, rng = text.split("\n"), np.random.default_rng(0)
    step = cell + apart
    page = np.zeros((len(rows) * step + line, len(rows[0]) * step + line), np.float32)
    for (row, column), digit in np.ndenumerate([list(letters) for letters in rows]):
        top, left = row * step, column * step
        page[top : top + cell + line, left : left + cell + line] = 1
        page[top + line : top + cell, left + line : left + cell] = 0
        if digit != ".":
            ink = ink_of(clear[int(digit)][0], round(0.6 * cell), rng)
            put(page, ink, top + round(0.2 * cell), left + (cell - ink.shape[1]) // 2)
    return page


@pytest.mark.parametrize(("line", "apart"), [(2, 0), (5, 0), (3, 12)])
@pytest.mark.parametrize("hints", [{}, {"expect": 8}, {"grid": (1, 8)}])
def test_digits_in_boxes_are_read_without_the_boxes(clear, line, apart, hints):
    ink = table(clear, "57880135", line=line, apart=apart)
    for margin in (3, 30, 200):
        assert READER.read(dark(np.pad(ink, margin)), **hints).text == "57880135"


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_a_table_is_found_wherever_it_stands_on_the_page(clear, light_on_dark):
    text = "5..31.7\n.2....8\n9.04.61\n1...7..\n.38...2"
    page = np.zeros((900, 700), np.float32)
    put(page, table(clear, text, cell=50), 500, 200)
    put(page, write(clear, "2024", height_px=40), 60, 100)
    canvas = dark(page)
    assert READER.read(255 - canvas if light_on_dark else canvas, grid=(5, 7)).text == text


def test_a_page_of_many_digits_is_read_whole(clear):
    rng = np.random.default_rng(0)
    text = "\n".join("".join(map(str, rng.integers(10, size=24))) for _ in range(25))
    page = np.zeros((25 * 44, 24 * 36), np.float32)
    for (row, column), digit in np.ndenumerate([list(line) for line in text.split("\n")]):
        put(page, ink_of(clear[int(digit)][0], 26, rng), row * 44 + 8, column * 36 + 4)
    lines = READER.read(dark(page)).text.split("\n")
    assert [len(line) for line in lines] == [24] * 25
    assert (
        np.mean([a == b for a, b in zip("".join(lines), text.replace("\n", ""), strict=True)])
        > 0.98
    )


@pytest.mark.parametrize(("rows", "columns", "text"), [(1, 2, "72"), (2, 1, "7\n2")])
def test_digits_that_fill_their_cells_are_no_frame(clear, rows, columns, text):
    page = np.zeros((rows * 100, columns * 100), np.float32)
    rng = np.random.default_rng(0)
    for place, digit in enumerate((7, 2)):
        ink = ink_of(clear[digit][0], 85, rng)
        top, left = (100 * at for at in divmod(place, columns))
        put(page, ink, top + 8, left + (100 - ink.shape[1]) // 2)
    assert READER.read(dark(page), grid=(rows, columns)).text == text


@pytest.mark.parametrize(
    "canvas",
    [
        np.full((40, 40), 250, np.uint8),
        np.zeros((28, 28), np.uint8),
        np.full((300, 7), 90, np.uint8),
    ],
)
def test_an_empty_page_reads_as_nothing_with_a_note(canvas):
    reading = READER.read(canvas)
    assert (reading.text, reading.digits, reading.notes) == ("", (), ("no ink found",))
    assert not reading.accepted
    assert reading.to_dict() == {
        "text": "",
        "confidence": None,
        "accepted": False,
        "digits": [],
        "notes": ["no ink found"],
        "error": None,
    }


@pytest.mark.parametrize("noise", [0, 1, 6])
@pytest.mark.parametrize("light", ["along", "down", "vignette"])
@pytest.mark.parametrize("light_on_dark", [False, True])
def test_an_empty_page_in_uneven_light_reads_as_nothing(light, noise, light_on_dark):
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    slope = {"along": x, "down": y, "vignette": 1 - x**2 - y**2}[light]
    page = 190 + 50 * slope + np.random.default_rng(0).normal(0, noise, x.shape)
    canvas = page.clip(0, 255).astype(np.uint8)
    assert READER.read(255 - canvas if light_on_dark else canvas).text == ""


def test_poor_digits_have_notes(clear):
    ink = ink_of(clear[3][0], 60, np.random.default_rng(0))
    (cut,) = READER.read(dark(np.pad(ink, ((0, 30), (30, 30)))), single=True).digits
    assert "touches the border" in cut.notes
    (faint,) = READER.read((240 - 25 * np.pad(ink, 30)).astype(np.uint8), single=True).digits
    assert "low contrast" in faint.notes
    small = dark(np.pad(ink_of(clear[3][0], 8, np.random.default_rng(0)), 20))
    (tiny,) = READER.read(small, single=True).digits
    assert any(note.startswith("too small: ") and note.endswith(" px") for note in tiny.notes)
    (plain,) = READER.read(dark(np.pad(ink, 30)), single=True).digits
    assert plain.notes == ()


def test_boxes_are_where_the_digits_are(clear):
    ink = np.pad(ink_of(clear[4][0], 60, np.random.default_rng(0)), ((40, 10), (70, 20)))
    (digit,) = READER.read(dark(ink), single=True).digits
    rows, columns = np.nonzero(ink > 0.5)
    box = digit.box
    edges = (box.x, box.y, box.x + box.width, box.y + box.height)
    expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(edges, expected, atol=4)


def test_contradictory_hints_are_refused(draw):
    with pytest.raises(UsageError, match="only one of single, expect and grid"):
        READER.read(draw(50, 50), single=True, expect=2)
    for expect in (0, 2.5, "3"):
        with pytest.raises(UsageError, match="must be a whole number, at least 1"):
            READER.read(draw(50, 50), expect=expect)
    for size in ((0, 3), (), (3, 3, 3), 9):
        with pytest.raises(UsageError, match="must be .rows, columns."):
            READER.read(draw(50, 50), grid=size)


def test_many_are_read_as_they_come_and_a_bad_one_stops_nothing(clear, draw):
    canvas = dark(write(clear, "62"))

    def sources():
        yield canvas
        yield b"no picture"
        yield canvas

    readings = READER.read_many(sources())
    assert next(readings).text == "62"
    bad = next(readings)
    assert isinstance(bad.error, CanvasError)
    assert bad.to_dict()["error"]["code"] == "not_an_image"
    assert [reading.text for reading in readings] == ["62"]


def test_glyphs_are_read_as_they_are(mnist_test):
    readings = READER.read_glyphs(mnist_test.images[:50])
    expected = READER.predict(mnist_test.images[:50])
    assert [reading.text for reading in readings] == [str(label) for label in expected]
    assert all(isinstance(reading, Reading) for reading in readings)


def test_a_reading_is_drawn_into_its_picture(clear):
    canvas = dark(write(clear, "90"))
    reading = READER.read(canvas)
    drawn = np.asarray(reading.draw(canvas))
    assert drawn.shape == (*canvas.shape, 3)
    changed = (drawn != canvas[..., None]).any(axis=2)
    for digit in reading.digits:
        box = digit.box
        assert changed[box.y : box.y + box.height, box.x - 1].mean() > 0.9
    inside = changed[reading.digits[0].box.y + 5 : reading.digits[0].box.y + 20]
    assert inside.mean() < 0.2


def test_what_speaks_for_a_label_matters_more_than_other_ink(mnist_test):
    """The deletion test: without the most supportive ink the confidence falls faster."""
    rng = np.random.default_rng(0)
    supportive, random = [], []
    for image in mnist_test.images[:40]:
        (digit,) = READER.read_glyphs(image[None])[0].digits
        evidence = READER.explain(digit)
        assert evidence.shape == (28, 28)
        assert (evidence[image == 0] == 0).all()
        ink = np.flatnonzero(image)
        best = ink[np.argsort(-evidence.ravel()[ink])]
        for order, kept in ((best, supportive), (rng.permutation(ink), random)):
            pictures = []
            for share in (0.05, 0.1, 0.2, 0.3):
                left = image.copy()
                left.ravel()[order[: round(share * len(ink))]] = 0
                pictures.append(left)
            kept.append(READER.predict_proba(np.stack(pictures))[:, digit.label].mean())
    assert np.mean(supportive) < np.mean(random) - 0.2


def test_a_string_of_ink_is_what_it_says(held_out):
    ink, text = string_of_ink(held_out, 5, 40, np.random.default_rng(0))
    assert len(text) == 5
    assert 0 <= ink.min() <= ink.max() <= 1
