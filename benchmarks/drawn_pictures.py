"""Accuracy and speed of reading drawn photographs, strings and grids.

    make bench-pictures

`handwriting.py` and `scenes.py` draw the pictures from digits that the shipped network wasn't
trained on. Writes `benchmarks/results/drawn_pictures.json` and the tables in
`docs/explanation/pictures.md`. Keep the machine otherwise idle: the second table has timings.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from documents import put_table
from handwriting import Page, grid, photograph, single, string, string_of_ink
from PIL import Image
from scenes import scene

from inkdigits.data import LabelledImages, load_dataset, stratified_split
from inkdigits.environment import describe_environment
from inkdigits.files import write_atomic
from inkdigits.metrics import wilson_interval
from inkdigits.reading import Reader

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "pictures.md"
ROUNDS = 9
Draw = Callable[[LabelledImages, np.random.Generator], Page]

KINDS: dict[str, tuple[Draw, float]] = {
    "one digit": (single, 0.99),
    "one digit, in styles that MNIST lacks": (lambda d, rng: single(d, rng, styles=True), 0.99),
    "3 to 8 digits": (string, 0.97),
    "3 to 8 digits, in styles that MNIST lacks": (lambda d, rng: string(d, rng, styles=True), 0.97),
    "3 to 8 digits, one pair touching": (lambda d, rng: string(d, rng, touching=True), 0.85),
    "1 to 6 digits, a desk, a pen or a finger in sight": (scene, 0.9),
}
GRID_TARGET = 0.97


def held_out() -> LabelledImages:
    """The part of MNIST's training set that the shipped network (seed 0) wasn't trained on."""
    return stratified_split(load_dataset(), 0.1, seed=0).validation


def reads(reader: Reader, page: Page, expect: int | None = None) -> bool:
    """Whether all digits of a page are read, and nothing else."""
    return reader.read(page.canvas, expect=expect, digits_only=True).text == page.text


def accuracies(reader: Reader, data: LabelledImages, pictures: int) -> dict[str, dict[str, Any]]:
    """For each kind, how many pictures have their whole text right; for grids, how many cells."""
    found = {}
    for name, (draw, target) in KINDS.items():
        rng = np.random.default_rng(0)
        pages = [draw(data, rng) for _ in range(pictures)]
        right = sum(reads(reader, page) for page in pages)
        told = sum(reads(reader, page, expect=len(page.text)) for page in pages)
        found[name] = {"n": pictures, "right": right, "told": told, "target": target}
        print(name, found[name], flush=True)
    rng = np.random.default_rng(0)
    tables = [grid(data, rng) for _ in range(max(1, pictures // 50))]
    pairs = [
        pair
        for table in tables
        for pair in zip(
            reader.read(table.canvas, grid=(9, 9)).text.split(),
            table.text.replace("\n", ""),
            strict=False,
        )
    ]
    right = sum(ours == theirs for ours, theirs in pairs)
    found["cells of 9×9 grids"] = {
        "n": len(tables) * 81,
        "right": right,
        "told": right,
        "target": GRID_TARGET,
    }
    return found


def seconds(reader: Reader, data: LabelledImages) -> dict[str, float]:
    """Medians, for a megapixel picture in memory and for files of 12 megapixels."""
    rng = np.random.default_rng(0)
    ink, _ = string_of_ink(data, 6, 120, rng)
    sheet = np.zeros((1000, 1000), np.float32)
    sheet[300 : 300 + ink.shape[0], 20 : 20 + ink.shape[1]] = ink[:, :960]
    megapixel = photograph(sheet, rng)
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        reader.read(megapixel)
        times.append(time.perf_counter() - started)
    large = Image.fromarray(megapixel).resize((4000, 3000)).convert("RGB")
    with tempfile.TemporaryDirectory() as folder:
        buffer = io.BytesIO()
        large.save(buffer, "JPEG", quality=90)
        for number in range(40):
            Path(folder, f"{number:02}.jpg").write_bytes(buffer.getvalue())
        command = [sys.executable, "-m", "inkdigits", "predict", folder, "--jobs", "2"]
        rates = []
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            rates.append(40 / (time.perf_counter() - started))
    return {
        "megapixel_ms": statistics.median(times) * 1e3,
        "photos_per_s": statistics.median(rates),
    }


def accuracy_table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    lines = ["| pictures | n | right | right with `--expect` | target |", "|---|---|---|---|---|"]
    for name, row in found.items():
        low, high = wilson_interval(row["right"], row["n"])
        share = f"{row['right'] / row['n']:.1%} ({low:.1%} to {high:.1%})"
        told = f"{row['told'] / row['n']:.1%}"
        lines.append(f"| {name} | {row['n']:,} | {share} | {told} | ≥ {row['target']:.0%} |")
    return "\n".join(lines) + "\n"


def speed_table(figures: dict[str, float]) -> str:
    """Markdown."""
    return (
        "| what | here | target |\n|---|---|---|\n"
        f"| one picture of a megapixel, six digits, in process | {figures['megapixel_ms']:.0f} ms "
        "| ≤ 60 ms |\n"
        f"| JPEG photographs of 12 megapixels, `--jobs 2` | {figures['photos_per_s']:.1f} a second "
        "| ≥ 20 a second |\n"
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=500, help="of each kind (default: 500)")
    arguments = parser.parse_args()
    reader, data = Reader.load(), held_out()
    found = accuracies(reader, data, arguments.pictures)
    figures = seconds(reader, data)
    values = {"environment": describe_environment(), "accuracy": found, "seconds": figures}
    write_atomic(HERE / "results" / "drawn_pictures.json", json.dumps(values, indent=1).encode())
    put_table(PAGE, "accuracy", accuracy_table(found))
    put_table(PAGE, "seconds", speed_table(figures))
    print(accuracy_table(found), speed_table(figures), sep="\n")


if __name__ == "__main__":
    main()
