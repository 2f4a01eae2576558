"""The detector's network: fully convolutional, from ink at one scale to maps at a quarter of it.

Some 8,000 multiply-adds a pixel. Digits of 13 to 36 pixels are found; a pyramid of scales sees the
others. The coarsest level sees some 200 pixels: tables, textures and the height of a line.
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from inkdigits.training.detector.classes import CLASSES
from inkdigits.training.detector.targets import SIZES

_RARE = -4.0  # the logit of a class before training: nearly nothing is a centre


def _block(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Detector(nn.Module):
    """From ink 0…1 (n, 1, height, width), sides multiples of 16, to (n, classes + sizes, …/4)."""

    def __init__(self) -> None:
        super().__init__()
        self.at_half = _block(1, 16, 5, 2)
        self.at_quarter = nn.Sequential(_block(16, 32, 3, 2), _block(32, 32))
        self.at_eighth = nn.Sequential(_block(32, 96, 3, 2), _block(96, 96), _block(96, 96))
        self.at_sixteenth = nn.Sequential(_block(96, 128, 3, 2), _block(128, 128))
        self.from_sixteenth = nn.Conv2d(128, 96, 1)
        self.from_eighth = nn.Conv2d(96, 64, 1)
        self.from_quarter = nn.Conv2d(32, 64, 1)
        self.joined = _block(64, 64)
        self.head = nn.Conv2d(64, len(CLASSES) + SIZES, 1)
        assert self.head.bias is not None  # noqa: S101
        nn.init.constant_(self.head.bias[: len(CLASSES)], _RARE)

    def forward(self, ink: Tensor) -> Tensor:
        """The maps: logits of the classes, then what `targets` says of sizes."""
        quarter = self.at_quarter(self.at_half(ink))
        eighth = self.at_eighth(quarter)
        eighth = functional.relu(eighth + _doubled(self.from_sixteenth(self.at_sixteenth(eighth))))
        joined = self.from_quarter(quarter) + _doubled(self.from_eighth(eighth))
        return cast("Tensor", self.head(self.joined(functional.relu(joined))))


def _doubled(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2, mode="nearest")
