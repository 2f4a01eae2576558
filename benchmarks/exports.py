"""The model inside the package in every format: size, agreement, time for one digit.

    make bench-exports

Formats whose library isn't installed are named and left out. Writes the table in
`docs/how-to/exports.md` and that in `microcontroller.md` beside it, of the memory that C takes, for
recipes whose networks were trained for a moment, since it depends on the layers alone.
"""

import json
import os
import re
import statistics
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more than one only slows a single digit

import numpy as np
from documents import put_table

from inkdigits.artifact import shipped
from inkdigits.data import Split, load_dataset
from inkdigits.environment import describe_environment
from inkdigits.errors import MissingExtra
from inkdigits.export.formats import FORMATS, Exported, export
from inkdigits.export.source import Run, Source
from inkdigits.files import write_atomic
from inkdigits.recipes import RECIPES

HERE = Path(__file__).parent
PAGES = HERE.parent / "docs" / "how-to"
RESULT = HERE / "results" / "exports.json"
ROUNDS = 500
IN_C = ("tiny", "fast", "standard", "robust")


def one_digit_us(run: Run, source: Source) -> float:
    """The median time for one digit, in microseconds."""
    images, seconds = source.held_out, []
    for number in range(ROUNDS):
        image = images[number : number + 1]
        started = time.perf_counter()
        run(image)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1e6


def row(name: str, exported: Exported, microseconds: float) -> str:
    """A line of the first table."""
    difference = f"{exported.difference:.0e}" if exported.difference else "0"
    return (
        f"| `{name}` | {len(exported.content) / 1000:,.0f} kB | {exported.agreement:.1%} "
        f"| {difference} | {microseconds:,.0f} µs |"
    )


def memory(source: Source) -> dict[str, tuple[int, int]]:
    """Bytes of constants and of buffers that C states, for float and int8."""
    found = {}
    for name in ("c", "c-int8"):
        text = FORMATS[name].write(source).decode()
        flash, ram = re.findall(r"([\d,]+) bytes", text)[:2]
        found[name] = int(flash.replace(",", "")), int(ram.replace(",", ""))
    return found


def sources() -> dict[str, Source]:
    """Artifacts of the recipes for C."""
    from inkdigits.training import train_artifact

    digits = load_dataset()
    some = Split(digits.only(np.arange(500)), digits.only(np.arange(500, 700)))
    found = {}
    for name in IN_C:
        recipe = replace(RECIPES[name], epochs=1, drawn_share=0.0)
        found[name] = Source.parse(train_artifact(recipe, some))
    return found


def table(head: str, rows: list[str]) -> str:
    """Markdown of five columns."""
    return "\n".join([head, "|---|---|---|---|---|", *rows, ""])


def main() -> None:
    """Measure and write."""
    source = Source.parse(shipped())
    lines, values = [], {}
    for name, form in FORMATS.items():
        try:
            exported = export(source, name)
        except MissingExtra as error:
            print(f"NOT MEASURED: {error}")
            continue
        microseconds = one_digit_us(form.opened(exported.content, source), source)
        lines.append(row(name, exported, microseconds))
        print(lines[-1], flush=True)
        values[name] = {
            "bytes": len(exported.content),
            "agreement": exported.agreement,
            "difference": exported.difference,
            "one_digit_us": microseconds,
        }
    head = "| format | size | labels agree | probabilities differ by | one digit |"
    put_table(PAGES / "exports.md", "formats", table(head, lines))
    in_c = {name: memory(one) for name, one in sources().items()}
    rows = [
        f"| `{name}` | "
        + " | ".join(f"{size / 1000:,.1f} kB" for pair in sizes.values() for size in pair)
        + " |"
        for name, sizes in in_c.items()
    ]
    head = "| recipe | float: flash | RAM | int8: flash | RAM |"
    put_table(
        PAGES / "microcontroller.md",
        "memory",
        table(head, rows),
    )
    result = {"environment": describe_environment(), "formats": values, "c_memory": in_c}
    write_atomic(RESULT, json.dumps(result, indent=1).encode())


if __name__ == "__main__":
    main()
