"""Reading digits with an artifact: needs ONNX Runtime, never PyTorch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import (
    CPU,
    DIGITS,
    GLYPH_PX,
    Artifact,
    ArtifactInfo,
    Provider,
    load_artifact,
    shipped,
)
from inkdigits.errors import CanvasError, UsageError, within_memory
from inkdigits.imaging import Box, Canvas, Source, load_canvas
from inkdigits.imaging.perspective import WHOLE, corners_of, is_askew, region_of
from inkdigits.imaging.sources import plain_source
from inkdigits.imaging.tables import table_corners
from inkdigits.reading.acceptance import chance, is_likely
from inkdigits.reading.detector import Detector
from inkdigits.reading.explanation import evidence_map
from inkdigits.reading.finding import SHIPPED_CUTOUT, Finder, Found
from inkdigits.reading.hints import Hints
from inkdigits.reading.images import Images, as_images, grounds
from inkdigits.reading.layout import Layout, empty_reading
from inkdigits.reading.regions import Regions
from inkdigits.reading.results import Digit, Reading
from inkdigits.reading.tables import place_in_cells

_BLACK = 32  # of 255: the ground of a glyph; MNIST's is 0
_BATCH = 128  # bounds memory; 64 to 1000 were equally fast


class Reader:
    """Reads digits with one artifact."""

    def __init__(
        self, artifact: Artifact, threads: int = 0, providers: Sequence[Provider] = CPU
    ) -> None:
        self._session = artifact.session
        self._threads, self._providers = threads, providers
        self.info: ArtifactInfo = artifact.info
        self._reads_digits = artifact.info.labels == DIGITS

    @classmethod
    def load(
        cls,
        source: str | PathLike[str] | bytes | Artifact | None = None,
        *,
        threads: int = 0,
        providers: Sequence[Provider] = CPU,
    ) -> "Reader":
        """The reader of an artifact file, a run or its folder, an artifact's bytes, or an artifact.

        By default, of the model in the package. `threads` is how many threads run the network, 0:
        all. `providers` are ONNX Runtime's, the preferred one first: names or (name, options);
        "NumPy" does without ONNX Runtime, at a fifth of the speed. An `Artifact` is open already,
        by anything with the methods of `Session`: both options then hold for the detector alone.
        Raises `ArtifactError`, `StorageError`, and `UsageError` for a provider that isn't there.
        """
        if not isinstance(source, Artifact):
            content = shipped() if source is None else source
            source = load_artifact(content, threads, providers)
        return cls(source, threads, providers)

    def predict_proba(self, images: Images) -> NDArray[np.float32]:
        """Probabilities (n, 10), 0…1, of images with bright ink on black, in MNIST's layout.

        Arrays, torch tensors or lists: (n, 28, 28), (n, 28, 28, 1), (n, 1, 28, 28) or (n, 784), or
        one image without the n, which gives n = 1. uint8 is 0…255; other numbers are 0…1 if none
        is above 1, else 0…255. Raises `UsageError` for others.
        """
        return self.score_glyphs(images)[0]

    def score_glyphs(self, images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities (n, 10), and familiarity (n,): how much each image resembles a digit.

        Takes and raises the same as `predict_proba`.
        """
        images = as_images(images)
        probabilities = np.empty((len(images), len(self.info.labels)), np.float32)
        familiarity = np.empty(len(images), np.float32)
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
            probabilities[part], familiarity[part] = self._session.run(
                ["probabilities", "familiarity"], {"images": images[part]}
            )
        return probabilities, familiarity

    def accepts(self, familiarity: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which images are accepted as digits: those that reach the threshold; same shape."""
        accepted: NDArray[np.bool_] = familiarity >= self.info.accept_at
        return accepted

    def prediction_sets(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which labels (n, 10) each set holds: all at the threshold or above, and the top one."""
        inside: NDArray[np.bool_] = probabilities >= self.info.set_threshold
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        return inside

    def predict(self, images: Images) -> NDArray[np.intp]:
        """Classes (n,), places in `info.labels`: the digits themselves for a reader of digits.

        Takes and raises the same as `predict_proba`.
        """
        classes: NDArray[np.intp] = self.predict_proba(images).argmax(axis=1)
        return classes

    def read(
        self,
        source: Source,
        *,
        page: int = 0,
        bgr: bool = False,
        single: bool = False,
        expect: int | None = None,
        grid: tuple[int, int] | None = None,
        digits_only: bool = False,
    ) -> Reading:
        """Read the numbers in a picture, of dark ink on light or the reverse.

        `source` is a path, a file's bytes, a stream, a data URL, base64 (`plain_source` says how
        they are told apart), a Pillow image, a matplotlib figure, an array or a torch tensor
        (height, width), or that with 1, 3 or 4 channels, last or first, RGB or with `bgr` as OpenCV
        has them. Values fill 0…1, 0…255, 0…4095 or 0…65535.

        With `single` the picture is one digit, with `expect` it has that many, with `grid` it is
        a table of (rows, columns); an empty cell is "." in the text. With `digits_only` marks and
        spaces are left out. `page` counts the pages of a PDF or TIFF from 0.
        Boxes are in pixels of the picture; the reading keeps a reference to it, to be shown.
        Raises `CanvasError` if it can't be opened, `UsageError` for contradictory hints.
        """
        hints = Hints(single, expect, grid, digits_only)
        picture = plain_source(source, bgr=bgr)
        reading = self._read(load_canvas(picture, page), hints)
        return replace(reading, picture=picture, page=page)

    @within_memory()
    def _read(self, canvas: Canvas, hints: Hints) -> Reading:
        if not self._reads_digits:
            return self._read_symbol(canvas, hints)
        if hints.grid:
            return self._read_table(canvas, hints, hints.grid)
        look = self._finder.look(canvas.grey)
        if look is None:
            return empty_reading(hints)
        layout = Layout(canvas, look, self._describe, self._finder, hints)
        return layout.reading(self._finder.lines(look, hints))

    def _read_symbol(self, canvas: Canvas, hints: Hints) -> Reading:
        """All ink as one of the artifact's labels: the detector knows digits alone."""
        if hints.expect or hints.grid:
            labels = f"this artifact's labels are {', '.join(self.info.labels[:3])} …"
            raise UsageError(f"{labels}: it reads pictures of one symbol, without expect or grid")
        if (ink := next(self._finder.inks(canvas.grey), None)) is None:
            return empty_reading(hints)
        found = self._finder.whole(ink)
        box = canvas.box(found.left, found.top, found.right, found.bottom)
        known = bool(self.accepts(np.asarray(found.familiarity)))
        digit = self._digit(found.probabilities, found.glyph, box, accepted=known)
        return Reading(self.info.labels[digit.label], (digit,))

    def _read_table(self, canvas: Canvas, hints: Hints, grid: tuple[int, int]) -> Reading:
        corners = self._table_corners(canvas)
        if corners is None:
            corners = corners_of(canvas)
        if is_askew(corners):  # from straight above its digits are upright
            canvas = region_of(canvas, corners, WHOLE)
            corners = corners_of(canvas)
        look = self._finder.look(canvas.grey)
        if look is None:
            return empty_reading(hints)
        cells = place_in_cells(look, corners, grid, self._finder.classes)
        return Layout(canvas, look, self._describe, self._finder, hints).table(cells)

    def _table_corners(self, canvas: Canvas) -> NDArray[np.float64] | None:
        """The corners of the table on a canvas, in the likelier polarity that shows one."""
        found = (table_corners(ink.mask) for ink in self._finder.inks(canvas.grey))
        return next((corners for corners in found if corners is not None), None)

    def read_regions(
        self,
        source: Source,
        regions: Regions,
        *,
        page: int = 0,
        single: bool = False,
        expect: int | None = None,
        digits_only: bool = False,
    ) -> dict[str, Reading]:
        """Read the regions of a form or a meter, each on its own: a reading for each name.

        Without the table that they are regions of, the readings are empty, with a note. The other
        options are those of `read`, the same for every region; so are the errors.
        """
        hints = Hints(single, expect, None, digits_only)
        canvas = load_canvas(source, page)
        corners: NDArray[np.float64] | None = corners_of(canvas)
        if regions.of == "table":
            corners = self._table_corners(canvas)
        if corners is None:
            nothing = Reading("", (), notes=("no table found",), expected=expect)
            return dict.fromkeys(regions.boxes, nothing)
        return {
            name: self._read(region_of(canvas, corners, shares), hints)
            for name, shares in regions.boxes.items()
        }

    def read_many(
        self,
        sources: Iterable[Source],
        *,
        page: int = 0,
        bgr: bool = False,
        single: bool = False,
        expect: int | None = None,
        grid: tuple[int, int] | None = None,
        digits_only: bool = False,
    ) -> Iterator[Reading]:
        """A reading for each picture, one by one; if it can't be opened, it has an `error`.

        The options are those of `read`, the same for every picture. The readings don't keep their
        pictures, so a list of them is small.
        """
        hints = Hints(single, expect, grid, digits_only)
        for source in sources:
            try:
                yield self._read(load_canvas(plain_source(source, bgr=bgr), page), hints)
            except CanvasError as error:
                yield Reading("", (), error=error)

    def read_glyphs(self, images: Images) -> list[Reading]:
        """A reading of one digit for each of the images, which are those of `predict`.

        An image whose ground isn't black is read as `read(image, single=True)` does.
        """
        images = as_images(images)
        box = Box(0, 0, GLYPH_PX, GLYPH_PX)
        readings = []
        probabilities, familiarity = self.score_glyphs(images)
        each = zip(probabilities, self.accepts(familiarity), images, grounds(images), strict=True)
        for p, accepted, image, ground in each:
            if ground > _BLACK:
                readings.append(self._read(load_canvas(image), Hints(single=True)))
            else:
                digit = self._digit(p, image, box, accepted=bool(accepted))
                readings.append(Reading(self.info.labels[digit.label], (digit,)))
        return readings

    @cached_property
    def _finder(self) -> Finder:
        """What finds digits in pictures; glyphs don't need it."""
        threads, providers = self._threads, self._providers
        cutout = Reader.load(shipped(SHIPPED_CUTOUT), threads=threads, providers=providers)
        detector = Detector.load(threads, providers)
        return Finder(detector, self.score_glyphs, cutout.predict_proba)

    def explain(self, digit: Digit) -> NDArray[np.float32]:
        """The evidence (28, 28) of the glyph's pixels for the digit's label (`explanation`)."""
        return evidence_map(digit.glyph, digit.label, self.predict_proba)

    def _describe(self, found: Found, box: Box, notes: tuple[str, ...], *, alone: bool) -> Digit:
        """A digit found in a picture; one that stands alone must be familiar to be accepted."""
        familiar = not alone or bool(self.accepts(np.asarray(found.familiarity)))
        accepted = familiar and is_likely(found, self._finder.acceptance, alone=alone)
        digit = self._digit(found.probabilities, found.glyph, box, accepted=accepted)
        sure = chance(found, self._finder.acceptance)
        return replace(digit, confidence=sure, notes=notes)

    def _digit(
        self,
        probabilities: NDArray[np.float32],
        glyph: NDArray[np.uint8],
        box: Box,
        *,
        accepted: bool,
    ) -> Digit:
        (inside,) = self.prediction_sets(probabilities[None])
        order = np.argsort(-probabilities, kind="stable")
        label = int(order[0])
        return Digit(
            label=label,
            confidence=float(probabilities[label]),
            probabilities=tuple(float(p) for p in probabilities),
            candidates=tuple(int(k) for k in order if inside[k]),
            coverage=self.info.coverage,
            box=box,
            accepted=accepted,
            notes=(),
            glyph=glyph,
            name="" if self._reads_digits else self.info.labels[label],
        )
