"""The sheet of paper in a photograph that shows the desk around it.

A sheet is bright, with four corners and a sharp edge, and the desk takes up most of the
photograph's border. The edge of a shadow is softer, or leads out of the picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inkdigits.imaging.canvas import Canvas
from inkdigits.imaging.ink import bounds, otsu, polygon_area, shrunk_to

_COARSE_PX = 128  # the longer side of the picture that the sheet is looked for on
_SMALLEST_PX = 100  # a smaller canvas shows a digit, whose stroke may look like a sheet
_WINDOW = 0.2  # of its shorter side: strokes are narrower, and not painted with
_MOST_OF_BORDER = 0.2  # may be sheet; where a shadow leads across the picture, it was 0.25 and more
_LEAST_AREA = 0.3  # of the photograph
_ELSEWHERE = 0.1  # of its area may be bright beside it: the grain of a desk, but no second sheet
_CORNERS = 0.12  # how far the area between its corners may be from its own; of an ellipse 0.36
_SHARP = 0.5  # of the step from desk to sheet within 5 coarse pixels
_MARGIN_PX = 2  # coarse: what is nearer to the sheet's edge is desk, or the sheet's own shadow


@dataclass(frozen=True)
class Sheet:
    """A part of a canvas, and the coarse shape of the paper on it, bool (height, width).

    What the part shows of the desk is painted over with the nearest paper. The shape has holes
    where there is ink.
    """

    canvas: Canvas
    shape: NDArray[np.bool_]


def find_sheet(canvas: Canvas) -> Sheet | None:
    """The sheet on a canvas; None if it is no such scene, or shows several.

    What is found may also be a light digit on dark: that is for the caller to tell by its shape.
    """
    if min(canvas.grey.shape) < _SMALLEST_PX:
        return None
    coarse = shrunk_to(canvas.grey, _COARSE_PX)
    bright = coarse > otsu(coarse.ravel())
    sheet = _bright_field(bright)
    if sheet is None or not (_has_four_corners(sheet) and _is_sharp(sheet, coarse)):
        return None
    inside = ndimage.binary_erosion(sheet, iterations=_MARGIN_PX)
    return Sheet(_cut_out(canvas, coarse, inside), bright & sheet) if inside.any() else None


def _bright_field(bright: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The largest part that hangs together, with the ink in it.

    None if it is small, if more is bright than it, or if the border is.
    """
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    if not bright.any() or border.mean() > _MOST_OF_BORDER:
        return None
    labels, _ = ndimage.label(bright)
    field = ndimage.binary_fill_holes(labels == np.bincount(labels[bright]).argmax())
    elsewhere = np.count_nonzero(bright & ~field)
    large = field.mean() > _LEAST_AREA and elsewhere < _ELSEWHERE * np.count_nonzero(field)
    return field if large else None


def _has_four_corners(sheet: NDArray[np.bool_]) -> bool:
    """Whether the points farthest out in four directions span a field of the same area."""
    y, x = np.nonzero(sheet)
    turns = np.arange(4) * np.pi / 8  # however the sheet is turned, one of them suits its corners
    directions = turns[:, None] + np.arange(4) * np.pi / 2
    out = x * np.cos(directions)[..., None] + y * np.sin(directions)[..., None]
    corners = out.argmax(axis=2)
    area = polygon_area(x[corners], y[corners]).max()
    return bool(abs(area / len(x) - 1) < _CORNERS)


def _is_sharp(sheet: NDArray[np.bool_], coarse: NDArray[np.float32]) -> bool:
    """Whether most of the edge is a step, as that of a lit spot is not."""
    edge = sheet & ~ndimage.binary_erosion(sheet, border_value=1)
    steps = ndimage.morphological_gradient(coarse, size=(5, 5))
    whole = np.median(coarse[sheet]) - np.median(coarse[~sheet])
    return bool(np.median(steps[edge]) > _SHARP * whole)


def _cut_out(canvas: Canvas, coarse: NDArray[np.float32], inside: NDArray[np.bool_]) -> Canvas:
    """The part of a whole canvas around what is inside the sheet; beyond that, paper.

    The closing takes the ink away, which would be smeared over the desk where it is near the edge.
    """
    window = max(3, round(_WINDOW * min(coarse.shape)))
    paper = ndimage.grey_closing(coarse, size=(window, window), mode="nearest")
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    size = canvas.grey.shape[::-1]
    painted = Image.fromarray(paper[tuple(nearest)]).resize(size, Image.Resampling.BILINEAR)
    enlarged = Image.fromarray(inside.view(np.uint8)).resize(size, Image.Resampling.NEAREST)
    mask = np.asarray(enlarged) > 0
    whole = np.where(mask, canvas.grey, np.asarray(painted, np.uint8))
    rows, columns = bounds(mask)
    return Canvas(whole[rows, columns], canvas.scale, left=columns.start, top=rows.start)
