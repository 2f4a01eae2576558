"""The notebooks run, and what is stored is what their sources show."""

import ast
import re

import nbformat
import pytest

import inkdigits
from notebooks.renew import HERE, NAMES, execute, notebook

FEW = {"tour": "", "own-data": "COUNT = 300", "pytorch": "DIGITS = 3000", "keras": "DIGITS = 3000"}


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_notebook_is_its_source_with_what_it_showed(name):
    path = HERE / f"{name}.ipynb"
    stored, made = nbformat.read(path, as_version=4), notebook(name)
    assert [cell.source for cell in stored.cells] == [cell.source for cell in made.cells], (
        "run make notebooks"
    )
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert path.stat().st_size < 1_500_000


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_short_and_use_the_public_interface(name):
    for cell in notebook(name).cells[2:]:
        if cell.cell_type != "code":
            continue
        assert len(cell.source.splitlines()) <= 15, cell.source
        python = re.sub(r"^\s*!.*$", "", cell.source, flags=re.M)
        for node in ast.walk(ast.parse(python)):
            if isinstance(node, ast.ImportFrom):
                assert node.module.split(".")[0] != "inkdigits" or node.module in {
                    "inkdigits.sklearn"
                }
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "inkdigits":
                assert node.attr in inkdigits.__all__


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name):
    execute(notebook(name, FEW[name]))
