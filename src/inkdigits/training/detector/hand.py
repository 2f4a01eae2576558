"""One hand: how it writes digits, marks, letters and numbers on a panel."""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.reading.things import digit_px
from inkdigits.training.augment.skeletons import Random, draw_path, smooth
from inkdigits.training.detector.classes import CLASSES, DIGITS, OTHER
from inkdigits.training.detector.glyphs import BOUNDARY, LEAST_ASPECT, Glyph, GlyphBank, cropped
from inkdigits.training.detector.grounds import Extent
from inkdigits.training.detector.marks import draw_letters, draw_mark
from inkdigits.training.detector.texts import compose, draw_habit
from inkdigits.training.detector.things import IGNORED, Panel, label_at, thing_of, within

_FOOT = 0.3  # of a digit's height: a point stands beside this part of it
_SEEN_DIGIT, _SEEN_MARK = 0.75, 0.6  # of a digit's ink, of a mark's box: cut more, it is none


class Hand:
    """Writes digits, marks and letters of one hand, with one pen, on a panel."""

    def __init__(
        self, panel: Panel, bank: GlyphBank, line_px: float, slope: float, random: Random
    ) -> None:
        self.panel, self.bank, self.random = panel, bank, random
        self.height, self._slope = line_px, slope
        self._strength = random.uniform(0.2, 1) if random.random() < 0.18 else 1.0
        self._pen = random.random()
        self._flourished = [True, False, None][random.integers(3)]  # None: now this, now that
        self._steady = random.random() < 0.6  # writes a digit in one way
        self._ways: dict[int, Glyph] = {}
        self._pen_px = max(1.0, line_px * bank.stroke_of(self._pen) * random.uniform(0.8, 1.2))
        self._tight = random.random() < 0.45
        self.habit = draw_habit(random)
        self._slant = random.normal(0.1, 0.3) if random.random() < 0.45 else 0.0
        self._uneven = 0.08 if random.random() < 0.7 else 0.14
        self._point_from = 0.02 if random.random() < 0.7 else -0.2  # of the height, from a digit
        self._point_to = 0.2 if random.random() < 0.5 else 0.7
        self._spread = random.uniform(0.02, 0.15)
        self.printed = random.random() < 0.08
        if self._tight:
            self.gap = random.uniform(-0.16, 0.12)
        else:
            self.gap = random.uniform(0.1, 0.8) if random.random() < 0.8 else random.uniform(0.8, 3)

    def write_number(self, x: float, y: float, count: int, end: float) -> None:
        """About so many digits from a place on, with marks, letters and gaps between them."""
        x = self.write(compose(count, self.habit, self.random), x, y, end)
        if self.random.random() < 0.08:
            self.write_dash(x, y)

    def write(self, text: str, x: float, y: float, end: float) -> float:
        """A text of digits, marks, "?" for a letter and spaces; where it ends."""
        random, height = self.random, self.height
        before: tuple[float, float] | None = None  # the right side of the last digit, and its line
        foot = x
        for character in text:
            if x > end - 0.3 * height:
                break
            if character in DIGITS:
                smaller = self.habit.zeros and character == "0" and before is not None
                glyph = self._choose(int(character))
                left, right, top, foot = self.write_digit(glyph, x, y, smaller=smaller)
                if before and self._tight and random.random() < (0.5 if smaller else 0.25):
                    self.link(before, (left, top))
                before = (right, y)
                x = right + height * (self.gap + random.normal() * self._spread)
                continue
            if character == " ":
                x += height * random.uniform(0.3, 1.5)
            elif character == OTHER:
                x = self.write_letter(x + 0.1 * height, y) + 0.1 * height
            elif character in ".,":
                near = foot + random.uniform(self._point_from, self._point_to) * height
                x = max(x, self.write_mark(near, y, character))
            else:
                x = self.write_mark(x, y, character)
            before, foot = None, x
        return x

    def _choose(self, label: int) -> Glyph:
        """A digit as this hand writes it."""
        random, bank = self.random, self.bank
        if label in self._ways:
            return bank.draw_like(random, self._ways[label])
        if self.printed:
            glyph = bank.draw(random, label, self._pen, printed=True)
        elif self._flourished is not None and label in (1, 7):
            glyph = bank.draw_flourished(random, label, self._pen, self._flourished)
        else:
            glyph = bank.draw(random, label, self._pen)
        if self._steady and random.random() < 0.8:
            self._ways[label] = glyph
        return glyph

    def write_digit(
        self, glyph: Glyph, x: float, y: float, *, smaller: bool
    ) -> tuple[float, float, float, float]:
        """Draw a digit; its left and right side, its top, and where its foot ends at the right."""
        random, height = self.random, self.height
        high = height * float(np.exp(random.normal() * self._uneven))
        high *= random.uniform(0.6, 1) if smaller else 1
        rows, columns = glyph.ink.shape
        scale = high / max(rows, LEAST_ASPECT * columns, 1)
        wide = random.uniform(0.85, 1.5 if smaller else 1.2)
        size = (max(2, round(columns * scale * wide)), max(3, round(rows * scale)))
        ink = cv2.resize(glyph.ink, size, interpolation=cv2.INTER_AREA)
        if self._slant and size[1] < 120:
            ink = _slanted(ink, self._slant)
            size = (ink.shape[1], ink.shape[0])
        top = round(
            y
            + (height - size[1]) * random.uniform(0.3, 1)
            + self._slope * x
            + random.normal() * height * 0.04
        )
        left = round(x)
        seen = self.paste(ink, left, top)
        if seen is not None:
            label = label_at(glyph.label, digit_px(*size))
            if label is not None:
                self.add(
                    (left, top, left + size[0], top + size[1]),
                    label if seen > _SEEN_DIGIT else IGNORED,
                )
        foot = np.flatnonzero((ink[-max(1, round(_FOOT * size[1])) :] > BOUNDARY).any(axis=0))
        return left, left + size[0], top, left + (foot[-1] + 1 if foot.size else size[0])

    def paste(self, ink: NDArray[np.uint8], left: int, top: int) -> float | None:
        """Put ink on the panel; the share of it that is inside, None where next to none is."""
        canvas = self.panel.ink
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(canvas.shape[1], left + ink.shape[1]), min(canvas.shape[0], top + ink.shape[0])
        if x1 <= x0 + 1 or y1 <= y0 + 1:
            return None
        part = ink[y0 - top : y1 - top, x0 - left : x1 - left]
        seen = float((part > BOUNDARY).sum() / max(1, (ink > BOUNDARY).sum()))
        if self._strength < 1:
            part = (part * self._strength).astype(np.uint8)
        np.maximum(canvas[y0:y1, x0:x1], part, out=canvas[y0:y1, x0:x1])
        return seen

    def add(self, box: Extent, label: int) -> None:
        """Note a thing where it was drawn."""
        self.panel.things.append(thing_of(box, label, self.height))

    def link(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A stroke from one digit to the next, as in a quick "000"."""
        random, height = self.random, self.height
        down = random.uniform(0, 0.6) * height
        first = (start[0] - 0.2 * height, start[1] + down)
        last = (end[0] + random.uniform(0, 0.3) * height, end[1] + random.uniform(0, 0.4) * height)
        middle = (np.array(first) + last) / 2 + random.normal(0, 0.1 * height, 2)
        draw_path(self.panel.ink, smooth(np.array([first, middle, last])), self._pen_px)

    def write_mark(self, x: float, y: float, mark: str) -> float:
        """One mark; where it ends."""
        random = self.random
        place = (x + random.uniform(-0.02, 0.2) * self.height, y + self._slope * x)
        box = draw_mark(self.panel.ink, mark, place, self.height, self._pen_px, random)
        self.add_at_size(box, CLASSES.index(mark))
        return box[2] + random.uniform(0.0, 0.3) * self.height

    def write_dash(self, x: float, y: float) -> None:
        """The line that ends an amount, or a point and a line."""
        random, height = self.random, self.height
        if random.random() < 0.4:
            x = self.write_mark(x, y, ".")
        far = 0.5 if random.random() < 0.6 else 2.5
        left, middle = x + random.uniform(0, far) * height, y + random.uniform(0.35, 0.75) * height
        right = left + random.uniform(0.2, 3) * height
        ends = np.array([[left, middle], [right, middle + random.normal() * 0.08 * height]])
        draw_path(self.panel.ink, ends, self._pen_px)
        box = (
            left,
            ends[:, 1].min() - self._pen_px / 2,
            right,
            ends[:, 1].max() + self._pen_px / 2,
        )
        self.add_at_size(box, CLASSES.index("-"))

    def write_letter(self, x: float, y: float) -> float:
        """One letter that no digit looks like; where it ends."""
        high = self.height * self.random.uniform(0.75, 1.05)
        top = y + self.height - high + self._slope * x
        box = draw_letters(self.panel.ink, (x, top), high, self._pen_px, 1, self.random)
        self.add_at_size(box, CLASSES.index(OTHER))
        return box[2]

    def add_at_size(self, box: Extent, index: int) -> None:
        """Note a mark or a letter, if its line is of a height at which it is found."""
        label = label_at(index, self.height)
        rows, columns = self.panel.ink.shape
        part, seen = within(box, (0, 0, columns, rows))
        if label is not None and seen > 0:
            self.add(*((part, label) if seen > _SEEN_MARK else (box, IGNORED)))

    def write_word(self, x: float, y: float) -> float:
        """A printed word; where it ends."""
        scale_x = self.height * self.random.uniform(0.9, 1.1)
        word = self.bank.words[self.random.integers(len(self.bank.words))]
        for letter in word:
            high = max(2, round(letter.height * self.height))
            wide = max(1, round(letter.ink.shape[1] / len(letter.ink) * letter.height * scale_x))
            ink = cv2.resize(letter.ink, (wide, high), interpolation=cv2.INTER_AREA)
            top = round(y + letter.top * self.height)
            self.paste(ink, round(x), top)
            label = IGNORED if letter.like_digit else CLASSES.index(OTHER)
            self.add_at_size((x, top, x + wide, top + high), label)
            x += wide + 0.12 * self.height
        return x


def _slanted(ink: NDArray[np.uint8], slant: float) -> NDArray[np.uint8]:
    """The ink sheared, its top by `slant` of its height to the right, cropped to it again."""
    rows, columns = ink.shape
    wider = int(np.ceil(abs(slant) * rows))
    matrix = np.array([[1, -slant, max(slant, 0) * rows], [0, 1, 0]])
    sheared = cropped(cv2.warpAffine(ink, matrix, (columns + wider, rows)))
    return sheared if sheared.size else ink
