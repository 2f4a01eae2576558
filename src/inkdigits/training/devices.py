"""Where training computes: one place chooses the device, and says what it can do."""

import torch
from torch import Tensor

from inkdigits.errors import UsageError
from inkdigits.recipes import Recipe
from inkdigits.recipes.recipe import Precision

CPU = torch.device("cpu")
AUTO = "auto"


def choose_device(name: str = AUTO) -> torch.device:
    """The device of a name; "auto" is cuda where there is one, then mps, then cpu.

    Raises `UsageError` for another name, or a device that this machine or this PyTorch hasn't got.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == AUTO:
        return torch.device(next(device for device, there in available.items() if there))
    if name not in available:
        raise UsageError(f"the device is {name!r}; choose one of auto, cpu, cuda, mps")
    if not available[name]:
        raise UsageError(
            f"the device is {name}, and PyTorch {torch.__version__} finds none here; "
            "use --device cpu, or install a PyTorch for your GPU: https://pytorch.org/get-started"
        )
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """The kind of a device and, of a GPU, its model."""
    model = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return device.type + model


def used_precision(recipe: Recipe, device: torch.device = CPU) -> Precision:
    """The recipe's precision, or fp32 if the device has no fast bf16 convolutions."""
    return recipe.precision if has_fast_bf16(device) else "fp32"


def has_fast_bf16(device: torch.device = CPU) -> bool:
    """Whether a device has fast bf16 convolutions."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return False
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(available and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def moved(values: Tensor, device: torch.device) -> Tensor:
    """Values on a device; for CUDA they are queued, so that the processor need not wait."""
    return values.to(device, non_blocking=device.type == "cuda")
