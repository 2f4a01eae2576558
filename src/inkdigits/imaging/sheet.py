"""The sheet of paper in a photograph that shows the desk around it.

A sheet is bright, nearly a rectangle, with a sharp edge, and the desk takes up most of the
photograph's border. The edge of a shadow is softer, or leads out of the picture.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inkdigits.imaging.canvas import Canvas
from inkdigits.imaging.ink import otsu

_COARSE_PX = 128  # the longer side of the picture that the sheet is looked for on
_SMALLEST_PX = 100  # a smaller canvas shows a digit, whose stroke may look like a sheet
_WINDOW = 0.2  # of its shorter side: strokes are narrower, and not painted with
_MOST_OF_BORDER = 0.4  # may be sheet
_LEAST_AREA = 0.12  # of the photograph
_RECTANGULAR = 0.85  # of the area of the smallest rectangle around it; an ellipse has 0.79
_SHARP = 0.5  # of the step from desk to sheet within 5 coarse pixels
_MARGIN_PX = 2  # coarse: what is nearer to the sheet's edge is desk, or the sheet's own shadow


def find_sheet(canvas: Canvas) -> Canvas | None:
    """The part of a canvas with the sheet; None if it is no such scene.

    What it shows of the desk is painted over with the nearest paper.
    """
    if min(canvas.grey.shape) < _SMALLEST_PX:
        return None
    small = Image.fromarray(canvas.grey).reduce(-(-max(canvas.grey.shape) // _COARSE_PX))
    coarse = np.asarray(small, np.float32)
    sheet = _bright_field(coarse > otsu(coarse.ravel()))
    if sheet is None or not (_is_rectangular(sheet) and _is_sharp(sheet, coarse)):
        return None
    inside = ndimage.binary_erosion(sheet, iterations=_MARGIN_PX)
    return _cut_out(canvas, coarse, inside) if inside.any() else None


def _bright_field(bright: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The largest part that hangs together, with the ink in it; None if the border is bright."""
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    if not bright.any() or border.mean() > _MOST_OF_BORDER:
        return None
    labels, _ = ndimage.label(bright)
    field = ndimage.binary_fill_holes(labels == np.bincount(labels[bright]).argmax())
    return field if field.mean() > _LEAST_AREA else None


def _is_rectangular(sheet: NDArray[np.bool_]) -> bool:
    y, x = np.nonzero(sheet)
    angles = np.linspace(0, np.pi / 2, 30, endpoint=False)[:, None]
    along = x * np.cos(angles) + y * np.sin(angles)
    across = y * np.cos(angles) - x * np.sin(angles)
    around = (np.ptp(along, axis=1) + 1) * (np.ptp(across, axis=1) + 1)
    return bool(len(x) > _RECTANGULAR * around.min())


def _is_sharp(sheet: NDArray[np.bool_], coarse: NDArray[np.float32]) -> bool:
    edge = sheet & ~ndimage.binary_erosion(sheet, border_value=1)
    steps = ndimage.maximum_filter(coarse, 5) - ndimage.minimum_filter(coarse, 5)
    whole = np.median(coarse[sheet]) - np.median(coarse[~sheet])
    return bool(np.median(steps[edge]) > _SHARP * whole)


def _cut_out(canvas: Canvas, coarse: NDArray[np.float32], inside: NDArray[np.bool_]) -> Canvas:
    window = max(3, round(_WINDOW * min(coarse.shape)))
    paper = ndimage.grey_closing(coarse, size=(window, window), mode="nearest")
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    size = canvas.grey.shape[::-1]
    painted = Image.fromarray(paper[tuple(nearest)]).resize(size, Image.Resampling.BILINEAR)
    mask = np.asarray(Image.fromarray(inside).resize(size, Image.Resampling.NEAREST))
    whole = np.where(mask, canvas.grey, np.asarray(painted, np.uint8))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    grey = whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Canvas(grey, canvas.scale, left=int(columns[0]), top=int(rows[0]))
