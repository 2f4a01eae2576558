"""Models of other programs become artifacts that give the same, and say what they take."""

import json
import pickle
import warnings
import zipfile

import h5py
import numpy as np
import pytest
import torch

import inkdigits
from inkdigits.artifact import shipped
from inkdigits.errors import ArtifactError, StorageError, UsageError
from inkdigits.metrics import softmax
from inkdigits.training.tuning import Start, tuning_recipe
from tests import foreign
from tests.command_line import call, error_of
from tests.foreign import keras, layers

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning",  # Keras on PyTorch with NumPy 2
)
PLAIN, TURNED = "0123456789", "1234567890"
PIXELS = {
    "0…1": lambda images: images / 255,
    "0…255": lambda images: images.astype(np.float64),
    "−1…1": lambda images: images / 127.5 - 1,
    "standardised": lambda images: (images - 33.3184) / 78.5675,
}
MODELS = {
    "conv and dense": (foreign.conv_and_dense, (28, 28, 1), "0…1", "bright", PLAIN, "softmax"),
    "skip": (foreign.functional_with_skip, (28, 28), "standardised", "bright", PLAIN, "logits"),
    "norm": (foreign.norm_and_augmentation, (28, 28, 1), "0…255", "dark", PLAIN, "softmax"),
    "dense": (foreign.only_dense, (784,), "−1…1", "bright", TURNED, "softmax"),
}


def prepared(images, shape, pixels, ink):
    images = 255 - images if ink == "dark" else images
    return PIXELS[pixels](images).reshape(-1, *shape).astype(np.float32)


@pytest.fixture(scope="module")
def made(mnist):
    """Keras models that know digits."""
    keras.utils.set_random_seed(0)
    found = {}
    for name, (build, shape, pixels, ink, order, _) in MODELS.items():
        found[name] = build()
        inputs = prepared(mnist.images[:1500], shape, pixels, ink)
        foreign.teach(found[name], inputs, mnist.labels[:1500], order)
    return found


def same_probabilities(run, probabilities, images):
    """Whether an artifact gives these, but for its temperature."""
    reader = inkdigits.Reader.load(run)
    expected = softmax(np.log(probabilities.astype(np.float64)) / reader.info.temperature)
    np.testing.assert_allclose(reader.predict_proba(images), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", MODELS)
def test_a_keras_model_gives_the_same(made, name, suffix, mnist_test, tmp_path):
    _, shape, pixels, ink, order, gives = MODELS[name]
    path, images = tmp_path / f"model.{suffix}", mnist_test.images[:200]
    made[name].save(path)
    run = inkdigits.import_model(path, tmp_path / "run", quiet=True)
    text = "×".join(map(str, shape))
    digits = "0…9" if order == PLAIN else order
    assert run.info.recipe["summary"] == (
        f"imported from model.{suffix}: takes {text}, pixels {pixels}, {ink} ink; gives {gives} "
        f"in the order {digits}"
    )
    given = foreign.outputs(made[name], prepared(images, shape, pixels, ink))
    places = [order.index(digit) for digit in PLAIN]
    known = (softmax(given) if gives == "logits" else given)[:, places]
    same_probabilities(run, known, images)
    assert run.info.parameters > 1000
    assert run.info.validation["images"] == 5999
    assert run.info.validation["accuracy"] > 0.8


@pytest.fixture(scope="module")
def module(mnist):
    pixels = prepared(mnist.images[:1500], (1, 28, 28), "standardised", "bright")
    return foreign.convolutions(pixels, mnist.labels[:1500])


def write_torch(module, path, kind):
    example = torch.zeros(1 if kind == "fixed" else 2, 1, 28, 28)
    if path.suffix == ".onnx":
        axes = {} if kind == "fixed" else {"dynamic_axes": {"images": [0]}}
        with warnings.catch_warnings(action="ignore"):  # the newer way needs another package
            torch.onnx.export(
                module, (example,), path, dynamo=False, input_names=["images"], **axes
            )
    else:
        count = None if kind == "fixed" else ({0: torch.export.Dim("n")},)
        torch.export.save(torch.export.export(module, (example,), dynamic_shapes=count), path)


@pytest.mark.parametrize("kind", ["fixed", "free"])
@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_a_pytorch_model_gives_the_same(module, suffix, kind, mnist_test, tmp_path):
    path, images = tmp_path / f"model.{suffix}", mnist_test.images[:200]
    write_torch(module, path, kind)
    run = inkdigits.import_model(path, tmp_path / "run", quiet=True)
    assert "pixels standardised, bright ink; gives log-softmax" in run.info.recipe["summary"]
    with torch.inference_mode():
        pixels = prepared(images, (1, 28, 28), "standardised", "bright")
        known = module(torch.from_numpy(pixels)).exp().numpy()
    same_probabilities(run, known, images)


def test_the_command_evaluates_what_it_made(made, capsys, tmp_path):
    path = tmp_path / "mine.keras"
    made["conv and dense"].save(path)
    run = tmp_path / "run"
    code, out, _ = call(capsys, "import", path, "--out", run, "--json")
    said = json.loads(out)
    assert code == 0
    assert said["test"]["accuracy"] > 0.8
    assert "pixels 0…1" in said["model"]
    report = (run / "report.html").read_text("utf-8")
    assert "Nothing is known of its training" in report
    assert "pixels 0…1" in inkdigits.Run(run)._repr_html_()
    again = tmp_path / "again"
    code, out, _ = call(capsys, "import", path, "--out", again, "--no-test")
    assert code == 0
    assert "the test set was not used" in out
    assert [file.name for file in again.iterdir()] == ["artifact.onnx"]
    code, _ = error_of(capsys, "import", path, "--out", run, "--quiet")
    assert code == 4
    artifact = again / "artifact.onnx"
    inkdigits.export_model(artifact, "onnx-int8", tmp_path / "small.onnx")
    for wrong in (
        lambda: inkdigits.export_model(artifact, "c", tmp_path / "model.c"),
        lambda: tuning_recipe(Start(artifact.read_bytes()), tuple(PLAIN)),
    ):
        with pytest.raises(ArtifactError, match="'mine' was imported and has layers of its own"):
            wrong()


def test_no_pickle_is_opened(module, mnist_test, tmp_path):
    """A program's archive has some, of its examples; here they are traps."""
    plain, trapped = tmp_path / "plain.pt2", tmp_path / "trapped.pt2"
    write_torch(module, plain, "free")
    with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(trapped, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            copy.writestr(name, pickle.dumps(_Trap()) if name.endswith(".pt") else content)
    inkdigits.import_model(trapped, tmp_path / "run", quiet=True)


class _Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@keras.saving.register_keras_serializable("tests")
class Own(layers.Layer):
    def call(self, inputs):
        return inputs


@keras.saving.register_keras_serializable("tests")
class OwnModel(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.dense = layers.Dense(10)

    def call(self, inputs):
        return self.dense(inputs)


def model_with(*between, shape=(784,), last=10):
    between = between or (layers.Flatten(),)
    return keras.Sequential([keras.Input(shape), *between, layers.Dense(last)])


def shared():
    pixels, layer = keras.Input((784,)), layers.Dense(784)
    return keras.Model(pixels, layers.Dense(10)(layer(layer(pixels))))


def two_outputs():
    pixels = keras.Input((784,))
    return keras.Model(pixels, [layers.Dense(10)(pixels), layers.Dense(2)(pixels)])


def scaled():
    pixels = keras.Input((784,))
    return keras.Model(pixels, layers.Dense(10)(pixels * 2.0))


def of_own_class():
    model = OwnModel(name="own")
    model(np.zeros((1, 784), np.float32))
    return model


REFUSED = {
    "lambda": (
        lambda: model_with(layers.Lambda(lambda x: x, name="twice")),
        "the layer 'twice' is a Lambda, which has code of its own",
    ),
    "own layer": (lambda: model_with(Own(name="mine")), "the layer 'mine' is a Own, which isn't"),
    "own model": (of_own_class, "the model is a OwnModel, a class of somebody's own"),
    "unknown layer": (
        lambda: model_with(layers.Reshape((28, 28)), layers.LSTM(8, name="memory")),
        "the layer 'memory' is a LSTM, which can't be imported; these can: Activation, Add",
    ),
    "unknown activation": (
        lambda: model_with(layers.Dense(9, activation="mish", name="odd")),
        "the layer 'odd' has the activation 'mish'",
    ),
    "used twice": (shared, "is used 2 times; only once"),
    "two outputs": (two_outputs, "the model has 2 outputs"),
    "a constant": (scaled, "the layer 'multiply.*' is a Multiply, which isn't"),
    "coloured": (lambda: model_with(shape=(28, 28, 3)), "takes 28×28×3; only 28×28 pixels in one"),
    "letters": (lambda: model_with(last=26), r"gives \(500, 26\) for 500 images, not ten"),
    "ignorant": (model_with, "the model is right on .* of 2,000 digits at best"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_imported_is_named(name, tmp_path):
    build, message = REFUSED[name]
    build().save(tmp_path / "model.keras")
    with pytest.raises(ArtifactError, match=message):
        inkdigits.import_model(tmp_path / "model.keras", tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_weights_of_a_model_within_a_model_need_the_newer_format(tmp_path):
    model = model_with(keras.Sequential([keras.Input((784,)), layers.Dense(9)], name="inner"))
    model.save(tmp_path / "model.h5")
    with pytest.raises(ArtifactError, match="'inner' is a model within the model"):
        inkdigits.import_model(tmp_path / "model.h5", tmp_path / "run", quiet=True)


@pytest.mark.parametrize("suffix", ["keras", "h5", "onnx", "pt2"])
def test_damaged_files(suffix, made, module, tmp_path):
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(b"nonsense" * 100)
    with pytest.raises(ArtifactError, match="is no .*, or it is damaged"):
        inkdigits.import_model(path, tmp_path / "run", quiet=True)
    with pytest.raises(StorageError, match="there is no such file"):
        inkdigits.import_model(tmp_path / "nothing.onnx", quiet=True)


def test_other_files(module, tmp_path):
    (tmp_path / "model.pth").write_bytes(pickle.dumps(_Trap()))
    with pytest.raises(UsageError, match="a pickle .* can hold any code and is never opened"):
        inkdigits.import_model(tmp_path / "model.pth", quiet=True)
    (tmp_path / "artifact.onnx").write_bytes(shipped())
    with pytest.raises(ArtifactError, match="is an artifact already; use it as it is"):
        inkdigits.import_model(tmp_path / "artifact.onnx", quiet=True)
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["values"] = np.zeros(3)
    with pytest.raises(ArtifactError, match="is no Keras model"):
        inkdigits.import_model(tmp_path / "weights.h5", quiet=True)


def changed_program(source, target, **changes):
    """A copy of a program's archive with other texts in its JSON."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            for old, new in changes.items():
                if name.endswith(".json"):
                    content = content.replace(old.encode(), new.encode())
            copy.writestr(name, content)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"use_pickle": false', '"use_pickle": true', "are pickled; pickles are never opened"),
        ("aten.gelu.", "aten.lgamma.", "operation torch.ops.aten.lgamma.default, which can't be"),
        ('"as_int": 432', '"as_int": 999', "are cut short"),
        ("graph_module", "graph", "is no PyTorch program, or it is damaged"),
    ],
)
def test_programs_that_cannot_be_imported(module, tmp_path, old, new, message):
    write_torch(module, tmp_path / "model.pt2", "free")
    changed_program(tmp_path / "model.pt2", tmp_path / "other.pt2", **{old: new})
    with pytest.raises(ArtifactError, match=message):
        inkdigits.import_model(tmp_path / "other.pt2", tmp_path / "run", quiet=True)


def test_a_program_of_a_model_in_training(tmp_path):
    write_torch(foreign.Convolutions().train(), tmp_path / "model.pt2", "free")
    with pytest.raises(ArtifactError, match="the model was exported while training"):
        inkdigits.import_model(tmp_path / "model.pt2", tmp_path / "run", quiet=True)
