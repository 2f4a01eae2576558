"""The lines that the kept cases of a target reach: `python -m tests.fuzz.covered TARGET`.

Prints their share of all lines of the functions of this package that are entered.
"""

import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import inkdigits
from tests.fuzz import CASES
from tests.fuzz.targets import TARGETS

PACKAGE = str(Path(inkdigits.__file__).parent)


def main() -> None:
    """Read every case that fuzzing has kept, and count."""
    entered: set[CodeType] = set()
    reached: set[tuple[CodeType, int]] = set()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE) or code.co_name == "<module>":
            return None
        entered.add(code)
        if event == "line":
            reached.add((code, frame.f_lineno))
        return trace

    name = sys.argv[1]
    for seed in TARGETS[name].seeds():
        TARGETS[name].check(seed)  # imports what is imported late
    threading.settrace(trace)
    sys.settrace(trace)
    for case in sorted((CASES / name).iterdir()):
        TARGETS[name].check(case.read_bytes())
    sys.settrace(None)
    lines = {(code, line) for code in entered for _, _, line in code.co_lines() if line}
    lines -= {(code, code.co_firstlineno) for code in entered}
    print(f"{len(reached & lines) / len(lines):.0%} of {len(lines):,}")


main()
