"""Evaluation of an artifact: figures, corruptions, non-digits, plots, the report."""

from inkdigits.evaluation.measure import Extent, Report, evaluate

__all__ = ["Extent", "Report", "evaluate"]
