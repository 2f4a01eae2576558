"""Drawn pages of held-out digits, read with a detector, beside what was drawn on them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import shipped
from inkdigits.reading import Reader
from inkdigits.reading.detector import Detector
from inkdigits.reading.finding import SHIPPED_CUTOUT, Finder, Found, digits_among
from inkdigits.reading.hints import Hints
from inkdigits.reading.lines import BESIDE
from inkdigits.reading.things import DIGITS, Area, gap_between, overlap
from inkdigits.reading.things import Thing as Seen
from inkdigits.training.detector.classes import LARGEST_PX, SMALLEST_PX
from inkdigits.training.detector.glyphs import GlyphBank
from inkdigits.training.detector.pages import draw_page
from inkdigits.training.detector.things import Thing

_SAME = 0.3  # intersection over union

OnPage = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class ReadPage:
    """A page's ink, uint8 (height, width), what was drawn on it, and the lines that were found."""

    ink: NDArray[np.uint8]
    drawn: list[Thing]
    lines: list[list[Seen]]

    @cached_property
    def judged(self) -> list[tuple[Found, int | None, bool]]:
        """Each found digit, the label of what was drawn there, whether one beside it is missing.

        Without those that don't count. The label is None where nothing was drawn.
        """
        rows = []
        for found in self.digits:
            label = self._label_at(found)
            if SMALLEST_PX <= found.height <= LARGEST_PX and (label is None or label >= 0):
                beside = any(_is_beside(found, area) for area in self._missing)
                rows.append((found, label, beside))
        return rows

    @cached_property
    def digits(self) -> list[Found]:
        """The digits that were found."""
        return digits_among(thing for line in self.lines for thing in line)

    def digit_at(self, drawn: Thing) -> Found | None:
        """The found digit whose box overlaps a drawn one's most, if it does enough."""
        area = Area(*drawn.sides)
        best = max(self.digits, key=lambda found: overlap(found, area)[0], default=None)
        return best if best is not None and overlap(best, area)[0] > _SAME else None

    def _label_at(self, found: Found) -> int | None:
        unions = [overlap(found, Area(*thing.sides))[0] for thing in self.drawn]
        if not unions or max(unions) < _SAME:
            return None
        return self.drawn[int(np.argmax(unions))].label

    @cached_property
    def _missing(self) -> list[Area]:
        """Where digits were drawn and none was found."""
        areas = [Area(*thing.sides) for thing in self.drawn if 0 <= thing.label < DIGITS]
        return [a for a in areas if all(overlap(f, a)[0] < _SAME for f in self.digits)]


def read_pages(content: bytes, pages: range, on_page: OnPage) -> Iterator[ReadPage]:
    """Pages of these numbers, read with a detector's bytes and the other shipped networks."""
    detector = Detector(content, "the new detector")
    cutout = Reader.load(shipped(SHIPPED_CUTOUT))
    finder = Finder(detector, Reader.load().score_glyphs, cutout.predict_proba)
    bank = GlyphBank(7, size=4000, holdout=True)
    for count, number in enumerate(pages, start=1):
        on_page(count, len(pages))
        ink, drawn = draw_page(bank, np.random.default_rng([99, number]))
        look = finder.look(255 - ink)
        yield ReadPage(ink, drawn, finder.lines(look, Hints()) if look else [])


def _is_beside(found: Found, area: Area) -> bool:
    near = gap_between(found, area) < BESIDE * found.height
    return near and found.top < area.middle[1] < found.bottom
