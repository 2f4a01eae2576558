"""What users get: locks with hashes, builds that repeat, licences, known vulnerabilities."""

import fnmatch
import json
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from inkdigits.files import sha256

ROOT = Path(__file__).parent.parent
LOCKS = sorted((ROOT / "supply" / "locks").glob("*.txt"))


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(text: str) -> dict[str, str]:
    """Versions by name."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {plain(name): version for name, version in lines}


def test_every_extra_has_a_lock_with_hashes_and_without_pytorch():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {path.stem for path in LOCKS} == {"base", *project["optional-dependencies"]}
    for path in LOCKS:
        entries = re.split(r"\n(?=\S)", path.read_text("utf-8").strip())
        assert all("--hash=sha256:" in entry for entry in entries), path
        assert "torch" not in pinned(path.read_text("utf-8")), path


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_the_versions_of_the_constraints(path):
    ours = pinned((ROOT / "constraints.txt").read_text("utf-8"))
    locked = pinned(path.read_text("utf-8"))
    assert locked
    differing = {name for name, version in locked.items() if ours.get(name, version) != version}
    assert not differing, "else: make hashes"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"].get(path.stem, [])
    names = {plain(re.split(r"[\[><=;]", line)[0]) for line in wanted} - {"inkdigits", "torch"}
    assert names <= set(locked), "else: make hashes"


@pytest.fixture(scope="module")
def builds(tmp_path_factory) -> list[Path]:
    """Two builds of wheel and source archive, one after the other."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "again")]
    for folder in folders:
        command = [sys.executable, "-m", "hatchling", "build", "--directory", folder]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folders


def test_two_builds_are_the_same_byte_for_byte(builds):
    first, again = ({path.name: sha256(path.read_bytes()) for path in f.iterdir()} for f in builds)
    assert len(first) == 2
    assert first == again


def test_everything_in_the_wheel_has_a_licence(builds):
    rows = re.findall(r"^\| (`.*?) \|.*\|.*\|$", (ROOT / "LICENCES.md").read_text("utf-8"), re.M)
    patterns = [pattern for row in rows for pattern in re.findall(r"`(.+?)`", row)]
    (wheel,) = builds[0].glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        described = [name for name in archive.namelist() if "/licenses/" in name]
    assert {name.rpartition("/")[2] for name in described} == {"LICENSE", "LICENCES.md"}
    inner = [name.removeprefix("inkdigits/") for name in names]
    unknown = [
        n
        for n in inner
        if not any(fnmatch.fnmatch(f"/{n}", f"*/{p.removeprefix('**/')}") for p in patterns)
    ]
    assert unknown == []


AUDITED = [
    (None, 0, "PIP-AUDIT WAS SKIPPED, VULNERABILITIES ARE NOT CHECKED: cannot connect"),
    ([{"name": "a", "skip_reason": "?"}], 0, "PIP-AUDIT WAS SKIPPED"),
    (
        [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "?"}],
        0,
        "unknown to the database: b",
    ),
    (
        [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}],
        1,
        "a 1: CVE-1; fixed in 2",
    ),
]


@pytest.mark.parametrize(("packages", "code", "said"), AUDITED)
def test_an_audit_fails_for_vulnerabilities_and_says_what_it_skipped(
    monkeypatch, capsys, packages, code, said
):
    main = runpy.run_path(str(ROOT / "supply" / "audit.py"))["main"]
    out = "" if packages is None else json.dumps({"dependencies": packages})
    done = subprocess.CompletedProcess([], 0, out, "log\ncannot connect")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: done)
    assert main() == code
    assert said in capsys.readouterr().out
