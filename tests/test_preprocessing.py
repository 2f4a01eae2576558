import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import OneHotEncoder

from inkdigits.data import (
    LabelledImages,
    normalise,
    one_hot,
    reshape_4d,
    stratified_folds,
    stratified_split,
)
from inkdigits.errors import UsageError

labels_arrays = hnp.arrays(np.uint8, st.integers(1, 300), elements=st.integers(0, 9))


def numbered(labels) -> LabelledImages:
    """Images whose first pixels hold their index, to track them through a split."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(len(labels)), 256)
    return LabelledImages(images, labels)


def numbers(data: LabelledImages) -> list[int]:
    return (data.images[:, 0, 0].astype(int) * 256 + data.images[:, 0, 1]).tolist()


def test_normalise_spans_0_to_1():
    images = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_allclose(normalise(images), [[[0, 0.2, 1]]], rtol=1e-6)
    assert normalise(images).dtype == np.float32


def test_reshape_adds_the_channel_where_asked():
    images = np.zeros((5, 28, 28), np.uint8)
    assert reshape_4d(images).shape == (5, 1, 28, 28)
    assert reshape_4d(images, channels_last=True).shape == (5, 28, 28, 1)


@given(labels_arrays)
def test_one_hot_agrees_with_scikit_learn(labels):
    encoder = OneHotEncoder(categories=[range(10)], sparse_output=False)
    np.testing.assert_array_equal(one_hot(labels), encoder.fit_transform(labels[:, None]))


@pytest.mark.parametrize("label", [-1, 10])
def test_one_hot_refuses_other_labels(label):
    with pytest.raises(UsageError, match="not 0…9"):
        one_hot(np.array([0, label]))


@given(labels_arrays, st.floats(0, 0.99), st.integers(0, 5))
def test_a_split_loses_and_doubles_nothing_and_keeps_the_balance(labels, fraction, seed):
    data = numbered(labels)
    split = stratified_split(data, fraction, seed)
    assert sorted(numbers(split.train) + numbers(split.validation)) == list(range(len(data)))
    assert numbers(split.train) == sorted(numbers(split.train))
    for label in range(10):
        held_out = (split.validation.labels == label).sum()
        assert abs(held_out - (labels == label).sum() * fraction) <= 0.5


def test_the_seed_decides_the_split():
    data = numbered(np.repeat(np.arange(10, dtype=np.uint8), 50))
    first, again, other = (stratified_split(data, 0.2, seed) for seed in (1, 1, 2))
    assert numbers(first.validation) == numbers(again.validation)
    assert numbers(first.validation) != numbers(other.validation)


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_a_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(UsageError, match="validation_fraction"):
        stratified_split(numbered(np.zeros(3, np.uint8)), fraction, 0)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(2, 6), st.integers(0, 2**32))
def test_folds_hold_out_each_image_once_and_each_class_evenly(labels, count, seed):
    labels = np.array(labels, int)
    fold = stratified_folds(labels, count, seed)
    assert len(fold) == len(labels)
    for group in (fold, *(fold[labels == label] for label in range(4))):
        sizes = np.bincount(group, minlength=count)
        assert len(sizes) == count
        assert sizes.max() - sizes.min() <= 1
