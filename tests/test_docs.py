"""The README agrees with the project's commands and results."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

from inkdigits.cli.parser import build_parser
from inkdigits.files import sha256
from inkdigits.recipes import RECIPES
from inkdigits.recipes.results import load_results

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ACCURACY = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
MEASURING = runpy.run_path(str(ROOT / "benchmarks" / "recipe_results.py"))


def test_the_tables_of_recipes_are_the_measured_ones():
    assert MEASURING["recipes_table"]() in ACCURACY
    assert MEASURING["record_table"]() in ACCURACY


def test_seconds_in_the_table_name_the_machine_that_they_are_of():
    rows = re.findall(r"^\| `(.+?)` \|.*? s \| ([A-Z]) \|", ACCURACY, re.MULTILINE)
    machines = dict(re.findall(r"([A-Z]): (2 cores [^;]+?)(?:;|\.\n)", ACCURACY))
    measured = {run["recipe"]: run["hardware"] for run in load_results().runs}
    assert {name: machines[letter] for name, letter in rows} == measured


def test_every_recipe_was_measured_as_it_stands_with_all_its_seeds():
    runs = load_results().runs
    assert all(MEASURING["is_current"](run) for run in runs)
    for name in RECIPES:
        seeds = [run["seed"] for run in runs if run["recipe"] == name]
        assert seeds == list(range(MEASURING["SEEDS"].get(name, 3))), name


# The headline of each seed system, as stated by its authors or our issue.
@pytest.mark.parametrize(
    ("name", "headline"),
    [
        ("keras-baseline", 0.992),
        ("keras-simple", 0.990),
        ("keras-five-epochs", 0.9845),
        ("keras-augmented", 0.9917),
        ("torch-two-conv", 0.993),
        ("standard", 0.995),
    ],
)
def test_every_system_reaches_its_headline(name, headline):
    assert load_results().summary(name)["accuracy_mean"] >= headline


def shown_commands() -> list[str]:
    """Every `inkdigits …` command in the README and the pages for users."""
    pages = (ROOT / "docs" / name for name in ("usage.md", "guide.md", "web.md"))
    texts = [README, *(page.read_text(encoding="utf-8") for page in pages)]
    found = re.findall(r"^\s*(?:\| .*`)?(inkdigits [a-z][^#\n`]*)", "\n".join(texts), re.MULTILINE)
    return [command.strip() for command in found]


def test_there_are_commands_to_check():
    assert len(shown_commands()) >= 20


@pytest.mark.parametrize("command", shown_commands())
def test_every_shown_command_is_understood(command):
    build_parser().parse_args(shlex.split(command)[1:])


def test_every_local_link_leads_somewhere():
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), ROOT / "benchmarks" / "README.md"]
    for path in pages:
        for link, anchor in re.findall(r"\]\(([^)#:]+)(?:#([^)]*))?\)", path.read_text("utf-8")):
            assert (path.parent / link).exists(), link
            if anchor:
                headings = re.findall(r"^#+ (.*)$", (path.parent / link).read_text("utf-8"), re.M)
                assert anchor in [heading.lower().replace(" ", "-") for heading in headings], anchor


def test_the_shipped_artifact_has_the_hash_in_the_guide():
    content = (ROOT / "src" / "inkdigits" / "reading" / "shipped" / "robust.onnx").read_bytes()
    assert sha256(content) in (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
