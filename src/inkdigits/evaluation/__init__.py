"""What an artifact does on a test set: figures, damage, images of no digit, plots, the report."""

from inkdigits.evaluation.measure import Extent, Report, evaluate

__all__ = ["Extent", "Report", "evaluate"]
