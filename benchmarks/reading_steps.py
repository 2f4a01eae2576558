"""The pictures of each step from a photograph to digits, for `docs/explanation/reading.md`.

    python benchmarks/reading_steps.py

Reads the drawn photograph of `example.py` and draws what each step makes of it.
"""

import io
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from inkdigits import Digit, Reader, open_canvas
from inkdigits.imaging.ink import Ink, find_ink, narrow_stroke_width
from inkdigits.reading.detector import Detector
from inkdigits.reading.finding import LEAST

DOCS = Path(__file__).parent.parent / "docs"
PHOTO, OUT = DOCS / "photo.jpg", DOCS / "explanation" / "steps"
BLUE, ORANGE, GREY = "#2f6fdb", "#e8833a", "#9aa5b1"
SHOWN = 8  # digits


def save(name: str) -> None:
    """Store the current figure, in few colours."""
    content = io.BytesIO()
    plt.savefig(content, dpi=90)
    plt.close()
    image = Image.open(content).convert("RGB")
    image.quantize(48, dither=Image.Dither.NONE).save(OUT / f"{name}.png", optimize=True)


def draw_ink(grey: np.ndarray, ink: Ink) -> None:
    """The grey canvas beside its ink, and a row of pixels through both."""
    _, (before, after, across) = plt.subplots(1, 3, figsize=(10, 4), width_ratios=(1, 1, 1.2))
    row = 100
    for axes, picture, title in ((before, grey, "grey"), (after, 1 - ink.strength, "ink")):
        axes.imshow(picture, cmap="gray")
        axes.axhline(row, color=ORANGE, linewidth=1)
        axes.set_title(title)
        axes.axis("off")
    across.plot(grey[row] / 255, color=GREY, label="grey, 0…1")
    across.plot(ink.strength[row], color=BLUE, label="ink, 0…1")
    across.set(title="along the orange line", xlabel="pixel")
    across.legend(frameon=False, loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.18))
    save("ink")


def draw_things(ink: Ink) -> None:
    """What the detector sees: a box for each thing, and what the likelier ones are."""
    detector = Detector.load()
    _, axes = plt.subplots(figsize=(6, 5.6))
    axes.imshow(1 - ink.strength, cmap="gray", alpha=0.45)
    for thing in detector.find(ink.strength, narrow_stroke_width(ink.mask)):
        color = BLUE if thing.score > LEAST else ORANGE
        corner = (thing.left, thing.top)
        axes.add_patch(Rectangle(corner, thing.width, thing.height, fill=False, ec=color))
        if thing.score > LEAST:
            text = f"{detector.classes[thing.label]}  {thing.score:.2f}"
            axes.text(thing.left, thing.top - 4, text, color=color, fontsize=9)
    axes.axis("off")
    save("detector")


def draw_glyphs(digits: tuple[Digit, ...]) -> None:
    """The glyphs that the second network sees, and its probabilities beside the detector's."""
    _, grid = plt.subplots(2, SHOWN, figsize=(10, 3), height_ratios=(1.3, 1))
    for (above, below), digit in zip(grid.T, digits, strict=False):
        above.imshow(digit.glyph, cmap="gray")
        above.axis("off")
        colors = [BLUE if label == digit.label else GREY for label in range(10)]
        below.bar(range(10), digit.probabilities, color=colors)
        below.set(ylim=(0, 1), xticks=range(10), yticks=[])
        below.tick_params(labelsize=6, length=0)
        below.set_title(f"{digit}: {digit.confidence:.1%}", fontsize=9)
    save("glyphs")


def draw_evidence(reader: Reader, digits: tuple[Digit, ...]) -> None:
    """Which ink supports the label, and which opposes it."""
    _, grid = plt.subplots(1, SHOWN, figsize=(10, 1.5))
    for axes, digit in zip(grid, digits, strict=False):
        evidence = reader.explain(digit)
        reach = np.abs(evidence).max()
        axes.imshow(evidence, cmap="RdBu", vmin=-reach, vmax=reach)
        axes.axis("off")
    save("evidence")


def main() -> None:
    """Read the photograph and draw every step."""
    matplotlib.use("agg")
    plt.rcParams |= {"figure.constrained_layout.use": True, "axes.titlelocation": "left"}
    plt.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
    OUT.mkdir(exist_ok=True)
    grey = open_canvas(PHOTO)
    ink = find_ink(grey, light_on_dark=False)
    if ink is None:
        raise SystemExit(f"{PHOTO} is blank; run benchmarks/example.py")
    reader = Reader.load()
    digits = reader.read(PHOTO).digits
    draw_ink(grey, ink)
    draw_things(ink)
    draw_glyphs(digits)
    draw_evidence(reader, digits)


if __name__ == "__main__":
    main()
