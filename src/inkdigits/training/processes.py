"""One training on several processes, which torchrun starts: each computes a part of every batch.

All of them draw the same random numbers, for the whole batch, and PyTorch's DDP takes the mean of
their gradients; batch norm takes its statistics over all parts, and dropout its masks from the
whole batch. So the result is that of one process, but for rounding. The first process alone writes.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from inkdigits.errors import TrainingInterrupted
from inkdigits.training.devices import AUTO, choose_device


def are_started() -> bool:
    """Whether torchrun has started this process beside others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(device: str = AUTO) -> Iterator[None]:
    """The processes that torchrun started train together in the block; otherwise there is one.

    They talk by gloo on processors, by NCCL on GPUs, of which each takes its own.
    """
    if not are_started():
        yield
        return
    on_gpu = choose_device(device).type == "cuda"
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def all_needed(folder: Path) -> Iterator[None]:
    """`TrainingInterrupted` if another process ends in the block; `folder` is the run's."""
    try:
        yield
    except RuntimeError as error:
        if count() == 1:
            raise
        raise TrainingInterrupted(
            f"another process of this training has ended ({error}); finished epochs are kept in "
            f"{folder}: start all of them again, with --resume {folder}"
        ) from error


def count() -> int:
    """The number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return not dist.is_initialized() or dist.get_rank() == 0


def part_of(values: Tensor) -> Tensor:
    """The part of a batch for this process; all are as large, or larger by one."""
    return values.tensor_split(count())[dist.get_rank()] if count() > 1 else values


def shared(model: nn.Module) -> nn.Module:
    """The model, with gradients that are the mean over the processes."""
    return DistributedDataParallel(model) if count() > 1 else model


def gradients_of(loss: Tensor, parameters: Sequence[Tensor]) -> Sequence[Any]:
    """The gradients of a `shared` model's loss."""
    if count() == 1:
        return torch.autograd.grad(loss, parameters)
    loss.backward()  # type: ignore[no-untyped-call]  # DDP hooks into it
    gradients = [values.grad for values in parameters]
    for values in parameters:
        values.grad = None
    return gradients


def summed(values: Tensor) -> Tensor:
    """The sum over the processes, of a tensor of the same shape in each; gradients flow back."""
    summed_up: Tensor = _Sum.apply(values) if count() > 1 else values  # type: ignore[no-untyped-call]
    return summed_up


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        return _Sum.forward(None, gradient.contiguous())


class BatchNorm2d(nn.BatchNorm2d):
    """PyTorch's, with the statistics of the whole batch; its own for that is for GPUs alone."""

    def forward(self, values: Tensor) -> Tensor:
        """Values (n, channels, height, width), normalised by channel."""
        if count() == 1 or not self.training:
            return super().forward(values)
        wide = values.float()
        size = summed(values.new_tensor(wide.numel() / wide.shape[1], dtype=torch.float32))
        mean = summed(wide.sum((0, 2, 3))) / size
        centred = wide - mean[:, None, None]
        variance = summed((centred**2).sum((0, 2, 3))) / size
        self._follow(mean, variance * size / (size - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(values.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of a batch."""
        assert self.running_mean is not None  # noqa: S101
        assert self.running_var is not None  # noqa: S101
        assert self.num_batches_tracked is not None  # noqa: S101
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum or 0.0)
        self.running_var.lerp_(variance, self.momentum or 0.0)


class Dropout(nn.Dropout):
    """PyTorch's; on processors, with this process's part of the mask for the whole batch."""

    def forward(self, values: Tensor) -> Tensor:
        """The values, some of them 0."""
        if count() == 1 or not self.training or values.device.type != "cpu":
            return super().forward(values)
        whole = int(summed(torch.tensor(len(values))))
        layout = torch.channels_last if values.ndim == 4 else torch.contiguous_format
        ones = torch.ones((whole, *values.shape[1:]), dtype=values.dtype)
        mask = functional.dropout(ones.contiguous(memory_format=layout), self.p)
        return values * part_of(mask)
