"""Drawn pictures of handwriting with their labels, reproducible from a seed.

The ink comes from MNIST digits held out of training, enlarged and redrawn with other pens, or from
`STYLES`: strokes in styles that MNIST lacks. The page gets paper, rules, light, a
camera's perspective, blur and noise.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from inkdigits.data import LabelledImages

Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Page:
    """A canvas, uint8 (height, width), and the digits on it in reading order."""

    canvas: NDArray[np.uint8]
    text: str


# Strokes as (x, y) points in a box of 1×1, y downwards; several ways to write a digit.
STYLES: dict[str, list[list[list[tuple[float, float]]]]] = {
    "0": [
        [[(0.5, 0), (0.1, 0.25), (0.1, 0.75), (0.5, 1), (0.9, 0.75), (0.9, 0.25), (0.5, 0)]],
        [[(0.6, 0), (0.2, 0.3), (0.15, 0.7), (0.5, 1), (0.85, 0.6), (0.8, 0.2), (0.45, 0.02)]],
    ],
    "1": [
        [[(0.2, 0.35), (0.6, 0), (0.6, 1)]],
        [[(0.1, 0.4), (0.55, 0), (0.55, 1)], [(0.25, 1), (0.85, 1)]],
        [[(0.35, 0.15), (0.5, 0), (0.5, 1)]],
    ],
    "2": [
        [[(0.1, 0.25), (0.35, 0), (0.75, 0.1), (0.75, 0.4), (0.1, 1), (0.9, 1)]],
        [[(0.15, 0.2), (0.5, 0), (0.85, 0.25), (0.5, 0.7), (0.1, 0.95), (0.3, 0.8), (0.95, 1)]],
    ],
    "3": [
        [[(0.1, 0.1), (0.6, 0), (0.8, 0.25), (0.4, 0.47), (0.9, 0.7), (0.6, 1), (0.1, 0.9)]],
        [[(0.1, 0), (0.85, 0), (0.4, 0.4), (0.85, 0.6), (0.75, 0.95), (0.1, 0.95)]],
    ],
    "4": [
        [[(0.7, 1), (0.7, 0), (0.05, 0.65), (0.95, 0.65)]],
        [[(0.15, 0), (0.1, 0.5), (0.85, 0.5)], [(0.75, 0), (0.7, 1)]],
        [[(0.4, 0), (0.05, 0.6), (0.95, 0.6)], [(0.6, 0.35), (0.6, 1)]],
    ],
    "5": [
        [[(0.85, 0), (0.2, 0), (0.15, 0.45), (0.6, 0.4), (0.9, 0.7), (0.6, 1), (0.1, 0.9)]],
        [[(0.2, 0.05), (0.15, 0.45), (0.7, 0.4), (0.8, 0.8), (0.1, 1)], [(0.2, 0.05), (0.9, 0)]],
    ],
    "6": [
        [[(0.75, 0), (0.2, 0.45), (0.15, 0.85), (0.5, 1), (0.85, 0.75), (0.5, 0.5), (0.17, 0.75)]],
        [[(0.5, 0), (0.1, 0.7), (0.5, 1), (0.9, 0.8), (0.6, 0.6), (0.12, 0.7)]],
    ],
    "7": [
        [[(0.1, 0), (0.9, 0), (0.4, 1)]],
        [[(0.1, 0.05), (0.9, 0), (0.35, 1)], [(0.25, 0.5), (0.85, 0.45)]],
        [[(0.1, 0.2), (0.12, 0.02), (0.9, 0), (0.45, 1)]],
    ],
    "8": [
        [
            [(0.5, 0.45), (0.15, 0.2), (0.5, 0), (0.85, 0.2), (0.5, 0.45)],
            [(0.5, 0.45), (0.1, 0.75), (0.5, 1), (0.9, 0.75), (0.5, 0.45)],
        ],
        [[(0.8, 0.1), (0.4, 0), (0.25, 0.3), (0.85, 0.75), (0.5, 1), (0.15, 0.75), (0.8, 0.12)]],
    ],
    "9": [
        [[(0.85, 0.2), (0.4, 0), (0.1, 0.3), (0.4, 0.5), (0.85, 0.2), (0.8, 1)]],
        [[(0.8, 0.3), (0.4, 0), (0.15, 0.3), (0.5, 0.5), (0.82, 0.25), (0.7, 0.8), (0.2, 1)]],
    ],
}


def ink_of(image: NDArray[np.uint8], height_px: int, rng: np.random.Generator) -> Grey:
    """An MNIST digit's ink, 0…1, with sharp edges, `height_px` for its 20 pixels; cropped."""
    size = max(8, round(28 * height_px / 20))
    large = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
    level = rng.uniform(70, 125)
    soft = min(1.8 * level, max(10.0, 260 * 20 / height_px))
    ink = np.clip((np.asarray(large, np.float32) - level) / soft + 0.5, 0, 1)
    return crop(np.asarray(ink, np.float32))


def drawn(
    label: str,
    height_px: int,
    rng: np.random.Generator,
    *,
    pen_px: float | None = None,
    styles: dict[str, list[list[list[tuple[float, float]]]]] = STYLES,
) -> Grey:
    """A digit from `styles`, 0…1: wobbling, slanted, with the given or a random pen; cropped."""
    strokes = styles[label][rng.integers(len(styles[label]))]
    pen = pen_px or height_px * rng.uniform(0.03, 0.16)
    width, slant = height_px * rng.uniform(0.5, 0.8), rng.uniform(-0.25, 0.15)
    margin, oversampling = int(pen + height_px * 0.4), 2
    side = oversampling * (height_px + 2 * margin)
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        points = np.array(stroke) + rng.normal(0, 0.02, (len(stroke), 2))
        points[:, 0] = points[:, 0] * width - slant * (points[:, 1] - 0.5) * height_px
        points[:, 1] *= height_px
        curve = smooth(points, corners=label in "147") * oversampling + margin * oversampling
        for x, y in curve:
            r = pen * oversampling / 2
            draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    small = image.resize((side // oversampling, side // oversampling), Image.Resampling.BOX)
    return crop(np.asarray(small, np.float32) / 255)


def smooth(points: NDArray[np.float64], *, corners: bool) -> NDArray[np.float64]:
    """Points close together along a polyline, rounded (Catmull and Rom, 1974) without corners."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, 60)[:, None]
    parts = []
    for before, a, b, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        if corners:
            parts.append(a + (b - a) * t)
            continue
        m, n = (b - before) / 2, (after - a) / 2
        parts.append(
            a * (2 * t**3 - 3 * t**2 + 1)
            + m * (t**3 - 2 * t**2 + t)
            + b * (3 * t**2 - 2 * t**3)
            + n * (t**3 - t**2)
        )
    return np.concatenate(parts)


def crop(ink: Grey) -> Grey:
    """The ink without the empty margin."""
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.3), np.flatnonzero(ink.max(axis=0) > 0.3)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def put(page: Grey, ink: Grey, top: int, left: int) -> None:
    """Draw ink onto a page of ink, in place; the caller makes sure that it fits."""
    height, width = ink.shape
    field = page[top : top + height, left : left + width]
    np.maximum(field, ink, out=field)


def string_of_ink(
    data: LabelledImages,
    length: int,
    height_px: int,
    rng: np.random.Generator,
    *,
    touching: bool = False,
    styles: bool = False,
) -> tuple[Grey, str]:
    """A row of digits; with `touching`, one neighbouring pair is pushed together until it meets.

    With `styles`, one pen draws them in styles that MNIST lacks.
    """
    chosen = rng.integers(0, len(data), length)
    text = "".join(str(data.labels[i]) for i in chosen)
    pen_px = height_px * rng.uniform(0.03, 0.16) if styles else None
    inks = []
    for label, i in zip(text, chosen, strict=True):
        tall_px = round(height_px * rng.uniform(0.9, 1.1))
        if pen_px:
            inks.append(drawn(label, tall_px, rng, pen_px=pen_px))
        else:
            inks.append(ink_of(data.images[i], tall_px, rng))
    page = np.zeros((height_px * 2, sum(ink.shape[1] + height_px for ink in inks)), np.float32)
    pair, left = int(rng.integers(1, length)) if touching else -1, height_px // 2
    for place, ink in enumerate(inks):
        top = (page.shape[0] - ink.shape[0]) // 2 + round(rng.uniform(-0.06, 0.06) * height_px)
        if place == pair:
            left = meet(page, ink, top, left)
        put(page, ink, top, left)
        left += ink.shape[1] + round(height_px * rng.uniform(0.15, 0.5))
    return crop(page), text


def meet(page: Grey, ink: Grey, top: int, left: int) -> int:
    """The first place to the left of `left` where the ink touches the ink on the page."""
    while left > 0:
        field = page[top : top + ink.shape[0], left : left + ink.shape[1]]
        if (np.minimum(field, ink) > 0.5).any():
            return left
        left -= 1
    return left


def photograph(ink: Grey, rng: np.random.Generator, *, rules: str = "") -> NDArray[np.uint8]:
    """A page of ink as a camera sees it; `rules` is "", "lines" or "squares"."""
    height, width = ink.shape
    paper = np.full(ink.shape, rng.uniform(190, 245), np.float32)
    coarse = rng.normal(0, 1, (max(2, height // 8), max(2, width // 8)))
    paper += resized(coarse, ink.shape) * rng.uniform(0, 3)
    pitch = int(rng.integers(28, 60))
    shade = rng.uniform(0.6, 0.85)
    if rules:
        paper[pitch // 2 :: pitch] *= shade
        paper[pitch // 2 + 1 :: pitch] *= shade
    if rules == "squares":
        paper[:, pitch // 2 :: pitch] *= shade
        paper[:, pitch // 2 + 1 :: pitch] *= shade
    grey = paper * (1 - ink * (1 - rng.uniform(0.1, 0.45)))
    grey = tilted(grey, rng)
    rows, columns = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]]
    across = (rows / grey.shape[0] - 0.5) * rng.normal() + (
        columns / grey.shape[1] - 0.5
    ) * rng.normal()
    light = 1 + across * rng.uniform(0, 0.35)
    if rng.random() < 0.5:  # the edge of a shadow
        light *= 1 - rng.uniform(0.1, 0.45) / (1 + np.exp((across + rng.normal() * 0.2) * 25))
    grey = ndimage.gaussian_filter(grey * light, rng.uniform(0.3, 1.2))
    grey += rng.normal(0, rng.uniform(1, 6), grey.shape)
    canvas = grey.clip(0, 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, "JPEG", quality=int(rng.integers(50, 95)))
    return np.asarray(Image.open(buffer))


def resized(values: NDArray[np.floating], shape: tuple[int, ...]) -> Grey:
    """Resize to rows and columns, bicubic."""
    image = Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize(shape[::-1], Image.Resampling.BICUBIC), np.float32)


def tilted(grey: Grey, rng: np.random.Generator) -> Grey:
    """The picture seen slightly from the side: the corners move by up to 3 % of the side."""
    height, width = grey.shape
    corners = np.array([(0, 0), (0, height), (width, height), (width, 0)], np.float64)
    moved = corners + rng.uniform(-0.03, 0.03, (4, 2)) * [width, height]
    rows = []
    for (x, y), (u, v) in zip(corners, moved, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows), moved.ravel())
    paper = float(np.median(grey))
    image = Image.fromarray(grey).transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        tuple(solved),
        Image.Resampling.BICUBIC,
        fillcolor=paper,
    )
    return np.asarray(image, np.float32)


def with_margin(ink: Grey, share: float) -> Grey:
    """The ink in the middle of a page, with a margin given as a share of its longer side."""
    return np.pad(ink, max(4, round(max(ink.shape) * share)))


def single(data: LabelledImages, rng: np.random.Generator, *, styles: bool = False) -> Page:
    """A photograph of one digit."""
    height_px = int(rng.integers(30, 200))
    if styles:
        text = str(rng.integers(10))
        ink = drawn(text, height_px, rng)
    else:
        chosen = int(rng.integers(len(data)))
        ink, text = ink_of(data.images[chosen], height_px, rng), str(data.labels[chosen])
    rules = str(rng.choice(["", "", "lines", "squares"]))
    return Page(photograph(with_margin(ink, rng.uniform(0.3, 1.5)), rng, rules=rules), text)


def string(
    data: LabelledImages,
    rng: np.random.Generator,
    *,
    touching: bool = False,
    styles: bool = False,
) -> Page:
    """A photograph of 3 to 8 digits in a row."""
    length, height_px = int(rng.integers(3, 9)), int(rng.integers(30, 100))
    ink, text = string_of_ink(data, length, height_px, rng, touching=touching, styles=styles)
    rules = str(rng.choice(["", "", "lines", "squares"]))
    margin = rng.uniform(0.05, 0.2)
    return Page(photograph(with_margin(ink, margin), rng, rules=rules), text)


def grid(data: LabelledImages, rng: np.random.Generator, rows: int = 9, columns: int = 9) -> Page:
    """A photograph of a printed grid with a digit in each cell."""
    cell = int(rng.integers(40, 90))
    page = np.zeros((rows * cell + 2, columns * cell + 2), np.float32)
    thickness = max(1, cell // 30)
    for edge in range(max(rows, columns) + 1):
        page[edge * cell : edge * cell + thickness] = page[
            :, edge * cell : edge * cell + thickness
        ] = 1
    chosen = rng.integers(0, len(data), (rows, columns))
    for (row, column), index in np.ndenumerate(chosen):
        ink = ink_of(data.images[index], round(cell * rng.uniform(0.45, 0.7)), rng)
        free = [max(1, cell - size - 2 * thickness) for size in ink.shape]
        top, left = (thickness + round(space * rng.uniform(0.25, 0.75)) for space in free)
        put(page, ink, row * cell + top, column * cell + left)
    text = "\n".join("".join(str(data.labels[i]) for i in row) for row in chosen)
    return Page(photograph(with_margin(page, 0.05), rng), text)
