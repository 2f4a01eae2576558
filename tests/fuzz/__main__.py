"""Fuzz some targets, one after the other: `python -m tests.fuzz SECONDS [TARGET …]`.

Prints a row of a table for each, and exits with 1 if anything was found.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz import CASES
from tests.fuzz.targets import TARGETS

HEADER = (
    "| target | cases | edges | lines reached | slowest case, s | peak memory, MB | found |\n"
    + "|---" * 7
    + "|"
)


def row(name: str, seconds: str) -> tuple[str, bool]:
    """Fuzz a target; a row of the table, and whether it is sound."""
    log = Path(f"{CASES / name}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        command = [sys.executable, "-m", "tests.fuzz.one", name, seconds]
        sound = subprocess.run(command, stderr=file, stdout=file).returncode == 0
    text = log.read_text("utf-8", "replace")

    def last(pattern: str) -> str:
        return (re.findall(pattern, text) or ["?"])[-1]

    cases = int(last(r"executed_units: (\d+)").replace("?", "0"))
    covered = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.covered", name], capture_output=True, text=True
    )
    figures = [last(r"cov: (\d+)"), covered.stdout.strip()]
    figures += [last(r"unit_time_sec:\s+(\d+)"), last(r"rss_mb:\s+(\d+)")]
    found = "nothing" if sound else f"see {log}"
    return f"| `{name}` | {cases:,} | {' | '.join(figures)} | {found} |", sound


def main() -> int:
    """Fuzz what the command line names, by default everything."""
    seconds, *names = sys.argv[1:]
    print(HEADER)
    sound = True
    for name in names or TARGETS:
        line, is_sound = row(name, seconds)
        print(line, flush=True)
        sound &= is_sound
    return 0 if sound else 1


sys.exit(main())
