"""Draw readings: boxes and labels on the picture, glyphs and evidence maps below it."""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.errors import CanvasError
from inkdigits.imaging import Box, open_picture
from inkdigits.reading.results import Digit, Reading

SURE, UNSURE, REJECTED, MARK = "#1a7f37", "#d9822b", "#c0392b", "#2f6fdb"
Label = tuple[Box, str, str]
"""A box, its text and its colour."""

_TILE_PX, _GAP_PX, _CAPTION_PX = 112, 8, 24
_LEAST_COLUMNS = 4
_SHOWN_PX, _LEAST_SHOWN_PX = 800, 224  # the longer side of a picture in a notebook


def color_of(digit: Digit) -> str:
    """Green for the only candidate, orange for one of several, red for a rejected digit."""
    if not digit.accepted:
        return REJECTED
    return SURE if len(digit.candidates) == 1 else UNSURE


def labels_of(reading: Reading) -> list[Label]:
    """What to draw of a reading: its digits and marks."""
    digits = [(digit.box, str(digit), color_of(digit)) for digit in reading.digits]
    return digits + [(mark.box, mark.text, MARK) for mark in reading.marks]


def draw_boxes(picture: Image.Image, labels: Sequence[Label]) -> Image.Image:
    """A copy of the RGB picture with boxes and texts."""
    image = picture.copy()
    draw = ImageDraw.Draw(image)
    width = max(1, round(max(image.size) / 400))
    for box, text, color in labels:
        corners = (box.x - width, box.y - width, box.x + box.width, box.y + box.height)
        draw.rectangle(corners, outline=color, width=width)
        size = max(10, min(box.height // 2, image.height // 12))
        place = (box.x, max(0, box.y - size - 2 * width))
        draw.text(place, text, fill=color, font=ImageFont.load_default(size))
    return image


def draw_glyphs(
    digits: Sequence[Digit], evidence: list[NDArray[np.float32]] | None = None, width_px: int = 0
) -> Image.Image:
    """The glyph of each digit with its caption below, in rows of about that width.

    With evidence maps (28, 28), ink that supports the label is blue, ink that opposes it red.
    """
    across, down = _TILE_PX + _GAP_PX, _TILE_PX + _CAPTION_PX + _GAP_PX
    columns = min(max(_LEAST_COLUMNS, width_px // across), max(1, len(digits)))
    rows = max(1, -(-len(digits) // columns))
    sheet = Image.new("RGB", (columns * across + _GAP_PX, rows * down + _GAP_PX), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for place, digit in enumerate(digits):
        row, column = divmod(place, columns)
        tile = tint(digit.glyph, evidence[place] if evidence else None)
        large = Image.fromarray(tile).resize((_TILE_PX, _TILE_PX), Image.Resampling.NEAREST)
        left, top = _GAP_PX + column * across, _GAP_PX + row * down
        sheet.paste(large, (left, top))
        caption = f"{digit}  {digit.confidence:.1%}"
        draw.text((left, top + _TILE_PX + _GAP_PX), caption, fill=color_of(digit), font=font)
    return sheet


def below(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """Two images in one, the second below the first."""
    size = (max(upper.width, lower.width), upper.height + lower.height)
    both = Image.new("RGB", size, "white")
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height))
    return both


def tint(glyph: NDArray[np.uint8], evidence: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    """A glyph as dark ink on white (28, 28, 3), coloured by its evidence."""
    ink = glyph.astype(np.float32)[..., None] / 255
    color = np.zeros((*glyph.shape, 3), np.float32)
    if evidence is not None:
        strength = evidence / max(float(np.abs(evidence).max()), 1e-9)
        grey, blue, red = (
            np.array(c, np.float32) for c in ((150,) * 3, (20, 80, 220), (210, 30, 30))
        )
        share = np.abs(strength)[..., None] ** 0.5
        color = grey * (1 - share) + np.where(strength[..., None] > 0, blue, red) * share
    return (255 * (1 - ink) + color * ink).clip(0, 255).astype(np.uint8)


def as_shown(reading: Reading) -> bytes | None:
    """The picture of a reading with boxes as PNG bytes, of a size to look at on a screen.

    None if the reading has no picture, or it can't be opened any more.
    """
    if reading.picture is None:
        return None
    try:
        picture = open_picture(reading.picture, reading.page)
    except CanvasError:
        return None
    scale = min(_SHOWN_PX / max(picture.size), max(1, _LEAST_SHOWN_PX // max(picture.size)))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    smooth = Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
    labels = [(_scaled(box, scale), text, color) for box, text, color in labels_of(reading)]
    content = io.BytesIO()
    draw_boxes(picture.resize((width, height), smooth), labels).save(content, "PNG")
    return content.getvalue()


def _scaled(box: Box, scale: float) -> Box:
    return Box(*(round(value * scale) for value in (box.x, box.y, box.width, box.height)))


def as_html(reading: Reading) -> str:
    """A reading for a notebook: the picture with boxes, the text, how sure it is, and why not."""
    content = as_shown(reading)
    image = ""
    if content:
        url = base64.b64encode(content).decode()
        image = f'<img src="data:image/png;base64,{url}" style="max-width:100%" alt="">'
    color, said = (SURE, "accepted") if reading.accepted else (REJECTED, "not accepted")
    remarks = [*reading.notes, *(note for digit in reading.digits for note in digit.notes)]
    if reading.error:
        remarks.append(str(reading.error))
    if reading.confidence is not None:
        said = f"{reading.confidence:.1%}, {said}"
    text, notes = html.escape(reading.text), html.escape("; ".join(dict.fromkeys(remarks)))
    return (
        f'<div>{image}<div style="font-size:1.4em;white-space:pre">{text}</div>'
        f'<div><span style="color:{color}">{said}</span> {notes}</div></div>'
    )
