import numpy as np
import pytest
from trust import black_and_white

from inkdigits import Reader, Reading


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load()


def test_the_shipped_model_is_what_its_recipe_promises(reader, mnist_test):
    accuracy = (reader.predict(mnist_test.images) == mnist_test.labels).mean()
    assert accuracy >= 0.995


def test_confidence_is_honest(reader, mnist_test):
    """The mean confidence equals the accuracy, within the precision of 10,000 images."""
    confidences = reader.predict_proba(mnist_test.images).max(axis=1)
    accuracy = (reader.predict(mnist_test.images) == mnist_test.labels).mean()
    assert confidences.mean() == pytest.approx(accuracy, abs=0.003)


def test_acceptance_keeps_about_99_percent_of_what_is_like_mnist(reader, mnist_test):
    _, familiarity = reader.score_glyphs(mnist_test.images)
    assert 0.985 < reader.accepts(familiarity).mean() < 0.998


def test_prediction_sets_hold_the_truth_as_often_as_stated(reader, mnist_test):
    probabilities = reader.predict_proba(mnist_test.images)
    true = probabilities[np.arange(len(mnist_test)), mnist_test.labels]
    assert (true >= reader.info.set_threshold).mean() == pytest.approx(0.999, abs=0.0015)


def test_a_digit_lists_its_candidates_and_junk_is_not_accepted(reader, mnist_test):
    readings = [reader.read(image) for image in mnist_test.images[:300]]
    digits = [digit for reading in readings for digit in reading.digits]
    assert all(digit.candidates[0] == digit.label for digit in digits)
    for digit in digits:
        likely = {k for k in range(10) if digit.probabilities[k] >= reader.info.set_threshold}
        assert likely | {digit.label} == set(digit.candidates)
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28)).astype(np.uint8)
    assert not reader.accepts(reader.score_glyphs(noise)[1]).any()


def test_probabilities_are_probabilities_whatever_the_batch(reader, mnist_test):
    images = mnist_test.images[:1025]
    together = reader.predict_proba(images)
    assert together.shape == (1025, 10)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    alone = np.concatenate([reader.predict_proba(images[i : i + 1]) for i in (0, 511, 1024)])
    np.testing.assert_allclose(alone, together[[0, 511, 1024]], atol=1e-5)
    assert reader.predict_proba(images[:0]).shape == (0, 10)


def test_a_reading_has_text_digit_and_box(reader, mnist_test):
    canvas = np.pad(np.kron(mnist_test.images[0], np.ones((5, 5), np.uint8)), 30)
    reading = reader.read(255 - canvas)
    assert reading.text == "7"
    (digit,) = reading.digits
    assert (digit.label, digit.accepted) == (7, True)
    assert 0.9 < digit.confidence == reading.confidence <= 1
    box = [digit.box.x, digit.box.y, digit.box.width, digit.box.height]
    assert reading.to_dict()["digits"][0]["box"] == box
    (number,) = reading.numbers
    assert (number.text, number.value, number.accepted) == ("7", 7, True)
    assert (number.box, reading.marks) == (digit.box, ())


def test_a_blank_canvas_reads_as_nothing(reader):
    reading = reader.read(np.full((40, 40), 250, np.uint8))
    assert reading == Reading("", (), notes=("no ink found",))


def test_a_small_scan_that_the_digit_fills_is_read_in_either_polarity(reader, mnist_test):
    scans, labels = black_and_white(mnist_test.images[:100]), mnist_test.labels[:100].astype(str)
    for polarity in (scans, [255 - scan for scan in scans]):
        assert (np.array([reader.read(scan).text for scan in polarity]) == labels).mean() > 0.92
