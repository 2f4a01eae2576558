"""Random numbers and smooth random fields, one per image."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from inkdigits.artifact import GLYPH_PX
from inkdigits.training.devices import CPU, moved


@dataclass(frozen=True)
class Draws:
    """Random tensors for a device, all drawn on the CPU: a seed draws the same on every device."""

    generator: Generator
    device: torch.device = CPU

    def uniform(self, *shape: int) -> Tensor:
        """Uniform random numbers 0…1 of a shape."""
        return moved(torch.rand(shape, generator=self.generator), self.device)

    def normal(self, *shape: int) -> Tensor:
        """Normal random numbers, mean 0 and standard deviation 1, of a shape."""
        return moved(torch.randn(shape, generator=self.generator), self.device)

    def order(self, count: int) -> Tensor:
        """The numbers 0…`count` - 1 in random order."""
        return moved(torch.randperm(count, generator=self.generator), self.device)

    def share(self, count: int, rate: float) -> Tensor:
        """Whether each of `count` things is in a random share of them, on the CPU."""
        return torch.rand(count, generator=self.generator) < rate

    def number(self) -> Tensor:
        """One uniform random number 0…1, (), on the CPU: asking a GPU for it would wait for it."""
        return torch.rand((), generator=self.generator)

    def some(self, count: int, rate: float) -> Tensor:
        """Which of `count` things are in a random share of them, as indices."""
        return moved(self.share(count, rate).nonzero()[:, 0], self.device)

    def integer(self, low: int, high: int) -> int:
        """A random integer of `low` ≤ i < `high`."""
        return self.integers(low, high, 1)[0]

    def integers(self, low: int, high: int, count: int) -> list[int]:
        """Random integers of `low` ≤ i < `high`."""
        drawn: list[int] = torch.randint(low, high, (count,), generator=self.generator).tolist()
        return drawn


def uniform(count: int, low: float, high: float, draws: Draws) -> Tensor:
    """Uniform random numbers (count, 1, 1, 1), one per image."""
    return draws.uniform(count, 1, 1, 1) * (high - low) + low


def clouds(count: int, size: int, mode: str, draws: Draws) -> Tensor:
    """Zero-mean noise (count, 1, 28, 28): size×size random values, interpolated by `mode`."""
    return functional.interpolate(draws.normal(count, 1, size, size), size=GLYPH_PX, mode=mode)
