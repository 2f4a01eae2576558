"""The scikit-learn classifier, used as scikit-learn's own examples use classifiers."""

import pickle
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from inkdigits import Reader
from inkdigits.errors import UsageError
from inkdigits.recipes import RECIPES
from inkdigits.sklearn import InkdigitsClassifier
from tests.conftest import take

WRITERS = np.repeat(np.arange(5), 60)


@pytest.fixture(scope="module")
def small() -> tuple[np.ndarray, np.ndarray]:
    """300 digits of 8×8, in 0…16."""
    return load_digits(return_X_y=True)[0][:300], load_digits().target[:300]


@pytest.fixture(scope="module")
def others() -> tuple[np.ndarray, np.ndarray]:
    return load_digits().data[1000:], load_digits().target[1000:]


@pytest.fixture(scope="module")
def fitted(small) -> InkdigitsClassifier:
    return InkdigitsClassifier(random_state=0).fit(*small)


@parametrize_with_checks([InkdigitsClassifier()])  # none is expected to fail
def test_scikit_learn_takes_it_for_one_of_its_own(estimator, check):
    check(estimator)


def test_it_learns_digits_of_another_size(fitted, others):
    assert fitted.score(*others) > 0.8
    assert fitted.n_features_in_ == 64
    assert fitted.classes_.tolist() == list(range(10))


def test_mnist_passes_unchanged_in_any_shape(mnist):
    images, labels = take(mnist, 300).images, take(mnist, 300).labels
    pictures = InkdigitsClassifier(random_state=0).fit(images, labels)
    rows = InkdigitsClassifier(random_state=0).fit(images.reshape(300, 784) / 255, labels)
    np.testing.assert_array_equal(
        pictures.predict_proba(images), rows.predict_proba(images.reshape(300, -1) / 255)
    )
    np.testing.assert_array_equal(
        pictures.predict_proba(images), pictures.reader_.predict_proba(images)
    )


@pytest.mark.parametrize("shape", [(1,), (3,), (10,), (20, 9), (900,), (40, 40)])
def test_any_number_of_features_will_do(shape):
    rng = np.random.default_rng(0)
    y = np.repeat(["low", "high"], 20)
    x = rng.normal(np.where(y == "low", -2, 2).reshape(-1, *[1] * len(shape)), 1, (40, *shape))
    model = InkdigitsClassifier(random_state=0).fit(x, y)
    assert model.score(x, y) > 0.9
    assert set(model.predict(x)) == {"low", "high"}
    assert model.n_features_in_ == (max(shape) ** 2 if len(shape) == 2 else shape[0])


def test_values_outside_the_range_seen_in_fit_are_clipped(fitted, small):
    white = small[0] == 16
    np.testing.assert_array_equal(
        fitted.predict_proba(np.where(white, 99, small[0])), fitted.predict_proba(small[0])
    )


def test_a_seed_repeats_and_another_does_not(small, fitted):
    again, other = (InkdigitsClassifier(random_state=seed).fit(*small) for seed in (0, 1))
    expected = fitted.predict_proba(small[0])
    np.testing.assert_array_equal(again.predict_proba(small[0]), expected)
    assert not np.array_equal(other.predict_proba(small[0]), expected)


def test_partial_fit_goes_on_from_the_current_weights(small, others):
    x, y = small
    model = InkdigitsClassifier(random_state=0)
    scores = []
    for part in np.array_split(np.arange(300), 3):
        model.partial_fit(x[part], y[part], classes=range(10))
        scores.append(model.score(*others))
    assert scores[-1] > max(0.8, scores[0])
    afresh = InkdigitsClassifier(random_state=0).partial_fit(x[part], y[part], classes=range(10))
    assert scores[-1] > afresh.score(*others)


def test_partial_fit_goes_on_after_fit(fitted, small, others):
    model = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    model.partial_fit(*small)
    assert model.score(*others) > fitted.score(*others) - 0.02


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 1], None, "classes must be passed on the first call"),
        ([0, 7], [0, 1], "none of the classes"),
    ],
)
def test_partial_fit_needs_all_classes_at_first(labels, classes, message):
    with pytest.raises(ValueError, match=message):
        InkdigitsClassifier().partial_fit([[0.0], [1.0]], labels, classes=classes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recipe": "fsat"}, "no recipe 'fsat'; did you mean 'fast'"),
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"peak_lr": "much"}, "peak_lr is 'much'; it must be a number"),
        ({"recipe": "robust"}, "draws digits of its own"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(UsageError, match=message):
        InkdigitsClassifier(**settings).fit([[0.0], [1.0], [2.0]], list("aba"))


def test_more_classes_than_a_byte_holds_are_refused():
    with pytest.raises(UsageError, match="y has 300 classes; at most 256"):
        InkdigitsClassifier().fit(np.arange(700)[:, None], np.arange(700) % 300)


def test_an_ensemble_is_not_trained_in_parts():
    with pytest.raises(UsageError, match="ensemble has several"):
        InkdigitsClassifier("ensemble").partial_fit([[0.0], [1.0]], [0, 1], classes=[0, 1])


def test_it_survives_pickling_and_cloning(fitted, small):
    restored = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    np.testing.assert_array_equal(restored.predict_proba(small[0]), fitted.predict_proba(small[0]))
    assert clone(fitted).get_params() == fitted.get_params()
    assert not hasattr(clone(fitted), "artifact_")


def test_predicting_needs_no_pytorch(fitted, small, tmp_path):
    stored = (fitted, small[0], fitted.predict(small[0]))
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(stored))
    code = (
        "import pickle, sys; "
        "model, x, expected = pickle.load(open('model.pickle', 'rb')); "
        "assert (model.predict(x) == expected).all(); "
        "assert not {'torch', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_what_was_fitted_is_an_artifact(fitted, small, tmp_path):
    (tmp_path / "artifact.onnx").write_bytes(fitted.artifact_)
    info = Reader.load(tmp_path / "artifact.onnx").info
    assert info.labels == tuple("0123456789")
    assert (info.dataset, info.validation["images"]) == ("arrays", 30)


def test_it_ends_a_pipeline(small, others):
    model = make_pipeline(MinMaxScaler(), InkdigitsClassifier(random_state=0))
    assert model.fit(*small).score(*others) > 0.8


def test_cross_validation_by_groups(small):
    scores = cross_val_score(
        InkdigitsClassifier(random_state=0), *small, groups=WRITERS, cv=GroupKFold(3)
    )
    assert scores.shape == (3,)
    assert scores.min() > 0.7


def test_groups_are_routed_and_never_on_both_sides_of_what_is_held_out(small):
    seen = []

    class Watched(InkdigitsClassifier):
        def fit(self, X, y, groups=None):  # noqa: N803
            seen.append(set(groups))
            super().fit(X, y, groups=groups)
            seen.append(self.reader_.info.validation["images"])
            return self

    with sklearn.config_context(enable_metadata_routing=True):
        model = Watched(random_state=0).set_fit_request(groups=True)
        cross_val_score(model, *small, params={"groups": WRITERS}, cv=GroupKFold(5))
    assert [len(groups) for groups in seen[::2]] == [4] * 5
    assert seen[1::2] == [60] * 5  # a whole writer, where a tenth of the 240 would be 24


def test_grid_search_over_recipes_and_their_settings(small, others):
    grid = [
        {"recipe": ["tiny", "fast"], "epochs": [1, 2]},
        {"recipe": [replace(RECIPES["tiny"], optimizer="sgd")], "peak_lr": [1e-9]},
    ]
    search = GridSearchCV(InkdigitsClassifier(random_state=0), grid, cv=2, error_score="raise")
    search.fit(*small)
    assert len(search.cv_results_["params"]) == 5
    assert search.cv_results_["rank_test_score"][-1] == 5
    assert search.best_params_["recipe"] in {"tiny", "fast"}
    assert search.score(*others) > 0.8


def test_the_example_in_the_docs_works(tmp_path, monkeypatch):
    usage = (Path(__file__).parent.parent / "docs" / "how-to" / "usage.md").read_text(
        encoding="utf-8"
    )
    (example,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", usage, re.DOTALL)
        if "inkdigits.sklearn" in block
    )
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(example, found)  # noqa: S102
    assert found["search"].best_score_ > 0.9
    assert Reader.load("mine.onnx").info.labels == tuple("0123456789")


def test_it_can_be_calibrated(small, others):
    plain = InkdigitsClassifier(random_state=0)
    model = CalibratedClassifierCV(plain, cv=3).fit(*small)
    assert model.score(*others) > 0.8
    assert log_loss(others[1], model.predict_proba(others[0])) < 1
