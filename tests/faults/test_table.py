"""docs/explanation/faults.md names tests that exist, and every test of this folder."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NAMED = re.findall(
    r"`([\w/]+\.py)::(\w+)`", (ROOT / "docs" / "explanation" / "faults.md").read_text("utf-8")
)


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return {name for name in names if name.startswith("test_")}


def test_every_test_in_the_table_exists():
    assert len(NAMED) > 30
    for file, name in NAMED:
        path = ROOT / file if "/" in file else HERE / file
        assert name in names_in(path), f"{file}::{name}"


def test_every_test_of_this_folder_is_in_the_table():
    named = {name for _, name in NAMED}
    for path in sorted(HERE.glob("test_*.py")):
        if path != Path(__file__):
            assert names_in(path) <= named, path.name
