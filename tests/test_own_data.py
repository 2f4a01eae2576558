"""People's own pictures in every form: understood, laid out, parted, trained on, used."""

import gzip
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest
import scipy.io
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from pyarrow import parquet
from sklearn.datasets import load_digits

from inkdigits import Reader
from inkdigits.artifact import parse_artifact, seal_artifact, shipped
from inkdigits.data import Handling, encode_idx, load_dataset, stratified_split
from inkdigits.data.learnt import Learnt
from inkdigits.data.preprocessing import hold_out
from inkdigits.errors import DataError, TrainingInterrupted, UsageError
from inkdigits.recipes import Recipe
from inkdigits.training import tuning
from inkdigits.training.augment.drawn import find_fonts
from inkdigits.training.models import build_model
from inkdigits.training.run_folder import open_run
from inkdigits.training.runs import start_run, train_run
from inkdigits.training.tuning import Start, begin_with, tuning_recipe
from tests.command_line import call, error_of

COUNT = 60


@pytest.fixture(scope="module")
def some(mnist_test):
    """Sixty digits, six of each."""
    places = [np.flatnonzero(mnist_test.labels == digit)[:6] for digit in range(10)]
    return mnist_test.only(np.sort(np.concatenate(places)))


def png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def write_folders(root, data, size=None, *, dark=True):
    """A folder of pictures for each class."""
    for place, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        folder = root / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(255 - image if dark else image)
        picture = picture.resize(size, Image.Resampling.BICUBIC) if size else picture
        picture.save(folder / f"w{place % 4}-{place}.png")
    return root


def write_csv(path, rows, header=None):
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join([header, *lines] if header else lines) + "\n")
    return path


def both(path, **options):
    """Training and test pictures of a path, as one."""
    handling = Handling(**options)
    parts = [load_dataset(str(path), subset, handling=handling) for subset in ("train", "test")]
    images = np.concatenate([part.images for part in parts])
    return parts, images, np.concatenate([part.labels for part in parts])


def assert_same(path, some):
    """All digits are there, untouched, with their labels, a fifth of them for testing."""
    parts, images, labels = both(path)
    assert [len(part) for part in parts] == [50, 10]
    ours = sorted((image.tobytes(), label) for image, label in zip(images, labels, strict=True))
    theirs = zip(some.images, some.labels, strict=True)
    assert ours == sorted((image.tobytes(), label) for image, label in theirs)
    assert parts[0].class_names == tuple("0123456789")
    return parts[0].about


# Forms


def flat(data):
    return data.images.reshape(len(data), -1)


def kaggle(folder, data):
    header = ",".join(["label", *(f"pixel{place}" for place in range(784))])
    rows = np.column_stack([data.labels, flat(data)])
    return write_csv(folder / "train.csv", rows, header)


def with_numbers(folder, data):
    header = ",".join(["id", "label", *(f"pixel{place}" for place in range(784))])
    rows = np.column_stack([np.arange(len(data)), data.labels, flat(data)])
    return write_csv(folder / "train.csv", rows, header)


def label_first(folder, data):
    return write_csv(folder / "mnist.csv", np.column_stack([data.labels, flat(data)]))


def label_last(folder, data):
    return write_csv(folder / "mnist.csv", np.column_stack([flat(data), data.labels]))


def shares(folder, data):
    rows = [[*image, label] for image, label in zip(flat(data) / 255, data.labels, strict=True)]
    return write_csv(folder / "shares.csv", rows, ",".join([*map(str, range(784)), "digit"]))


def semicolons(folder, data):
    path = kaggle(folder, data)
    path.write_text(path.read_text().replace(",", ";"))
    return path


def npz(folder, data):
    np.savez(folder / "own.npz", images=data.images, labels=data.labels)
    return folder / "own.npz"


def npz_with_channel(folder, data):
    one_hot = np.eye(10)[data.labels]
    np.savez(folder / "own.npz", x=data.images[:, None] / np.float32(255), y=one_hot)
    return folder / "own.npz"


def npy(folder, data):
    np.save(folder / "x.npy", data.images)
    np.save(folder / "y.npy", data.labels.astype(float))
    return folder / "x.npy"


def npy_folder(folder, data):
    np.save(folder / "images.npy", data.images)
    np.save(folder / "labels.npy", data.labels)
    return folder


def idx(folder, data):
    (folder / "own-images-idx3-ubyte").write_bytes(encode_idx(data.images))
    (folder / "own-labels-idx1-ubyte").write_bytes(encode_idx(data.labels))
    return folder / "own-images-idx3-ubyte"


def idx_gz(folder, data):
    for name, values in (("images-idx3", data.images), ("labels-idx1", data.labels)):
        content = gzip.compress(encode_idx(values))
        (folder / f"own-{name}-ubyte.gz").write_bytes(content)
    return folder


def hub(folder, data):
    table = pa.table(
        {
            "image": [{"bytes": png(image), "path": None} for image in data.images],
            "label": data.labels.tolist(),
        }
    )
    (folder / "data").mkdir()
    parquet.write_table(table, folder / "data" / "part-00000-of-00001.parquet")
    return folder


def mat(folder, data):
    values = {"X": np.moveaxis(data.images, 0, -1), "y": data.labels[:, None]}
    scipy.io.savemat(folder / "own.mat", values)
    return folder / "own.mat"


def class_folders(folder, data):
    return write_folders(folder / "own", data, dark=False)


def dark_folders(folder, data):
    return write_folders(folder / "own", data)


def listed(folder, data):
    rows = []
    for place, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        (folder / f"{place}.png").write_bytes(png(image))
        rows.append((f"{place}.png", label))
    write_csv(folder / "labels.csv", rows, "file,label")
    return folder


FORMS = [
    (kaggle, "CSV, label first"),
    (with_numbers, "CSV, label first"),
    (label_first, "CSV, label first"),
    (label_last, "CSV, label last"),
    (shares, "CSV, label last"),
    (semicolons, "CSV, label first"),
    (npz, "NumPy arrays"),
    (npz_with_channel, "NumPy arrays"),
    (npy, "NumPy arrays"),
    (npy_folder, "NumPy arrays"),
    (idx, "IDX files"),
    (idx_gz, "IDX files"),
    (hub, "Parquet"),
    (mat, "a MATLAB file"),
    (class_folders, "class folders"),
    (dark_folders, "class folders"),
    (listed, "a list of pictures"),
]


@pytest.mark.parametrize(("write", "form"), FORMS, ids=lambda value: getattr(value, "__name__", ""))
def test_every_form_is_recognised_by_its_content(tmp_path, some, write, form):
    about = assert_same(write(tmp_path, some), some)
    assert f"from {form}" in about
    assert "28×28 pixels" in about
    assert "in MNIST's layout" in about


def test_keras_own_parts_are_kept(tmp_path, some):
    np.savez(
        tmp_path / "mnist.npz",
        x_train=some.images[:45],
        y_train=some.labels[:45],
        x_test=some.images[45:],
        y_test=some.labels[45:],
    )
    (train, test), _, _ = both(tmp_path / "mnist.npz")
    np.testing.assert_array_equal(train.images, some.images[:45])
    np.testing.assert_array_equal(test.labels, some.labels[45:])


def test_folders_for_training_and_testing_are_kept(tmp_path, some):
    write_folders(tmp_path / "own" / "train", some.only(np.arange(40)))
    write_folders(tmp_path / "own" / "Test", some.only(np.arange(40, 60)))
    (train, test), _, _ = both(tmp_path / "own")
    assert (len(train), len(test)) == (40, 20)
    assert "kept for testing" not in train.about


def test_pictures_of_other_sizes_are_laid_out_as_in_reading(tmp_path, some):
    parts, images, labels = both(write_folders(tmp_path / "own", some, (90, 120)))
    assert "90×120 pixels, dark ink on light, laid out as in reading" in parts[0].about
    assert (Reader.load().predict(images) == labels).mean() > 0.95


def test_scikit_learns_digits_are_read_from_an_npz(tmp_path):
    digits = load_digits()
    np.savez(tmp_path / "digits.npz", images=digits.images, labels=digits.target)
    parts, images, labels = both(tmp_path / "digits.npz")
    assert "8×8 pixels, light ink on dark" in parts[0].about
    assert (Reader.load().predict(images) == labels).mean() > 0.97


def test_what_lies_on_its_side_is_set_upright(tmp_path, some):
    lying = some.images.transpose(0, 2, 1)
    (tmp_path / "images-idx3-ubyte").write_bytes(encode_idx(np.ascontiguousarray(lying)))
    (tmp_path / "labels-idx1-ubyte").write_bytes(encode_idx(some.labels))
    about = assert_same(tmp_path, some)
    assert "set upright" in about


def test_as_is_leaves_pictures_alone(tmp_path, some):
    path = npz(tmp_path, some)
    shifted = np.roll(some.images, 4, axis=2)
    np.savez(path, images=shifted, labels=some.labels)
    _, images, _ = both(path, as_is=True)
    assert sorted(image.tobytes() for image in images) == sorted(i.tobytes() for i in shifted)
    _, laid_out, _ = both(path)
    assert sorted(image.tobytes() for image in laid_out) != sorted(i.tobytes() for i in shifted)


def test_a_group_is_never_on_both_sides(tmp_path, some):
    path = write_folders(tmp_path / "own", some)
    (train, test), _, _ = both(path, groups=r"(w\d)-")
    assert set(train.groups) | set(test.groups) == {"w0", "w1", "w2", "w3"}
    assert not set(train.groups) & set(test.groups)
    with pytest.raises(UsageError, match="finds nothing in 'w0-"):
        both(path, groups="[0-9]/w")
    with pytest.raises(UsageError, match="is no regular expression"):
        both(path, groups="(")


@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=8), st.floats(0.05, 0.6), st.integers(0, 9)
)
def test_whole_groups_are_held_out_and_no_class_is_lost(sizes, share, seed):
    groups = np.repeat([f"w{n}" for n in range(len(sizes))], sizes)
    labels = np.arange(len(groups)) % 3
    try:
        held_out = hold_out(labels, groups, share, seed)
    except UsageError:
        for name in set(groups):
            assert set(labels[groups != name]) != set(labels)
        return
    assert not set(groups[held_out]) & set(groups[~held_out])
    assert set(labels[~held_out]) == set(labels)
    assert held_out.any()


def test_a_large_group_is_not_the_test_set(tmp_path, some):
    path = tmp_path / "own"
    for place, (image, label) in enumerate(zip(some.images, some.labels, strict=True)):
        writer = "anna" if place % 6 else f"w{place % 4}"
        (path / str(label) / writer).mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image).save(path / str(label) / writer / f"{place}.png")
    (train, test), _, _ = both(path, by="folder")
    assert "anna" in train.groups
    assert (
        f"{len(test) / COUNT:.0%} kept for testing: {len(set(test.groups))} of 3 groups"
        in test.about
    )
    (also, _), _, _ = both(path, groups="^[^/]+")
    assert also.groups == train.groups


def test_the_writer_stands_in_a_column(tmp_path, some):
    path = tmp_path / "own.npz"
    writers = np.array([f"w{place % 5}" for place in range(COUNT)])
    np.savez(path, images=some.images, labels=some.labels, Writer=writers)
    (train, test), _, _ = both(path, by="writer")
    assert set(train.groups) | set(test.groups) == {"w0", "w1", "w2", "w3", "w4"}
    assert len(set(test.groups)) == 1
    header = ",".join(["id", "writer", "label", *map(str, range(784))])
    rows = [
        [n, w, k, *image]
        for n, (w, k, image) in enumerate(zip(writers, some.labels, flat(some), strict=True))
    ]
    (same, _), _, _ = both(write_csv(tmp_path / "own.csv", rows, header), by="writer")
    assert same.groups == train.groups
    with pytest.raises(UsageError, match="--by 'pen' is no column .*; there are: writer"):
        both(path, by="pen")
    with pytest.raises(UsageError, match="only one of"):
        both(path, by="writer", groups="w")


def test_groups_that_cannot_be_parted_are_refused(capsys, tmp_path, some):
    path = write_folders(tmp_path / "own", some)
    with pytest.raises(UsageError, match=r"have 1 groups \(w\); 3 are needed"):
        both(path, groups="w")
    write_folders(tmp_path / "parted" / "train", some)
    write_folders(tmp_path / "parted" / "test", some)
    with pytest.raises(DataError, match="has pictures of 'w0' for training and for testing"):
        both(tmp_path / "parted", groups=r"w\d")
    options = ("--data", path, "--groups", r"w([01])?", "--out", tmp_path / "run")
    code, error = error_of(capsys, "train", "tiny", *options)
    assert (code, "finds nothing in 'w2-" in error, (tmp_path / "run").exists()) == (2, True, False)


def test_what_all_have_in_common_is_told_once(tmp_path, some):
    """A test set of few values, dark or on its side by chance is taken as the training set is."""
    faint = (some.images[45:] // 255).astype(np.uint8)
    np.savez(
        tmp_path / "own.npz",
        x_train=some.images[:45],
        y_train=some.labels[:45],
        x_test=faint,
        y_test=some.labels[45:],
    )
    (_, test), _, _ = both(tmp_path / "own.npz")
    assert test.images.max() == 1


def test_photographs_are_never_turned(tmp_path, some):
    lying = some.only(np.arange(COUNT))
    turned = np.ascontiguousarray(lying.images.transpose(0, 2, 1))
    path = write_folders(tmp_path / "own", replace(lying, images=turned))
    _, images, _ = both(path)
    assert sorted(image.tobytes() for image in images) == sorted(i.tobytes() for i in turned)


def test_letters_on_their_side_are_noticed_by_those_that_look_like_digits(tmp_path, some):
    names = np.array(["O", "I", "Z", "x", "y", "S", "u", "v", "B", "q"])[some.labels]
    lying = np.ascontiguousarray(some.images.transpose(0, 2, 1))
    np.savez(tmp_path / "own.npz", images=lying, labels=names)
    (train, _), _, _ = both(tmp_path / "own.npz")
    assert "set upright" in train.about


def test_ink_may_be_in_the_alpha_channel(tmp_path, some):
    rgba = np.zeros((*some.images.shape, 4), np.uint8)
    rgba[..., 3] = some.images
    np.savez(tmp_path / "own.npz", images=rgba, labels=some.labels)
    _, images, labels = both(tmp_path / "own.npz")
    assert (Reader.load().predict(images) == labels).mean() > 0.95


def test_matlab_counts_from_one_and_has_cells(tmp_path, some):
    places = np.where(some.labels == 0, 10, some.labels)
    scipy.io.savemat(tmp_path / "ten.mat", {"X": flat(some), "y": places[:, None]})
    assert_same(tmp_path / "ten.mat", some)
    words = np.array([["even", "odd"][label % 2] for label in some.labels], object)
    scipy.io.savemat(tmp_path / "words.mat", {"images": flat(some).T, "labels": words})
    (train, _), images, _ = both(tmp_path / "words.mat")
    assert train.class_names == ("even", "odd")
    assert len(images) == COUNT


def test_names_are_read_as_people_write_them(tmp_path, some):
    path = write_folders(tmp_path / "own", some)
    (path / "٣").mkdir()  # another script's three is a class of its own
    for place in range(5):
        Image.new("L", (40, 40), 255).save(path / "٣" / f"blank{place}.png")
    with pytest.raises(DataError, match="has no picture of '٣' to train on .*is blank"):
        both(path)
    listed(tmp_path, some)
    text = (
        (tmp_path / "labels.csv")
        .read_text()
        .replace("file,label", "File ; Label")
        .replace(",", " ; ")
    )
    (tmp_path / "labels.csv").write_text(text)
    assert_same(tmp_path, some)
    (tmp_path / "labels.csv").unlink()
    for file in tmp_path.glob("*.png"):
        file.unlink()
    kaggle(tmp_path, some).rename(tmp_path / "OWN.CSV")
    assert "from CSV" in assert_same(tmp_path, some)


def test_pandas_header_of_numbers_is_a_header(tmp_path, some):
    rows = np.column_stack([some.labels, flat(some)])
    assert_same(write_csv(tmp_path / "a.csv", rows, ",".join(map(str, range(785)))), some)
    rows = np.column_stack([np.arange(COUNT), rows])
    assert_same(write_csv(tmp_path / "b.csv", rows, "," + ",".join(map(str, range(785)))), some)


def test_what_programs_leave_behind_is_no_data(tmp_path, some):
    path = write_folders(tmp_path / "own", some)
    for rest in (path / "__MACOSX", path / "3" / ".ipynb_checkpoints"):
        rest.mkdir()
        Image.new("L", (28, 28), 255).save(rest / "a.png")
    (path / "3" / "gone.png").symlink_to(path / "nowhere.png")
    (path / "3" / "folder.png").mkdir()
    parts, images, _ = both(path)
    assert len(images) == COUNT
    assert "gone.png is no file" in " ".join(part.about for part in parts)


def test_blank_glyphs_are_left_out(tmp_path, some):
    images = np.concatenate([some.images, np.zeros((10, 28, 28), np.uint8)])
    np.savez(tmp_path / "own.npz", images=images, labels=np.append(some.labels, np.arange(10)))
    parts, images, _ = both(tmp_path / "own.npz")
    assert len(images) == COUNT
    assert sum(len(part.left_out) for part in parts) == 10


def test_what_cannot_be_used_is_left_out_and_named(tmp_path, some):
    path = write_folders(tmp_path / "own", some, (60, 60))
    (path / "3" / "notes.txt").write_text("mine")
    (path / "3" / "broken.png").write_bytes(b"\x89PNG and no more")
    Image.new("L", (60, 60), 255).save(path / "3" / "blank.png")
    parts, images, _ = both(path)
    assert len(images) == COUNT
    left_out = " ".join(part.about for part in parts)
    assert "left out" in left_out
    assert "notes.txt is no picture" in left_out


def test_the_label_of_a_table_without_a_header_looks_like_one(tmp_path):
    digits = load_digits()
    pixels = digits.images.reshape(len(digits.images), 64).astype(int)
    whole = np.column_stack([digits.target, pixels])
    for count in (300, len(whole)):
        (train, _), _, _ = both(write_csv(tmp_path / "first.csv", whole[:count]))
        assert "CSV, label first, 10 classes" in train.about
    shares = [[k, *row] for k, row in zip(digits.target, pixels / 16, strict=True)]
    (train, _), _, _ = both(write_csv(tmp_path / "shares.csv", shares))
    assert "CSV, label first, 10 classes" in train.about
    rows = np.column_stack([digits.target, pixels[:, :-1], digits.target])
    with pytest.raises(DataError, match="both of the first and the last .* add a first line of"):
        both(write_csv(tmp_path / "both.csv", rows))
    with pytest.raises(DataError, match="neither of the first and the last"):
        both(write_csv(tmp_path / "none.csv", np.full((50, 65), 0.5)))


def test_folders_of_writers_may_come_first(tmp_path, some):
    for place, (image, label) in enumerate(zip(some.images, some.labels, strict=True)):
        folder = tmp_path / "own" / f"w{place % 4}" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image).save(folder / f"{place}.png")
    (train, test), _, labels = both(tmp_path / "own", by="folder")
    assert sorted(labels) == sorted(some.labels)
    assert {*train.groups, *test.groups} == {"w0", "w1", "w2", "w3"}
    write_folders(tmp_path / "flat", some)
    with pytest.raises(UsageError, match="lies in no folder of its writer"):
        both(tmp_path / "flat", by="folder")


def test_a_file_of_labels_stands_for_its_images(tmp_path, some):
    npy(tmp_path, some)
    assert_same(tmp_path / "y.npy", some)
    (tmp_path / "list").mkdir()
    listed(tmp_path / "list", some)
    assert_same(tmp_path / "list" / "labels.csv", some)


def test_values_may_exceed_white_a_little_and_labels_may_not_be_missing(tmp_path, some):
    np.savez(tmp_path / "own.npz", images=some.images * 1.02, labels=some.labels)
    assert "in MNIST's layout" in both(tmp_path / "own.npz")[0][0].about
    labels = some.labels.astype(float)
    labels[7] = np.nan
    np.savez(tmp_path / "own.npz", images=some.images, labels=labels)
    with pytest.raises(DataError, match=r"own.npz, image 8 has an empty label"):
        both(tmp_path / "own.npz")
    few = some.only(np.flatnonzero(some.labels < 2))
    np.savez(tmp_path / "few.npz", images=few.images, labels=few.labels)
    assert "2 of 10 classes (0 … 9)" in both(tmp_path / "few.npz")[0][0].about


def test_cut_off_pictures_are_named(tmp_path, some):
    path = write_folders(tmp_path / "own", some, (60, 60))
    Image.fromarray(255 - some.images[0]).resize((60, 60)).crop((25, 0, 60, 60)).save(
        path / str(some.labels[0]) / "cut.png"
    )
    parts, _, _ = both(path)
    assert "cut.png" in [name for part in parts for name in part.cut_off]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mnist", "val"), "there is no subset 'val'"),
        (((1, 2),), "tuple is neither a data set's name nor a path"),
        (("data:image/png;base64," + "A" * 50_000,), "there is no data set, file or folder"),
    ],
)
def test_what_names_no_data_is_refused_in_short(arguments, message):
    with pytest.raises(UsageError, match=message) as caught:
        load_dataset(*arguments)
    assert len(str(caught.value)) < 2500


# Faults


def broken_forms(folder, data):
    images, labels = data.images, data.labels
    good = np.column_stack([labels, flat(data)]).astype(object)
    bad, short = good.copy(), [list(row) for row in good]
    bad[6, 17] = "dark"
    short[4] = short[4][:-1]
    yield write_csv(folder / "word.csv", bad), r"word.csv, line 7: 'dark' is no number"
    yield write_csv(folder / "short.csv", short), r"short.csv, line 5: it has 784 columns, .* 785"
    yield write_csv(folder / "wide.csv", good[:, :-3]), r"wide.csv has 782 columns; it needs"
    (folder / "empty.csv").write_text("")
    yield folder / "empty.csv", "empty.csv is empty"
    np.savez(folder / "names.npz", a=images)
    yield folder / "names.npz", r"has the arrays a; it needs x_train and y_train"
    np.savez(folder / "few.npz", x=images, y=labels[:-1])
    yield folder / "few.npz", r"few.npz: 60 images, but 59 labels"
    np.savez(folder / "standard.npz", x=images / 255 - 0.5, y=labels)
    yield folder / "standard.npz", r"image 1 has values below 0.*undo the standardising"
    np.savez(folder / "loud.npz", x=images.astype(float) * 1000, y=labels)
    yield folder / "loud.npz", "a pixel is 255000; they must be"
    np.save(folder / "x.npy", images)
    yield folder / "x.npy", "has images and no labels: put them beside it"
    (folder / "cut.npz").write_bytes((folder / "few.npz").read_bytes()[:2000])
    yield folder / "cut.npz", "cut.npz can't be read"
    (folder / "cut.parquet").write_bytes(b"PAR1" + bytes(50))
    yield folder / "cut.parquet", "cut.parquet can't be read"
    (folder / "cut.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(30))
    yield folder / "cut.mat", "cut.mat can't be read"
    (folder / "lonely-images-idx3-ubyte").write_bytes(encode_idx(images))
    yield folder / "lonely-images-idx3-ubyte", "its labels are not beside it"
    (folder / "film.mp4").write_bytes(b"\x01\x02\0\0 film")
    yield folder / "film.mp4", "is in no form that is known here"
    (folder / "none" / "more").mkdir(parents=True)
    yield folder / "none", "holds no labelled pictures: it needs a folder of pictures"
    rows = [["", *row[1:]] if n == 3 else row for n, row in enumerate(good.tolist())]
    yield write_csv(folder / "unlabelled.csv", rows), "unlabelled.csv, line 4 has an empty label"
    (folder / "sizes").mkdir()
    for side in (8, 9):
        some = {"images": np.ones((9, side, side)), "labels": np.arange(9)}
        np.savez(folder / "sizes" / f"{side}.npz", **some)
    yield folder / "sizes", r"8.npz, image 1 and .*9.npz, image 1 are in one folder, .*other sizes"
    (folder / "twice" / "train").mkdir(parents=True)
    (folder / "twice" / "training").mkdir()
    yield folder / "twice", "twice has both train and training; keep one"
    (folder / "list").mkdir()
    write_csv(folder / "list" / "labels.csv", [("a.png", 3)], "file,label")
    yield folder / "list", r"labels.csv, line 2: there is no file .*a.png"


def test_bad_input_is_one_sentence_with_the_culprit_and_exit_code_3(capsys, tmp_path, some):
    for path, message in broken_forms(tmp_path, some):
        with pytest.raises(DataError, match=message):
            load_dataset(str(path), "train")
        code, error = error_of(capsys, "train", "tiny", "--data", path, "--out", tmp_path / "run")
        assert (code, len(error.splitlines())) == (3, 1), error
        assert not (tmp_path / "run").exists()


def test_one_class_is_not_enough(tmp_path):
    for number in range(3):
        folder = tmp_path / "own" / "tick"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (40, 40), 255).save(folder / f"{number}.png")
    with pytest.raises(DataError, match=r"has 1 classes \(tick\); 2 to 256 are needed"):
        load_dataset(str(tmp_path / "own"), "train")


def test_a_name_that_is_nothing_says_what_there_is(capsys, tmp_path):
    code, error = error_of(capsys, "train", "tiny", "--data", "own", "--out", tmp_path / "run")
    assert code == 2
    assert "there is no data set, file or folder 'own'; choose one of mnist, " in error


@pytest.mark.parametrize("write", [npz, npz_with_channel, npy, hub])
def test_stored_pictures_are_read_too(capsys, tmp_path, some, write):
    path = write(tmp_path, some)
    path = next(path.rglob("*.parquet")) if path.is_dir() else path
    code, out, err = call(capsys, "predict", path, "--format", "kaggle")
    assert code == 0, err
    labels = [int(line.split(",")[1]) for line in out.splitlines()[1:]]
    assert (np.array(labels) == some.labels).mean() > 0.95


def test_stored_pictures_of_another_size_are_pictures(capsys, tmp_path, some):
    large = [np.asarray(Image.fromarray(255 - image).resize((84, 84))) for image in some.images[:5]]
    np.savez(tmp_path / "own.npz", x_test=np.stack(large))
    code, out, _ = call(capsys, "predict", tmp_path / "own.npz", "--format", "csv", "--single")
    assert code == 0
    texts = [line.split(",")[2] for line in out.splitlines()[1:]]
    assert texts == [str(label) for label in some.labels[:5]]
    (tmp_path / "own.npz").write_bytes(b"PK no zip")
    code, out, _ = call(capsys, "predict", tmp_path / "own.npz", "--format", "csv")
    assert (code, "bad_table" in out) == (1, True)


@pytest.mark.parametrize("write", [mat, semicolons, hub, dark_folders])
def test_every_labelled_source_is_read_too(capsys, tmp_path, some, write):
    code, out, err = call(capsys, "predict", "--data", write(tmp_path, some), "--format", "csv")
    assert code == 0, err
    assert len(out.splitlines()) == COUNT + 1
    assert "pass the paths of pictures, or --data" in error_of(capsys, "predict")[1]


# Training and use


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """A to Z in print, 12 of each, as EMNIST has them: IDX files, on their side."""
    rng, fonts = np.random.default_rng(0), find_fonts()
    images, labels = [], []
    for number in range(12 * 26):
        page = Image.new("L", (64, 64))
        font = fonts[rng.integers(len(fonts))].font_variant(size=int(rng.integers(26, 40)))
        ImageDraw.Draw(page).text((14, 6), chr(65 + number % 26), fill=255, font=font)
        box = page.getbbox()
        part = page.crop(box)
        part.thumbnail((20, 20))
        glyph = Image.new("L", (28, 28))
        glyph.paste(part, ((28 - part.width) // 2, (28 - part.height) // 2))
        images.append(np.asarray(glyph).T)
        labels.append(number % 26 + 1)
    folder = tmp_path_factory.mktemp("letters")
    for part, chosen in (("train", slice(0, 208)), ("test", slice(208, None))):
        for kind, values in (("images-idx3", np.stack(images)), ("labels-idx1", np.array(labels))):
            name = f"emnist-letters-{part}-{kind}-ubyte"
            (folder / name).write_bytes(
                encode_idx(np.ascontiguousarray(values.astype(np.uint8)[chosen]))
            )
    return folder


def test_letters_are_trained_evaluated_and_read(capsys, letters, tmp_path):
    where, run = ("--data", "emnist-letters", "--data-dir", letters), tmp_path / "run"
    more = ("--set", "batch_size=16", "--set", "epochs=15")
    code, out, err = call(capsys, "train", "fast", *more, *where, "--out", run, "--json")
    assert code == 0, err
    assert json.loads(out)["test"]["accuracy"] > 0.8
    reader = Reader.load(tmp_path / "run")
    assert reader.info.labels == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    test = load_dataset("emnist-letters", "test", letters)
    names = [reading.text for reading in reader.read_glyphs(test.images)]
    right = [
        name == test.class_names[label] for name, label in zip(names, test.labels, strict=True)
    ]
    assert np.mean(right) > 0.8
    place = right.index(True)
    picture = Image.fromarray(255 - test.images[place]).resize((140, 140))
    reading = reader.read(picture)
    assert reading.text == test.class_names[test.labels[place]]
    assert reading.to_dict()["digits"][0]["name"] == reading.text
    with pytest.raises(UsageError, match="it reads pictures of one symbol"):
        reader.read(picture, expect=2)
    report = (tmp_path / "run" / "report.html").read_text()
    assert ">Z<" in report


def test_a_recipe_that_draws_digits_refuses_letters(capsys, letters, tmp_path):
    where = ("--data", "emnist-letters", "--data-dir", letters)
    code, error = error_of(capsys, "train", "robust", *where, "--out", tmp_path / "run")
    assert (code, "choose another recipe" in error) == (2, True)


def test_own_pictures_are_trained_on_and_used_again(capsys, tmp_path, some, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folders(tmp_path / "own", some, (50, 50))
    run = ("--data", "own", "--groups", r"(w\d)-", "--out", "run")
    code, out, err = call(capsys, "train", "tiny", "--set", "epochs=2", *run)
    assert code == 0, err
    assert "from class folders, 10 classes" in out + err
    code, again, _ = call(capsys, "evaluate", "run", "--json")
    assert code == 0
    assert json.loads(again)["test"]["images"] == 15  # the group that was kept for testing
    assert (
        "left out, all of other groups than the 1 here"
        in (tmp_path / "run" / "report.html").read_text()
    )
    next((tmp_path / "own").rglob("*.png")).unlink()
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    code, _, err = call(capsys, "train", "--resume", "run")
    assert (code, "own files; put them back, or start a new run" in err) == (2, True)


def test_an_artifacts_weights_are_taken_over_exactly(some):
    start = Start(shipped())
    recipe = tuning_recipe(start, tuple("0123456789"))
    model = build_model(recipe)
    begin_with(model, start, tuple("0123456789"))
    model.eval()
    with torch.inference_mode():
        logits = model(torch.from_numpy(some.images)[:, None].float())[:, :10]
    ours = torch.softmax(logits / start.info.temperature, 1).numpy()
    np.testing.assert_allclose(ours, Reader.load().predict_proba(some.images), atol=2e-5)


def test_rows_of_the_last_layer_go_with_their_labels():
    start = Start(shipped())
    model = build_model(tuning_recipe(start, ("7", "seven", "3")), classes=3)
    fresh = model.network[-1].weight.detach().clone()
    begin_with(model, start, ("7", "seven", "3"))
    stored = build_model(Recipe(**start.info.recipe))
    begin_with(stored, start, tuple("0123456789"))
    ours, theirs = model.network[-1].weight, stored.network[-1].weight
    assert (ours[0] == theirs[7]).all()
    assert (ours[2] == theirs[3]).all()
    assert (ours[1] == fresh[1]).all()
    assert (ours[3] == theirs[10]).all()  # junk


@pytest.mark.parametrize("freeze", [False, True])
def test_the_shipped_model_is_trained_further(capsys, tmp_path, some, freeze):
    write_folders(tmp_path / "own", some, (50, 50))
    options = ["--data", tmp_path / "own", "--from", "shipped", *(["--freeze"] if freeze else [])]
    code, out, err = call(capsys, "train", *options, "--out", tmp_path / "run", "--json")
    assert code == 0, err
    assert json.loads(out)["test"]["accuracy"] >= 0.9
    artifact = (tmp_path / "run" / "artifact.onnx").read_bytes()
    before, after = (
        {entry.name: entry.raw_data for entry in onnx.load_from_string(content).graph.initializer}
        for content in (shipped(), artifact)
    )
    same = {name for name in before if before[name] == after[name]}
    assert ("network0.layer1.running_mean" in same) == freeze
    assert "network0.layer13.bias" not in same  # the last layer
    probabilities, _ = onnxruntime.InferenceSession(artifact).run(None, {"images": some.images})
    assert probabilities.shape == (COUNT, 10)
    assert Reader.load(tmp_path / "run").info.recipe["name"] == "robust-tuned"


@pytest.mark.parametrize("freeze", [False, True])
def test_a_tuned_run_is_resumed_to_the_same_weights(tmp_path, some, monkeypatch, freeze):
    monkeypatch.setattr(tuning, "EPOCHS", 2)
    monkeypatch.setattr(tuning, "FEW", 300)
    own = str(write_folders(tmp_path / "own", some))
    start = Start(shipped(), freeze)
    whole, parted = (start_run(start, 3, own, folder=tmp_path / name) for name in ("a", "b"))

    def interrupt(_epoch):
        raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted, match="1 of 2 epochs are kept"):
        train_run(parted, on_epoch=interrupt)
    content = train_run(open_run(tmp_path / "b")).read_bytes()
    expected = train_run(whole).read_bytes()
    weights = [onnx.load_from_string(c).graph.SerializeToString() for c in (content, expected)]
    assert weights[0] == weights[1]


def test_what_is_replayed_is_not_forgotten(capsys, tmp_path, mnist_test):
    """New sevens, of one kind: without replay all other digits would be sevens."""
    sevens = mnist_test.only(np.flatnonzero(np.isin(mnist_test.labels, (1, 7)))[:40])
    write_folders(tmp_path / "own", sevens)
    options = ("--data", tmp_path / "own", "--from", "shipped", "--replay", "mnist", "--no-test")
    code, _, err = call(capsys, "train", *options, "--out", tmp_path / "run")
    assert code == 0, err
    reader = Reader.load(tmp_path / "run")
    part = mnist_test.only(np.arange(5000, 6000))
    assert (reader.predict(part.images) == part.labels).mean() > 0.98


def test_options_of_tuning_need_an_artifact_to_start_from(capsys, tmp_path):
    assert "go with --from" in error_of(capsys, "train", "tiny", "--freeze")[1]
    assert "leave out RECIPE" in error_of(capsys, "train", "tiny", "--from", "shipped")[1]
    code, error = error_of(capsys, "train", "--from", tmp_path / "nothing.onnx")
    assert (code, "nothing.onnx" in error) == (4, True)


def test_pictures_are_known_again_whatever_becomes_of_them(capsys, tmp_path, some, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folders(tmp_path / "own", some, (50, 50))
    options = ("--set", "epochs=1", "--no-test", "--groups", r"w\d", "--out", "run")
    assert call(capsys, "train", "tiny", "--data", "own", *options)[0] == 0

    def tested(where, *more):
        code, out, err = call(capsys, "evaluate", "run", "--data", where, "--json", *more)
        assert code == 0, err
        return json.loads(out)["test"]["images"]

    shutil.copytree(tmp_path / "own", tmp_path / "copy")
    for where in ("own", "./own/.", "copy"):
        assert tested(where) == 15
    assert tested("copy", "--groups", r"\d+") == 15  # also by groups that weren't known then
    for path in list((tmp_path / "copy").rglob("*.png")):
        path.rename(path.with_name(f"x{path.name}"))
    assert tested("copy") == 15
    next((tmp_path / "copy").rglob("xw0*.png")).unlink()
    Image.new("L", (50, 50), 255).save(tmp_path / "copy" / "3" / "w1-blank.png")
    assert tested("copy") in {14, 15}
    learnt = load_dataset("own", "train", handling=Handling(groups=r"w\d"))
    np.savez("own.npz", images=learnt.images, labels=learnt.labels)
    code, error = error_of(capsys, "evaluate", "run", "--data", "own.npz", "--quiet")
    assert (code, "all 45 pictures were trained on" in error) == (3, True)
    assert "45 of 60 were trained on and are left out" in call(capsys, "evaluate", "run")[1]


def test_nobody_is_judged_on_what_it_or_its_start_has_learnt(capsys, tmp_path, some, mnist_test):
    own = write_folders(tmp_path / "own", some)
    run = ("--set", "epochs=1", "--no-test", "--out", tmp_path / "run")
    assert call(capsys, "train", "tiny", "--data", own, *run)[0] == 0
    others = mnist_test.only(np.arange(3000, 3100))
    both_sets = write_folders(tmp_path / "both", others)
    tuned = ("--from", tmp_path / "run", "--data", both_sets, "--out", tmp_path / "tuned")
    assert call(capsys, "train", *tuned, "--seed", "3", "--no-test")[0] == 0
    code, out, _ = call(capsys, "evaluate", tmp_path / "tuned", "--data", own, "--json")
    assert (code, json.loads(out)["test"]["images"]) == (0, 10)  # those its start kept for testing
    write_folders(both_sets, some)  # the folder grows by what its start knows, with other names
    grown = ("--from", tmp_path / "run", "--data", both_sets, "--out", tmp_path / "grown")
    code, out, err = call(capsys, "train", *grown, "--seed", "5", "--json")
    assert code == 0, err
    info = parse_artifact((tmp_path / "grown" / "artifact.onnx").read_bytes()).info
    before = Learnt.by(parse_artifact((tmp_path / "run" / "artifact.onnx").read_bytes()).info)
    assert before.trained <= Learnt.by(info).trained
    assert not before.trained & Learnt.by(info).held_out
    assert info.validation["images"] > 0
    # What either of two models has learnt is left out when they are compared.
    against = ("--against", tmp_path / "tuned", "--data", own, "--json")
    _, out, _ = call(capsys, "evaluate", tmp_path / "run", *against, "--out", tmp_path / "out")
    assert json.loads(out)["comparison"]["images"] == 10


def test_a_named_data_set_stays_split_as_it_was_first(tmp_path, some):
    info = parse_artifact(shipped()).info
    first = Learnt.by(info)
    data = load_dataset()
    split = first.split("mnist", data, 0.3, 7)
    again = stratified_split(data, info.recipe["validation_fraction"], info.seed)
    np.testing.assert_array_equal(split.validation.images, again.validation.images)
    later = first.after("kmnist", split, 0.3, 7).after("mnist", split, 0.3, 8)
    assert Learnt.by(replace(info, environment={"learnt": later.to_dict()})) == later
    assert later.splits["mnist"] == (info.recipe["validation_fraction"], info.seed)


def test_a_tuned_recipe_is_slow_already(some):
    start = Start(shipped())
    tuned = tuning_recipe(start, some.class_names)
    info = replace(start.info, recipe=tuned.to_dict())
    again = Start(seal_artifact(graph_of(start.content), info))
    recipe = tuning_recipe(again, some.class_names)
    assert (recipe.name, recipe.peak_lr) == ("robust-tuned", tuned.peak_lr)


def graph_of(content):
    """An artifact's graph without its metadata."""
    model = onnx.load_from_string(content)
    del model.metadata_props[:]
    return model.SerializeToString()


def test_what_cannot_be_trained_leaves_no_folder(capsys, tmp_path, some):
    own, out = write_folders(tmp_path / "own", some), ("--out", tmp_path / "run", "--quiet")
    code, error = error_of(
        capsys, "train", "--from", "shipped", "--data", own, "--replay", "mnits", *out
    )
    assert (code, "there is no data set, file or folder 'mnits'" in error) == (2, True)
    many = np.arange(750) % 250
    np.savez(tmp_path / "many.npz", images=np.resize(some.images, (750, 28, 28)), labels=many + 10)
    options = ("--data", tmp_path / "many.npz", "--replay", "mnist", *out)
    assert (
        "together they have 260 classes"
        in error_of(capsys, "train", "--from", "shipped", *options)[1]
    )
    few = write_folders(tmp_path / "few", some.only(np.arange(2)))
    assert (
        "too few pictures for a test set"
        in error_of(capsys, "train", "tiny", "--data", few, *out)[1]
    )
    assert "it takes only --set" in error_of(capsys, "train", "detector", "--groups", "w", *out)[1]
    assert not (tmp_path / "run").exists()
