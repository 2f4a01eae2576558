import gzip
import shutil

import numpy as np
import pytest

from inkdigits.data import (
    DATASETS,
    LabelledImages,
    encode_idx,
    fetch_dataset,
    load_dataset,
    save_idx,
    verify_dataset,
)
from inkdigits.errors import CorruptData, DataError, InvalidIdx, UsageError
from tests.conftest import take, write_dataset


def test_mnist_is_the_known_one(mnist, mnist_test):
    assert mnist.images.shape == (60_000, 28, 28)
    assert mnist_test.images.shape == (10_000, 28, 28)
    assert mnist.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.images.dtype == mnist.labels.dtype == np.uint8


@pytest.fixture
def few(mnist) -> tuple[LabelledImages, LabelledImages]:
    return take(mnist, 30), take(mnist, 20, start=30)


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist", "qmnist", "emnist-digits"])
@pytest.mark.parametrize("layout", ["", "{name}", "{torchvision}/raw"])
def test_other_data_sets_load_from_a_local_folder(tmp_path, empty_cache, few, name, layout):
    info = DATASETS[name]
    inside = layout.format(name=name, torchvision=info.torchvision_folder)
    train, test = few
    write_dataset(tmp_path / inside, name, train, test)
    for subset, data in (("train", train), ("test", test)):
        loaded = load_dataset(name, subset, tmp_path)
        expected = data.images.transpose(0, 2, 1) if name == "emnist-digits" else data.images
        np.testing.assert_array_equal(loaded.images, expected)
        np.testing.assert_array_equal(loaded.labels, data.labels)


def test_qmnist_labels_are_the_first_of_eight_columns(tmp_path, few):
    train, test = few
    write_dataset(tmp_path, "qmnist", train, test)
    table = np.full((len(train), 8), 99, np.int32)
    table[:, 0] = train.labels
    save_idx(tmp_path / DATASETS["qmnist"].train.labels, table)
    loaded = load_dataset("qmnist", "train", tmp_path)
    np.testing.assert_array_equal(loaded.labels, train.labels)
    assert loaded.labels.dtype == np.uint8


def test_compressed_files_are_as_good(tmp_path, few):
    train, test = few
    write_dataset(tmp_path, "kmnist", train, test)
    for path in list(tmp_path.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert len(load_dataset("kmnist", "train", tmp_path)) == 30


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 28, 28), np.uint8), np.zeros(2, np.uint8), "3 images but 2 labels"),
        (np.zeros((2, 28, 28), np.uint8), np.array([3, 10], np.uint8), "from 3 to 10"),
        (np.zeros((2, 28, 28), np.uint8), np.array([-1, 3], np.int8), "from -1 to 3"),
        (np.zeros((2, 28, 27), np.uint8), np.zeros(2, np.uint8), "not uint8"),
        (np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8), "no images"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.float32), "not integers"),
    ],
)
def test_images_and_labels_must_fit(tmp_path, few, images, labels, message):
    write_dataset(tmp_path, "kmnist", *few)
    (tmp_path / DATASETS["kmnist"].train.images).write_bytes(encode_idx(images))
    (tmp_path / DATASETS["kmnist"].train.labels).write_bytes(encode_idx(labels))
    with pytest.raises(CorruptData, match=message):
        load_dataset("kmnist", "train", tmp_path)


def test_mnist_in_the_place_of_another_is_noticed(tmp_path, empty_cache, mnist, mnist_test):
    write_dataset(tmp_path, "kmnist", mnist, mnist_test)
    with pytest.raises(CorruptData, match="is mnist's, not kmnist's"):
        load_dataset("kmnist", "train", tmp_path)


def test_mnist_files_with_other_content_are_refused_and_left_alone(tmp_path, empty_cache, few):
    write_dataset(tmp_path, "mnist", *few)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(CorruptData, match=r"sha256 .* expected ba891046e650"):
        load_dataset("mnist", "train", tmp_path)
    assert before == {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}


def test_what_cannot_be_fetched_says_where_to_put_it(empty_cache):
    with pytest.raises(DataError, match=r"qmnist is not here.*qmnist-test-labels-idx2-int"):
        load_dataset("qmnist", "test")


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("mnist", "'inkdigits data fetch mnist --data-dir {}' fetches them"),
        ("qmnist", "qmnist-test-labels-idx2-int (plain or .gz)"),
    ],
)
def test_a_given_folder_without_the_data_set_is_said_and_nothing_else_taken(
    tmp_path, mnist, name, cure
):
    with pytest.raises(DataError, match=f"{tmp_path} has no {name}: ") as caught:
        load_dataset(name, "train", tmp_path)
    assert cure.format(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_fetching_into_a_folder_takes_what_the_cache_has(tmp_path, mnist):
    found = fetch_dataset("mnist", tmp_path)
    assert found == tmp_path / "mnist"
    assert load_dataset("mnist", "train", tmp_path).sha256 == mnist.sha256


def test_verify_looks_into_files_without_known_hashes(tmp_path, few):
    write_dataset(tmp_path, "kmnist", *few)
    (tmp_path / DATASETS["kmnist"].test.labels).write_text("not IDX")
    with pytest.raises(InvalidIdx, match="magic number"):
        verify_dataset("kmnist", tmp_path)


def test_an_unknown_name_is_refused():
    with pytest.raises(UsageError, match="no data set, file or folder 'mnits'; choose one of"):
        load_dataset("mnits")


def test_verify_gives_the_known_hashes(tmp_path, mnist, mnist_test):
    write_dataset(tmp_path, "mnist", mnist, mnist_test)
    assert verify_dataset("mnist", tmp_path) == DATASETS["mnist"].sha256
    shutil.rmtree(tmp_path)
    with pytest.raises(DataError, match="there is no"):
        verify_dataset("mnist", tmp_path)
