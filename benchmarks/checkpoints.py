"""What a checkpoint costs: its writing as a share of an epoch on MNIST, in seconds of this machine.

Writes the table in docs/explanation/faults.md.
"""

import os
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from inkdigits.recipes import RECIPES
from inkdigits.training import runs
from inkdigits.training.checkpoint_file import FILE
from inkdigits.training.runs import start_run, train_run

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "faults.md"
EPOCHS = {"tiny": 4, "fast": 4, "standard": 3}  # the shortest epochs, so the largest shares


def cost(name: str, epochs: int, folder: Path) -> str:
    """A row: the size of a recipe's checkpoint, and the time for it and for an epoch."""
    seconds = {"wall": [], "processor": []}
    real = runs._save

    def timed(*given: object) -> None:
        wall, processor = time.perf_counter(), time.process_time()
        real(*given)
        seconds["wall"].append(time.perf_counter() - wall)
        seconds["processor"].append(time.process_time() - processor)

    runs._save = timed
    try:
        run = start_run(replace(RECIPES[name], epochs=epochs), 0, folder=folder)
        wall, processor = time.perf_counter(), time.process_time()
        train_run(run)
        spent = time.perf_counter() - wall, time.process_time() - processor
    finally:
        runs._save = real
    shares = [sum(some) / whole for some, whole in zip(seconds.values(), spent, strict=True)]
    size = (folder / FILE).stat().st_size / 1e6
    each = f"{1000 * median(seconds['wall']):.0f} ms"
    return f"| `{name}` | {epochs} | {size:.1f} MB | {each} | {shares[0]:.1%} | {shares[1]:.1%} |"


def main() -> None:
    """Measure, print, and write the table."""
    header = "| recipe | epochs | checkpoint | each, median | of all time | of processor time |"
    scratch = ROOT / "build"
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        rows = [cost(name, count, Path(folder) / name) for name, count in EPOCHS.items()]
    table = "\n".join([header, "|---" * 6 + "|", *rows])
    cores = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores"
    about = f"On {cores}, with the folder on the disk of the repository."
    text = PAGE.read_text("utf-8")
    begin, end = "<!-- checkpoints: begin -->", "<!-- checkpoints: end -->"
    text = re.sub(f"{begin}.*{end}", f"{begin}\n{table}\n\n{about}\n{end}", text, flags=re.DOTALL)
    PAGE.write_text(text, "utf-8")
    print(table)


main()
