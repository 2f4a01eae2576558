"""The README agrees with the project's commands and results."""

import io
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from inkdigits import Reader
from inkdigits.artifact import ArtifactInfo, shipped
from inkdigits.cli.parser import build_parser
from inkdigits.files import sha256
from inkdigits.recipes import RECIPES
from inkdigits.recipes.results import load_results
from tests.reference import COMMANDS, commands

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ACCURACY = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
USAGE = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
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


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
PROSE = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def shown_commands() -> list[str]:
    """Every `inkdigits …` command on a line of its own, after others, or in a table."""
    lines = re.findall(r"^\s*(?:\| .*`|.* && )?(inkdigits [a-z][^#\n`]*)", PROSE, re.MULTILINE)
    return sorted({line.strip() for line in lines})


def test_there_are_commands_to_check():
    assert len(shown_commands()) >= 20


@pytest.mark.parametrize("command", shown_commands())
def test_every_shown_command_is_understood(command):
    build_parser().parse_args(shlex.split(command)[1:])


def test_shown_extras_and_targets_of_make_exist():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = ",".join(re.findall(r"(?:inkdigits|'\.)\[([a-z,]+)\]", PROSE)).split(",")
    assert set(extras) <= set(settings["optional-dependencies"])
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    shown = re.findall(r"(?:`|^    )make ([a-z-]+)", PROSE, re.MULTILINE)
    assert len(shown) > 10
    assert set(shown) <= set(targets)


# Lines of Python


def test_all_pages_with_lines_of_python_are_run():
    pages = {page.name for page in PAGES if "```python" in page.read_text("utf-8")}
    run_here = {"README.md", "python.md", "onnx.md", "scale.md", "web.md"}
    assert pages == run_here | {"usage.md"}  # its lines: here, and where what they use is tested


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, mnist, mnist_test) -> Path:
    """A folder with what the pages mention."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "docs").symlink_to(ROOT / "docs")
    (folder / "photo.jpg").symlink_to(ROOT / "docs" / "photo.jpg")
    (folder / "artifact.onnx").write_bytes(shipped())
    for part, data in (("train", mnist), ("test", mnist_test)):
        for number, (image, label) in enumerate(zip(data.images[:200], data.labels, strict=False)):
            path = folder / "digits" / part / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return folder


def run_lines(page: str, folder: Path, monkeypatch) -> dict[str, Any]:
    """The names that a page's Python lines define, run one after the other in a folder."""
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    for lines in re.findall(
        r"^```python\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.M | re.S
    ):
        exec(compile(lines, page, "exec"), names)  # noqa: S102
    return names


def test_the_readmes_python_lines_run(workplace, monkeypatch, capsys):
    names = run_lines("README.md", workplace, monkeypatch)
    assert names["reading"].text == "314159\n27182\n1618"
    assert (workplace / "seen.png").is_file()
    assert "test accuracy" in capsys.readouterr().out
    assert names["reader"].info.history == names["run"].history


def test_the_first_lines_on_usage_run(workplace, monkeypatch):
    (lines,) = re.findall(r"```python\n(import inkdigits\n.*?)```", USAGE, re.DOTALL)
    monkeypatch.chdir(workplace)
    names: dict[str, Any] = {}
    exec(lines, names)  # noqa: S102
    assert len(names["run"].history) == 2


def test_the_lines_on_python_run_and_its_servers_read_pictures(workplace, monkeypatch, mnist_test):
    names = run_lines("docs/python.md", workplace, monkeypatch)
    assert names["report"].images == 200
    page = io.BytesIO()
    Image.fromarray(255 - mnist_test.images[0]).resize((140, 140)).save(page, "PNG")
    flask, fastapi = names["app"].test_client(), TestClient(names["api"])

    def answers(content: bytes) -> list[tuple[int, dict]]:
        sent = {"picture": (io.BytesIO(content), "page.png")}
        first = flask.post("/read", data=sent)
        second = fastapi.post("/read", files={"picture": ("page.png", content)})
        return [(first.status_code, first.json), (second.status_code, second.json())]

    assert [(code, body["text"]) for code, body in answers(page.getvalue())] == [(200, "7")] * 2
    for code, body in answers(b"no picture"):
        assert code == 400
        assert "is not an image" in body["error"]


def test_the_lines_on_the_page_make_an_app(workplace, monkeypatch, tmp_path):
    monkeypatch.setenv("INKDIGITS_DATABASE_URL", f"sqlite:///{tmp_path / 'corrections.db'}")
    client = run_lines("docs/web.md", workplace, monkeypatch)["app"].test_client()
    assert client.get("/healthz", headers={"Host": "digits.example.org"}).status_code == 200


def test_the_lines_on_scale_read_batches_of_ray_data_and_of_spark(workplace, monkeypatch):
    names = run_lines("docs/scale.md", workplace, monkeypatch)
    contents = [(workplace / "photo.jpg").read_bytes(), b"no picture"]
    found = names["ReadPictures"]()({"path": ["a", "b"], "bytes": contents})
    frames = [
        pd.DataFrame({"path": [path], "content": [content]})
        for path, content in zip("ab", contents, strict=True)
    ]
    read = pd.concat(names["read_pictures"](iter(frames)))
    for rows in (found, read):
        assert list(rows["path"]) == ["a", "b"]
        assert list(rows["text"]) == ["314159\n27182\n1618", ""]
        assert list(rows["error"]) == ["", "not_an_image"]


def test_the_script_for_slurm_runs_under_bash(workplace, tmp_path):
    page = (ROOT / "docs" / "scale.md").read_text("utf-8")
    (script,) = re.findall(r"```bash\n(.*?)^```", page, re.M | re.S)
    (tmp_path / "scans.txt").write_text(f"{workplace / 'photo.jpg'}\n")
    commands = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for task in "0", "99", "0":
        task_of = {"SLURM_ARRAY_TASK_ID": task, "SLURM_CPUS_PER_TASK": "1"}
        environment = {**os.environ, **task_of, "PATH": commands}
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert "0 rows, 0 with an error; 1 parts were there" in done.stdout
    assert [path.name for path in (tmp_path / "out").glob("part*")] == ["part-0000000.parquet"]


def test_the_lines_on_the_artifact_run_in_onnx_runtime_and_opencv(workplace, monkeypatch):
    names = run_lines("docs/onnx.md", workplace, monkeypatch)
    assert (names["text"], bool(names["accepted"])) == ("1", True)
    expected = Reader.load().score_glyphs(names["images"])
    for found, known in zip((names["probabilities"], names["familiarity"]), expected, strict=True):
        np.testing.assert_allclose(found, known, atol=1e-4)


def test_the_page_on_the_artifact_has_its_metadata_and_checksum():
    page = (ROOT / "docs" / "onnx.md").read_text("utf-8")
    documented = set(re.findall(r"`(\w+)`", page.split("| key | |")[1].split("##")[0]))
    assert {field.name for field in fields(ArtifactInfo)} | {"sha256"} <= documented
    content = shipped()
    assert content[-64:].decode() == sha256(content[:-86])


def test_the_page_on_json_has_every_key(workplace):
    page = (ROOT / "docs" / "json.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    row = Reader.load().read(workplace / "photo.jpg").to_dict()
    shown = json.loads(example)
    assert set(shown) == {"path", *row}
    for part in ("digits", "numbers"):
        assert set(shown[part][0]) == set(row[part][0])


def test_the_page_of_commands_is_that_of_the_parser():
    assert COMMANDS.read_text("utf-8") == commands()  # else: make golden


def test_every_local_link_leads_somewhere():
    for path in [*PAGES, ROOT / "benchmarks" / "README.md"]:
        for link, anchor in re.findall(r"\]\(([^)#:]+)(?:#([^)]*))?\)", path.read_text("utf-8")):
            assert (path.parent / link).exists(), link
            if anchor:
                headings = re.findall(r"^#+ (.*)$", (path.parent / link).read_text("utf-8"), re.M)
                assert anchor in [heading.lower().replace(" ", "-") for heading in headings], anchor


def test_the_shipped_artifact_has_the_hash_in_the_guide():
    content = (ROOT / "src" / "inkdigits" / "shipped" / "robust.onnx").read_bytes()
    assert sha256(content) in (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")


def test_the_site_builds_without_a_warning_and_needs_no_network(tmp_path):
    site, options = tmp_path / "site", ["--fail-on-warning", "--quiet", "--conf-dir", ROOT / "docs"]
    places = ["--doctree-dir", tmp_path / "doctrees", ROOT, site]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, *places], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    pages = [page.read_text("utf-8") for page in site.rglob("*.html")]
    assert len(pages) > 20
    loaded = re.findall(r"(?:src=|<link[^>]* href=)[\"'](https?:[^\"']*)", "".join(pages))
    assert set(loaded) == {"https://colab.research.google.com/assets/colab-badge.svg"}
