"""Fuzzing: bytes without end for everything that reads what other programs wrote.

`python -m tests.fuzz 60` looks for a minute a target for bytes that make it crash, hang or take too
much memory. What was found once lies in `found/` and is tried in each test run.
"""

from pathlib import Path

CASES = Path("build") / "fuzz"
