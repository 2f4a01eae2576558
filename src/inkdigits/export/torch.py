"""Export as a PyTorch program, `.pt2`, by `torch.export`: no class of this package is needed.

The program takes `images`, uint8 (n, 28, 28) with n from 1 on, and gives (probabilities,
familiarity), as the artifact does.
"""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inkdigits.artifact import GLYPH_PX
from inkdigits.export.network import Network
from inkdigits.export.source import Outputs, Run, Source
from inkdigits.recipes.architectures import BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool, ReLU

_EPSILON = 1e-5  # of batch norm


def export_torch(source: Source) -> bytes:
    """The bytes of a `.pt2` file."""
    program = _Program(source.networks, source.info.temperature).eval()
    example = torch.zeros(2, GLYPH_PX, GLYPH_PX, dtype=torch.uint8)
    count = {"images": {0: torch.export.Dim("n", min=1)}}
    exported = torch.export.export(program, (example,), dynamic_shapes=count)
    written = io.BytesIO()
    torch.export.save(exported, written)
    return written.getvalue()


def open_torch(content: bytes) -> Run:
    """A program of `export_torch`, ready to run."""
    program = torch.export.load(io.BytesIO(content)).module()

    def run(images: NDArray[np.uint8]) -> Outputs:
        with torch.inference_mode():
            probabilities, familiarity = program(torch.from_numpy(images))
        return probabilities.numpy(), familiarity.numpy()

    return run


class _Program(nn.Module):
    """The networks, the mean of their logits, temperature and softmax."""

    def __init__(self, networks: tuple[Network, ...], temperature: float) -> None:
        super().__init__()
        self._networks, self._temperature = networks, temperature
        for number, network in enumerate(networks):
            for index, parts in enumerate(network.weights):
                for part, values in parts.items():
                    name = f"network{number}_layer{index}_{part}"
                    self.register_buffer(name, torch.from_numpy(values))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pixels = images.unsqueeze(1).float()
        logits = torch.stack([self._logits(i, pixels) for i in range(len(self._networks))]).mean(0)
        classes = self._networks[0].classes
        familiarity = logits[:, :classes].logsumexp(1)
        if self._networks[0].knows_junk:
            familiarity = familiarity - logits[:, classes]
        return (logits[:, :classes] / self._temperature).softmax(1), familiarity

    def _logits(self, number: int, pixels: Tensor) -> Tensor:
        network = self._networks[number]
        values = (pixels - network.pixel_mean) / network.pixel_scale
        for index, layer in enumerate(network.layers):
            prefix = f"network{number}_layer{index}_"
            parts = {part: getattr(self, prefix + part) for part in network.weights[index]}
            match layer:
                case Conv(_, _, stride, padding):
                    values = functional.conv2d(values, **parts, stride=stride, padding=padding)
                case BatchNorm():
                    values = functional.batch_norm(values, **parts, eps=_EPSILON)
                case MaxPool(size):
                    values = functional.max_pool2d(values, size)
                case ReLU():
                    values = values.relu()
                case Flatten():
                    values = values.flatten(1)
                case Dense():
                    values = functional.linear(values, **parts)
                case Dropout():
                    pass
        return values
