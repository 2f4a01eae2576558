"""Models in other formats give the artifact's results; a file that doesn't is never written."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

import inkdigits
from inkdigits.api.exporting import HUB
from inkdigits.artifact import parse_artifact, shipped
from inkdigits.cli import parser_models
from inkdigits.data import Split
from inkdigits.errors import ArtifactError, StorageError, UsageError
from inkdigits.export.formats import FORMATS, TOLERANCE
from inkdigits.export.source import Source
from inkdigits.recipes import Recipe
from inkdigits.recipes.architectures import (
    ARCHITECTURES,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    ReLU,
)
from inkdigits.training import train_artifact
from tests.command_line import call, error_of, train
from tests.conftest import take

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning",  # Keras on PyTorch with NumPy 2
)
NEEDS = {"tflite": "tensorflow", "tflite-int8": "tensorflow", "c": "cc", "c-int8": "cc"}
EVERY_LAYER = (
    *(Conv(4, kernel=5, padding=2), ReLU(), BatchNorm(), MaxPool()),
    *(Conv(8, stride=2), BatchNorm(), ReLU(), Conv(12), MaxPool(), ReLU()),
    *(Dropout(0.1), Flatten(), Dense(24), ReLU(), Dense(10)),
)
PLAIN = Recipe(name="plain", summary="a test", architecture="tiny", epochs=2)
UNLIKE = replace(PLAIN, variations="/architecture=strided", networks=2)


def needing(name: str) -> str:
    """The format, or a skipped test that says what is missing here."""
    need = NEEDS.get(name, "")
    there = shutil.which(need) if need == "cc" else not need or find_spec(need)
    if not there:
        pytest.skip(f"NOT CHECKED: the format {name} needs {need}, which is not installed here")
    return name


@pytest.fixture(scope="module")
def models(mnist):
    """Artifacts with every kind of layer and of two unlike networks, trained for a moment."""
    some = Split(take(mnist, 2000), take(mnist, 500, start=2000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, "every layer", EVERY_LAYER)
        every = replace(PLAIN, architecture="every layer", pixel_mean=33.3, pixel_scale=78.6)
        recipes = {"every layer": every, "two networks": UNLIKE}
        yield {name: train_artifact(recipe, some) for name, recipe in recipes.items()}


@pytest.mark.parametrize("name", [name for name in FORMATS if name[0] != "c"])
def test_the_shipped_model_in_every_format(name, tmp_path, mnist_test):
    path = inkdigits.export_model(None, needing(name), tmp_path / "model")
    source, images = Source.parse(shipped()), mnist_test.images[:100]
    found, expected = FORMATS[name].opened(path.read_bytes(), source)(images), source.run(images)
    for ours, theirs, far in zip(found, expected, (0.1, 2.0), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=far if FORMATS[name].int8 else TOLERANCE)


@pytest.mark.parametrize("name", [name for name in FORMATS if not name.startswith("onnx")])
@pytest.mark.parametrize("kind", ["every layer", "two networks"])
def test_every_kind_of_layer_in_every_format(models, kind, name, mnist_test):
    source, images = Source.parse(models[kind]), mnist_test.images[:100]
    content = FORMATS[needing(name)].write(source)
    found, _ = FORMATS[name].opened(content, source)(images)
    expected, _ = source.run(images)
    if FORMATS[name].int8:
        assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.9  # they are unsure
        assert np.abs(found - expected).mean() < 0.02
    else:
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_command_says_what_was_compared(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "export", "--format", "torch", "--json")
    said = json.loads(out)
    assert (code, said["path"]) == (0, "robust.pt2")
    (row,) = said["compared"]
    assert (row["images"], row["agreement"]) == (1000, 1.0)
    assert 0 < row["difference"] < TOLERANCE
    assert row["bytes"] == (tmp_path / "robust.pt2").stat().st_size


def test_a_file_with_other_results_is_not_written(capsys, tmp_path, monkeypatch, models):
    other = models["two networks"]
    monkeypatch.setattr("inkdigits.export.source.as_it_is", lambda _source: other)
    out = tmp_path / "model.onnx"
    code, err = error_of(capsys, "export", "--format", "onnx", "--out", out)
    assert code == 5
    assert "as onnx the model gives other results" in err
    assert "nothing was written" in err
    assert list(tmp_path.iterdir()) == []


def test_an_int8_artifact_reads_as_the_original_does(tmp_path):
    path = inkdigits.export_model(None, "onnx-int8", tmp_path / "small.onnx")
    small, known = inkdigits.Reader.load(path), inkdigits.Reader.load()
    assert small.info == known.info
    assert path.stat().st_size < 0.3 * len(shipped())
    assert small.read("docs/photo.jpg").text == known.read("docs/photo.jpg").text


def test_safetensors_load_into_the_module(tmp_path, mnist_test, models):
    for name, recipe in (("two networks", UNLIKE), ("shipped", "robust")):
        content = models.get(name, shipped())
        (tmp_path / "artifact.onnx").write_bytes(content)
        path = inkdigits.export_model(tmp_path, "safetensors", tmp_path / "weights.safetensors")
        model, same = inkdigits.build_model(recipe), inkdigits.build_model(recipe)
        inkdigits.load_weights(model, path)
        inkdigits.load_weights(same, content)
        for key, values in same.state_dict().items():
            np.testing.assert_array_equal(model.state_dict()[key], values, key)


PROGRAM = """
#include <stdio.h>
#include "model.c"
int main(void) {
  uint8_t pixels[784] = {0};
  float probabilities[INKDIGITS_LABELS], familiarity;
  for (int row = 4; row < 24; row++)
    for (int column = 13; column < 16; column++) pixels[row * 28 + column] = 255;
  int best = inkdigits_read(pixels, probabilities, &familiarity);
  printf("%s %.6f %d\\n", inkdigits_labels[best], probabilities[best],
         familiarity >= INKDIGITS_ACCEPT_AT);
  return 0;
}
"""


@pytest.mark.parametrize("name", ["c", "c-int8"])
def test_a_c_program_without_warnings_or_heap(name, tmp_path):
    inkdigits.export_model(None, needing(name), tmp_path / "model.c")
    (tmp_path / "main.c").write_text(PROGRAM)
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    command = ["cc", *strict, "main.c", "-o", "main", "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    label, probability, accepted = done.stdout.split()
    assert (label, accepted) == ("1", "1")
    assert float(probability) > 0.9
    text = (tmp_path / "model.c").read_text()
    assert re.findall(r"#include (.*)", text) == ["<math.h>", "<stdint.h>"]


@pytest.mark.parametrize(("name", "bytes_of"), [("c", {"float": 4}), ("c-int8", {"int8_t": 1})])
def test_a_c_file_states_its_memory(name, bytes_of, models):
    text = FORMATS[name].write(Source.parse(models["every layer"])).decode()
    flash, ram = (int(size.replace(",", "")) for size in re.findall(r"([\d,]+) bytes", text))
    sizes = {"float": 4, "uint8_t": 1, **bytes_of}
    arrays = re.findall(r"static const (\w+) \w+\[\] = \{(.*?)\};", text, re.S)
    assert flash == sum(sizes[kind] * len(values.split(",")) for kind, values in arrays)
    buffers = re.findall(r"static (\w+) \w+\[(\d+)\];", text)
    assert ram == sum(sizes[kind] * int(count) for kind, count in buffers)


def test_a_hubs_card_says_what_metadata_and_report_say(capsys, tmp_path, small_data):
    run = tmp_path / "run"
    train(capsys, small_data, run)
    folder = inkdigits.export_model(run, "hub", tmp_path / "hub")
    assert {path.name for path in folder.iterdir()} == {
        *("README.md", "config.json", "model.onnx", "model.safetensors")
    }
    card = (folder / "README.md").read_text("utf-8")
    report = json.loads((run / "report.json").read_text("utf-8"))
    info = parse_artifact((run / "artifact.onnx").read_bytes()).info
    known = [*report["accuracy_interval"], report["accuracy"], report["accepted"]]
    known = [f"{share:.2%}" for share in (*known, info.validation["accuracy"])]
    known += [f"{loss:.4f}" for loss in (report["loss"], info.validation["loss"])]
    known += [f"{report['images']:,}", f"{info.validation['images']:,}", f"{info.parameters:,}"]
    known += [*info.labels, str(info.seed), info.version, f"{info.accept_at:.4g}", "95", "28", "8"]
    text = card.replace("95%", "95").replace("uint8", "uint 8")
    figures = re.findall(r"-?\d[\d.,]*%?", text.split("```")[0])
    assert {figure.rstrip(".,") for figure in figures} <= set(known)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["accept_at"] == info.accept_at
    with pytest.raises(StorageError, match="it exists; choose another name"):
        inkdigits.export_model(run, "hub", folder)


def test_the_command_offers_every_format():
    assert [*FORMATS, HUB, "web"] == parser_models._FORMATS


def test_wrong_formats_and_models(tmp_path):
    with pytest.raises(UsageError, match="there is no format 'pdf'; choose one of onnx, "):
        inkdigits.export_model(None, "pdf", tmp_path / "model.pdf")
    (tmp_path / "other.onnx").write_bytes(b"other")
    with pytest.raises(ArtifactError, match="is not an inkdigits artifact"):
        inkdigits.export_model(tmp_path / "other.onnx", "c", tmp_path / "model.c")
