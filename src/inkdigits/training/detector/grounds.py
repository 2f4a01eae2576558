"""What stands around digits: textures of paper, rules, cells, combs, frames, scribbles, blots."""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.training.augment.skeletons import Random, draw_path, smooth
from inkdigits.training.detector.marks import draw_letters

Extent = tuple[float, float, float, float]
"""Left, top, right and bottom of what is written."""


def draw_texture(
    shape: tuple[int, int], severity: float, random: Random
) -> NDArray[np.float32] | None:
    """A ground of 0…1, mostly none: guilloches, cloudy paper, or dots."""
    kind = random.random() / severity
    if kind < 0.13:
        return _guilloche(shape, random)
    if kind < 0.22:
        grain = int(random.choice([2, 3, 5, 8]))
        return _clouds(shape, grain, random) * np.float32(random.uniform(0.05, 0.3))
    if kind < 0.25:
        return _dots(shape, random)
    return None


def _clouds(shape: tuple[int, int], grain: int, random: Random) -> NDArray[np.float32]:
    height, width = shape
    coarse = random.standard_normal((max(2, height // grain), max(2, width // grain)))
    drawn: NDArray[np.float32] = cv2.resize(
        coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return drawn


def _guilloche(shape: tuple[int, int], random: Random) -> NDArray[np.float32]:
    """Fine waving lines, one set or two crossed ones, as on cheques."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    ground = np.zeros(shape, np.float32)
    for _ in range(1 + (random.random() < 0.4)):
        angle, pitch = random.uniform(0, np.pi), random.uniform(0.3, 1.6)
        bend = cv2.resize(
            random.normal(0, random.uniform(0, 12), (4, 8)).astype(np.float32),
            (shape[1], shape[0]),
            interpolation=cv2.INTER_CUBIC,
        )
        across = (columns + bend) * np.cos(angle) + (rows + bend) * np.sin(angle)
        wave = np.sin(across * np.float32(pitch)) * 0.5 + 0.5
        ground = np.maximum(ground, wave ** random.uniform(1, 4) * random.uniform(0.1, 0.6))
    return ground.astype(np.float32)


def _dots(shape: tuple[int, int], random: Random) -> NDArray[np.float32]:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pitch = random.uniform(3, 10)
    distance = np.hypot(
        (columns + 3 * np.sin(rows / 9)) % pitch - pitch / 2, rows % pitch - pitch / 2
    )
    drawn: NDArray[np.float32] = ((distance < pitch * 0.25) * random.uniform(0.2, 0.8)).astype(
        np.float32
    )
    return drawn


class Clutter:
    """Draws lines and shapes that are no digit, in sizes that go with a digit's height."""

    def __init__(self, ink: NDArray[np.uint8], height: float, slope: float, random: Random) -> None:
        self._ink, self._height, self._slope, self._random = ink, height, slope, random
        self._rows, self._columns = ink.shape

    def draw(self, extent: Extent | None, severity: float) -> None:
        """Some clutter, often none; `extent` is where digits stand."""
        around = (
            (0.25, self._rules),
            (0.13, self._columns_of_rules),
            (0.12, self._letters_near_border),
            (0.12, self._scribbles),
            (0.08, self._blot),
            (0.1, self._strips),
        )
        with_digits = (
            (0.42, self._cell),
            (0.07, self._frame),
            (0.06, self._comb),
            (0.2, self._dotted_line),
        )
        for share, draw in around:
            if self._random.random() < share * severity:
                draw()
        for share, draw_around in with_digits:
            if self._random.random() < share * severity:
                draw_around(extent)

    def _pen(self) -> int:
        return max(1, round(self._random.uniform(0.5, max(1.2, self._height / 8))))

    def _strength(self) -> int:
        return int(self._random.uniform(80, 255))

    def _line(self, x0: float, y0: float, x1: float, y1: float, strength: int, pen: int) -> None:
        ends = np.array([[x0, y0], [x1, y1]])
        draw_path(self._ink, ends, pen, strength)

    def _rules(self) -> None:
        pitch = self._random.uniform(0.9, 2) * self._height
        y, pen, strength = self._random.uniform(0, pitch), self._pen(), self._strength()
        dashed = self._random.random() < 0.2
        while y < self._rows:
            if dashed:
                step = max(2.0, self._random.uniform(2, 6))
                for x in np.arange(0, self._columns, 2 * step):
                    self._line(
                        x, y + self._slope * x, x + step - 1, y + self._slope * x, strength, pen
                    )
            else:
                self._line(0, y, self._columns, y + self._slope * self._columns, strength, pen)
            y += pitch if self._random.random() < 0.7 else self._rows

    def _columns_of_rules(self) -> None:
        pitch = self._random.uniform(0.6, 2.5) * self._height
        x, pen, strength = self._random.uniform(0, pitch), self._pen(), self._strength()
        while x < self._columns:
            self._line(x, 0, x + self._random.normal() * 2, self._rows, strength, pen)
            x += pitch if self._random.random() < 0.8 else self._columns

    def _corners(self, extent: Extent | None) -> NDArray[np.floating]:
        """Corners of a cell around what is written, or near the picture's sides."""
        random, height = self._random, self._height
        if extent and random.random() < 0.5:
            near = random.uniform(0, [1.0, 0.6, 1.0, 0.6]) * height + 1
            left, top, right, bottom = np.array(extent) + near * [-1, -1, 1, 1]
        else:
            left, top = random.uniform(-6, 20), random.uniform(-4, 16)
            right = self._columns - random.uniform(-6, 0.3 * self._columns)
            bottom = self._rows - random.uniform(-4, 20)
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])

    def _cell(self, extent: Extent | None) -> None:
        """Some sides of a cell, whole or in part."""
        random, corners = self._random, self._corners(extent)
        pen, strength = self._pen(), self._strength()
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if random.random() < 0.6:
                part = (0, 1) if random.random() < 0.7 else sorted(random.random(2))
                (x0, y0), (x1, y1) = (
                    start + np.outer(part, end - start) + random.normal(0, 0.7, (2, 2))
                )
                self._line(x0, y0, x1, y1, strength, pen)

    def _comb(self, extent: Extent | None) -> None:
        """A line below with teeth between the digits."""
        random, height = self._random, self._height
        if not extent:
            return
        left, _, right, bottom = extent
        y, tooth = bottom + random.uniform(0.05, 0.3) * height, random.uniform(0.2, 1.4) * height
        pen, strength = self._pen(), self._strength()
        self._line(left, y, right, y, strength, pen)
        for x in np.arange(left, right, random.uniform(0.8, 1.6) * height):
            self._line(x, y, x, y - tooth, strength, pen)

    def _dotted_line(self, extent: Extent | None) -> None:
        """Dots below the digits, to write on."""
        if not extent:
            return
        random, height = self._random, self._height
        y, pitch = (
            extent[3] + random.uniform(-0.1, 0.4) * height,
            random.uniform(0.12, 0.5) * height,
        )
        radius, strength = random.uniform(0.02, 0.1) * height, self._strength()
        for x in np.arange(extent[0] - random.uniform(0, 3) * height, self._columns, pitch):
            place = (round(x * 8), round((y + self._slope * x) * 8))
            cv2.circle(self._ink, place, max(4, round(radius * 8)), strength, -1, cv2.LINE_AA, 3)

    def _frame(self, extent: Extent | None) -> None:
        """A thick frame, as of a meter's window; what is outside may be dark."""
        random = self._random
        corners = np.round(self._corners(extent)).astype(int)
        (left, top), (right, bottom) = corners[0], corners[2]
        strength = self._strength()
        if random.random() < 0.5:
            inside = self._ink[max(0, top) : max(0, bottom), max(0, left) : max(0, right)].copy()
            self._ink[:] = np.maximum(self._ink, strength)
            self._ink[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = inside
        else:
            thick = max(1, round(random.uniform(0.1, 0.5) * self._height))
            cv2.rectangle(
                self._ink, (int(left), int(top)), (int(right), int(bottom)), strength, thick
            )

    def _strips(self) -> None:
        """Dark strips along the picture's sides, as on scans."""
        random = self._random
        for side in range(4):
            if random.random() < 0.4:
                wide = max(1, round(random.uniform(0.02, 0.35) * self._height))
                strip = np.rot90(self._ink, side)[:wide]
                strip[:] = np.maximum(strip, self._strength())

    def _letters_near_border(self) -> None:
        random = self._random
        for _ in range(random.integers(1, 5)):
            near = (random.uniform(-8, 6), self._rows - random.uniform(4, self._height))
            place = (random.uniform(0, self._columns), near[random.integers(2)])
            high = self._height * random.uniform(0.4, 1.0)
            count = int(random.integers(1, 6))
            draw_letters(self._ink, place, high, self._pen(), count, random, self._strength())

    def _scribbles(self) -> None:
        random = self._random
        for _ in range(random.integers(1, 4)):
            count = int(random.integers(2, 8))
            start = random.uniform(0, [self._columns, self._rows])
            path = start + np.cumsum(random.normal(0, self._height * 0.6, (count, 2)), axis=0)
            draw_path(self._ink, smooth(path), self._pen(), self._strength())

    def _blot(self) -> None:
        random = self._random
        center = (int(random.uniform(0, self._columns)), int(random.choice([0, self._rows])))
        cv2.circle(self._ink, center, int(random.uniform(3, 25)), self._strength(), -1)
