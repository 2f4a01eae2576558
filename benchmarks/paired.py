"""Changes to a recipe, compared on the same held-out digits."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.files import write_atomic
from inkdigits.metrics import fit_temperature, mcnemar, softmax

Logits = NDArray[np.float32]
UNCHANGED = "nothing"


def remembered(path: Path, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """The array in a file; computed and stored if it isn't there yet."""
    if not path.exists():
        content = io.BytesIO()
        np.save(content, compute())
        write_atomic(path, content.getvalue())
    stored: NDArray[Any] = np.load(path)
    return stored


class Outcome:
    """What the networks of one change said of the digits that were held out."""

    def __init__(self, logits: dict[int, Logits], labels: dict[int, NDArray[np.integer]]) -> None:
        self.logits = logits
        self.wrong: dict[int, NDArray[np.bool_]] = {}
        self.losses: dict[int, NDArray[np.float64]] = {}
        for fold, values in logits.items():
            true = labels[fold]
            probabilities = softmax(values / fit_temperature(values, true))
            self.wrong[fold] = values.argmax(axis=1) != true
            self.losses[fold] = -np.log(probabilities[np.arange(len(true)), true].clip(1e-12))

    def beside(self, other: "Outcome") -> dict[str, float]:
        """Errors and loss, and how they differ from the other's on the folds that both have."""
        both = sorted(self.logits.keys() & other.logits.keys())
        wrong, losses = joined(self.wrong, both), joined(self.losses, both)
        wrong_before = joined(other.wrong, both)
        more = losses - joined(other.losses, both)
        only, before = int((wrong & ~wrong_before).sum()), int((~wrong & wrong_before).sum())
        return {
            "digits": len(wrong),
            "errors": int(wrong.sum()),
            "only_this": only,
            "only_before": before,
            "p": mcnemar(only, before),
            "loss": float(losses.mean()),
            "loss_more": float(more.mean()),
            "loss_error": float(more.std() / len(more) ** 0.5),
        }


def joined(values: dict[int, NDArray[Any]], folds: list[int]) -> NDArray[Any]:
    """The values of some folds one after the other."""
    return np.concatenate([values[fold] for fold in folds])


def table(results: dict[str, dict[str, float]]) -> str:
    """Markdown: the effect of each change.

    p is McNemar's, exact; the loss is given with a 95 % interval of the paired difference.
    """
    lines = [
        "| what was changed | held-out digits | errors | only this errs / only the unchanged | p "
        "| loss, nats | more than unchanged |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        cells = [name, f"{row['digits']:,}", str(row["errors"])]
        pair = f"{row['only_this']} / {row['only_before']}", f"{row['p']:.2g}"
        more = f"{row['loss_more']:+.4f} ± {1.96 * row['loss_error']:.4f}"
        cells += (
            ["", "", f"{row['loss']:.4f}", ""]
            if name == UNCHANGED
            else [
                *pair,
                f"{row['loss']:.4f}",
                more,
            ]
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
