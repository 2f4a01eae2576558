"""Training and evaluation in one line each: what the command line does, as values.

`inkdigits` itself exports all of it.
"""

from inkdigits.api.evaluation import evaluate
from inkdigits.api.exporting import export_model
from inkdigits.api.importing import import_model
from inkdigits.api.run import Run
from inkdigits.api.training import train

__all__ = ["Run", "evaluate", "export_model", "import_model", "train"]
