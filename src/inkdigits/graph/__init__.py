"""Run a network without ONNX Runtime: parse its ONNX file, compute its nodes with NumPy.

For browsers, where there is no ONNX Runtime that Python can call.
"""

from inkdigits.graph.safety import check_graph
from inkdigits.graph.session import Convolve, NumpySession

__all__ = ["Convolve", "NumpySession", "check_graph"]
