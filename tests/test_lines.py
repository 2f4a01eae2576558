"""From sightings to things, lines and numbers: no network, only boxes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.reading.detector import plausible_scales
from inkdigits.reading.lines import choose, find_lines, find_numbers
from inkdigits.reading.tables import find_columns
from inkdigits.reading.things import Area, Sighting, Thing, merge, overlap

CLASSES = "0123456789.,-+=/():×?"
SIDES = st.floats(-100, 100).map(lambda side: round(side, 3))
LENGTHS = st.floats(0.5, 80).map(lambda side: round(side, 3))


def shares_of(label: str, score: float = 1.0) -> np.ndarray:
    shares = np.zeros(len(CLASSES), np.float32)
    shares[CLASSES.index(label)] = score
    return shares


def thing(label: str, left: float, top: float, width: float = 20, height: float = 30) -> Thing:
    sides = (left, top, left + width, top + height)
    (one,) = merge([Sighting(*sides, shares_of(label, 0.9), 30.0, 1.0)], [1.0], CLASSES)
    return one


def point(left: float, bottom: float, label: str = ".") -> Thing:
    height = 12 if label == "," else 4
    return thing(label, left, bottom - height, 4, height)


def seen(
    label: str, left: float, top: float, scale: float = 1.0, score: float = 0.9, height: float = 24
) -> Sighting:
    sides = (left, top, left + 16, top + height)
    return Sighting(*sides, shares_of(label, score), 24.0, scale)


def text_of(things: list[Thing]) -> str:
    return "".join(CLASSES[thing.label] for thing in things)


# Boxes

AREAS = st.builds(
    lambda left, top, width, height: Area(left, top, left + width, top + height),
    *(SIDES, SIDES, LENGTHS, LENGTHS),
)


@given(AREAS, AREAS)
def test_overlap_is_a_share_and_the_same_from_both_sides(one, other):
    union, inside = overlap(one, other)
    assert 0 <= union <= inside + 1e-6 <= 1 + 2e-6
    np.testing.assert_allclose(overlap(other, one), (union, inside))
    apart = other.left >= one.right or other.right <= one.left
    apart = apart or other.top >= one.bottom or other.bottom <= one.top
    assert (union == 0) == apart or union < 1e-6


@given(AREAS)
def test_a_box_overlaps_itself_whole(area):
    assert overlap(area, area) == pytest.approx((1, 1), abs=1e-6)


def test_overlap_of_a_half_and_of_a_part_inside():
    box = Area(0, 0, 10, 20)
    assert overlap(box, Area(5, 0, 15, 20)) == pytest.approx((1 / 3, 1 / 2))
    assert overlap(box, Area(2, 2, 7, 12)) == pytest.approx((1 / 4, 1))


# Sightings of one thing


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0.3, 0.99)), min_size=1, max_size=8))
def test_things_far_apart_stay_apart_best_first(parts):
    found = [seen(str(k), 100 * i, 0, score=score) for i, (k, score) in enumerate(parts)]
    things = merge(found, [1.0], CLASSES)
    by_place = sorted(things, key=lambda thing: thing.left)
    assert text_of(by_place) == "".join(str(k) for k, _ in parts)
    assert [thing.score for thing in things] == sorted((t.score for t in things), reverse=True)
    for thing in things:
        assert 0 < thing.score <= 1
        assert thing.shares.sum() == pytest.approx(1, abs=1e-4)


@given(st.permutations(range(5)))
def test_one_thing_at_several_scales_is_one_whatever_the_order(order):
    found = [seen("8", i, i, scale=2 ** (i / 2), score=0.5 + i / 10) for i in range(5)]
    (one,) = merge([found[i] for i in order], [1.0], CLASSES)
    assert CLASSES[one.label] == "8"
    assert 0 < one.left < 4
    assert one.width == pytest.approx(16)
    assert one.height == pytest.approx(24)


def test_a_part_of_a_surer_thing_is_not_a_thing():
    inside = Sighting(4, 4, 12, 14, shares_of("0", 0.5), 24.0, 1.0)
    (one,) = merge([inside, seen("8", 0, 0)], [1.0], CLASSES)
    assert CLASSES[one.label] == "8"
    assert one.shares[0] == 0


def test_scales_that_should_have_seen_a_thing_and_did_not_make_it_less_sure():
    scores = [merge([seen("3", 0, 0)], scales, CLASSES)[0].score for scales in ([1.0], [1.0, 1.2])]
    assert scores[1] < scores[0]
    far = merge([seen("3", 0, 0)], [1.0, 8.0], CLASSES)[0].score  # too large to be seen at 8
    assert far == scores[0]


def test_points_at_one_place_are_one_mark():
    near = [Sighting(at, 20, at + 3, 23, shares_of(".", 0.6), 24.0, 1.0) for at in (0.0, 3.5, 40.0)]
    assert len(merge(near, [1.0], CLASSES)) == 2


# Lines


def page_of(lines: list[str], slope: float = 0.0, pitch: float = 60.0) -> list[Thing]:
    """Digits 30 pixels apart, points at the feet of those before them."""
    things = []
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            left, top = 30.0 * column, pitch * row + slope * 30 * column
            things.append(point(left + 5, top + 30) if letter == "." else thing(letter, left, top))
    return things


LINES = st.lists(
    st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3})?", fullmatch=True), min_size=1, max_size=5
)


@given(LINES, st.randoms(use_true_random=False))
def test_the_order_of_reading_does_not_depend_on_the_order_of_finding(lines, random):
    things = page_of(lines)
    random.shuffle(things)
    assert [text_of(line) for line in find_lines(things, CLASSES)] == lines


@given(st.floats(-0.4, 0.4), st.integers(1, 12), st.randoms(use_true_random=False))
def test_a_tilted_line_stays_one_line(slope, length, random):
    text = "1234567890"[:length]
    things = page_of([text], slope)
    random.shuffle(things)
    assert [text_of(line) for line in find_lines(things, CLASSES)] == [text]


@given(LINES, st.floats(0.05, 20))
def test_lines_do_not_depend_on_the_scale(lines, factor):
    sides = ("left", "top", "right", "bottom", "line_px")
    scaled = [
        replace(t, **{side: getattr(t, side) * factor for side in sides}) for t in page_of(lines)
    ]
    assert [text_of(line) for line in find_lines(scaled, CLASSES)] == lines


def test_digits_of_several_heights_on_one_line_are_one_line():
    line = [thing("1", 0, 0), thing("2", 30, 8, 14, 20), thing("3", 60, -6, 24, 42)]
    assert [text_of(found) for found in find_lines(line, CLASSES)] == ["123"]


def test_marks_belong_to_the_nearest_line():
    upper, lower = page_of(["12"]), [thing("3", 0, 60), thing("4", 30, 60)]
    marks = [point(24, 30), point(24, 90, ",")]
    lines = find_lines([*marks, *lower, *upper], CLASSES)
    assert [text_of(line) for line in lines] == ["1.2", "3,4"]


def test_a_comma_reaches_a_third_of_the_line():
    marks = [thing(",", 24, 30 - height, 4, height) for height in (12, 8)]
    assert [CLASSES[mark.label] for mark in marks] == [",", "."]


def test_what_can_not_be_told_counts_only_inside_a_number():
    line = [thing("?", -30, 0), *page_of(["1?2"]), thing("?", 90, 0), thing("?", 400, 0)]
    assert [text_of(found) for found in find_lines(line, CLASSES)] == ["1?2"]


def test_points_far_from_all_digits_are_not_read_other_marks_are():
    digits = [thing("1", 0, 0), thing("2", 25, 0)]
    for label, text in ((".", "12"), (",", "12"), ("-", "12-")):
        (line,) = find_lines([*digits, point(85, 30, label)], CLASSES)
        assert text_of(line) == text
    (near,) = find_lines([*digits, point(50, 30)], CLASSES)
    assert text_of(near) == "12."


def test_nothing_has_no_lines():
    assert find_lines([], CLASSES) == []


# Numbers


@given(st.lists(st.floats(0, 90), min_size=1, max_size=9))
def test_numbers_are_the_line_cut_where_gaps_are_wide(gaps):
    line, left = [thing("1", 0, 0)], 20.0
    for gap in gaps:
        line.append(thing("2", left + gap, 0))
        left += gap + 20
    numbers = find_numbers(line)
    assert [part for number in numbers for part in number] == line
    borders = [b[0].left - a[-1].right for a, b in pairwise(numbers)]
    inner = [b.left - a.right for number in numbers for a, b in pairwise(number)]
    assert not borders or min(borders) > 20
    assert not inner or max(inner) < 45
    assert not borders or not inner or min(borders) > max(inner)


def test_a_mark_belongs_to_the_number_that_it_stands_in():
    line = [*page_of(["12"]), point(52, 30), thing("5", 60, 0), thing("7", 160, 0)]
    assert [text_of(number) for number in find_numbers(line)] == ["12.5", "7"]


# What was nearly read


def scored(label: str, left: float, score: float) -> Thing:
    return replace(thing(label, left, 0), score=score)


def faint_point(left: float, bottom: float, score: float, label: str = ".") -> Thing:
    sides = (left, bottom - 4, left + 4, bottom)
    (one,) = merge([Sighting(*sides, shares_of(label, score), 30.0, 1.0)], [1.0], CLASSES)
    return one


def read(things: list[Thing]) -> str:
    (line,) = find_lines(choose(things, CLASSES, 0.4), CLASSES)
    return text_of(line)


@pytest.mark.parametrize(
    ("digits_after", "score", "seen"),
    [
        (3, 0.2, True),
        (6, 0.2, True),
        (2, 0.2, False),
        (2, 0.6, True),
        (4, 0.35, False),
        (0, 0.35, True),
    ],
)
def test_a_faint_point_counts_where_it_parts_thousands(digits_after, score, seen):
    digits = [thing("5", 30 * place, 0) for place in range(1 + digits_after)]
    digits[1:] = [replace(d, left=d.left + 6, right=d.right + 6) for d in digits[1:]]
    text = read([*digits, faint_point(22, 31, score)])
    assert text == "5" + "." * seen + "5" * digits_after


def test_a_point_seen_twice_is_one():
    digits = [thing("5", 0, 0), *(thing("1", 44 + 30 * place, 0) for place in range(3))]
    twice = [faint_point(24, 31, 0.8), faint_point(31, 31, 0.5, ",")]
    assert read([*digits, *twice]) == "5.111"


def test_no_digit_is_where_a_surer_mark_is():
    digit = replace(thing("0", 0, 0, 24, 24), score=0.3)
    dot = replace(thing(".", 0, 0, 24, 24), score=0.7)
    assert text_of(choose([digit], CLASSES, 0.4)) == "0"
    assert choose([digit, dot], CLASSES, 0.4) == []


def test_a_digit_that_was_nearly_read_is_a_gap_in_its_number_not_nothing():
    things = [scored("1", 0, 0.9), scored("7", 25, 0.37), scored("2", 50, 0.9)]
    (line,) = find_lines(choose(things, CLASSES, 0.4), CLASSES)
    assert text_of(line) == "1?2"
    (line,) = find_lines(choose([*things[::2], scored("7", 75, 0.37)], CLASSES, 0.4), CLASSES)
    assert text_of(line) == "12"  # outside a number it may be anything
    speck = replace(scored("7", 25, 0.37), top=10, bottom=18, right=30)
    (line,) = find_lines(choose([*things[::2], speck], CLASSES, 0.4), CLASSES)
    assert text_of(line) == "12"
    (line,) = find_lines(choose(things, CLASSES, 0.4, expect=3), CLASSES)
    assert text_of(line) == "172"


@given(st.floats(0, 0.36), st.floats(0, 200))
def test_what_is_left_out_on_a_digit_or_beside_it_makes_it_less_sure(score, left):
    kept = scored("1", 100, 0.9)
    (digit,) = [t for t in choose([kept, scored("7", left, score)], CLASSES, 0.4) if t.is_digit]
    near = abs(left - 100) - 20 < 0.8 * 30
    assert digit.doubt == (score if near else 0)


# Columns


@given(st.integers(2, 5), st.integers(2, 5), st.floats(-0.1, 0.1), st.data())
def test_numbers_of_a_grid_are_in_its_columns_however_it_is_tilted(rows, columns, tilt, data):
    table = []
    for row in range(rows):
        skipped = data.draw(st.integers(0, columns - 1)) if columns > 2 else -1
        areas = []
        for column in (c for c in range(columns) if row == 0 or c != skipped):
            x, y = 100 * column + data.draw(st.floats(0, 20)), 60 * row
            left, top = x - tilt * y, y + tilt * x
            areas.append((column, Area(left, top, left + 40, top + 30)))
        table.append(areas)
    found = find_columns([[area for _, area in areas] for areas in table])
    assert found == [[column for column, _ in areas] for areas in table]


def test_a_line_a_column_and_ragged_lines_are_no_table():
    boxes = [Area(100 * k, 0, 100 * k + 40, 30) for k in range(3)]
    below = [Area(100 * k + 50, 50, 100 * k + 90, 80) for k in range(3)]
    assert find_columns([boxes]) == []
    assert find_columns([[boxes[0]], [below[0]]]) == []
    assert find_columns([boxes, [Area(10, 50, 130, 80)]]) == []


# Scales


@given(st.integers(30, 1400), st.integers(30, 1400), st.floats(0.02, 0.16), st.floats(0, 1))
def test_every_size_of_digits_is_seen_at_some_scale(height, width, pen, at):
    """From 6 px, or 1.2 % of a larger canvas, up to its height; pens are 2 to 16 % of it."""
    shorter, least_px = min(height, width), max(6.0, 0.012 * max(height, width))
    digit_px = least_px * max(1.0, shorter / least_px) ** at
    stroke_px = max(1.0, pen * digit_px)
    scales = plausible_scales((height, width), stroke_px)
    assert any(12 <= digit_px * scale <= 39 for scale in scales)


@given(st.integers(8, 4000), st.integers(8, 4000), st.floats(1, 500))
def test_there_are_always_scales_and_they_are_bounded(height, width, stroke_px):
    scales = plausible_scales((height, width), stroke_px)
    assert 1 <= len(scales) <= 19
    assert scales == sorted(scales)
    ratios = np.divide(scales[1:], scales[:-1])
    assert ratios == pytest.approx(np.full(len(ratios), 2**0.5))
    assert max(height, width) * max(scales) <= 1450 or len(scales) == 1
