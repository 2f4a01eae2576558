"""Reading speed of the shipped artifact, in process and from the command line.

    make bench-reading

Measures digits a second on 10,000 test images in memory, in turn with PyTorch on the same network;
the time for one digit; and the commands as new processes with a warm page cache, in turn with a
Python that does nothing. Writes medians to `benchmarks/results/reading_speed.json` and `.md`, and
to the table in `docs/explanation/performance.md`. Keep the machine otherwise idle.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from documents import put_table
from PIL import Image

from inkdigits.data import load_dataset
from inkdigits.environment import describe_environment
from inkdigits.files import write_atomic
from inkdigits.reading import Reader
from inkdigits.recipes import Recipe
from inkdigits.training import predict_logits
from inkdigits.training.models import build_model

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "performance.md"
ROUNDS = 9


def alternate(*tasks: Callable[[], object], rounds: int) -> list[list[float]]:
    """Seconds of each task in each round; the tasks take turns, after one warm-up each."""
    seconds: list[list[float]] = [[] for _ in tasks]
    for number in range(-1, rounds):
        for task, kept in zip(tasks, seconds, strict=True):
            started = time.perf_counter()
            task()
            if number >= 0:
                kept.append(time.perf_counter() - started)
    return seconds


def command(*arguments: str) -> Callable[[], object]:
    """A Python process with these arguments, from start to end."""
    return lambda: subprocess.run([sys.executable, *arguments], capture_output=True, check=True)


def measure() -> dict[str, float]:
    """All figures, in seconds or digits a second."""
    images = load_dataset("mnist", "test").images
    reader = Reader.load()
    model = build_model(Recipe(**reader.info.recipe))
    # Alone and first: another engine's threads keep spinning for a while after its turn.
    (alone,) = alternate(lambda: reader.predict_proba(images), rounds=5 * ROUNDS)
    ours, torch = alternate(
        lambda: reader.predict_proba(images), lambda: predict_logits(model, images), rounds=ROUNDS
    )
    (one,) = alternate(lambda: reader.predict_proba(images[:1]), rounds=3000)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "digit.png"
        Image.fromarray(images[0]).resize((140, 140)).save(picture)
        predict, usage, nothing = alternate(
            command("-m", "inkdigits", "predict", str(picture)),
            command("-m", "inkdigits", "--help"),
            command("-c", "pass"),
            rounds=ROUNDS,
        )
    return {
        "digits_per_s": len(images) / statistics.median(alone),
        "times_as_fast_as_torch": statistics.median(
            t / o for o, t in zip(ours, torch, strict=True)
        ),
        "one_digit_us": statistics.median(one) * 1e6,
        "predict_process_s": statistics.median(predict),
        "help_process_s": statistics.median(usage),
        "empty_python_s": statistics.median(nothing),
    }


def table(figures: dict[str, float]) -> str:
    """Markdown."""
    ratio = figures["times_as_fast_as_torch"]
    rows = [
        ("10,000 digits in memory", f"{figures['digits_per_s']:,.0f} digits/s"),
        ("the same beside PyTorch fp32, same network", f"{ratio:.1f} times as fast"),
        ("one digit, in process", f"{figures['one_digit_us']:.0f} µs"),
        ("`inkdigits predict digit.png`, whole process", f"{figures['predict_process_s']:.2f} s"),
        ("`inkdigits --help`, whole process", f"{figures['help_process_s']:.2f} s"),
        ("`python -c pass`, whole process", f"{figures['empty_python_s']:.2f} s"),
    ]
    return "| what | median |\n|---|---|\n" + "".join(f"| {what} | {v} |\n" for what, v in rows)


def main() -> None:
    """Measure and write."""
    figures = measure()
    values = {"environment": describe_environment(), "figures": figures}
    write_atomic(RESULTS / "reading_speed.json", json.dumps(values, indent=1).encode())
    write_atomic(RESULTS / "reading_speed.md", table(figures).encode())
    put_table(PAGE, "reading", table(figures))
    print(table(figures))


if __name__ == "__main__":
    main()
