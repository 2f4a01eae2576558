"""The report of a detector: what it finds on drawn pages of held-out digits, and what not."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inkdigits.data import Progress, ignore_progress
from inkdigits.evaluation.plots import encode_image
from inkdigits.evaluation.templates import template
from inkdigits.files import read_bytes, write_atomic
from inkdigits.imaging import Box
from inkdigits.metrics import reliability
from inkdigits.reading.acceptance import chance
from inkdigits.reading.detector import Detector
from inkdigits.reading.drawing import REJECTED, SURE, UNSURE, draw_boxes
from inkdigits.reading.finding import digits_among
from inkdigits.reading.lines import find_numbers
from inkdigits.reading.things import DIGITS, Area, digit_px, gap_between
from inkdigits.training.detector.classes import CLASSES, LARGEST_PX, MARKS, SMALLEST_PX
from inkdigits.training.detector.runs import FITTED_PAGES
from inkdigits.training.detector.validation import ReadPage, read_pages

PAGES = range(FITTED_PAGES.stop, FITTED_PAGES.stop + 500)
SHOWN = 24  # pages with mistakes
_SIZES_PX = (SMALLEST_PX, 16, 20, 25, 30, LARGEST_PX)
_SIZES = [f"{low:g} to {high:g} px" for low, high in pairwise(_SIZES_PX)]
_ALONE = "alone"
_GAPS = {"overlapping": -0.03, "touching": 0.04, "close": 0.3, "apart": 100.0}  # of the height
_NEAR = 0.3  # of the line's height: a mark found so near is the one that was drawn
_ENLARGED, _SIDE_BY_SIDE, _BETWEEN_PX = 2, 3, 8


@dataclass(frozen=True)
class Counted:
    """Of a kind: how many were drawn and of them read right, how many found and of them right."""

    kind: str
    drawn: int
    recalled: int
    found: int
    right: int

    @property
    def recall(self) -> float:
        """The share of the drawn that was found; 0 if nothing was drawn."""
        return self.recalled / max(1, self.drawn)

    @property
    def precision(self) -> float:
        """The share of the found that is right; 0 if nothing was found."""
        return self.right / max(1, self.found)


@dataclass(frozen=True)
class DetectorReport:
    """Digits and marks found on so many pages, and the expected errors of the confidence."""

    pages: int
    digits: Counted
    by_size: list[Counted]
    by_gap: list[Counted]
    marks: list[Counted]
    digit_calibration_error: float
    number_calibration_error: float

    def to_dict(self) -> dict[str, Any]:
        """Field names and values, for JSON."""
        return asdict(self)


def write_detector_report(
    detector: Path, folder: Path, progress: Progress = ignore_progress, pages: range = PAGES
) -> tuple[DetectorReport, Path]:
    """Read drawn pages; write `report.json`, `report.html` and `mistakes.png` into a folder.

    Returns the report and the path of the page. Raises `StorageError` or `ArtifactError`.
    """
    content = read_bytes(detector)

    def on_page(done: int, total: int) -> None:
        progress("reading pages for the report", done, total)

    read = list(read_pages(content, pages, on_page))
    report = report_on(read, Detector(content, str(detector)).acceptance)
    mistakes = encode_image(_draw_mistakes(read))
    write_atomic(folder / "mistakes.png", mistakes)
    write_atomic(folder / "report.json", json.dumps(report.to_dict(), indent=2).encode())
    page = template("detector.html.jinja").render(
        report=report, mistakes=base64.b64encode(mistakes).decode()
    )
    write_atomic(folder / "report.html", page.encode())
    return report, folder / "report.html"


def report_on(pages: Sequence[ReadPage], acceptance: Sequence[float]) -> DetectorReport:
    """Count what was found on pages; `acceptance` are the weights of the confidence."""
    drawn = [row for page in pages for row in _drawn_digits(page)]
    claimed = [row for page in pages for row in _found_digits(page)]

    def count(kind: str, among: str = "") -> Counted:
        recalled = [row.good for row in drawn if not among or getattr(row, among) == kind]
        right = [row.good for row in claimed if not among or getattr(row, among) == kind]
        return Counted(kind, len(recalled), sum(recalled), len(right), sum(right))

    return DetectorReport(
        pages=len(pages),
        digits=count("digits"),
        by_size=[count(kind, "size") for kind in _SIZES],
        by_gap=[count(kind, "gap") for kind in [*_GAPS, _ALONE]],
        marks=[_count_mark(mark, pages) for mark in MARKS],
        digit_calibration_error=_calibration_error(_digit_confidences(pages, acceptance)),
        number_calibration_error=_calibration_error(_number_confidences(pages, acceptance)),
    )


@dataclass(frozen=True)
class _Digit:
    """A digit that was drawn or found: its height and its gap in words, whether all is well."""

    size: str
    gap: str
    good: bool


def _drawn_digits(page: ReadPage) -> list[_Digit]:
    digits = [thing for thing in page.drawn if 0 <= thing.label < DIGITS]
    areas = [Area(*thing.sides) for thing in digits]
    found = [page.digit_at(thing) for thing in digits]
    return [
        _Digit(_size(a), _gap(a, areas), f is not None and f.label == thing.label)
        for thing, a, f in zip(digits, areas, found, strict=True)
    ]


def _found_digits(page: ReadPage) -> list[_Digit]:
    return [
        _Digit(_size(found), _gap(found, page.digits), label == found.label)
        for found, label, _ in page.judged
    ]


def _size(digit: Area) -> str:
    px = digit_px(digit.width, digit.height)
    ends = (end for _, end in pairwise(_SIZES_PX))
    return next((kind for kind, end in zip(_SIZES, ends, strict=True) if px < end), _SIZES[-1])


def _gap(digit: Area, digits: Sequence[Area]) -> str:
    """In words, how near the next digit on the same line is."""
    gaps = [
        gap_between(digit, other) / digit.height
        for other in digits
        if other is not digit and other.top < digit.middle[1] < other.bottom
    ]
    return next((kind for kind, end in _GAPS.items() if gaps and min(gaps) < end), _ALONE)


def _count_mark(mark: str, pages: Sequence[ReadPage]) -> Counted:
    drawn = recalled = found = right = 0
    for page in pages:
        there = [t for t in page.drawn if t.label == CLASSES.index(mark)]
        seen = [t for line in page.lines for t in line if t.label == CLASSES.index(mark)]
        near = [
            [np.hypot(t.x - s.middle[0], t.y - s.middle[1]) < _NEAR * t.line_px for s in seen]
            for t in there
        ]
        drawn, found = drawn + len(there), found + len(seen)
        recalled += sum(any(row) for row in near)
        right += sum(any(column) for column in zip(*near, strict=True))
    return Counted(mark, drawn, recalled, found, right)


Confidences = list[tuple[float, bool]]
"""Confidences, each with whether what was read is right."""


def _digit_confidences(pages: Sequence[ReadPage], acceptance: Sequence[float]) -> Confidences:
    return [
        (chance(found, acceptance), label == found.label and not missing)
        for page in pages
        for found, label, missing in page.judged
    ]


def _number_confidences(pages: Sequence[ReadPage], acceptance: Sequence[float]) -> Confidences:
    """Of numbers in which every digit counts."""
    rows = []
    for page in pages:
        right = {id(found): label == found.label and not m for found, label, m in page.judged}
        for number in (number for line in page.lines for number in find_numbers(line)):
            digits = digits_among(number)
            if digits and all(id(digit) in right for digit in digits):
                sure = np.prod([chance(digit, acceptance) for digit in digits])
                rows.append((float(sure), all(right[id(digit)] for digit in digits)))
    return rows


def _calibration_error(rows: Confidences) -> float:
    if not rows:
        return 0.0
    confidences, right = (np.array(values) for values in zip(*rows, strict=True))
    return reliability(confidences, right.astype(bool)).expected_error


def _draw_mistakes(pages: Sequence[ReadPage]) -> Image.Image:
    """The first pages with mistakes, side by side, twice as large."""
    wrong = [page for page in pages if any(not row.good for row in _drawn_digits(page))]
    tiles = [_draw_page(page) for page in (wrong or pages)[:SHOWN]]
    wide, high = (side + _BETWEEN_PX for side in tiles[0].size)
    rows = -(-len(tiles) // _SIDE_BY_SIDE)
    sheet = Image.new("RGB", (_SIDE_BY_SIDE * wide, rows * high), "white")
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % _SIDE_BY_SIDE * wide, place // _SIDE_BY_SIDE * high))
    return sheet


def _draw_page(page: ReadPage) -> Image.Image:
    """Green: found and right; red: found and wrong; orange: not found."""
    right = {id(found): found.label == label for found, label, _ in page.judged}
    labels = [
        (_box(found), str(found.label), SURE if right[id(found)] else REJECTED)
        for found in page.digits
        if id(found) in right
    ]
    labels += [
        (_box(Area(*thing.sides)), str(thing.label), UNSURE)
        for thing in page.drawn
        if 0 <= thing.label < DIGITS and page.digit_at(thing) is None
    ]
    picture = Image.fromarray(255 - page.ink).convert("RGB")
    size = (_ENLARGED * picture.width, _ENLARGED * picture.height)
    return draw_boxes(picture.resize(size, Image.Resampling.NEAREST), labels)


def _box(area: Area) -> Box:
    sides = (area.left, area.top, area.width, area.height)
    return Box(*(round(_ENLARGED * side) for side in sides))
