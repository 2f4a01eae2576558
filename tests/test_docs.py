"""The README agrees with the project's commands and results."""

import io
import json
import os
import re
import runpy
import shutil
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

import inkdigits
from inkdigits import Reader
from inkdigits.artifact import ArtifactInfo, shipped
from inkdigits.files import sha256
from inkdigits.recipes import RECIPES
from inkdigits.recipes.results import load_results
from tests.reference import COMMANDS, commands

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ACCURACY = (ROOT / "docs" / "explanation" / "accuracy.md").read_text(encoding="utf-8")
USAGE = (ROOT / "docs" / "how-to" / "usage.md").read_text(encoding="utf-8")
MEASURING, KERAS = (
    runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py")) for name in ("record", "keras_recipes")
)


def test_the_tables_of_recipes_are_the_measured_ones():
    assert MEASURING["recipes_table"]() in ACCURACY
    assert MEASURING["record_table"]() in ACCURACY


def test_the_tables_of_the_five_systems_are_the_measured_ones():
    measured = json.loads((ROOT / "benchmarks" / "results" / "keras_recipes.json").read_text())
    for page in (README, ACCURACY):
        assert KERAS["table"](measured["runs"]) in page


def test_seconds_in_the_table_name_the_machine_that_they_are_of():
    rows = re.findall(r"^\| `(.+?)` \|.*? s \| ([A-Z]) \|", ACCURACY, re.MULTILINE)
    machines = dict(re.findall(r"([A-Z]): (\d cores? [^;]+?)(?:;|\.\n)", ACCURACY))
    results = load_results()
    measured = {name: results.runs_of(name)[-1]["hardware"] for name in RECIPES}
    assert {name: machines[letter] for name, letter in rows} == measured


def test_every_recipe_was_measured_as_it_stands_with_all_its_seeds():
    results = load_results()
    assert all(MEASURING["is_current"](run) for run in results.runs)
    for name in RECIPES:
        seeds = [run["seed"] for run in results.runs_of(name)]
        assert seeds == list(range(MEASURING["SEEDS"].get(name, 3))), name


@pytest.mark.parametrize(("name", "headline"), [*KERAS["HEADLINES"].items(), ("standard", 0.995)])
def test_every_system_reaches_its_headline(name, headline):
    assert load_results().summary(name)["accuracy_mean"] >= headline


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
PROSE = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


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
    run_here = {
        *("README.md", "calibration.md", "deploy.md", "onnx.md", "python.md", "scale.md"),
        "share.md",
    }
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
    names = run_lines("docs/how-to/python.md", workplace, monkeypatch)
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


def test_the_lines_on_calibration_refuse_noise(workplace, monkeypatch):
    names = run_lines("docs/explanation/calibration.md", workplace, monkeypatch)
    assert names["digit"].candidates == (3,)
    assert names["familiarity"][0] < names["reader"].info.accept_at


def test_the_lines_on_sharing_load_weights(workplace, monkeypatch):
    (workplace / "my-model").mkdir()
    path, model = workplace / "my-model" / "model.safetensors", inkdigits.build_model("fast")
    inkdigits.save_weights(model, path)
    loaded = run_lines("docs/how-to/share.md", workplace, monkeypatch)["model"]
    for name, values in model.state_dict().items():
        assert loaded.state_dict()[name].equal(values)


ARDUINO = """
#include <cstdint>
#include <cstdio>
static unsigned long micros() { return 0; }
static struct {
  void begin(long) {}
  size_t readBytes(char *into, size_t count) { return fread(into, 1, count, stdin); }
  void print(int number) { printf("%d", number); }
  void print(const char *text) { printf("%s", text); }
  void println(unsigned long number) { printf("%lu\\n", number); }
} Serial;
"""


@pytest.mark.skipif(
    not (shutil.which("gcc") and shutil.which("g++")),
    reason="NOT CHECKED: the programs for microcontrollers need gcc and g++",
)
def test_the_programs_for_microcontrollers_read_a_digit(tmp_path, monkeypatch, mnist_test):
    monkeypatch.chdir(tmp_path)
    inkdigits.export_model(None, "c-int8", "digits.c")
    page = (ROOT / "docs" / "how-to" / "microcontroller.md").read_text("utf-8")
    (program,) = re.findall(r"^```c\n(.*?)^```", page, re.M | re.S)
    (sketch,) = re.findall(r"^```cpp\n(.*?)^```", page, re.M | re.S)
    Path("main.c").write_text(program)
    Path("Arduino.h").write_text(ARDUINO)
    Path("sketch.cpp").write_text(sketch + "int main() { setup(); loop(); }")
    strict = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", "-std=c99", *strict, "-Os", "main.c", "-o", "read", "-lm"], check=True)
    subprocess.run(["gcc", "-std=c99", *strict, "-Os", "-c", "digits.c"], check=True)
    subprocess.run(["g++", *strict, "-I.", "sketch.cpp", "digits.o", "-o", "sketch"], check=True)
    pixels = mnist_test.images[0].tobytes()
    said = [subprocess.check_output([f"./{name}"], input=pixels) for name in ("read", "sketch")]
    assert [line.split()[0] for line in said] == [b"7", b"7"]


def test_the_lines_on_deployment_make_an_app(workplace, monkeypatch, tmp_path):
    monkeypatch.setenv("INKDIGITS_DATABASE_URL", f"sqlite:///{tmp_path / 'corrections.db'}")
    client = run_lines("docs/how-to/deploy.md", workplace, monkeypatch)["app"].test_client()
    assert client.get("/healthz", headers={"Host": "digits.example.org"}).status_code == 200


def test_the_lines_on_scale_read_batches_of_ray_data_and_of_spark(workplace, monkeypatch):
    names = run_lines("docs/how-to/scale.md", workplace, monkeypatch)
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
    page = (ROOT / "docs" / "how-to" / "scale.md").read_text("utf-8")
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
    names = run_lines("docs/reference/onnx.md", workplace, monkeypatch)
    assert (names["text"], bool(names["accepted"])) == ("1", True)
    expected = Reader.load().score_glyphs(names["images"])
    for found, known in zip((names["probabilities"], names["familiarity"]), expected, strict=True):
        np.testing.assert_allclose(found, known, atol=1e-4)


def test_the_page_on_the_artifact_has_its_metadata_and_checksum():
    page = (ROOT / "docs" / "reference" / "onnx.md").read_text("utf-8")
    documented = set(re.findall(r"`(\w+)`", page.split("| key | |")[1].split("##")[0]))
    assert {field.name for field in fields(ArtifactInfo)} | {"sha256"} <= documented
    content = shipped()
    assert content[-64:].decode() == sha256(content[:-86])


def test_the_page_on_json_has_every_key(workplace):
    page = (ROOT / "docs" / "reference" / "json.md").read_text("utf-8")
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
    assert sha256(content) in (ROOT / "docs" / "explanation" / "guide.md").read_text(
        encoding="utf-8"
    )


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
