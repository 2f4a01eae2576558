"""The detector's drawn pages, its training and its export."""

import json
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import onnxruntime
import pytest
import torch

from inkdigits.artifact import shipped
from inkdigits.errors import UsageError
from inkdigits.evaluation.detector import report_on, write_detector_report
from inkdigits.export.detector import export_detector
from inkdigits.reading.detector import SHIPPED_DETECTOR, STRIDE_PX
from inkdigits.reading.detector import Detector as Reading
from inkdigits.recipes import override
from inkdigits.recipes.detector import DetectorRecipe
from inkdigits.training.detector import drawing, loop, runs
from inkdigits.training.detector.acceptance import fit_acceptance
from inkdigits.training.detector.classes import CLASSES, MARKS
from inkdigits.training.detector.glyphs import GlyphBank
from inkdigits.training.detector.loop import fit_detector
from inkdigits.training.detector.network import Detector
from inkdigits.training.detector.pages import draw_page
from inkdigits.training.detector.runs import NO_ACCEPTANCE, DetectorRun, seal_detector
from inkdigits.training.detector.targets import targets_of
from inkdigits.training.detector.validation import ReadPage, read_pages
from tests.command_line import call, error_of

RECIPE = DetectorRecipe(steps=4, batch_size=2)


@pytest.fixture(scope="module")
def bank():
    return GlyphBank(0, size=600)


@pytest.fixture
def batches(bank, monkeypatch):
    """Batches drawn in this process, from a small bank."""
    monkeypatch.setattr(drawing, "_bank_of", lambda *_which: bank)

    def draw(seed, batch_size, first, end, _processes):
        for number in range(first, end):
            yield drawing.draw_batch(seed, batch_size, number)

    monkeypatch.setattr(loop, "draw_batches", draw)


@pytest.fixture(scope="module")
def pages(bank):
    return [draw_page(bank, np.random.default_rng([1, number])) for number in range(60)]


def test_the_same_numbers_draw_the_same_page(bank, pages):
    ink, things = draw_page(bank, np.random.default_rng([1, 5]))
    np.testing.assert_array_equal(ink, pages[5][0])
    assert things == pages[5][1]


def test_digits_have_ink_in_their_boxes_and_sizes_that_one_scale_sees(pages):
    digits = [(ink, t) for ink, things in pages for t in things if 0 <= t.label < 10]
    assert len(digits) > 100
    for ink, t in digits:
        rows = slice(max(0, int(t.y - t.height / 2)), int(t.y + t.height / 2) + 1)
        columns = slice(max(0, int(t.x - t.width / 2)), int(t.x + t.width / 2) + 1)
        assert ink[rows, columns].max() > 20
        assert 12 <= max(t.height, 0.6 * t.width) <= 38


def test_milder_pages_have_less_on_their_paper(bank):
    paper = [
        np.mean(
            [
                np.median(draw_page(bank, np.random.default_rng([3, n]), severity)[0] > 0)
                for n in range(60)
            ]
        )
        for severity in (1.0, 0.1)
    ]
    assert paper[1] < paper[0]


def test_every_class_is_drawn(bank):
    seen = {
        t.label
        for number in range(250)
        for t in draw_page(bank, np.random.default_rng([2, number]))[1]
    }
    assert set(range(len(CLASSES))) <= seen


def test_targets_are_where_the_things_are(pages):
    for _, things in pages[:20]:
        bumps, _, sizes, known = targets_of(things)
        for t in (t for t in things if t.label >= 0):
            row, column = round(t.y / STRIDE_PX - 0.5), round(t.x / STRIDE_PX - 0.5)
            if 0 <= row < known.shape[0] and 0 <= column < known.shape[1]:
                assert bumps[t.label, row, column] == 1
                assert known[row, column]
    assert np.isfinite(sizes).all()


def test_a_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(batches, monkeypatch):
    monkeypatch.setattr(loop, "KEEP_EVERY", 2)
    states = []
    whole = fit_detector(RECIPE, 3, on_state=lambda state, _: states.append(deepcopy(state)))
    resumed = fit_detector(RECIPE, 3, resume=states[0])
    other = fit_detector(RECIPE, 4)
    assert same(whole, resumed)
    assert not same(whole, other)


def same(one: Detector, other: Detector) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_exported_detector_agrees_with_torch():
    torch.manual_seed(0)
    network = Detector()
    network(torch.rand(2, 1, 32, 48))  # moves batch norm off its initial figures
    network.eval()
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    session = onnxruntime.InferenceSession(export_detector(weights, len(CLASSES)))
    ink = torch.rand(1, 1, 48, 80)
    with torch.inference_mode():
        maps = network(ink).numpy()
    scores, sizes = session.run(["classes", "sizes"], {"ink": ink.numpy()})
    expected = 1 / (1 + np.exp(-maps[:, : len(CLASSES)]))
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    np.testing.assert_allclose(sizes, maps[:, len(CLASSES) :], atol=1e-4)


def test_a_detector_file_is_what_the_reader_opens(tmp_path):
    run = DetectorRun(tmp_path, RECIPE, 0, {"python": "3"})
    reading = Reading(seal_detector(Detector().eval(), run, NO_ACCEPTANCE), "new")
    assert reading.classes == CLASSES
    assert reading.find(np.zeros((40, 60), np.float32), 2.0) == []


def test_the_shipped_detector_knows_the_classes_that_are_trained():
    assert Reading.load().classes == CLASSES


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("steps=0", "steps is 0; it must be at least 1"),
        ("peak_lr=0", "peak_lr is 0.0; it must be above 0"),
        ("epochs=3", "no field 'epochs'"),
    ],
)
def test_a_bad_setting_is_refused(assignment, message):
    with pytest.raises(UsageError, match=message):
        override(DetectorRecipe(), [assignment])
    assert override(DetectorRecipe(), ["steps=7"]) == replace(DetectorRecipe(), steps=7)


@pytest.fixture(scope="module")
def read():
    """Pages that the shipped detector reads, and how far it said that it had got."""
    content = shipped(SHIPPED_DETECTOR)
    seen = []
    pages = read_pages(content, range(120), lambda done, total: seen.append((done, total)))
    return list(pages), seen


def test_acceptance_is_fitted_on_held_out_pages(read):
    pages, seen = read
    weights = fit_acceptance(pages)
    assert seen[-1] == (120, 120)
    assert weights[1] > 0  # the surer the detector, the likelier the digit
    assert weights[2] < 0  # the likelier what was left out, the less
    assert np.isfinite(weights).all()


def test_the_report_counts_what_was_drawn_and_found(read):
    pages, _ = read
    weights = fit_acceptance(pages)
    report = report_on(pages, weights)
    drawn = sum(0 <= thing.label < 10 for page in pages for thing in page.drawn)
    assert (report.pages, report.digits.drawn) == (120, drawn)
    assert 0.6 < report.digits.recall <= 1
    assert 0.6 < report.digits.precision <= 1
    for kinds in (report.by_size, report.by_gap):
        for count in ("drawn", "recalled", "found", "right"):
            assert sum(getattr(kind, count) for kind in kinds) == getattr(report.digits, count)
    assert [mark.kind for mark in report.marks] == list(MARKS)
    assert 0 < report.digit_calibration_error < 0.2
    blank = [ReadPage(page.ink, page.drawn, []) for page in pages]
    nothing = report_on(blank, weights)
    assert (nothing.digits.recall, nothing.digits.found) == (0, 0)
    perfect = [ReadPage(page.ink, [], []) for page in pages]
    assert report_on(perfect, weights).digits.drawn == 0


def test_the_command_writes_a_run_folder_and_goes_on_with_it(
    capsys, tmp_path, batches, monkeypatch
):
    monkeypatch.setattr(runs, "FITTED_PAGES", range(12))
    few_pages = partial(write_detector_report, pages=range(1500, 1512))
    monkeypatch.setattr("inkdigits.evaluation.detector.write_detector_report", few_pages)
    few = ("--set", "steps=2", "--set", "batch_size=2")
    run = tmp_path / "run"
    code, out, _ = call(capsys, "train", "detector", *few, "--out", run)
    assert (code, f"detector  {run / 'detector.onnx'}" in out) == (0, True)
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("run.json", "history.csv", "checkpoint.safetensors", "detector.onnx", ".lock"),
        *("report.html", "report.json", "mistakes.png"),
    }
    assert json.loads((run / "run.json").read_text())["recipe"]["steps"] == 2
    before = (run / "detector.onnx").read_bytes()
    assert call(capsys, "train", "--resume", run)[0] == 0
    assert (run / "detector.onnx").read_bytes() == before
    code, err = error_of(capsys, "train", "detector", "--data", "mnist")
    assert (code, "draws its pages from MNIST" in err) == (2, True)


def test_settings_are_checked_as_for_any_recipe(capsys, tmp_path):
    folder = tmp_path / "run"
    code, err = error_of(capsys, "train", "detector", "--seed", "-1", "--out", folder)
    assert (code, "the seed is -1" in err, folder.exists()) == (2, True, False)
    runs.start_detector_run(RECIPE, 3, folder)
    code, err = error_of(capsys, "train", "--resume", folder, "--set", "steps=7")
    assert (code, "--resume continues a run with its own settings" in err) == (2, True)


def test_a_damaged_checkpoint_is_named(capsys, tmp_path):
    folder = tmp_path / "run"
    runs.start_detector_run(RECIPE, 3, folder)
    (folder / "checkpoint.safetensors").write_bytes(b"torn")
    code, err = error_of(capsys, "train", "--quiet", "--resume", folder)
    assert (code, "checkpoint.safetensors is no checkpoint of inkdigits, or is damaged" in err) == (
        2,
        True,
    )
