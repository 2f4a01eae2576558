"""Every `inkdigits` command that the README and the docs show is run, on few digits."""

import re
import shlex
import shutil
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits.artifact import DIGITS, shipped
from inkdigits.cli.parser import build_parser
from inkdigits.data.datasets import DATASETS
from inkdigits.recipes import RECIPES
from inkdigits.recipes.file import encode_recipe
from inkdigits.training import tuning
from tests.command_line import call
from tests.conftest import take, write_dataset
from tests.foreign import only_dense, teach
from tests.test_docs import PROSE, ROOT

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"  # of Keras on PyTorch, MLflow and TensorBoard
)

# Not run here: why, and where instead.
ELSEWHERE = {
    "inkdigits predict scans/ --output out/ --format parquet --engine ray --jobs 64": (
        "a Ray cluster: tests/test_ray.py, make test-ray"
    ),
    "inkdigits export --format tflite-int8": "TensorFlow: tests/test_exports.py, make test-keras",
    "inkdigits export --format web --out page": "fetches Pyodide: tests/test_site.py",
    "inkdigits import model.onnx --out runs/theirs --no-test": "tests/test_importing.py",
    "inkdigits serve": "doesn't end: tests/test_web_api.py",
    "inkdigits serve --model corrected": "doesn't end: tests/test_web_api.py",
    "inkdigits train --from shipped --corrections --out corrected": "tests/test_corrections.py",
    "inkdigits train detector": "hours: tests/test_detector_training.py",
    "inkdigits watch meter/ --regions form.json --output readings.csv": "tests/test_watch.py",
}


def shown_commands() -> list[str]:
    """Every command on a line of its own, after others, or in a table."""
    lines = re.findall(r"^\s*(?:\| .*`|.* && )?(inkdigits [a-z][^#\n`]*)", PROSE, re.MULTILINE)
    return sorted({line.strip() for line in lines})


def test_exceptions_are_few_and_shown():
    assert set(ELSEWHERE) <= set(shown_commands())
    assert len(ELSEWHERE) < len(shown_commands()) / 6


@pytest.fixture(scope="module")
def supplies(tmp_path_factory, mnist, mnist_test):
    """A folder with everything that the commands name; MNIST has 600 + 200 digits."""
    folder = tmp_path_factory.mktemp("supplies")
    digits, others = take(mnist, 600), take(mnist_test, 200)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("mnist", "fashion-mnist"):
            info = replace(DATASETS[name], sha256=None, class_names=DIGITS)
            patch.setitem(DATASETS, name, info)
        patch.setattr(tuning, "EPOCHS", 1)
        patch.setattr(tuning, "FEW", 64)
        patch.setenv("INKDIGITS_DATA", str(folder / "mnist"))
        patch.setenv("INKDIGITS_DATABASE_URL", f"sqlite:///{folder / 'corrections.db'}")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        write_dataset(folder / "mnist", "mnist", digits, others)
        write_dataset(folder / "folder", "fashion-mnist", digits, others)
        write_pictures(folder, digits, others)
        write_models(folder, digits)
        yield folder


def write_pictures(folder, digits, others):
    (folder / "docs").symlink_to(ROOT / "docs")
    (folder / "letters").symlink_to("my-digits")
    (folder / "scans").mkdir()
    for name in ("photo.jpg", "form.png", "table.jpg", "amount.png", "scans/1.png"):
        Image.open(ROOT / "docs" / "photo.jpg").save(folder / name)
    with (
        tarfile.open(folder / "scans.tar", "w") as tar,
        zipfile.ZipFile(folder / "more.zip", "w") as zipped,
    ):
        tar.add(folder / "photo.jpg", "1.jpg")
        zipped.write(folder / "photo.jpg", "2.jpg")
    for name in ("cell.png", "digit.png"):
        Image.fromarray(others.images[0]).resize((140, 140)).save(folder / name)
    few = take(digits, 200)
    for number, (image, label) in enumerate(zip(few.images, few.labels, strict=True)):
        path = folder / "my-digits" / str(label) / f"w{number % 30}_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    pixels = others.images[:5].reshape(5, -1)
    header = ",".join(f"pixel{n}" for n in range(784))
    np.savetxt(folder / "test.csv", pixels, "%d", ",", header=header, comments="")
    (folder / "form.json").write_text(re.findall(r"```json\n(\{.of.*)\n```", PROSE)[0])
    (folder / "corrections.jsonl").touch()


def write_models(folder, digits):
    for name in ("…", "other"):
        inkdigits.train("tiny", "mnist", out=folder / "runs" / name, quiet=True)
    for name in ("runs/search/recipe.toml", "mine.toml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(encode_recipe(replace(RECIPES["tiny"], name="mine")))
    (folder / "my-model").mkdir()
    (folder / "my-model" / "model.onnx").write_bytes(shipped())
    model = only_dense()
    teach(model, digits.images.reshape(-1, 784) / 127.5 - 1, digits.labels, "0123456789")
    model.save(folder / "model.keras")


def put(path: Path, folder: Path) -> None:
    """Copy what a command may write into; link to the rest."""
    if path.name in ("runs", "my-model"):
        shutil.copytree(path, folder / path.name)
    else:
        (folder / path.name).symlink_to(path)


@pytest.mark.parametrize("command", shown_commands())
def test_every_shown_command_runs(command, supplies, tmp_path, monkeypatch, capsys):
    words = shlex.split(command)[1:]
    build_parser().parse_args(words)
    if command in ELSEWHERE:
        pytest.skip(f"only parsed here, not run: {ELSEWHERE[command]}")
    for path in supplies.iterdir():
        put(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    # What has been made already would be in the way, and the whole would take too long.
    if words[0] in ("tune", "export"):
        shutil.rmtree("runs/search")
        shutil.rmtree("my-model")
    if words[0] == "tune":
        words += ["--trials", "2"]
    if words[0] == "train" and not {"--from", "--resume"} & set(words):
        words += ["--set", "epochs=1"]
    code, _, err = call(capsys, *words)
    assert code == 0, err
