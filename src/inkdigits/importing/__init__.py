"""Digit models of other programs become artifacts: files of Keras, ONNX and PyTorch, read as data.

No framework is needed to read them, and no code in them is ever run: no pickle is opened.
"""

from inkdigits.importing.sealing import import_file

__all__ = ["import_file"]
