"""The report: its figures against scikit-learn, its page against the requirements."""

import io
import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as reference

from inkdigits import Reader
from inkdigits.data import LabelledImages
from inkdigits.evaluation import Extent, evaluate
from inkdigits.evaluation.figures import SelectiveError
from inkdigits.evaluation.plots import encode_png, plot_history, plot_trust
from inkdigits.metrics import calibration_noise, reliability
from tests.conftest import take


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load()


@pytest.fixture(scope="module")
def some(mnist_test) -> LabelledImages:
    """Test images with some wrong labels, so there are mistakes."""
    data = take(mnist_test, 300)
    labels = data.labels.copy()
    labels[::10] = (labels[::10] + 1) % 10
    return LabelledImages(data.images, labels)


@pytest.fixture(scope="module")
def written(reader, some, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    report = evaluate(reader, some)
    return report, report.write(folder), folder


def percent(share: float) -> str:
    return f"{share:.2%}"


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
        theirs = expected[row.label]
        assert row.f1 == pytest.approx(theirs["f1-score"])
        assert row.precision == pytest.approx(theirs["precision"])
        assert row.recall == row.accuracy == pytest.approx(theirs["recall"])
        assert row.support == theirs["support"]
    assert report.macro.f1 == pytest.approx(expected["macro avg"]["f1-score"])
    assert report.accuracy_interval[0] < report.accuracy < report.accuracy_interval[1]


def test_mistakes_are_all_there_and_the_most_confident_first(reader, some, written):
    report = written[0]
    predicted = reader.predict(some.images)
    wrong = set(np.flatnonzero(predicted != some.labels).tolist())
    assert {mistake.index for mistake in report.mistakes} == wrong
    confidences = [mistake.confidence for mistake in report.mistakes]
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
    assert html.count("data:image/png;base64,") == 6
    for heading in ("Training", "Classes", "Confusion matrix", "Confidence", "Non-digits"):
        assert heading in html
    assert percent(report.accuracy) in html


def test_the_page_says_what_a_mean_is_and_what_is_of_all_images(written):
    report, page, _ = written
    mean, whole = re.findall(r"<tr>(.*?)</tr>", page.read_text().split("<tfoot>")[1])[:2]
    cells = re.findall(r"<td>(.*?)</td>", mean)
    recall = report.macro.recall
    assert cells[2] == f"{recall:.4f}"
    assert cells[4:] == [percent(recall), ""]
    assert re.findall(r"<td>(.*?)</td>", whole)[4:] == [percent(report.accuracy), "300"]


def test_the_page_shows_sets_and_the_levels_of_the_artifact(reader, written):
    report, page, _ = written
    html = page.read_text()
    for size, count in zip("123", report.prediction_sets.sizes, strict=False):
        assert f"<td>{size}</td><td>{count}</td>" in html
    assert f"<td>{reader.info.accept_at:.4g}</td>" in html
    assert f"<td>{reader.info.set_threshold:.4g}</td>" in html
    assert "bf16, where the processor is fast at it" in html


def test_what_is_wide_scrolls_on_a_narrow_screen(written):
    html = written[1].read_text().split('<div class="facts">')[0]
    for wide in ("<table>", "<img"):
        assert html.count(wide) == html.count(f'<div class="wide">{wide}') > 1


def test_the_plots_are_files_too(written):
    folder = written[2]
    names = {path.name for path in (folder / "plots").iterdir()}
    assert names == {
        *("history.png", "confusion.png", "samples.png", "mistakes.png"),
        *("trust.png", "sets.png"),
    }
    for name in names:
        with Image.open(folder / "plots" / name) as image:
            assert image.width >= 1000


def test_calibration_sets_and_selection_are_of_these_images(reader, some, written):
    report = written[0]
    probabilities = reader.predict_proba(some.images)
    right = probabilities.argmax(axis=1) == some.labels
    assert sum(row.count for row in report.calibration.bins) == len(some)
    expected = reliability(probabilities.max(axis=1), right).expected_error
    assert report.calibration.expected_error == expected
    chance = report.calibration.by_chance
    assert (chance.mean, chance.low, chance.high) == calibration_noise(probabilities.max(axis=1))
    assert report.selective[-1] == SelectiveError(1.0, pytest.approx(1 - right.mean()))
    inside = probabilities >= reader.info.set_threshold
    inside[np.arange(len(some)), probabilities.argmax(axis=1)] = True
    sets = report.prediction_sets
    assert sets.measured == inside[np.arange(len(some)), some.labels].mean()
    assert sets.mean_size == inside.sum(axis=1).mean()
    assert sets.sizes == [(inside.sum(axis=1) == size).sum() for size in range(1, 11)]


def test_damage_and_non_digits_are_reported_where_asked_for(reader, some, tmp_path):
    few = LabelledImages(some.images[:40], some.labels[:40])
    extent = Extent(corruptions=True, outside={"other": some.images[:30]})
    report = evaluate(reader, few, extent=extent)
    page = report.write(tmp_path)
    assert len(report.corruptions) == 15
    mean = sum(row.paper for row in report.corruptions) / 15
    assert report.corruption_mean() == pytest.approx(mean)
    assert report.rejection[0].name == "other"
    html = page.read_text()
    assert "bright ink on dark" in html
    assert html.count('<td class="paper">') == 15
    for row in report.corruptions:
        assert row.severities[row.paper_severity - 1] == row.paper
    summary = report.summary()
    assert summary["corruption_mean"] == report.corruption_mean()
    assert summary["corruptions"] == [asdict(row) for row in report.corruptions]
    assert summary["rejection"] == [asdict(row) for row in report.rejection]
    assert summary["selective"] == [asdict(row) for row in report.selective]
    picture = tmp_path / "plots" / "corruptions.png"
    assert picture.is_file()
    evaluate(reader, few).write(tmp_path)
    assert not picture.exists()


def test_the_summary_has_sets_and_rejection_and_no_mean_of_no_corruptions(written):
    report = written[0]
    summary = report.summary()
    assert summary["prediction_sets"] == asdict(report.prediction_sets)
    assert summary["rejection"] == [asdict(row) for row in report.rejection]
    assert (summary["corruptions"], summary["corruption_mean"]) == ([], None)


@pytest.mark.parametrize("count", [1, 2, 40])
@pytest.mark.parametrize("right", [True, False])
def test_there_is_a_picture_of_any_confidences(count, right):
    confidences = np.linspace(1, 0.2, count, dtype=np.float32)
    figure = plot_trust(confidences, np.full(count, right))
    with Image.open(io.BytesIO(encode_png(figure))) as image:
        assert image.width >= 1000


def test_the_risk_is_drawn_at_every_share_that_can_be_set_aside():
    right = np.arange(500) % 7 > 0
    figure = plot_trust(np.linspace(1, 0.2, 500, dtype=np.float32), right)
    risk = next(axes for axes in figure.axes if "without" in axes.get_title("left"))
    aside, wrong = risk.lines[0].get_data()
    assert len(aside) == 499
    assert wrong[-1] == pytest.approx(100 * (~right[:499]).mean())


def test_training_is_drawn_on_a_scale_that_parts_the_lines_even_without_an_error():
    rows = [
        {"network": 1, "epoch": 1, "train_loss": 0.5, "train_accuracy": 0.7},
        {"network": 1, "epoch": 2, "train_loss": 0.1, "train_accuracy": 1.0},
    ]
    for row in rows:
        row |= {"learning_rate": 0.1, "validation_loss": 0.02, "validation_accuracy": 0.995}
    figure = plot_history(rows)
    assert [axes.get_title("left") for axes in figure.axes][:2] == ["error, %", "loss, nats"]
    assert [axes.get_yscale() for axes in figure.axes[:2]] == ["log", "log"]
    assert encode_png(figure)


def test_a_perfect_result_has_a_report_too(reader, some, tmp_path):
    perfect = LabelledImages(some.images[:50], reader.predict(some.images[:50]).astype(np.uint8))
    report = evaluate(reader, perfect)
    page = report.write(tmp_path)
    assert report.accuracy == 1
    assert "confident mistakes" not in page.read_text()


def test_names_of_classes_are_escaped_and_shown(reader, some, tmp_path):
    named = replace(some, class_names=("T-shirt/<top>", *"123456789"))
    page = evaluate(reader, named).write(tmp_path)
    assert "T-shirt/&lt;top&gt;" in page.read_text()
