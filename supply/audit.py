"""Look the locked packages up among known vulnerabilities: `python supply/audit.py`.

Exits with 1 if there are any. What the database doesn't know, or if it can't be reached, is said.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent / "locks" / "test.txt"
LIMIT_S = 120


def main() -> int:
    """Audit the lock of all extras."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK)]
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=LIMIT_S)
        found = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return _skipped(f"no answer in {LIMIT_S} s")
    except ValueError:
        return _skipped((done.stderr.strip().splitlines() or ["no output"])[-1])
    unknown = [package["name"] for package in found if "skip_reason" in package]
    if len(unknown) == len(found):
        return _skipped(f"its database knows none of {len(found)} packages here")
    if unknown:
        print(f"NOT AUDITED, unknown to the database: {', '.join(unknown)}")
    vulnerable = [package for package in found if package.get("vulns")]
    for package in vulnerable:
        for fault in package["vulns"]:
            cure = ", ".join(fault["fix_versions"]) or "none yet"
            print(f"{package['name']} {package['version']}: {fault['id']}; fixed in {cure}")
    print(f"pip-audit: {len(found) - len(unknown)} packages, {len(vulnerable)} vulnerable")
    return 1 if vulnerable else 0


def _skipped(why: str) -> int:
    print(f"PIP-AUDIT WAS SKIPPED, VULNERABILITIES ARE NOT CHECKED: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
