"""From things on a canvas to lines of digits and marks in reading order."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from inkdigits.reading.things import DIGITS, Thing, gap_between, overlap

_LEAST_MARK = 0.75  # of the least score of a digit: marks are seen less surely
_LEAST_GROUPING, _LEAST_OTHER_POINT = 0.4, 1.2  # with three or six digits to the end, or others
_LOWEST, _HIGHEST = 0.45, 2.15  # of the typical height: other digits belong to something else
_HIGHEST_LINE = 1.9  # of the typical height: other marks belong to something else
_FAINT = 0.45  # of the darkest digit's ink: what is fainter shines through, or is printed below
_INSIDE = 0.6  # of the smaller of two digits: then one of them is not there
_MARK_AWAY, _MARK_ASIDE = 1.6, 0.4  # of the typical height: how far a mark may be from a digit
_SHARED = 0.35  # of the lower one's height: neighbours that overlap as much stand in one line
_NEARLY = 0.36  # the score of what is left out, and makes a gap in a number
BESIDE = 0.8  # of a digit's height: what is left out so near makes the digit less sure
_APART = 1.0  # of the line's height: numbers farther apart are separated by a space


def choose(
    things: list[Thing], classes: str, least: float, expect: int | None = None
) -> list[Thing]:
    """Digits of about one height that are likely enough, and the marks beside them.

    With `expect` the likeliest of so many digits, however unlikely.
    """
    enough = 0.0 if expect else least
    digits = [thing for thing in things if thing.is_digit and thing.score > enough]
    if not digits:
        alone = [thing for thing in things if thing.is_digit and not _is_mark(thing, things)]
        return sorted(alone, key=lambda thing: thing.score * thing.height)[-1:]
    darkest = max(digit.darkness for digit in digits)
    digits = [digit for digit in digits if digit.darkness > _FAINT * darkest]
    height = typical_height(digits)
    digits = [digit for digit in digits if _LOWEST * height < digit.size_px < _HIGHEST * height]
    digits = _apart(digits)[:expect]
    marks: list[Thing] = []
    for mark in sorted(things, key=lambda thing: -thing.score):
        if mark.is_digit or mark.score < least * _least_share(mark, digits, height, classes):
            continue
        if not _LOWEST * height < mark.line_px < _HIGHEST_LINE * height:
            continue
        near = any(_stands_beside(mark, digit, height) for digit in digits)
        hidden = any(_is_part(mark, digit, classes) for digit in digits)
        if near and not hidden and not any(_are_one(mark, other, classes) for other in marks):
            marks.append(mark)
    others = _left_out(things, digits + marks, classes)
    unreadable = [] if expect else _unreadable(others, digits, height, classes)
    return [replace(digit, doubt=_doubt(digit, others)) for digit in digits] + marks + unreadable


def _least_share(mark: Thing, digits: list[Thing], height: float, classes: str) -> float:
    """The least score of a mark, as a share of a digit's: points that part thousands are likely."""
    if classes[mark.label] not in ".,":
        return _LEAST_MARK
    after, end = 0, mark.left
    for digit in sorted(digits, key=lambda digit: digit.left):
        level = digit.top < mark.middle[1] < digit.bottom + _MARK_ASIDE * height
        if level and digit.middle[0] > mark.middle[0] and digit.left - end < _APART * height:
            after, end = after + 1, digit.right
    return _LEAST_MARK if not after else _LEAST_GROUPING if after in (3, 6) else _LEAST_OTHER_POINT


def _is_mark(digit: Thing, things: list[Thing]) -> bool:
    """Whether a mark in the same place is surer than a digit."""
    surer = (t for t in things if not t.is_digit and t.score > digit.score)
    return any(overlap(digit, mark)[0] > _INSIDE for mark in surer)


def _left_out(things: list[Thing], chosen: list[Thing], classes: str) -> list[Thing]:
    """What might be a digit, or is something else of its size, and is none of the chosen."""
    kept = {id(thing) for thing in chosen}
    like_digits = {*range(DIGITS), len(classes) - 1}
    return [t for t in things if id(t) not in kept and t.label in like_digits]


def _doubt(digit: Thing, others: list[Thing]) -> float:
    """The score of the likeliest other thing that is about as high, on a digit or beside it."""
    scores = [
        other.score
        for other in others
        if _LOWEST * digit.size_px < other.height < _HIGHEST * digit.size_px
        and gap_between(digit, other) < BESIDE * digit.size_px
        and digit.top < other.middle[1] < digit.bottom
    ]
    return max(scores, default=0.0)


def _unreadable(
    others: list[Thing], digits: list[Thing], height: float, classes: str
) -> list[Thing]:
    """Those of other things that were nearly taken for digits, as things that can't be told."""
    other = np.eye(len(classes), dtype=np.float32)[-1]
    return [
        replace(thing, shares=other)
        for thing in others
        if thing.is_digit
        and thing.score > _NEARLY
        and _LOWEST * height < thing.size_px < _HIGHEST * height
        and all(overlap(thing, digit)[1] < _INSIDE / 2 for digit in digits)
    ]


def typical_height(digits: list[Thing]) -> float:
    """The median size, each digit weighted by its score and the square of its size."""
    heights = np.array([digit.size_px for digit in digits])
    order = np.argsort(heights)
    total = np.cumsum((np.array([digit.score for digit in digits]) * heights**2)[order])
    return float(heights[order][np.searchsorted(total, total[-1] / 2)])


def _apart(digits: list[Thing]) -> list[Thing]:
    """Without those that are mostly inside a surer one."""
    kept: list[Thing] = []
    for digit in sorted(digits, key=lambda digit: -digit.score):
        if all(overlap(digit, other)[1] < _INSIDE for other in kept):
            kept.append(digit)
    return kept


def _stands_beside(mark: Thing, digit: Thing, height: float) -> bool:
    above, below = digit.top - _MARK_ASIDE * height, digit.bottom + _MARK_ASIDE * height
    return gap_between(mark, digit) < _MARK_AWAY * height and above < mark.middle[1] < below


def _is_part(mark: Thing, digit: Thing, classes: str) -> bool:
    """Whether a mark is a part of a digit; a point may lie at the foot of a slanted one."""
    inside = overlap(digit, mark)[1] > 0.5
    if classes[mark.label] not in ".,":
        return inside
    across, down = mark.middle[0] - digit.left, mark.middle[1] - digit.top
    if down > digit.height:
        wide = digit.width > 0.35 * digit.height
        return wide and 0.1 * digit.width < across < 0.5 * digit.width
    return inside and (down < 0.68 * digit.height or across < 0.55 * digit.width)


def _are_one(one: Thing, other: Thing, classes: str) -> bool:
    """Whether two marks overlap, are parts of a long dash, or a point seen twice."""
    if overlap(one, other)[1] > 0.3:
        return True
    level = abs(one.middle[1] - other.middle[1])
    both = {classes[one.label], classes[other.label]}
    alike = both == {"-"} or both <= {".", ","}
    return (
        gap_between(one, other) < (0.35 if alike else 0.08) * one.line_px
        and level < 0.25 * one.line_px
    )


def find_lines(things: list[Thing], classes: str) -> list[list[Thing]]:
    """Lines of digits from the top down, each from left to right, with the marks among them."""
    lines: list[list[Thing]] = []
    for digit in sorted((thing for thing in things if thing.is_digit), key=lambda d: d.left):
        shared = [_shared_height(line[-1], digit) for line in lines]
        if shared and max(shared) > _SHARED:
            lines[int(np.argmax(shared))].append(digit)
        else:
            lines.append([digit])
    lines.sort(key=lambda line: float(np.mean([digit.middle[1] for digit in line])))
    for mark in (thing for thing in things if not thing.is_digit):
        min(lines, key=lambda line: _distance(line, mark)).append(mark)
    ordered = [sorted(line, key=lambda thing: thing.middle[0]) for line in lines]
    return [without_outer(line, classes) for line in ordered]


def _shared_height(one: Thing, other: Thing) -> float:
    """How much of the lower one's height both span."""
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared / min(one.height, other.height)


def _distance(line: list[Thing], mark: Thing) -> float:
    """From a mark to the nearest digit of a line, across and down."""
    digits = [thing for thing in line if thing.is_digit]
    gaps = [max(0.0, gap_between(digit, mark)) for digit in digits]
    near = digits[int(np.argmin(gaps))]
    return abs(near.middle[1] - mark.middle[1]) + min(gaps)


def without_outer(line: list[Thing], classes: str) -> list[Thing]:
    """Without what isn't read alone: points without digits, other things outside a number."""
    read: list[Thing] = []
    has_digits = any(thing.is_digit for thing in line)
    for number in find_numbers(line) if has_digits else [line]:
        digits = [place for place, thing in enumerate(number) if thing.is_digit]
        first, last = (digits[0], digits[-1]) if digits else (0, 0)
        for place, thing in enumerate(number):
            inside = first < place < last
            alone = not digits and classes[thing.label] in ".,"
            if not alone and (inside or thing.label != len(classes) - 1):
                read.append(thing)
    return read


def find_numbers(line: Sequence[Thing], ruled: Collection[int] = ()) -> list[list[Thing]]:
    """The numbers on a line: what stands clearly apart, or has a ruled line at its left (`id`s)."""
    height = float(np.median([thing.height for thing in line if thing.is_digit]))
    numbers: list[list[Thing]] = []
    for thing in line:
        near = numbers and thing.left - numbers[-1][-1].right <= _APART * height
        if near and id(thing) not in ruled:
            numbers[-1].append(thing)
        else:
            numbers.append([thing])
    return numbers
