"""How reading grows with the number of glyphs and pictures, and what Ray costs.

    make scale

Runs `inkdigits predict --output FOLDER/ --format parquet` on tables of glyphs and on drawn pictures
of 3 to 8 digits, and counts the CPU time of all processes that it starts, which other work on the
machine changes little. Before that the same pictures in one process, in two, and in one actor of
Ray, in turn. Writes `benchmarks/results/scale.json` and the tables in `docs/how-to/scale.md`.
"""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from documents import put_table
from drawn_pictures import held_out
from handwriting import string
from PIL import Image

from inkdigits.environment import describe_environment
from inkdigits.files import write_atomic

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "how-to" / "scale.md"
GLYPHS = (10_000, 100_000, 1_000_000)
PICTURES = (1_000, 10_000)
IN_TABLE = 10_000  # glyphs
DRAWN = 200  # different pictures; more are links to them
FEW, MANY = 64, 320  # pictures with Ray: their difference leaves out what the start costs
ROUNDS = 6
CORE_HOUR = 0.04  # dollars
_SUBREAPER = 36  # of prctl: orphans become our children, and their time is counted


def draw(folder: Path) -> None:
    """A table of glyphs, and pictures, of digits that the shipped network wasn't trained on."""
    data, rng = held_out(), np.random.default_rng(0)
    np.save(folder / "table.npy", data.images[rng.integers(len(data), size=IN_TABLE)])
    for number in range(DRAWN):
        page = string(data, rng)
        Image.fromarray(page.canvas).save(folder / f"{number}.jpg", quality=90)


def listed(folder: Path, kind: str, count: int) -> Path:
    """A list of so many glyphs or pictures, by links to those that were drawn."""
    inside = folder / f"{kind}-{count}"
    inside.mkdir(exist_ok=True)
    files = count // IN_TABLE if kind == "glyphs" else count
    for number in range(files):
        name = "table.npy" if kind == "glyphs" else f"{number % DRAWN}.jpg"
        link = inside / f"{number:06}{Path(name).suffix}"
        if not link.exists():
            link.hardlink_to(folder / name)
    path = folder / f"{kind}-{count}.txt"
    path.write_text("".join(f"{file}\n" for file in sorted(inside.iterdir())))
    return path


def measured(source: Path, *options: str) -> dict[str, float]:
    """Seconds of CPU in all processes, seconds in all, and the memory of the largest process."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "inkdigits", "predict", str(source), *options]
        process = subprocess.Popen(
            [*command, "--output", f"{out}/out/", "--format", "parquet"], stdout=subprocess.DEVNULL
        )
        used = []
        while True:  # it, and what it leaves behind
            try:
                pid, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                break
            used.append(usage)
            if pid == process.pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                took = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return {
        "cpu_s": sum(one.ru_utime + one.ru_stime for one in used),
        "s": took,
        "memory_mb": max(one.ru_maxrss for one in used) / 1024,
    }


def growth(folder: Path, jobs: int) -> list[dict[str, Any]]:
    """A row for each number of glyphs and of pictures."""
    rows = []
    for kind, counts in (("glyphs", GLYPHS), ("pictures", PICTURES)):
        for count in counts:
            found = measured(listed(folder, kind, count), "--jobs", str(jobs))
            rows.append({"kind": kind, "n": count, "jobs": jobs, **found})
            print(rows[-1], flush=True)
    return rows


def beside_ray(folder: Path) -> list[dict[str, float]]:
    """CPU milliseconds for one more picture in one process, in two, and in one actor, in turn."""
    ways = {"processes": ("processes", "1"), "two": ("processes", "2"), "ray": ("ray", "1")}
    rows = []
    for _ in range(ROUNDS):
        row = {}
        for way, (engine, jobs) in ways.items():
            few, many = (
                measured(listed(folder, "pictures", count), "--jobs", jobs, "--engine", engine)
                for count in (FEW, MANY)
            )
            row[way] = 1000 * (many["cpu_s"] - few["cpu_s"]) / (MANY - FEW)
            row[f"{way}_start"] = few["cpu_s"] - FEW * row[way] / 1000
        rows.append(row)
        print(row, flush=True)
    return rows


def growth_table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = ["| what | CPU s | CPU ms each | memory of the largest process |", "|---|---|---|---|"]
    for row in rows:
        each = 1000 * row["cpu_s"] / row["n"]
        what = f"{row['n']:,} {row['kind']}"
        lines.append(f"| {what} | {row['cpu_s']:,.1f} | {each:.3g} | {row['memory_mb']:.0f} MB |")
    return "\n".join(lines) + "\n"


def price_table(rows: list[dict[str, Any]]) -> str:
    """Markdown: the largest of each kind, extrapolated."""
    lines = [
        f"| what | a million: core hours | at {CORE_HOUR:.2f} $ an hour | 10⁹: core years | 10⁹ |",
        "|---|---|---|---|---|",
    ]
    for kind in ("glyphs", "pictures"):
        last = max((row for row in rows if row["kind"] == kind), key=lambda row: int(row["n"]))
        hours = last["cpu_s"] / last["n"] * 1e6 / 3600
        years, price = 1000 * hours / 8766, hours * CORE_HOUR
        lines.append(
            f"| {kind} | {hours:.3g} | {price:.2g} $ | {years:.2g} | {1000 * price:,.0f} $ |"
        )
    return "\n".join(lines) + "\n"


def ray_table(rows: list[dict[str, float]]) -> str:
    """Markdown."""
    lines = [
        "| round | one process: CPU ms a picture | two processes | one actor of Ray "
        "| Ray's ratio |",
        "|---|---|---|---|---|",
    ]
    for number, row in enumerate(rows, start=1):
        each = " | ".join(f"{row[way]:.1f}" for way in ("processes", "two", "ray"))
        lines.append(f"| {number} | {each} | {row['ray'] / row['processes']:.2f} |")
    ratio = statistics.median(row["ray"] / row["processes"] for row in rows)
    lines.append(f"| median | | | | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="for the growth")
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder)
        ray = beside_ray(folder)
        rows = growth(folder, arguments.jobs)
    values = {"environment": describe_environment(), "growth": rows, "ray": ray}
    write_atomic(HERE / "results" / "scale.json", json.dumps(values, indent=1).encode())
    tables = {"growth": growth_table(rows), "price": price_table(rows), "ray": ray_table(ray)}
    for name, table in tables.items():
        put_table(PAGE, name, table)
        print(table)


if __name__ == "__main__":
    main()
