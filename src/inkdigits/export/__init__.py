"""Trained networks to files: layers and NumPy weights in, the bytes of one format out.

Each format is a module of its own, since each needs a library of its own.
"""

from inkdigits.export.network import LayerWeights, Network

__all__ = ["LayerWeights", "Network"]
