"""Random numbers and smooth random fields, one per image."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from inkdigits.artifact import GLYPH_PX


def uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """Uniform random numbers (count, 1, 1, 1), one per image."""
    return torch.rand(count, 1, 1, 1, generator=generator) * (high - low) + low


def clouds(count: int, size: int, mode: str, generator: Generator) -> Tensor:
    """Zero-mean noise (count, 1, 28, 28): size×size random values, interpolated by `mode`."""
    coarse = torch.randn(count, 1, size, size, generator=generator)
    return functional.interpolate(coarse, size=GLYPH_PX, mode=mode)
