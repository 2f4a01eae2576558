"""The recipe of the detector, which finds digits and marks in pictures."""

from dataclasses import asdict, dataclass
from typing import Any

from inkdigits.recipes.recipe import Count, NotNegative, Positive, Share, check_ranges, check_types


@dataclass(frozen=True)
class DetectorRecipe:
    """Settings of one training run; `steps` are batches of `batch_size` drawn pages.

    The learning rate rises over the first `warm_up` of the steps to `peak_lr` and falls along half
    a cosine. Gradients are clipped to the norm `clip_norm`. A moving average of the weights is
    exported; it keeps the share `average` of itself at each step.
    """

    name: str = "detector"
    steps: Count = 29_000
    batch_size: Count = 64
    peak_lr: Positive = 4e-3
    warm_up: Share = 0.05
    weight_decay: NotNegative = 0.02
    clip_norm: Positive = 5.0
    average: Share = 0.999

    def __post_init__(self) -> None:
        check_types(self)
        check_ranges(self)

    def to_dict(self) -> dict[str, Any]:
        """Field names and values, for JSON."""
        return asdict(self)
