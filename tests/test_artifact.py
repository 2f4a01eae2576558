from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from inkdigits.artifact import load_artifact, parse_artifact, shipped
from inkdigits.errors import ArtifactError, StorageError
from inkdigits.reading import Reader
from inkdigits.recipes import RECIPES, trained_recipe


@pytest.fixture(scope="module")
def content() -> bytes:
    return shipped()


def test_the_shipped_artifact_is_small_and_says_what_it_is(content):
    assert len(content) < 1_500_000
    info = parse_artifact(content).info
    recipe = RECIPES["robust"]
    assert replace(trained_recipe(info), summary=recipe.summary) == recipe
    assert info.labels == tuple("0123456789")
    assert info.dataset == "mnist"
    assert info.validation["images"] > 0
    assert abs(info.accept_at) < 100
    assert 0 < info.set_threshold < 0.5
    assert info.coverage == 0.999
    assert len(info.history) == info.recipe["epochs"]
    assert info.environment["data_sha256"]["train-labels-idx1-ubyte"].startswith("65a50cbbf4e9")


@given(st.data())
def test_any_changed_byte_is_noticed(content, data):
    place = data.draw(st.integers(0, len(content) - 1))
    changed = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
    with pytest.raises(ArtifactError, match=r"not an inkdigits artifact|damaged"):
        parse_artifact(changed)


@given(st.data())
def test_any_cut_is_noticed(content, data):
    size = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(ArtifactError, match="not an inkdigits artifact, or it was cut short"):
        parse_artifact(content[:size])


def test_another_onnx_file_is_refused():
    node = helper.make_node("Relu", ["x"], ["y"])
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "other", value[:1], value[1:]))
    with pytest.raises(ArtifactError, match="other.onnx is not an inkdigits artifact"):
        parse_artifact(model.SerializeToString(), "other.onnx")


def test_a_missing_file_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="no such file"):
        load_artifact(tmp_path / "nothing.onnx")


def test_a_later_format_is_refused_with_the_cure(content, monkeypatch):
    monkeypatch.setattr("inkdigits.artifact.FORMAT", 0)
    with pytest.raises(ArtifactError, match="has artifact format 2, this version reads 0; install"):
        Reader(parse_artifact(content))
