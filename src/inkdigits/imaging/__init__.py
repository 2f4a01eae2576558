"""From a picture to glyphs in the layout of MNIST.

A canvas is the user's picture in grey, uint8 (height, width). A digit's ink (`ink`) is laid out as
a glyph, uint8 (28, 28), bright ink on black (`layout`).
"""

from inkdigits.imaging.canvas import (
    IMAGE_SUFFIXES,
    Box,
    Canvas,
    load_canvas,
    open_canvas,
    open_picture,
)
from inkdigits.imaging.sources import Source

__all__ = [
    "IMAGE_SUFFIXES",
    "Box",
    "Canvas",
    "Source",
    "load_canvas",
    "open_canvas",
    "open_picture",
]
