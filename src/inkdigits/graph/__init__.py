"""ONNX files without ONNX Runtime: parse and check them, compute their nodes with NumPy.

The latter is for browsers, where there is no ONNX Runtime that Python can call.
"""

from inkdigits.graph.safety import check_graph
from inkdigits.graph.session import Convolve, NumpySession

__all__ = ["Convolve", "NumpySession", "check_graph"]
