"""From a canvas to the digits and marks on it: ink, and the words of three networks.

The detector says where things are and which. Two others have a word on what is cut out there: one
that was trained on such cuts, and the glyph network, which counts as much as the cut is familiar.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink, find_ink, is_light_on_dark, narrow_stroke_width
from inkdigits.imaging.layout import is_laid_out, lay_out_glyph
from inkdigits.metrics import log_odds
from inkdigits.reading.detector import Detector
from inkdigits.reading.hints import Hints
from inkdigits.reading.lines import choose, find_lines
from inkdigits.reading.things import DIGITS, Area, Thing, overlap

ScoreGlyphs = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""From glyphs (n, 28, 28) to probabilities (n, 10) and familiarity (n,)."""
ScoreCuts = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From glyphs (n, 28, 28) to probabilities (n, 10)."""

SHIPPED_CUTOUT = "cutout.onnx"
"""The network inside the package for digits that are cut out of pages."""

LEAST = 0.4  # the score of a digit
_COVERED = 0.8  # of a mark
_UNSURE = 0.55  # below this score of the best digit, the other polarity is tried
_FLOOR = 0.02  # of a probability: neither network can rule a digit out alone
_WHOLE_WEIGHT = 1.0  # of the glyph network's word on all ink as one digit
_GLYPH_WEIGHT = 0.5  # of the glyph network's word beside the detector's
_CUT_WEIGHT = 0.5  # of the word of the network for cuts; both at 0.7 read as many
_SHARPER = 1.8  # calibrates the probabilities: the best likelihood of 6,000 drawn digits
_SURE = 0.9  # the glyph network's word against the detector's that a thing is no digit
_HARDLY_OTHER = 0.7  # the detector's own word for digits then, beside that for other things
_MARGIN_X, _MARGIN_Y = 0.06, 0.04  # of a digit's size, around what the glyph network sees
_AROUND = 0.25  # of a lone digit's size: ink farther away than that is not part of it
_STRAY = 0.03  # of the ink: so much may lie elsewhere
_GLYPH_PX = 32  # canvases no larger show one digit, in either polarity


@dataclass(frozen=True, eq=False, kw_only=True)
class Found(Thing):
    """What is or might be a digit: its glyph, both networks' probabilities (10,), familiarity.

    `detected` are the shares of the classes by the detector alone.
    """

    detected: NDArray[np.float32]
    glyph: NDArray[np.uint8] = field(repr=False)
    probabilities: NDArray[np.float32]
    familiarity: float

    def read_as(self, digit: int) -> "Found":
        """The same as that digit, about which there is some doubt."""
        certain = np.eye(len(self.shares), dtype=np.float32)[digit]
        probabilities = (self.probabilities + certain[:DIGITS]) / 2
        return replace(self, shares=certain, probabilities=probabilities)


def digits_among(things: Iterable[Thing]) -> list[Found]:
    """Those of things that are digits."""
    return [thing for thing in things if isinstance(thing, Found) and thing.is_digit]


@dataclass(frozen=True, eq=False)
class Look:
    """What one polarity's ink shows: digits are `Found`, marks and other things are not."""

    ink: Ink
    things: list[Thing]

    @property
    def surest(self) -> float:
        """The score of the surest digit; 0 without one."""
        return max((thing.score for thing in self.things if thing.is_digit), default=0.0)

    def marks_all_of(self, other: "Look") -> bool:
        """Whether sure marks are where the other polarity has its digits: these are their halos."""
        marks = [thing for thing in self.things if not thing.is_digit and thing.score > _UNSURE]
        halos = [digit for digit in other.things if digit.is_digit and digit.score > LEAST]
        return all(any(overlap(h, mark)[1] > _COVERED for mark in marks) for h in halos)

    @property
    def certainty(self) -> float:
        """How sure and how large the digits are."""
        return max((_prominence(thing) for thing in self.things if thing.is_digit), default=0.0)


class Finder:
    """Finds digits and marks with a detector, a glyph network, and one for cuts."""

    def __init__(
        self, detector: Detector, score_glyphs: ScoreGlyphs, score_cuts: ScoreCuts
    ) -> None:
        self.classes, self.acceptance = detector.classes, detector.acceptance
        self._detector = detector
        self._score_glyphs, self._score_cuts = score_glyphs, score_cuts

    def look(self, grey: NDArray[np.uint8]) -> Look | None:
        """What is on a grey canvas, in the polarity in which digits are surest; None if blank."""
        if max(grey.shape) <= _GLYPH_PX:
            wholes = [(self._only_digit(ink), ink) for ink in self.inks(grey)]
            best = max(wholes, key=lambda pair: _resemblance(pair[0]), default=None)
            return Look(best[1], [best[0]]) if best else None
        looks = (Look(ink, self._things(ink)) for ink in self.inks(grey))
        look = next(looks, None)
        if look is None or look.surest >= _UNSURE:
            return look
        other = next(looks, None)
        if other is None or look.marks_all_of(other):
            return look
        return max(look, other, key=lambda look: look.certainty)

    def inks(self, grey: NDArray[np.uint8]) -> Iterator[Ink]:
        """The ink on a grey canvas in each polarity in which there is some, the likelier first."""
        light = is_light_on_dark(grey)
        for is_light in (light, not light):
            if ink := find_ink(grey, light_on_dark=is_light):
                yield ink

    def _only_digit(self, ink: Ink) -> Found:
        if is_laid_out(ink.strength):
            return self.whole(ink)
        digits = [thing for thing in self._things(ink) if thing.is_digit]
        return self.whole(ink, max(digits, key=lambda digit: digit.score, default=None))

    def _things(self, ink: Ink) -> list[Thing]:
        things = self._detector.find(ink.strength, max(1.0, narrow_stroke_width(ink.mask)))
        return self._judge(things, ink.strength)

    def lines(self, look: Look, hints: Hints) -> list[list[Thing]]:
        """The digits and marks of a look in lines; where it is one digit, that alone."""
        if hints.single:
            return [[self._single(look)]]
        chosen = choose(look.things, self.classes, LEAST, hints.expect)
        digits = [thing for thing in chosen if thing.is_digit]
        if len(digits) == 1 and self._is_alone(digits[0], look.ink):
            whole = self.whole(look.ink, digits[0])
            chosen = [whole] if whole.is_digit else chosen  # a mark in there is a part of it
        lines = find_lines(chosen, self.classes)
        return [self._without_lone_strokes(line) for line in lines]

    def _without_lone_strokes(self, line: list[Thing]) -> list[Thing]:
        """A slash that isn't between two digits, or a lone bracket, is a slanted or bent 1.

        If it is less sure than a digit must be, it is nothing.
        """
        written = {self.classes[thing.label] for thing in line}
        lone_bracket = len(written & set("()")) == 1 and not written & set("+-×=/:")
        ones = {"/", *("()" if lone_bracket else "")}
        read: list[Thing] = []
        for place, thing in enumerate(line):
            mark = self.classes[thing.label]
            between = 0 < place < len(line) - 1 and all(
                line[beside].is_digit for beside in (place - 1, place + 1)
            )
            if not isinstance(thing, Found) or mark not in ones or (mark == "/" and between):
                read.append(thing)
            elif thing.score >= LEAST:
                read.append(thing.read_as(1))
        return read

    def whole(self, ink: Ink, detected: Thing | None = None) -> Found:
        """All ink as one digit; `detected` is the detector's word on it, if it has one."""
        rows, columns = np.nonzero(ink.mask)
        left, top, right, bottom = 0.0, 0.0, float(ink.mask.shape[1]), float(ink.mask.shape[0])
        if rows.size:
            left, right = float(columns.min()), float(columns.max() + 1)
            top, bottom = float(rows.min()), float(rows.max() + 1)
        glyph = lay_out_glyph(ink.strength)
        (probabilities,), (familiarity,) = self._score_glyphs(glyph[None])
        if isinstance(detected, Found):
            there = replace(
                detected,
                left=left,
                top=top,
                right=right,
                bottom=bottom,
                shares=detected.detected,
                doubt=0.0,
            )
            return _combined(there, glyph, _WHOLE_WEIGHT, probabilities, float(familiarity))
        shares = np.zeros(max(len(self.classes), len(probabilities)), np.float32)
        shares[: len(probabilities)] = probabilities
        thing = Thing(left, top, right, bottom, shares, float(probabilities.max()), bottom - top)
        return Found(
            **vars(thing),
            detected=shares,
            glyph=glyph,
            probabilities=probabilities,
            familiarity=float(familiarity),
        )

    def _single(self, look: Look) -> Thing:
        digits = [thing for thing in look.things if thing.is_digit]
        best = max(digits, key=_prominence, default=None)
        if best is None or self._is_alone(best, look.ink):
            return self.whole(look.ink, best)
        return best

    def _is_alone(self, digit: Thing, ink: Ink) -> bool:
        """Whether hardly any ink lies farther from a digit than its parts might."""
        inside = _cut(ink.strength, digit, _AROUND, _AROUND)
        return bool(ink.strength.sum() - inside.sum() < _STRAY * ink.strength.sum())

    def _judge(self, things: list[Thing], strength: NDArray[np.float32]) -> list[Thing]:
        """The glyph network's word on each thing that is or might be a digit."""
        strokes = {self.classes.index(stroke) for stroke in "/()"}  # or slanted and bent ones
        like_digits = {*range(DIGITS), *strokes, len(self.classes) - 1}
        maybe = [
            replace(thing, darkness=_darkness(_cut(strength, thing, 0, 0)))
            if thing.is_digit
            else thing
            for thing in things
            if thing.label in like_digits
        ]
        glyphs = [cut_out(strength, thing) for thing in maybe]
        found = self._found(maybe, glyphs)
        return [thing for thing in things if thing.label not in like_digits] + found

    def _found(self, things: list[Thing], glyphs: list[NDArray[np.uint8]]) -> list[Found]:
        if not things:
            return []
        cuts = np.stack(glyphs)
        words = zip(*self._score_glyphs(cuts), self._score_cuts(cuts), strict=True)
        return [
            _combined(thing, glyph, _GLYPH_WEIGHT, p, float(familiarity), cut)
            for thing, glyph, (p, familiarity, cut) in zip(things, glyphs, words, strict=True)
        ]


def _combined(
    thing: Thing,
    glyph: NDArray[np.uint8],
    weight: float,
    probabilities: NDArray[np.float32],
    familiarity: float,
    cut: NDArray[np.float32] | None = None,
) -> Found:
    """All words as one: a mean of logarithms, the glyph network's weighted by its familiarity."""
    digits = thing.shares[:DIGITS]
    known = 1 / (1 + np.exp(-familiarity))
    own = np.log(digits / max(float(digits.sum()), 1e-6) + _FLOOR)
    words = own + weight * known * np.log(probabilities + _FLOOR)
    if cut is not None:
        words += _CUT_WEIGHT * np.log(cut + _FLOOR)
    both = np.exp(_SHARPER * words)
    both /= both.sum()
    shares = thing.shares
    surely = known > _SURE and probabilities[int(both.argmax())] > _SURE
    if thing.is_digit or (surely and digits.sum() > _HARDLY_OTHER * thing.shares.max()):
        shares = np.zeros_like(thing.shares)
        shares[:DIGITS] = both
    area = {name: getattr(thing, name) for name in Thing.__dataclass_fields__}
    return Found(
        **{**area, "shares": shares},
        detected=thing.shares,
        glyph=glyph,
        probabilities=both.astype(np.float32),
        familiarity=familiarity,
    )


def cut_out(strength: NDArray[np.float32], area: Area) -> NDArray[np.uint8]:
    """The glyph, uint8 (28, 28), of all ink 0…1 (height, width) in a box."""
    return lay_out_glyph(_cut(strength, area, _MARGIN_X, _MARGIN_Y))


def _resemblance(whole: Found) -> float:
    """How much all ink resembles a digit, and one digit rather than another.

    On a small canvas strokes may be as wide as what lies between them, as in scans of 16×16 pixels
    that the digit fills. If this decides the polarity, 95 % of 400 are read; if brightness, 88 %.
    """
    return whole.familiarity + log_odds(float(whole.probabilities.max()))


def _prominence(digit: Thing) -> float:
    """How sure and how large a digit is."""
    return float(digit.score * digit.height**0.5)


def _darkness(ink: NDArray[np.float32]) -> float:
    """The mean darkness of the ink, weighted by itself."""
    return float((ink**2).sum() / max(float(ink.sum()), 1e-6))


def _cut(
    strength: NDArray[np.float32], thing: Area, margin_x: float, margin_y: float
) -> NDArray[np.float32]:
    """The ink in a box, with a margin of shares of its size and a pixel."""
    across, along = margin_x * thing.width + 1, margin_y * thing.height + 1
    rows = slice(max(0, int(np.floor(thing.top - along))), int(np.ceil(thing.bottom + along)))
    columns = slice(max(0, int(np.floor(thing.left - across))), int(np.ceil(thing.right + across)))
    return np.ascontiguousarray(strength[rows, columns])
