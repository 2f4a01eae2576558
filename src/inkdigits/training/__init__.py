"""Train a network from a recipe and a split of a training set: needs PyTorch."""

from inkdigits.training.devices import used_precision
from inkdigits.training.loop import fit, predict_logits
from inkdigits.training.sealing import train_artifact

__all__ = ["fit", "predict_logits", "train_artifact", "used_precision"]
