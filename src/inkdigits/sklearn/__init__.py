"""scikit-learn's face of inkdigits: a classifier; needs the extra `sklearn`."""

from inkdigits.sklearn.classifier import InkdigitsClassifier

__all__ = ["InkdigitsClassifier"]
