"""Export trained networks: layers and NumPy weights in, the bytes of a file format out.

Each format has its own module, since each needs its own library.
"""

from inkdigits.export.network import LayerWeights, Network

__all__ = ["LayerWeights", "Network"]
