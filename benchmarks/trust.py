"""The shipped artifact on the test set: accuracy, calibration, sets, rejection, damage.

    make trust                                     a minute
    python benchmarks/trust.py --outside FOLDER    FOLDER has Fashion-MNIST

Writes `benchmarks/results/trust.json` and the first table of `docs/trust.md`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from pages import put_table
from sklearn.datasets import load_digits

from inkdigits.data import load_dataset
from inkdigits.environment import describe_environment
from inkdigits.evaluation import Extent, evaluate
from inkdigits.files import write_atomic
from inkdigits.reading import Reader

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "trust.md"


def read_coarse_digits(reader: Reader) -> float:
    """The share read right of scikit-learn's 1,797 digits of 8×8 pixels, UCI's test part."""
    digits = load_digits()
    canvases = (digits.images * 255 / 16).round().astype(np.uint8)
    texts = np.array([reader.read(canvas, single=True).text for canvas in canvases])
    return float((texts == digits.target.astype(str)).mean())


def measure(outside: Path | None) -> dict[str, Any]:
    """All figures; shares in 0…1."""
    reader = Reader.load()
    others = (
        {"Fashion-MNIST": load_dataset("fashion-mnist", "test", outside).images} if outside else {}
    )
    report = evaluate(reader, load_dataset("mnist", "test"), extent=Extent(True, others))
    return {
        "accuracy": report.accuracy,
        "interval": list(report.accuracy_interval),
        "calibration_error": report.calibration["expected_error"],
        "accepted": report.accepted,
        "sets": report.prediction_sets,
        "corruption_mean": report.corruption_mean(),
        "corruptions": {row["corruption"]: row["paper"] for row in report.corruptions},
        "rejection": {row["name"]: row["rejected"] for row in report.rejection},
        "coarse_digits": read_coarse_digits(reader),
    }


def table(found: dict[str, Any]) -> str:
    """Markdown: what was measured, the target, and the shipped artifact's figure."""
    low, high = found["interval"]
    sets = found["sets"]
    rows = [
        (
            "MNIST test accuracy",
            "≥ 99.5 %",
            f"{found['accuracy']:.2%} (95 %: {low:.2%} to {high:.2%})",
        ),
        ("expected calibration error, 15 bins", "≤ 0.2 %", f"{found['calibration_error']:.2%}"),
        (
            f"prediction sets, stated {sets['stated']:.1%}",
            "as stated",
            f"{sets['measured']:.2%}; {sets['larger_than_one']:.1%} have more than one label",
        ),
        ("test digits accepted", "99 %", f"{found['accepted']:.2%}"),
        *(
            (f"refused: {name}", "" if name == "letters" else "≥ 98 %", f"{share:.1%}")
            for name, share in found["rejection"].items()
        ),
        ("MNIST-C, mean of 15", "≥ 97 %", f"{found['corruption_mean']:.2%}"),
        *(
            (name.replace("_", " "), "", f"{share:.1%}")
            for name, share in found["corruptions"].items()
        ),
        ("8×8 digits of scikit-learn", "≥ 98.5 %", f"{found['coarse_digits']:.2%}"),
    ]
    return "| what | target | here |\n|---|---|---|\n" + "".join(
        f"| {a} | {b} | {c} |\n" for a, b, c in rows
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--outside", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if not arguments.outside:
        print("Fashion-MNIST is left out: name its folder with --outside")
    found = measure(arguments.outside)
    values = {"environment": describe_environment(), "figures": found}
    write_atomic(HERE / "results" / "trust.json", json.dumps(values, indent=1).encode())
    put_table(PAGE, "shipped", table(found))
    print(table(found))


if __name__ == "__main__":
    main()
