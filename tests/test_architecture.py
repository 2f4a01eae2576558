"""The layers: a module may import only modules of rooms below its own."""

import ast
import itertools
from pathlib import Path

import pytest

import inkdigits

ROOT = Path(inkdigits.__file__).parent

# From the top down; rooms on one line don't import each other.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"__init__"},
    {"api"},
    {"batch", "evaluation", "importing", "sklearn", "web"},
    {"training"},
    {"export", "reading"},
    {"recipes", "data"},
    {"imaging"},
    {"artifact", "metrics", "environment"},
    {"files", "graph"},
    {"errors"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
MODULES = sorted(ROOT.rglob("*.py"))


DRAWING = Path(__file__).parent.parent / "docs" / "explanation" / "architecture.md"


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, deferred imports included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
    return found


def test_every_room_has_a_place_and_every_place_a_room():
    assert {room_of(path) for path in MODULES} == set(LEVEL)


def test_the_drawing_shows_the_layers():
    block = DRAWING.read_text(encoding="utf-8").split("```")[1]
    drawn = [
        set(itertools.takewhile(LEVEL.__contains__, line.split())) for line in block.splitlines()
    ]
    assert [rooms for rooms in drawn if rooms] == [
        rooms for rooms in LAYERS if rooms not in ({"__main__"}, {"__init__"})
    ]


def test_a_module_at_the_top_serves_several_rooms():
    for module in (path for path in MODULES if path.parent == ROOT and room_of(path)[0] != "_"):
        name = f"inkdigits.{module.stem}"
        users = {room_of(path) for path in MODULES if name in imports(path)}
        assert len(users) > 1, f"{name} belongs in {users}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path):
    room = room_of(path)
    for name in imports(path):
        if not name.startswith("inkdigits"):
            continue
        other = "__init__" if name == "inkdigits" else name.split(".")[1]
        assert other == room or LEVEL[other] > LEVEL[room], f"{room} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_torch_is_for_training_and_its_file_and_onnx_for_files(path):
    tops = {name.split(".")[0] for name in imports(path)}
    assert room_of(path) == "training" or path == ROOT / "export/torch.py" or "torch" not in tops
    assert room_of(path) in {"export", "importing"} or "onnx" not in tops


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 50, f"{path.name}: {node.name}"


def test_only_the_command_line_prints():
    for path in MODULES:
        if room_of(path) != "cli":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert "print" not in names, path
