"""The report: numbers against scikit-learn, the page against its promises."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as reference

from inkdigits import Reader
from inkdigits.data import LabelledImages
from inkdigits.evaluation import Extent, evaluate
from inkdigits.metrics import reliability
from inkdigits.report import write_report
from tests.conftest import take


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load()


@pytest.fixture(scope="module")
def some(mnist_test) -> LabelledImages:
    """Test images with some labels turned wrong, so that there are mistakes."""
    data = take(mnist_test, 300)
    labels = data.labels.copy()
    labels[::10] = (labels[::10] + 1) % 10
    return LabelledImages(data.images, labels)


@pytest.fixture(scope="module")
def written(reader, some, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return *write_report(reader, some, folder), folder


def test_the_figures_agree_with_scikit_learn(reader, some, written):
    report = written[0]
    probabilities = reader.predict_proba(some.images)
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    assert report.accuracy == reference.accuracy_score(some.labels, predicted)
    assert report.loss == pytest.approx(
        reference.log_loss(some.labels, exact, labels=range(10)),
        rel=1e-3,
    )
    expected = reference.classification_report(
        some.labels, predicted, output_dict=True, zero_division=0
    )
    for row in report.per_class:
        theirs = expected[row["label"]]
        assert row["f1"] == pytest.approx(theirs["f1-score"])
        assert row["precision"] == pytest.approx(theirs["precision"])
        assert row["recall"] == row["accuracy"] == pytest.approx(theirs["recall"])
        assert row["support"] == theirs["support"]
    assert report.macro["f1"] == pytest.approx(expected["macro avg"]["f1-score"])
    assert report.accuracy_interval[0] < report.accuracy < report.accuracy_interval[1]


def test_mistakes_are_all_there_and_the_most_confident_first(reader, some, written):
    report = written[0]
    predicted = reader.predict(some.images)
    wrong = set(np.flatnonzero(predicted != some.labels).tolist())
    assert {mistake["index"] for mistake in report.mistakes} == wrong
    confidences = [mistake["confidence"] for mistake in report.mistakes]
    assert confidences == sorted(confidences, reverse=True)
    assert len(wrong) == report.images - report.right >= 30


def test_json_holds_the_report(reader, some, written):
    report, _, folder = written
    values = json.loads((folder / "report.json").read_text())
    assert values == json.loads(json.dumps(report.to_dict()))
    assert evaluate(reader, some) == report


def test_the_page_is_self_contained_and_complete(written):
    report, page, _ = written
    html = page.read_text()
    assert "://" not in html
    assert re.findall(r'(?:src|href)="(?!data:image/png;base64,)', html) == []
    assert html.count("data:image/png;base64,") == 5
    for heading in ("Training", "Classes", "Confusion matrix", "Confidence", "What is no digit"):
        assert heading in html
    assert f"{report.accuracy * 100:.2f} %" in html


def test_the_plots_are_files_too(written):
    folder = written[2]
    names = {path.name for path in (folder / "plots").iterdir()}
    assert names == {"history.png", "confusion.png", "samples.png", "mistakes.png", "trust.png"}
    for name in names:
        with Image.open(folder / "plots" / name) as image:
            assert image.width >= 1000


def test_calibration_sets_and_selection_are_of_these_images(reader, some, written):
    report = written[0]
    probabilities = reader.predict_proba(some.images)
    right = probabilities.argmax(axis=1) == some.labels
    assert sum(row["count"] for row in report.calibration["bins"]) == len(some)
    expected = reliability(probabilities.max(axis=1), right).expected_error
    assert report.calibration["expected_error"] == expected
    assert report.selective[-1] == {"kept": 1.0, "error": pytest.approx(1 - right.mean())}
    inside = probabilities >= reader.info.set_threshold
    inside[np.arange(len(some)), probabilities.argmax(axis=1)] = True
    sets = report.prediction_sets
    assert sets["measured"] == inside[np.arange(len(some)), some.labels].mean()
    assert sets["mean_size"] == inside.sum(axis=1).mean()


def test_damage_and_outsiders_are_reported_where_asked_for(reader, some, tmp_path):
    few = LabelledImages(some.images[:40], some.labels[:40])
    extent = Extent(corruptions=True, outside={"other": some.images[:30]})
    report, page = write_report(reader, few, tmp_path, extent=extent)
    assert len(report.corruptions) == 15
    mean = sum(row["paper"] for row in report.corruptions) / 15
    assert report.corruption_mean() == pytest.approx(mean)
    assert report.rejection[0]["name"] == "other"
    assert "Damaged digits" in page.read_text()
    assert (tmp_path / "plots" / "corruptions.png").is_file()


def test_a_perfect_result_has_a_report_too(reader, some, tmp_path):
    perfect = LabelledImages(some.images[:50], reader.predict(some.images[:50]).astype(np.uint8))
    report, page = write_report(reader, perfect, tmp_path)
    assert report.accuracy == 1
    assert "confident mistakes" not in page.read_text()


def test_names_of_classes_are_escaped_and_shown(reader, some, tmp_path):
    _, page = write_report(reader, some, tmp_path, "fashion-mnist")
    assert "T-shirt/top" in page.read_text()
