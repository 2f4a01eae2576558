"""Fuzz one target for some seconds with atheris: `python -m tests.fuzz.one TARGET SECONDS`.

Stops at the first crash, at a case of more than 60 s, or at 2 GB. Cases that reach new lines are
kept in `build/fuzz/TARGET`, and the next run goes on from there.
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"

import atheris

from tests.fuzz import CASES

LIMITS = ["-timeout=60", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1"]


def main() -> None:
    """Fuzz what the command line names."""
    name, seconds = sys.argv[1:]
    cases = CASES / name
    cases.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["inkdigits", "PIL"]):
        from tests.fuzz.targets import TARGETS

        target = TARGETS[name]
        for number, seed in enumerate(target.seeds()):
            (cases / f"seed-{number}").write_bytes(seed)
            target.check(seed)  # imports what is imported late
    crashes = f"-artifact_prefix={CASES / name}-"
    arguments = [sys.argv[0], str(cases), *LIMITS, crashes, f"-max_total_time={seconds}"]
    atheris.Setup(arguments, target.check)
    atheris.Fuzz()


main()
