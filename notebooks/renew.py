"""Run the notebooks and store them with what they show: `make notebooks`.

`sources/NAME.py` is the source, in jupytext's percent format. `NAME.ipynb` is made from it, with a
badge for Colab below the title and then a cell that installs.
"""

import os
import sys
import time
from copy import deepcopy
from pathlib import Path
from textwrap import dedent

import jupytext
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

HERE = Path(__file__).parent
NAMES = ("tour", "own-data", "pytorch", "keras")
REPOSITORY = "YOUR_NAME/inkdigits"  # on GitHub, where no name has an underscore: nobody can take it
TIMEOUT_S = 300  # of a cell
METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}


def notebook(name: str, parameters: str = "") -> NotebookNode:
    """A notebook without outputs; `parameters` replace its cell of that name."""
    made = jupytext.read(HERE / "sources" / f"{name}.py")
    title, _, rest = made.cells[0].source.partition("\n")
    made.cells[0].source = f"{title}\n\n{_badge(name)}\n{rest}"
    made.cells.insert(1, new_code_cell(_installation(name)))
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"  # random ones would change each time
        if parameters and "parameters" in cell.metadata.get("tags", []):
            cell.source = parameters
    made.metadata = deepcopy(METADATA)
    return made


def _badge(name: str) -> str:
    address = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/notebooks"
    image = "https://colab.research.google.com/assets/colab-badge.svg"
    return f"[![Open in Colab]({image})]({address}/{name}.ipynb)"


def _installation(name: str) -> str:
    more = " keras" if name == "keras" else ""
    return dedent(
        f"""\
        # Installs what is missing. Colab has PyTorch, which stays as it is.
        from importlib.util import find_spec
        from pathlib import Path

        if not find_spec("inkdigits"):
            !git clone --quiet --depth 1 https://github.com/{REPOSITORY}
            %pip install --quiet "./inkdigits[sklearn]" ipywidgets{more}
        if Path("inkdigits/notebooks").exists():
            %cd -q inkdigits/notebooks"""
    )


def execute(made: NotebookNode) -> None:
    """Run a notebook where it lies, with the commands of this Python; fill in its outputs."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    client = NotebookClient(
        made,
        timeout=TIMEOUT_S,
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(HERE)}},
    )
    client.execute(env={**os.environ, "PATH": path})
    made.metadata = deepcopy(METADATA)  # running it adds the version of Python
    for cell in made.cells:
        for output in cell.get("outputs", []):
            _slim(output.get("data", {}))


def _slim(shown: dict[str, str]) -> None:
    """Of what is shown in several forms, only HTML, with a short text in its place."""
    if "text/html" in shown:
        shown.pop("image/png", None)
        shown["text/plain"] = shown["text/plain"].partition("(")[0]


def main(names: list[str]) -> None:
    """Run some notebooks, or all, and say how long each took."""
    for name in names or NAMES:
        made, start = notebook(name), time.perf_counter()
        execute(made)
        jupytext.write(made, HERE / f"{name}.ipynb")
        size = (HERE / f"{name}.ipynb").stat().st_size
        print(f"{name}: {time.perf_counter() - start:.0f} s, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
