"""Measured results of the recipes: `results.json`, which `make record` writes.

It has the test accuracy after training; no code makes a choice from it.
"""

import json
import statistics
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Results:
    """`runs` has recipe, seed, accuracy (0…1), train_seconds, parameters, hardware of each run.

    Those that another recipe taught also have its name, as `teacher`.
    """

    runs: tuple[dict[str, Any], ...]

    @property
    def hardware(self) -> str:
        """The machine, or machines, in words."""
        return "; ".join(dict.fromkeys(run["hardware"] for run in self.runs))

    def runs_of(self, name: str, teacher: str = "") -> list[dict[str, Any]]:
        """The runs of a recipe that nobody taught, or that another recipe did."""
        wanted = (name, teacher)
        return [run for run in self.runs if (run["recipe"], run.get("teacher", "")) == wanted]

    def summary(self, name: str, teacher: str = "") -> dict[str, Any] | None:
        """Seeds, accuracy_mean, accuracy_sd, train_seconds, parameters; None if not measured.

        The seconds are the median over the seeds.
        """
        runs = self.runs_of(name, teacher)
        return _summarise(runs) if runs else None

    def figures(self, name: str, teacher: str = "") -> tuple[str, str, str, str]:
        """Accuracy, seeds, training time and parameters of a recipe, as text for a table."""
        summary = self.summary(name, teacher)
        if summary is None:
            return ("not measured", "", "", "")
        spread = f" ± {summary['accuracy_sd'] * 100:.2f}" if summary["seeds"] > 1 else ""
        return (
            f"{summary['accuracy_mean'] * 100:.2f}{spread}",
            str(summary["seeds"]),
            f"{summary['train_seconds']:.{0 if summary['train_seconds'] >= 10 else 1}f} s",
            f"{summary['parameters']:,}",
        )


def load_results() -> Results:
    """The results inside the package."""
    values = json.loads(
        files("inkdigits.recipes").joinpath("results.json").read_text(encoding="utf-8")
    )
    return Results(tuple(values["runs"]))


def _summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    accuracies = [run["accuracy"] for run in runs]
    return {
        "seeds": len(runs),
        "accuracy_mean": statistics.mean(accuracies),
        "accuracy_sd": statistics.stdev(accuracies) if len(runs) > 1 else 0.0,
        "train_seconds": statistics.median(run["train_seconds"] for run in runs),
        "parameters": runs[0]["parameters"],
    }
