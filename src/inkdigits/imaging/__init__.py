"""From a picture to glyphs in the layout of MNIST.

A canvas is the user's picture in grey, uint8 (height, width), cropped to the sheet if it shows a
desk (`sheet`). Ruled lines (`rules`) are removed from its ink (`ink`), which is separated into
pieces (`segmentation`). A digit's pieces are laid out as a glyph, uint8 (28, 28), bright ink on
black (`layout`).
"""

from inkdigits.imaging.canvas import (
    IMAGE_SUFFIXES,
    Box,
    Canvas,
    Source,
    load_canvas,
    open_canvas,
    open_picture,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "Box",
    "Canvas",
    "Source",
    "load_canvas",
    "open_canvas",
    "open_picture",
]
