"""inkdigits: handwritten-digit recognition that trains in seconds and runs from one small file.

>>> import inkdigits
>>> reader = inkdigits.Reader.load()                        # the model inside the package
>>> reader.read("photo.jpg").text                           # doctest: +SKIP
'314159'

Reading needs NumPy, SciPy, Pillow and ONNX Runtime. Training (`inkdigits.training`) needs the extra
`train`, evaluation (`inkdigits.evaluation`) the extra `report`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from inkdigits.errors import InkdigitsError

if TYPE_CHECKING:
    from inkdigits.data import load_dataset as load_data
    from inkdigits.imaging import open_canvas
    from inkdigits.reading import Digit, Reader, Reading
    from inkdigits.training.models import build_model
    from inkdigits.training.weights import load_weights, save_weights

__version__ = "0.1.0"

__all__ = [
    "Digit",
    "InkdigitsError",
    "Reader",
    "Reading",
    "__version__",
    "build_model",
    "load_data",
    "load_weights",
    "open_canvas",
    "save_weights",
]

_HOMES = {
    "Digit": ("reading", "Digit"),
    "Reader": ("reading", "Reader"),
    "Reading": ("reading", "Reading"),
    "build_model": ("training.models", "build_model"),
    "load_data": ("data", "load_dataset"),
    "load_weights": ("training.weights", "load_weights"),
    "open_canvas": ("imaging", "open_canvas"),
    "save_weights": ("training.weights", "save_weights"),
}


def __getattr__(name: str) -> Any:
    """Import on first use: NumPy and Pillow take 0.1 s that `inkdigits --help` doesn't need."""
    if name not in _HOMES:
        raise AttributeError(f"module 'inkdigits' has no attribute {name!r}")
    room, own_name = _HOMES[name]
    return getattr(import_module(f"inkdigits.{room}"), own_name)
