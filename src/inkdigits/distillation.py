"""Distillation: a student learns what a teacher says of the augmented images (Hinton et al., 2015).

The teacher is an artifact, one network or an ensemble, run by ONNX Runtime; where it knows junk
the student learns that from it too.
"""

import numpy as np
import torch
from torch import Tensor

from inkdigits.errors import UsageError
from inkdigits.metrics import log_sum_exp
from inkdigits.reading import Reader
from inkdigits.recipe import Recipe


class Teacher:
    """Soft labels from an artifact; `UsageError` where its classes are not the student's."""

    def __init__(self, reader: Reader, student: Recipe) -> None:
        self._reader = reader
        self._junk = student.junk_share > 0
        if (reader.info.recipe["junk_share"] > 0) != self._junk:
            raise UsageError(
                f"the teacher, of the recipe {reader.info.recipe['name']}, can't teach "
                f"{student.name}: only one of them has a class for junk"
            )

    def __call__(self, images: Tensor) -> Tensor:
        """Soft labels (n, 10), or (n, 11) with junk, of float images (n, 1, 28, 28), 0…255."""
        pixels = images.squeeze(1).round().to(torch.uint8).numpy()
        probabilities, familiarity = self._reader.judge(pixels)
        # Before they were calibrated; of the logits' common offset nothing depends.
        logits = np.log(np.maximum(probabilities, 1e-30)) * self._reader.info.temperature
        if self._junk:
            junk = log_sum_exp(logits) - familiarity
            logits = np.concatenate([logits, junk[:, None]], axis=1)
        return torch.from_numpy(logits).float().softmax(dim=1)
