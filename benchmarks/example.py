"""The picture at the top of the README: a drawn photograph of handwriting and its reading.

    python benchmarks/example.py

Draws three lines of digits on ruled paper, photographs them, reads them with the model inside the
package, and writes `docs/example.png`: boxes on the left, the text on the right.
"""

from pathlib import Path

import numpy as np
from handwriting import Grey, drawn, photograph, put
from PIL import Image, ImageDraw, ImageFont

from inkdigits import Reader, Reading

DOCS = Path(__file__).parent.parent / "docs"
PHOTO, PAGE = DOCS / "photo.jpg", DOCS / "example.png"
LINES = ("314159", "27182", "1618")
HEIGHT_PX, PEN_PX, LINE_PX = 92, 8.0, 150
SIZE = (520, 620)  # height and width of the photograph
SEED = 12
PANEL_PX = 430
INK, SOFT = "#1f2933", "#616e7c"


def note(rng: np.random.Generator) -> Grey:
    """Lines of handwritten digits, all with one pen, as ink 0…1."""
    page = np.zeros(SIZE, np.float32)
    for row, line in enumerate(LINES):
        left = 60 + int(rng.integers(0, 50))
        for digit in line:
            ink = drawn(digit, round(HEIGHT_PX * rng.uniform(0.9, 1.05)), rng, pen_px=PEN_PX)
            top = 62 + row * LINE_PX + int(rng.integers(-6, 7))
            put(page, ink, top, left)
            left += ink.shape[1] + int(rng.integers(18, 34))
    return page


def panel(reading: Reading, height_px: int) -> Image.Image:
    """The reading as text."""
    image = Image.new("RGB", (PANEL_PX, height_px), "white")
    draw = ImageDraw.Draw(image)
    draw.text((32, 30), 'reader.read("photo.jpg")', fill=SOFT, font=ImageFont.load_default(22))
    draw.multiline_text(
        (32, 84), reading.text, fill=INK, font=ImageFont.load_default(58), spacing=20
    )
    facts = f"confidence  {reading.confidence:.1%}\naccepted  {'yes' if reading.accepted else 'no'}"
    draw.multiline_text(
        (32, height_px - 96), facts, fill=SOFT, font=ImageFont.load_default(22), spacing=10
    )
    return image


def main() -> None:
    """Draw, read, write."""
    rng = np.random.default_rng(SEED)
    Image.fromarray(photograph(note(rng), rng, rules="lines")).save(PHOTO, quality=90)
    reading = Reader.load().read(PHOTO)
    seen = reading.draw(PHOTO)
    both = Image.new("RGB", (seen.width + PANEL_PX, seen.height), "white")
    both.paste(seen, (0, 0))
    both.paste(panel(reading, seen.height), (seen.width, 0))
    both.quantize(128, dither=Image.Dither.NONE).save(PAGE, optimize=True)
    print(reading.text, reading.confidence, reading.accepted)


if __name__ == "__main__":
    main()
