"""Accuracy, calibration, prediction sets, rejection and robustness of the shipped artifact.

    make trust      ten minutes; needs Fashion-MNIST, in a data folder or the cache

Writes `benchmarks/results/trust.json` and the first table of `docs/explanation/trust.md`.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from clothing import fashion_mnist
from documents import put_table
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits, load_sample_images

from inkdigits.artifact import GLYPH_PX
from inkdigits.data import load_dataset
from inkdigits.environment import describe_environment
from inkdigits.evaluation import Extent, evaluate
from inkdigits.evaluation.non_digits import NON_DIGITS, draw_non_digits
from inkdigits.evaluation.robustness import DRAWN_WITH
from inkdigits.files import write_atomic
from inkdigits.reading import Reader

PICTURES, SIDE_PX = 200, 168
PHOTOGRAPHS = 1000
SMALL = 2000  # small pictures of each kind
NO_TARGET = ("letters", "photographs")
HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "trust.md"


def read_coarse_digits(reader: Reader) -> float:
    """Accuracy on scikit-learn's 1,797 digits of 8×8 pixels, the test part of UCI's set."""
    digits = load_digits()
    canvases = (digits.images * 255 / 16).round().astype(np.uint8)
    texts = np.array([reader.read(canvas, single=True).text for canvas in canvases])
    return float((texts == digits.target.astype(str)).mean())


def black_and_white(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Scans of 16×16 pixels, black and white, each filled by a digit, of glyphs (n, 28, 28)."""
    scans = []
    for image in images:
        rows, columns = np.nonzero(image > 64)
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        small = Image.fromarray(image).resize((16, 16), Image.Resampling.BOX, box)
        scans.append(np.where(np.asarray(small) > 100, np.uint8(255), np.uint8(0)))
    return scans


def thick(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Glyphs (n, 28, 28) with strokes three pixels wider."""
    return [ndimage.grey_dilation(image, (4, 4)) for image in images]


def read_small(
    reader: Reader, canvases: list[NDArray[np.uint8]], labels: NDArray[np.integer]
) -> float:
    """Accuracy on small pictures of one digit each."""
    texts = np.array([reader.read(canvas).text for canvas in canvases])
    return float((texts == labels.astype(str)).mean())


def photographs() -> NDArray[np.uint8]:
    """Crops (n, 28, 28) of scikit-learn's two photographs, at least 28 pixels a side."""
    rng, crops = np.random.default_rng(0), []
    for image in load_sample_images().images:
        whole = Image.fromarray(image).convert("L")
        for side in rng.integers(GLYPH_PX, whole.height + 1, PHOTOGRAPHS // 2):
            left, top = (int(rng.integers(length - side + 1)) for length in whole.size)
            box = (left, top, left + int(side), top + int(side))
            crops.append(whole.resize((GLYPH_PX, GLYPH_PX), Image.Resampling.BOX, box))
    return rng.permutation(np.stack(crops))


def accepted_in_pictures(reader: Reader, images: NDArray[np.uint8]) -> float:
    """The share of the first images whose reading, as pictures of 168 pixels, is accepted."""
    size, first = (SIDE_PX, SIDE_PX), map(Image.fromarray, images[:PICTURES])
    pictures = [image.resize(size, Image.Resampling.BICUBIC) for image in first]
    return float(np.mean([reader.read(picture).accepted for picture in pictures]))


def measure() -> dict[str, Any]:
    """All figures; shares are 0…1."""
    reader, test = Reader.load(), load_dataset("mnist", "test")
    outside = {"Fashion-MNIST": fashion_mnist("test"), "photographs": photographs()}
    report = evaluate(reader, test, extent=Extent(corruptions=True, outside=outside))
    others = {
        **outside,
        **{name: draw_non_digits(name, PICTURES, DRAWN_WITH) for name in NON_DIGITS},
    }
    return {
        "accuracy": report.accuracy,
        "interval": list(report.accuracy_interval),
        "calibration_error": report.calibration.expected_error,
        "calibration_error_by_chance": asdict(report.calibration.by_chance),
        "accepted": report.accepted,
        "sets": asdict(report.prediction_sets),
        "corruption_mean": report.corruption_mean(),
        "corruptions": [asdict(row) for row in report.corruptions],
        "rejection": {row.name: row.rejected for row in report.rejection},
        "rejection_in_pictures": {
            name: 1 - accepted_in_pictures(reader, images) for name, images in others.items()
        },
        "accepted_in_pictures": accepted_in_pictures(reader, test.images),
        "coarse_digits": read_coarse_digits(reader),
        "scans": read_small(reader, black_and_white(test.images[:SMALL]), test.labels[:SMALL]),
        "thick": read_small(reader, thick(test.images[:SMALL]), test.labels[:SMALL]),
    }


def table(found: dict[str, Any]) -> str:
    """Markdown: what was measured, the target, and the shipped artifact's figure."""
    low, high = found["interval"]
    sets, chance = found["sets"], found["calibration_error_by_chance"]
    rows = [
        (
            "MNIST test accuracy",
            "≥ 99.5 %",
            f"{found['accuracy']:.2%} (95 %: {low:.2%} to {high:.2%})",
        ),
        ("expected calibration error, 15 bins", "≤ 0.2 %", f"{found['calibration_error']:.2%}"),
        (
            "the same for a perfectly calibrated reader, by chance",
            "",
            f"{chance['mean']:.2%} on average (5 % to 95 %: "
            f"{chance['low']:.2%} to {chance['high']:.2%})",
        ),
        (
            f"prediction sets, stated {sets['stated']:.1%}",
            "as stated",
            f"{sets['measured']:.2%}; {sets['larger_than_one']:.1%} have more than one label",
        ),
        (
            "test digits accepted",
            "99 %",
            f"{found['accepted']:.2%}; in pictures {found['accepted_in_pictures']:.1%}",
        ),
        *(
            (
                f"rejected: {name}",
                "" if name in NO_TARGET else "≥ 98 %",
                f"{share:.1%}; in pictures {found['rejection_in_pictures'][name]:.1%}",
            )
            for name, share in found["rejection"].items()
        ),
        ("MNIST-C, mean of 15", "≥ 97 %", f"{found['corruption_mean']:.2%}"),
        *(
            (
                row["corruption"].replace("_", " "),
                "",
                f"{row['paper']:.1%}; {row['accepted']:.1%} accepted, {row['in_set']:.2%} in set",
            )
            for row in found["corruptions"]
        ),
        ("8×8 digits of scikit-learn", "≥ 98.5 %", f"{found['coarse_digits']:.2%}"),
        ("test digits as 16×16 black-and-white scans", "≥ 97 %", f"{found['scans']:.1%}"),
        ("test digits with strokes 3 pixels wider", "≥ 97 %", f"{found['thick']:.1%}"),
    ]
    return "| what | target | here |\n|---|---|---|\n" + "".join(
        f"| {a} | {b} | {c} |\n" for a, b, c in rows
    )


def main() -> None:
    """Measure and write."""
    found = measure()
    values = {"environment": describe_environment(), "figures": found}
    write_atomic(HERE / "results" / "trust.json", json.dumps(values, indent=1).encode())
    put_table(PAGE, "shipped", table(found))
    print(table(found))


if __name__ == "__main__":
    main()
