"""The interface in Python: training and evaluating in one line, and what a notebook shows."""

import ast
import inspect
import json
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits import Reader, Run
from inkdigits.artifact import load_artifact
from inkdigits.data import load_dataset
from inkdigits.errors import DataError, MissingExtra, StorageError, UsageError
from inkdigits.recipes import RECIPES
from tests.conftest import take
from tests.reference import PAGE, interface, reference


@pytest.fixture(scope="module")
def run(small_data, tmp_path_factory) -> Run:
    """Two epochs of `tiny` on 600 digits in files."""
    out = tmp_path_factory.mktemp("api") / "run"
    return inkdigits.train("tiny", "kmnist", epochs=2, seed=3, out=out, data_dir=small_data)


def write_folders(folder: Path, data) -> Path:
    for number, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        path = folder / str(label) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


# Training


def test_a_run_is_that_of_the_command_line(run, small_data):
    settings = json.loads((run.folder / "run.json").read_text())
    assert (settings["seed"], settings["dataset"], settings["recipe"]["epochs"]) == (3, "kmnist", 2)
    assert run.artifact.is_file()
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert run.info.recipe["name"] == "tiny"
    assert run == Run(run.folder, small_data)


def test_a_run_is_evaluated_on_the_test_set_of_its_data(run, small_data):
    report = run.report()
    assert (report.dataset, report.images) == ("kmnist", 200)
    assert run.report() == inkdigits.evaluate(run, data_dir=small_data)
    some = load_dataset("kmnist", "test", small_data).only(np.arange(50))
    assert run.report(some).images == 50
    with pytest.raises(DataError, match="labels 0, 1, 2, 3, 4 are none of the model's"):
        run.report((some.images, some.labels))


def test_arrays_are_trained_on_as_files_are(run, mnist, tmp_path):
    images, labels = mnist.images[:600], mnist.labels[:600]
    forms = [
        (images, labels),
        (images.reshape(600, 784) / 255, labels.tolist()),
        (images[..., None].astype(int), np.eye(10)[labels]),
        take(mnist, 600),
    ]
    settings = {"epochs": 2, "seed": 3, "quiet": True}
    runs = [
        inkdigits.train("tiny", data, out=tmp_path / str(number), **settings)
        for number, data in enumerate(forms)
    ]
    graphs = [Reader.load(each).predict_proba(mnist.images[:50]) for each in runs]
    for graph in graphs[1:]:
        np.testing.assert_array_equal(graph, graphs[0])
    with pytest.raises(UsageError, match="trained on arrays; pass the data"):
        runs[0].report()
    more = (mnist.images[300:900], mnist.labels[300:900])
    assert runs[0].report(more).images == 300  # those that it hasn't learnt
    with pytest.raises(DataError, match="all 600 pictures were trained on"):
        runs[0].report((images, labels))


def test_a_recipe_may_be_a_value_and_data_a_path(mnist, tmp_path):
    folder = write_folders(tmp_path / "own", take(mnist, 100))
    recipe = replace(RECIPES["tiny"], peak_lr=0.01)
    run = inkdigits.train(recipe, folder, out=tmp_path / "run", as_is=True)
    assert run.info.recipe["peak_lr"] == 0.01
    assert run.info.dataset == str(folder)
    report = run.report()  # on its own part for testing, taken as in training
    assert report.images < 40
    assert "as they are" in report.seen.data.about


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"epoch": 2}, UsageError, "no field 'epoch'; did you mean 'epochs'"),
        ({"name": "x"}, UsageError, "no field 'name'"),
        ({"epochs": "2"}, UsageError, "epochs is '2'; it must be a whole number"),
        ({"epochs": 0}, UsageError, "epochs is 0; it must be at least 1"),
        ({"recipe": "tinny"}, UsageError, "no recipe 'tinny'; did you mean 'tiny'"),
        ({"seed": -1}, UsageError, "the seed is -1"),
        ({"data": "nothing/"}, UsageError, "no data set, file or folder 'nothing/'"),
        ({"data": [1, 2]}, UsageError, "data is a list; it must be the name"),
        ({"data": (np.zeros((3, 5)), [1, 2, 3])}, DataError, r"shape \(3, 5\)"),
        ({"data": (np.zeros((3, 9, 9)), [1, 2])}, DataError, "3 images, but 2 labels"),
        ({"data": ([[1, 2], [3]], [1, 2])}, DataError, "arrays can't be read"),
        ({"as_is": True}, UsageError, "groups, by and as_is are for pictures in files"),
        ({"data": (np.full((2, 9, 9), np.nan), [1, 2])}, DataError, "that are no numbers"),
        ({"out": "."}, StorageError, "exists"),
    ],
)
def test_what_cannot_be_trained_is_named_with_its_cure(arguments, kind, message, mnist):
    data = (mnist.images[:50], mnist.labels[:50])
    with pytest.raises(kind, match=message):
        inkdigits.train(**{"recipe": "tiny", "data": data, **arguments})


def test_a_missing_extra_is_named():
    code = (
        "import sys; sys.modules.update(torch=None, matplotlib=None); import inkdigits\n"
        "for call in (inkdigits.train, inkdigits.evaluate):\n"
        "    try: call()\n"
        f"    except inkdigits.InkdigitsError as error: assert type(error).__name__ == "
        f"{MissingExtra.__name__!r}; print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "inkdigits[train]" in done.stdout
    assert "inkdigits[report]" in done.stdout


# Evaluation


def test_all_of_a_folder_is_a_test_set_but_for_a_model_that_was_trained_on_it(mnist_test, tmp_path):
    folder = write_folders(tmp_path / "digits" / "test", take(mnist_test, 60))
    assert inkdigits.evaluate(None, folder).images == 60
    own = inkdigits.train("tiny", folder, out=tmp_path / "run")
    assert inkdigits.evaluate(own, folder) == own.report()
    assert own.report().images < 20
    folder.parent.rename(tmp_path / "moved")
    assert inkdigits.evaluate(own, tmp_path / "moved" / "test").images < 20


def test_a_report_is_of_what_was_asked_for_and_writes_itself(run, small_data, tmp_path):
    some = load_dataset("kmnist", "test", small_data).only(np.arange(100))
    models = (Reader.load(run), run, run.artifact, run.artifact.read_bytes())
    reports = [inkdigits.evaluate(model, some) for model in models]
    assert all(report == reports[0] for report in reports)
    page = reports[0].write(tmp_path / "report")
    assert page == tmp_path / "report" / "report.html"
    assert json.loads(page.with_suffix(".json").read_text())["images"] == 100
    assert "seen" not in reports[0].to_dict()
    with pytest.raises(UsageError, match="has lost its images"):
        replace(reports[0], seen=None).write(tmp_path)


def test_nothing_cannot_be_evaluated(mnist_test):
    with pytest.raises(UsageError, match="no images to evaluate on"):
        inkdigits.evaluate(None, take(mnist_test, 0))


# Readers


def test_a_reader_is_loaded_from_whatever_holds_an_artifact(run, mnist):
    path = run.artifact
    sources = (run, run.folder, path, str(path), path.read_bytes(), load_artifact(path))
    expected = Reader.load(path).predict_proba(mnist.images[:5])
    for source in sources:
        reader = Reader.load(source, providers=["CPUExecutionProvider"])
        np.testing.assert_array_equal(reader.predict_proba(mnist.images[:5]), expected)
    assert Reader.load(None).info.recipe["name"] == "robust"


def test_a_provider_that_is_not_there_is_an_error_with_those_that_are():
    for providers in (["NoExecutionProvider"], [("NoExecutionProvider", {"device_id": 0})]):
        message = "no provider 'NoExecutionProvider' here; there are .*CPUExecutionProvider"
        with pytest.raises(UsageError, match=message):
            Reader.load(providers=providers)


# Notebooks


def pictures_in(html: str) -> int:
    return len(re.findall(r'src="data:image/png;base64,[A-Za-z0-9+/]+=*"', html))


def test_a_notebook_shows_runs_and_reports(run):
    card = run._repr_html_()
    assert "tiny, seed 3, on KMNIST" in card
    assert f"{run.info.validation['accuracy'] * 100:.2f}%" in card
    assert pictures_in(card) == 1
    report = run.report()
    card = report._repr_html_()
    assert f"of {report.images} images wrong" in card
    assert card.count("<tr>") == 11
    assert pictures_in(card) == 1


def test_a_notebook_shows_a_reading_on_its_picture(mnist_test):
    reader = Reader.load()
    image = mnist_test.images[0]
    reading = reader.read(image)
    assert reading._repr_png_().startswith(b"\x89PNG")
    html = reading._repr_html_()
    assert ">7<" in html
    assert "accepted" in html
    assert pictures_in(html) == 1
    np.testing.assert_array_equal(np.asarray(reading.draw()), np.asarray(reading.draw(image)))


def test_only_read_keeps_a_reference_to_the_picture(pictures):
    reader = Reader.load()
    path = pictures / "a.png"
    reading, (other,) = reader.read(path), reader.read_many([path])
    assert (reading.picture, other.picture) == (path, None)
    assert reading == other
    assert repr(reading) == repr(other)
    assert reading.to_dict() == other.to_dict()
    assert pickle.loads(pickle.dumps(reading)).picture == path  # noqa: S301
    assert other._repr_png_() is None
    assert pictures_in(other._repr_html_()) == 0
    with pytest.raises(UsageError, match="has no picture"):
        other.draw()
    path.unlink()
    assert reading._repr_png_() is None
    assert "7" in reading._repr_html_()


def test_what_a_notebook_shows_is_escaped_and_says_what_went_wrong(tmp_path):
    (reading,) = Reader.load().read_many([tmp_path / "<b>.png"])
    html = reading._repr_html_()
    assert "&lt;b&gt;.png does not exist" in html
    assert "<b>" not in html


# The interface


def test_the_interface_is_what_its_list_says():
    tree = ast.parse(Path(inkdigits.__file__).read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    names = {alias.asname or alias.name for line in typed.body for alias in line.names}
    assert names | {"InkdigitsError", "__version__"} == set(inkdigits.__all__)
    assert all(hasattr(inkdigits, name) for name in inkdigits.__all__)


@pytest.mark.parametrize(
    ("name", "value"), list(interface()), ids=lambda each: each if isinstance(each, str) else ""
)
def test_everything_public_is_documented_and_typed(name, value):
    assert len(inspect.getdoc(value) or "") > 20
    if inspect.isfunction(value):
        given = set(inspect.signature(value).parameters) - {"self", "cls"}
        assert given | {"return"} <= set(get_type_hints(value, localns={"Image": Image}))


def test_the_reference_is_that_of_these_docstrings():
    assert PAGE.read_text(encoding="utf-8") == reference()  # else: make golden


@pytest.mark.parametrize(
    "value",
    [
        *(inkdigits.train, inkdigits.evaluate, inkdigits.load_data, inkdigits.open_canvas),
        *(Reader.load, Reader.read, Reader.predict_proba, inkdigits.Report.write),
    ],
)
def test_what_takes_input_says_what_it_raises(value):
    assert re.search(r"[Rr]aises[^.]*`\w+Error`|`\w+Error`", inspect.getdoc(value))
