"""Read the digits in a picture with an artifact: needs ONNX Runtime, never PyTorch."""

from inkdigits.reading.reader import Reader
from inkdigits.reading.results import Digit, Reading

__all__ = ["Digit", "Reader", "Reading"]
