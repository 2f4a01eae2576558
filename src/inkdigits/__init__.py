"""inkdigits: handwritten-digit recognition that trains in seconds and runs from one small file.

>>> import inkdigits
>>> reader = inkdigits.Reader.load()                        # the model inside the package
>>> reader.read("photo.jpg").text                           # doctest: +SKIP
'314159'
>>> run = inkdigits.train("fast", "digits/", epochs=2)      # doctest: +SKIP
>>> run.report().accuracy                                   # doctest: +SKIP
0.9912

`__all__` is the interface. Reading needs NumPy, SciPy, Pillow and ONNX Runtime; `train` needs the
extra `train`, `evaluate` the extra `report`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from inkdigits.errors import InkdigitsError

if TYPE_CHECKING:
    from inkdigits.api import Run, evaluate, export_model, import_model, train
    from inkdigits.data import Handling, LabelledImages
    from inkdigits.data import load_dataset as load_data
    from inkdigits.evaluation import Report
    from inkdigits.imaging import open_canvas
    from inkdigits.reading import Digit, Reader, Reading
    from inkdigits.recipes import RECIPES, Recipe
    from inkdigits.training.models import build_model
    from inkdigits.training.sealing import save_artifact
    from inkdigits.training.weights import load_weights, save_weights

__version__ = "0.1.0"

__all__ = [
    "RECIPES",
    "Digit",
    "Handling",
    "InkdigitsError",
    "LabelledImages",
    "Reader",
    "Reading",
    "Recipe",
    "Report",
    "Run",
    "__version__",
    "build_model",
    "evaluate",
    "export_model",
    "import_model",
    "load_data",
    "load_weights",
    "open_canvas",
    "save_artifact",
    "save_weights",
    "train",
]

_HOMES = {
    "RECIPES": ("recipes", "RECIPES"),
    "Digit": ("reading", "Digit"),
    "Handling": ("data", "Handling"),
    "LabelledImages": ("data", "LabelledImages"),
    "Reader": ("reading", "Reader"),
    "Reading": ("reading", "Reading"),
    "Recipe": ("recipes", "Recipe"),
    "Report": ("evaluation", "Report"),
    "Run": ("api", "Run"),
    "build_model": ("training.models", "build_model"),
    "evaluate": ("api", "evaluate"),
    "export_model": ("api", "export_model"),
    "import_model": ("api", "import_model"),
    "load_data": ("data", "load_dataset"),
    "load_weights": ("training.weights", "load_weights"),
    "open_canvas": ("imaging", "open_canvas"),
    "save_artifact": ("training.sealing", "save_artifact"),
    "save_weights": ("training.weights", "save_weights"),
    "train": ("api", "train"),
}


def __getattr__(name: str) -> Any:
    """Import on first use: NumPy and Pillow take 0.1 s that `inkdigits --help` doesn't need."""
    if name not in _HOMES:
        raise AttributeError(f"module 'inkdigits' has no attribute {name!r}")
    room, own_name = _HOMES[name]
    return getattr(import_module(f"inkdigits.{room}"), own_name)
