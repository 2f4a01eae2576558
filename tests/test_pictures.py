"""Reading pictures: numbers, lines, tables and photographs, of digits held out of training.

The pages are clear ones: how often difficult ones are right is measured by `make bench-pictures`.
"""

import io

import numpy as np
import pytest
from handwriting import ink_of, meet, photograph, put, string_of_ink, with_margin
from PIL import Image, ImageDraw

from inkdigits import Reader, Reading
from inkdigits.data import stratified_split
from inkdigits.errors import CanvasError, UsageError
from inkdigits.evaluation.non_digits import draw_non_digits
from inkdigits.reading.regions import Regions

READER = Reader.load()
POLARITIES = pytest.mark.parametrize("light_on_dark", [False, True])


def not_yet(reason: str):
    """What a better detector should do; strict marks would fail as soon as it does."""
    return pytest.mark.xfail(strict=False, reason=reason)


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


# Strokes as (x, y) in shares of a digit's height, y downwards, and the width that they take.
MARKS = {
    ".": ([[(0.06, 0.97), (0.06, 0.98)]], 0.12),
    ",": ([[(0.1, 0.92), (0.1, 1.0), (0.02, 1.15)]], 0.16),
    "-": ([[(0, 0.5), (0.45, 0.5)]], 0.45),
    "+": ([[(0, 0.55), (0.5, 0.55)], [(0.25, 0.3), (0.25, 0.8)]], 0.5),
    "=": ([[(0, 0.42), (0.5, 0.42)], [(0, 0.64), (0.5, 0.64)]], 0.5),
    "/": ([[(0.45, -0.05), (0, 1.05)]], 0.45),
    ":": ([[(0.06, 0.3), (0.06, 0.31)], [(0.06, 0.8), (0.06, 0.81)]], 0.12),
}


def draw_mark(page: np.ndarray, mark: str, top: int, left: int, height_px: int) -> int:
    """Draw a mark with a round pen into ink 0…1 and return its width."""
    strokes, wide = MARKS[mark]
    image = Image.new("L", page.shape[::-1])
    draw, radius = ImageDraw.Draw(image), 0.05 * height_px
    for stroke in strokes:
        points = [(left + x * height_px, top + y * height_px) for x, y in stroke]
        draw.line(points, fill=255, width=round(2 * radius))
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    np.maximum(page, np.asarray(image, np.float32) / 255, out=page)
    return round(wide * height_px)


def write(clear, text: str, height_px: int = 60, gap_px: int = 20, seed: int = 0) -> np.ndarray:
    """Ink 0…1 of lines of digits and marks, evenly spaced, with a margin; a space is a gap."""
    rng = np.random.default_rng(seed)
    lines = text.split("\n")
    step = height_px + gap_px
    page = np.zeros((len(lines) * step * 2, max(map(len, lines)) * step + step), np.float32)
    for row, line in enumerate(lines):
        top, left = row * step * 2 + step // 2, step // 2
        for letter in line:
            if letter == " ":
                left += step
                continue
            if letter in MARKS:
                left += draw_mark(page, letter, top, left, height_px) + gap_px
                continue
            ink = ink_of(clear[int(letter)][rng.integers(5)], height_px, rng)
            put(page, ink, top + (height_px - ink.shape[0]) // 2, left)
            left += ink.shape[1] + gap_px
    return page


def dark(ink: np.ndarray, *, light_on_dark: bool = False) -> np.ndarray:
    """A canvas with this ink 0…1, dark on light paper or the reverse."""
    canvas = (240 - 200 * ink).astype(np.uint8)
    return 255 - canvas if light_on_dark else canvas


def edges(digit) -> tuple[int, int, int, int]:
    box = digit.box
    return (box.x, box.y, box.x + box.width, box.y + box.height)


def has_accepted_digit(reading: Reading) -> bool:
    return any(digit.accepted for digit in reading.digits)


# Lines and numbers


@POLARITIES
@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("2", "2"),
        ("07", "07"),
        ("31425926", "31425926"),
        ("12\n345\n6", "12\n345\n6"),
        ("4 4   4\n   7 7", "4 4 4\n7 7"),
    ],
)
def test_lines_are_read_in_order_with_spaces(clear, written, text, light_on_dark):
    reading = READER.read(dark(write(clear, written), light_on_dark=light_on_dark))
    assert reading.text == text
    assert reading.accepted
    assert [number.text for number in reading.numbers] == text.split()
    assert [str(digit.label) for digit in reading.digits] == list("".join(text.split()))


def test_numbers_have_values_and_boxes_around_their_digits(clear):
    reading = READER.read(dark(write(clear, "62 045\n93")))
    assert [(n.text, n.value) for n in reading.numbers] == [("62", 62), ("045", 45), ("93", 93)]
    parts = iter(reading.digits)
    for number in reading.numbers:
        digits = [next(parts) for _ in number.text]
        sides = np.array([edges(digit) for digit in digits])
        assert edges(number) == (*sides[:, :2].min(axis=0), *sides[:, 2:].max(axis=0))
        assert number.accepted
        assert number.confidence == pytest.approx(np.prod([d.confidence for d in digits]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("52.5", 52.5),
        ("7,25", 7.25),
        ("-36", -36),
        ("23+48=", None),
        pytest.param("20/05/2038", None, marks=not_yet("a slash between digits is read as 1")),
    ],
)
def test_marks_are_read_where_they_stand(clear, text, value):
    page = dark(write(clear, text, gap_px=12))
    reading = READER.read(page)
    assert reading.text == text
    marks = [letter for letter in text if not letter.isdigit()]
    assert [mark.text for mark in reading.marks] == marks
    (number,) = reading.numbers
    assert (number.text, number.value) == (text, value)
    for mark in reading.marks:
        assert 0 < mark.confidence <= 1
        left, top, right, bottom = edges(mark)
        assert (page[top:bottom, left:right] < 100).any()
        inside = [d for d in reading.digits if edges(d)[0] < (left + right) / 2 < edges(d)[2]]
        assert not inside
    alone = READER.read(page, digits_only=True)
    assert alone.text == "".join(letter for letter in text if letter.isdigit())
    assert (alone.marks, alone.numbers) == ((), ())
    assert [d.box for d in alone.digits] == [d.box for d in reading.digits]


def test_digits_only_leaves_out_spaces_but_not_lines(clear):
    page = dark(write(clear, "24  6\n80"))
    assert READER.read(page).text == "24 6\n80"
    assert READER.read(page, digits_only=True).text == "246\n80"


def test_the_dictionary_has_marks_and_numbers(clear):
    row = READER.read(dark(write(clear, "52.5  38", gap_px=12))).to_dict()
    assert list(row) == [
        *("text", "confidence", "accepted", "digits", "marks", "numbers", "table"),
        *("notes", "error"),
    ]
    assert row["text"] == "52.5 38"
    assert [set(mark) for mark in row["marks"]] == [{"text", "confidence", "box"}]
    keys = {"text", "value", "box", "confidence", "accepted"}
    assert [set(number) for number in row["numbers"]] == [keys] * 2
    assert [number["value"] for number in row["numbers"]] == [52.5, 38]
    assert all(len(part["box"]) == 4 for part in row["marks"] + row["numbers"])


@pytest.mark.parametrize("slope", [-0.12, 0.12])
def test_a_tilted_line_stays_one_line(clear, slope):
    page = write(clear, "2345678")
    fall = round(abs(slope) * page.shape[1])
    tilted = np.zeros((page.shape[0] + fall, page.shape[1]), np.float32)
    for column in range(page.shape[1]):
        top = round(slope * column) + (fall if slope < 0 else 0)
        tilted[top : top + page.shape[0], column] = page[:, column]
    assert READER.read(dark(tilted)).text == "2345678"


def test_a_column_of_digits_has_a_line_for_each(clear):
    page = np.zeros((6 * 85 + 40, 120), np.float32)
    for row, digit in enumerate("902853"):
        put(page, ink_of(clear[int(digit)][0], 60, np.random.default_rng(0)), row * 85 + 20, 30)
    assert READER.read(dark(page)).text == "9\n0\n2\n8\n5\n3"


def test_a_page_of_many_digits_is_read_whole(clear):
    rng = np.random.default_rng(0)
    text = "\n".join("".join(map(str, rng.integers(10, size=20))) for _ in range(18))
    page = np.zeros((18 * 48, 20 * 36), np.float32)
    for (row, column), digit in np.ndenumerate([list(line) for line in text.split("\n")]):
        put(page, ink_of(clear[int(digit)][0], 26, rng), row * 48 + 10, column * 36 + 6)
    lines = READER.read(dark(page), digits_only=True).text.split("\n")
    assert len(lines) == 18
    same = [ours == line for ours, line in zip(lines, text.split("\n"), strict=True)]
    assert np.mean(same) > 0.7


# Papers, light, scales


@pytest.mark.parametrize("rules", ["lines", "squares"])
def test_ruled_paper_is_not_read(clear, rules):
    texts = []
    for seed in range(20):
        ink = with_margin(write(clear, "2480", seed=seed), 0.1)
        texts.append(READER.read(photograph(ink, np.random.default_rng(seed), rules=rules)).text)
    assert texts.count("2480") >= 15


@POLARITIES
@pytest.mark.parametrize("light", ["along", "down", "vignette"])
def test_uneven_light_does_not_matter(clear, light, light_on_dark):
    ink = write(clear, "3582")
    y, x = (np.linspace(-1, 1, side) for side in ink.shape)
    slope = {"along": x + 0 * y[:, None], "down": y[:, None] + 0 * x}.get(light)
    if slope is None:
        slope = 1 - x**2 - y[:, None] ** 2
    lit = dark(ink, light_on_dark=light_on_dark) * (0.75 + 0.25 * slope).clip(0.3, 1)
    assert READER.read(lit.astype(np.uint8)).text == "3582"


@pytest.mark.parametrize("height_px", [14, 24, 48, 110, 240, 480])
def test_digits_are_read_at_any_scale(clear, height_px):
    page = np.pad(write(clear, "263", height_px=height_px, gap_px=height_px // 3), height_px // 2)
    reading = READER.read(dark(page))
    assert reading.text == "263"
    assert [d.box.height for d in reading.digits] == pytest.approx([height_px] * 3, rel=0.3)


@pytest.mark.parametrize("quality", [20, 80])
def test_a_jpeg_is_read(clear, quality):
    content = io.BytesIO()
    Image.fromarray(dark(write(clear, "4925"))).save(content, "JPEG", quality=quality)
    assert READER.read(content.getvalue()).text == "4925"


@pytest.mark.parametrize("ink", [0, 255])
def test_strokes_on_a_transparent_canvas_are_read(clear, ink):
    page = write(clear, "530")
    grey = np.full((*page.shape, 3), ink, np.uint8)
    clear_paper = np.dstack([grey, (255 * page).astype(np.uint8)])
    assert READER.read(Image.fromarray(clear_paper)).text == "530"


def test_a_sheet_on_a_desk_is_read_where_it_lies(clear):
    page = dark(np.pad(write(clear, "60294"), ((60, 150), (120, 180))))
    height, width = page.shape
    rows, columns = np.mgrid[0:height, 0:width]
    sheet = (columns > 70 - 0.1 * rows) & (columns < width - 110 + 0.08 * rows)
    sheet &= (rows > 40 + 0.02 * columns) & (rows < height - 50)
    grain = np.random.default_rng(0).normal(size=(height, 1)) * 12
    photo = np.where(sheet, page, 70 + grain).astype(np.uint8)
    alone, reading = READER.read(page), READER.read(photo)
    assert reading.text == alone.text == "60294"
    for ours, theirs in zip(reading.digits, alone.digits, strict=True):
        np.testing.assert_allclose(edges(ours), edges(theirs), atol=8)


# What stands beside digits


@POLARITIES
def test_specks_and_a_frame_are_not_read(clear, light_on_dark):
    page = write(clear, "3572", height_px=80)
    page[5:7, 100:102] = page[-9:-7, 30:32] = 1
    framed = np.pad(page, 30)
    framed[8:12, 8:-8] = framed[-12:-8, 8:-8] = framed[8:-8, 8:12] = framed[8:-8, -12:-8] = 1
    assert READER.read(dark(framed, light_on_dark=light_on_dark)).text == "3572"


@POLARITIES
@pytest.mark.parametrize(
    "seen",
    [
        "minus",
        "point",
        "thin frame",
        "thick frame",
    ],
)
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
    reading = READER.read(dark(ink, light_on_dark=light_on_dark))
    assert not has_accepted_digit(reading)
    assert not reading.accepted


@pytest.mark.parametrize(("line", "apart"), [(2, 0), (3, 12)])
@pytest.mark.parametrize(
    ("margin", "hints"),
    [
        (10, {}),
        (10, {"expect": 8}),
        (40, {}),
        (200, {}),
    ],
)
def test_digits_in_boxes_are_read_without_the_boxes(clear, line, apart, margin, hints):
    ink = np.pad(table(clear, list("57880236"), line=line, apart=apart), margin)
    assert READER.read(dark(ink), digits_only=True, **hints).text == "57880236"


def test_a_digit_near_the_border_is_read(clear):
    ink = ink_of(clear[9][0], 120, np.random.default_rng(0))
    for margin in (1, 3, 8):
        (digit,) = READER.read(dark(np.pad(ink, ((margin, 90), (60, margin))))).digits
        assert (digit.label, digit.accepted) == (9, True)


def test_a_short_line_near_the_border_is_read(clear):
    page = write(clear, "4072\n3")
    rows, columns = np.nonzero(page)
    inked = page[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    for margin in (3, 8):
        assert READER.read(dark(np.pad(inked, margin))).text == "4072\n3"


def test_touching_digits_come_apart(clear):
    texts = ["25", "306", "82", "537", "690", "28", "46", "385"]
    found = []
    for text in texts:
        page, left = np.zeros((110, 500), np.float32), 30
        for place, digit in enumerate(text):
            ink = ink_of(clear[int(digit)][place], 60, np.random.default_rng(0))
            left = meet(page, ink, 25, left + 60) if place else left
            put(page, ink, 25, left)
            left += ink.shape[1]
        found.append(READER.read(dark(page)).text)
    assert sum(ours == text for ours, text in zip(found, texts, strict=True)) >= 6


def test_digits_in_pieces_are_whole(clear):
    page = write(clear, "8538")
    rows = np.flatnonzero(page.max(axis=1) > 0.5)
    third = rows[len(rows) // 3]
    page[third : third + 2] = 0  # a fold in the paper
    assert READER.read(dark(page)).text == "8538"


@POLARITIES
def test_what_reaches_in_from_beyond_the_border_is_not_read(clear, light_on_dark):
    page = np.pad(write(clear, "2507", height_px=40), ((150, 250), (200, 200)))
    rows, columns = np.mgrid[0 : page.shape[0], 0 : page.shape[1]]
    finger = np.hypot((columns - 90) / 110, (rows - page.shape[0]) / 160) < 1
    canvas = dark(np.maximum(page, 0.9 * finger), light_on_dark=light_on_dark)
    assert READER.read(canvas).text == "2507"


# Nothing to read


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
        "marks": [],
        "numbers": [],
        "table": [],
        "notes": ["no ink found"],
        "error": None,
    }


@POLARITIES
@pytest.mark.parametrize("noise", [0, 1, 6])
@pytest.mark.parametrize("light", ["along", "down", "vignette"])
def test_an_empty_page_in_uneven_light_has_no_digit(light, noise, light_on_dark):
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    slope = {"along": x, "down": y, "vignette": 1 - x**2 - y**2}[light]
    page = 190 + 50 * slope + np.random.default_rng(0).normal(0, noise, x.shape)
    canvas = page.clip(0, 255).astype(np.uint8)
    assert not has_accepted_digit(READER.read(255 - canvas if light_on_dark else canvas))


@pytest.mark.parametrize("side", [60, 250])
def test_noise_has_no_accepted_digit(side):
    noise = np.random.default_rng(side).integers(0, 256, (side, side)).astype(np.uint8)
    assert not has_accepted_digit(READER.read(noise))


@pytest.mark.parametrize("kind", ["letters", "scribbles"])
def test_most_letters_and_scribbles_are_not_accepted(kind):
    glyphs = draw_non_digits(kind, 40, seed=0)
    readings = [READER.read(Image.fromarray(glyph).resize((168, 168))) for glyph in glyphs]
    assert np.mean([reading.accepted for reading in readings]) < 0.25


def test_ink_without_a_digit_has_a_note():
    page = Image.new("L", (500, 300), 240)
    ImageDraw.Draw(page).line((30, 280, 470, 290), fill=40, width=4)
    reading = READER.read(page)
    assert (reading.digits, reading.notes) == ((), ("no digits found",))
    assert not reading.accepted


# Tables


def table(
    clear, cells: list[str] | list[list[str]], *, cell: int = 60, line: int = 2, apart: int = 0
) -> np.ndarray:
    """Ink of a printed table with these numbers, "" for none; its boxes are `apart` px apart."""
    rows = [cells] if isinstance(cells[0], str) else cells
    rng, step = np.random.default_rng(0), cell + apart
    wide = step + (max(len(number) for row in rows for number in row) - 1) * round(0.5 * cell)
    page = np.zeros((len(rows) * step + line, len(rows[0]) * wide + line), np.float32)
    for row, numbers in enumerate(rows):
        for column, number in enumerate(numbers):
            top, left = row * step, column * wide
            page[top : top + cell + line, left : left + wide - apart + line] = 1
            page[top + line : top + cell, left + line : left + wide - apart] = 0
            inks = [ink_of(clear[int(digit)][0], round(0.6 * cell), rng) for digit in number]
            free = wide - apart - sum(ink.shape[1] for ink in inks)
            at = left + free // (len(inks) + 1)
            for ink in inks:
                put(page, ink, top + round(0.2 * cell), at)
                at += ink.shape[1] + free // (len(inks) + 1)
    return page


@POLARITIES
def test_a_table_is_found_wherever_it_stands_on_the_page(clear, light_on_dark):
    text = "5 . . 3 8 . 7\n. 2 . . . . 8\n9 . 0 4 . 6 2\n3 . . . 7 . .\n. 3 8 . . . 2"
    cells = [["" if cell == "." else cell for cell in line.split(" ")] for line in text.split("\n")]
    page = np.zeros((900, 700), np.float32)
    put(page, table(clear, cells, cell=50), 500, 200)
    canvas = dark(page, light_on_dark=light_on_dark)
    assert READER.read(canvas, grid=(5, 7)).text == text


@pytest.mark.parametrize("angle", [-30, -12, 12, 30])
def test_a_tilted_table_is_read_as_if_it_were_straight(clear, angle):
    cells = [["5", "", "3"], ["8", "2", ""], ["", "6", "7"]]
    ink = np.pad(table(clear, cells, cell=80), 120)
    turned = np.asarray(Image.fromarray(ink).rotate(angle, Image.Resampling.BICUBIC)).clip(0, 1)
    reading = READER.read(dark(turned), grid=(3, 3))
    assert reading.text == "5 . 3\n8 2 .\n. 6 7"
    for digit in reading.digits:
        left, top, right, bottom = edges(digit)
        assert turned[top:bottom, left:right].max() > 0.9
        assert right - left < 100
        assert bottom - top < 100


def test_cells_may_hold_numbers_and_are_empty_otherwise(clear):
    cells = [["25", "", "380"], ["", "746", "9"]]
    reading = READER.read(dark(np.pad(table(clear, cells, cell=70), 40)), grid=(2, 3))
    assert reading.text == "25 . 380\n. 746 9"
    assert [number.value for number in reading.numbers] == [25, 380, 746, 9]
    assert READER.read(np.full((80, 90), 255, np.uint8), grid=(2, 3)).text == ". . .\n. . ."


def test_numbers_in_columns_are_a_table_without_any_option(clear):
    reading = READER.read(dark(write(clear, "25  38\n7   46\n    90")))
    cells = [[cell and cell.text for cell in row] for row in reading.table]
    assert cells == [["25", "38"], ["7", "46"], [None, "90"]]
    assert reading.text == "25 38\n7 46\n90"
    assert reading.to_dict()["table"][2][0] is None
    for text in ("25 38", "2\n3\n8", "4 4   4\n   7 7"):
        assert READER.read(dark(write(clear, text))).table == ()


def test_ruled_lines_part_the_cells_of_a_table_but_not_the_boxes_of_a_number(clear):
    cells = [["5", "3", "8"], ["8", "2", "7"], ["9", "6", "7"]]
    page = dark(np.pad(table(clear, cells, cell=60), 40))
    assert READER.read(page).text == "5 3 8\n8 2 7\n9 6 7"
    boxes = dark(np.pad(table(clear, ["5", "3", "8", "2"], cell=60), 40))
    assert READER.read(boxes).text == "5382"


# Regions


def test_regions_are_read_on_their_own_by_name(clear):
    page = np.zeros((400, 600), np.float32)
    for number, (top, left) in {"7": (40, 60), "25": (40, 380), "806": (260, 280)}.items():
        put(page, write(clear, number), top - 30, left - 30)
    boxes = {"a": (0.0, 0.0, 0.4, 0.5), "b": (0.5, 0.0, 0.5, 0.5), "none": (0.0, 0.6, 0.3, 0.4)}
    readings = READER.read_regions(dark(page), Regions(boxes))
    assert {name: reading.text for name, reading in readings.items()} == {
        "a": "7",
        "b": "25",
        "none": "",
    }
    whole = {d.box.x: d for d in READER.read(dark(page)).digits}
    (seven,) = readings["a"].digits
    assert min(abs(seven.box.x - x) for x in whole) <= 2


def test_regions_of_a_table_move_with_it(clear):
    cells = [["5", "", "3"], ["8", "2", ""], ["", "6", "7"]]
    ink = np.pad(table(clear, cells, cell=80), 120)
    third = 1 / 3
    regions = Regions(
        {"first": (0, 0, third, third), "last": (2 * third, 2 * third, third, third)}, "table"
    )
    for angle in (0, 20):
        turned = np.asarray(Image.fromarray(ink).rotate(angle, Image.Resampling.BICUBIC)).clip(0, 1)
        readings = READER.read_regions(dark(turned), regions)
        assert {name: reading.text for name, reading in readings.items()} == {
            "first": "5",
            "last": "7",
        }


def test_regions_of_a_table_that_is_not_there_are_empty_with_a_note(clear):
    regions = Regions({"first": (0, 0, 0.5, 0.5)}, "table")
    for canvas in (dark(write(clear, "27")), np.full((50, 60), 255, np.uint8)):
        reading = READER.read_regions(canvas, regions)["first"]
        assert (reading.text, reading.notes) == ("", ("no table found",))


@pytest.mark.parametrize(
    ("boxes", "of"),
    [
        ({"a": (0, float("nan"), 0.5, 0.5)}, "picture"),
        ({"a": (0, 0, 0.5, 10**400)}, "picture"),
        ({"a": None}, "picture"),
        ({}, "picture"),
        ({"a": (0, 0, 1, 1)}, "page"),
        ({"a": (0, 0, 1)}, "picture"),
        ({"a": (0.5, 0, 0.6, 1)}, "picture"),
        ({"a": (0, 0, 0, 1)}, "picture"),
        ({"a": (-0.1, 0, 1, 1)}, "picture"),
        ({"a": ("0", 0, 1, 1)}, "picture"),
    ],
)
def test_regions_outside_the_picture_are_refused(boxes, of):
    with pytest.raises(UsageError):
        Regions(boxes, of)


def test_a_table_needs_no_frame(clear):
    page = np.zeros((200, 400), np.float32)
    for place, digit in ((0, 7), (1, 2), (5, 6)):
        row, column = divmod(place, 4)
        ink = ink_of(clear[digit][0], 60, np.random.default_rng(0))
        put(page, ink, row * 100 + 20, column * 100 + 25)
    assert READER.read(dark(page), grid=(2, 4)).text == "7 2 . .\n. 6 . ."


# Hints


def test_a_picture_that_is_told_to_be_one_digit_has_one(clear):
    for text in ("4", "62"):
        reading = READER.read(dark(write(clear, text)), single=True)
        assert len(reading.text) == len(reading.digits) == 1
        assert reading.text in text


def test_the_number_of_digits_can_be_told(clear):
    page = dark(write(clear, "72835"))
    assert READER.read(page, expect=5).text == "72835"
    assert READER.read(page, expect=5).accepted
    fewer = READER.read(page, expect=3)
    assert len(fewer.digits) == 3
    more = READER.read(page, expect=9)
    if len(more.digits) != 9:
        note = f"{len(more.digits)} digits found where 9 were expected"
        assert more.notes == (note,)
    assert not more.accepted


def test_contradictory_hints_are_refused(draw):
    with pytest.raises(UsageError, match="only one of single, expect and grid"):
        READER.read(draw(50, 50), single=True, expect=2)
    for expect in (0, 2.5, "3"):
        with pytest.raises(UsageError, match="must be a whole number, at least 1"):
            READER.read(draw(50, 50), expect=expect)
    for size in ((0, 3), (), (3, 3, 3), 9):
        with pytest.raises(UsageError, match="must be .rows, columns."):
            READER.read(draw(50, 50), grid=size)


# Boxes, notes and pictures


@POLARITIES
def test_boxes_are_where_the_digits_are(clear, light_on_dark):
    page, expected, left = np.zeros((160, 420), np.float32), [], 30
    for digit in (4, 8, 2):
        ink = ink_of(clear[digit][0], 70, np.random.default_rng(0))
        put(page, ink, 40, left)
        expected.append((left, 40, left + ink.shape[1], 40 + ink.shape[0]))
        left += ink.shape[1] + 35
    digits = READER.read(dark(page, light_on_dark=light_on_dark)).digits
    np.testing.assert_allclose([edges(digit) for digit in digits], expected, atol=8)


def test_boxes_stay_inside_a_tightly_cropped_picture(clear):
    page = write(clear, "9347")
    rows, columns = np.nonzero(page > 0.3)
    canvas = dark(page[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    for hints in ({}, {"expect": 4}, {"single": True}, {"grid": (1, 4)}):
        reading = READER.read(canvas, **hints)
        for part in (*reading.digits, *reading.marks, *reading.numbers):
            left, top, right, bottom = edges(part)
            assert 0 <= left < right <= canvas.shape[1]
            assert 0 <= top < bottom <= canvas.shape[0]


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


def test_a_reading_is_drawn_into_its_picture(clear):
    canvas = dark(write(clear, "90+36", gap_px=14))
    reading = READER.read(canvas)
    drawn = np.asarray(reading.draw(canvas)).astype(int)
    assert drawn.shape == (*canvas.shape, 3)
    changed = (drawn != canvas[..., None]).any(axis=2)
    for part in (*reading.digits, *reading.marks):
        left, top, _, bottom = edges(part)
        assert changed[top:bottom, left - 1].mean() > 0.9
    inside = changed[reading.digits[0].box.y + 5 : reading.digits[0].box.y + 20]
    assert inside.mean() < 0.25
    assert [mark.text for mark in reading.marks] == ["+"]
    red, green, blue = np.moveaxis(drawn, 2, 0)

    def colours(part) -> tuple[int, int]:
        """How many green and how many blue pixels the left side of a part's box has."""
        left, top, _, bottom = edges(part)
        side = (slice(top, bottom), left - 1)
        is_green = green[side] > np.maximum(red[side], blue[side]) + 40
        is_blue = blue[side] > np.maximum(red[side], green[side]) + 40
        return int(is_green.sum()), int(is_blue.sum())

    for digit in reading.digits:
        assert colours(digit)[0] > 0.8 * digit.box.height
    (mark,) = reading.marks
    assert colours(mark)[1] > 0.8 * mark.box.height


# Several pictures, glyphs, explanations


def test_many_are_read_as_they_come_and_a_bad_one_stops_nothing(clear):
    canvas = dark(write(clear, "6 2"))

    def sources():
        yield canvas
        yield b"no picture"
        yield canvas

    readings = READER.read_many(sources())
    assert next(readings).text == "6 2"
    bad = next(readings)
    assert isinstance(bad.error, CanvasError)
    assert bad.to_dict()["error"]["code"] == "not_an_image"
    assert [reading.text for reading in readings] == ["6 2"]
    (alone,) = READER.read_many([canvas], digits_only=True)
    assert alone.text == "62"


def test_glyphs_are_read_as_they_are(mnist_test):
    readings = READER.read_glyphs(mnist_test.images[:50])
    expected = READER.predict(mnist_test.images[:50])
    assert [reading.text for reading in readings] == [str(label) for label in expected]
    assert all(isinstance(reading, Reading) for reading in readings)


def test_glyphs_on_grey_ground_are_read_as_pictures(mnist_test):
    images, labels = mnist_test.images[:40], mnist_test.labels[:40]
    grey = (70 + 0.4 * images).astype(np.uint8)
    readings = READER.read_glyphs(grey)
    right = [reading.text == str(label) for reading, label in zip(readings, labels, strict=True)]
    assert np.mean(right) > 0.9
    assert np.mean([reading.accepted for reading in readings]) > 0.8


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
