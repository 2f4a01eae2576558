"""From a picture to glyphs in the layout of MNIST.

A canvas is a grey picture, uint8 (height, width), as the user made it; of one that shows a desk
the sheet on it is taken (`sheet`). Its ink (`ink`) is freed from ruled lines (`rules`) and parted
into pieces (`segmentation`); a digit's pieces are laid out as a glyph, uint8 (28, 28), bright ink
on black (`layout`).
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
