"""Messages stay short, and codes survive a copy."""

import base64
import copy
import pickle
from typing import get_args

import pytest

from inkdigits import Reader
from inkdigits.errors import (
    EXIT_CODES,
    CanvasCode,
    CanvasError,
    InkdigitsError,
    StorageError,
    TrainingDiverged,
    UsageError,
)
from tests.command_line import call

READER = Reader.load()
MEGABYTE = bytes(range(256)) * 4096


@pytest.mark.parametrize(
    "source",
    [
        "data:image/png;base64," + base64.b64encode(MEGABYTE).decode(),
        base64.encodebytes(MEGABYTE).decode(),
        MEGABYTE,
        str(MEGABYTE),
    ],
    ids=["data URL", "lines of base64", "bytes", "bytes as text"],
)
def test_an_error_does_not_repeat_what_it_was_given(source):
    with pytest.raises(CanvasError) as caught:
        READER.read(source)
    assert len(str(caught.value)) < 5000
    (reading,) = READER.read_many([source])
    assert len(str(reading.to_dict())) < 5000


@pytest.mark.parametrize("path", ["x" * 5000, "data:image/png;base64," + "A" * 50_000, "a\0b"])
def test_a_wrong_artifact_is_a_short_storage_error(path):
    with pytest.raises(StorageError) as caught:
        Reader.load(path)
    assert len(str(caught.value)) < 1000


def test_a_command_does_not_repeat_a_data_url(capsys):
    url = "data:image/png;base64," + "A" * 50_000
    for arguments in (["predict", url], ["predict", "x.png", "--model", url]):
        _, out, err = call(capsys, *arguments)
        assert 0 < len(out + err) < 2000


def test_what_is_left_out_is_counted():
    message = str(UsageError("x" * 1000 + " is not a name"))
    assert message == "x" * 100 + "…(800 characters)…" + "x" * 100 + " is not a name"
    assert str(UsageError("short")) == "short"


def test_a_picture_error_survives_a_copy_and_another_process():
    error = CanvasError("not_found", "a.png does not exist")
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert (other.code, str(other)) == ("not_found", "a.png does not exist")


def test_every_error_ends_a_command_with_a_code():
    def leaves(kind):
        below = kind.__subclasses__()
        return [leaf for other in below for leaf in leaves(other)] if below else [kind]

    for kind in leaves(InkdigitsError):
        assert any(issubclass(kind, known) for known in EXIT_CODES), kind
    assert EXIT_CODES[TrainingDiverged] == (7, "training diverged")


def test_every_code_of_a_picture_is_raised_somewhere(package_sources):
    assert [code for code in get_args(CanvasCode) if f'"{code}"' not in package_sources] == []
