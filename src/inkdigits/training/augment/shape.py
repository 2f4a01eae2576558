"""Augmentation of shape: affine and elastic maps as batched tensor maths."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from inkdigits.training.augment.noise import Draws
from inkdigits.training.devices import moved

_NODES = 6  # along each side of the elastic field: bends about 5 pixels long
_SPREAD = 0.884  # standard deviation of unit noise after bicubic interpolation


def random_warp(
    images: Tensor,
    *,
    rotation_deg: float,
    shift_px: float,
    zoom: float,
    shear_deg: float,
    elastic_px: float,
    draws: Draws,
) -> Tensor:
    """Rotate, shift, zoom, shear and bend every image by its own random amounts.

    `images`: float (n, 1, height, width); pixels from outside are 0. Each amount is uniform within
    ± its bound: rotation in degrees, shift in pixels along each axis, zoom as a share of the size
    along each axis, shear in degrees. `elastic_px` is the standard deviation of the
    pixels' displacements in a smooth random field (after Simard, Steinkraus and Platt, 2003). If
    all bounds are 0, the images are returned unchanged and nothing is drawn. Bilinear
    sampling.
    """
    if not (rotation_deg or shift_px or zoom or shear_deg or elastic_px):
        return images
    height, width = images.shape[-2:]
    amounts = draws.uniform(6, len(images)) * 2 - 1
    sides = moved(torch.tensor([[width], [height]]), draws.device)
    maps = affine_maps(
        angles=amounts[0] * math.radians(rotation_deg),
        shears=amounts[1] * math.radians(shear_deg),
        zooms=1 + amounts[2:4] * zoom,
        shifts=amounts[4:6] * shift_px * 2 / sides,
    )
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    if elastic_px:
        grid = grid + _elastic_field(images, draws) * (elastic_px * 2 / width)
    return functional.grid_sample(images, grid, align_corners=False)


def _elastic_field(images: Tensor, draws: Draws) -> Tensor:
    """Smooth displacements (n, height, width, 2) with an overall standard deviation of 1."""
    coarse = draws.normal(len(images), 2, _NODES, _NODES)
    field = functional.interpolate(coarse, size=images.shape[-2:], mode="bicubic")
    return (field / _SPREAD).permute(0, 2, 3, 1)


def affine_maps(angles: Tensor, shears: Tensor, zooms: Tensor, shifts: Tensor) -> Tensor:
    """Maps (n, 2, 3) from output to input coordinates, for `affine_grid`.

    Angles and shears in radians (n,), zooms (2, n) as factors > 0, shifts (2, n) in units where
    the image spans -1…1. The linear part is rotation times shear, divided by zoom.
    """
    cos, sin, tan = angles.cos(), angles.sin(), shears.tan()
    linear = torch.stack(
        [
            torch.stack([cos, cos * tan - sin], -1) / zooms[0, :, None],
            torch.stack([sin, sin * tan + cos], -1) / zooms[1, :, None],
        ],
        dim=1,
    )
    return torch.cat([linear, shifts.T[:, :, None]], dim=2)
