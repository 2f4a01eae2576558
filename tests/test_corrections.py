"""Corrections: stored, looked through, exported, deleted; and what is learnt from them."""

import base64
import concurrent.futures
import io
import json
import os
import signal
import sqlite3
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sql
from PIL import Image

from inkdigits import Reader
from inkdigits.data.learnt import Learnt
from inkdigits.errors import StorageError, UsageError
from inkdigits.web import Settings, create_app
from inkdigits.web.corrections import parse_correction
from inkdigits.web.corrections.correction import CROP_PX, dump, new_correction
from inkdigits.web.corrections.store import DATABASE_VARIABLE, MOST, Store
from tests.command_line import call, error_of, start
from tests.drawn_writer import crossed_zs, glyph_of, writer


def png(canvas: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, "PNG")
    return file.getvalue()


CANVASES, LABELS = writer(ones=28, sevens=12)
GLYPHS = [glyph_of(canvas) for canvas in CANVASES]
CROP = png(CANVASES[0])


def correction(number: int = 0, label: int | None = 1, read_as: int | None = 7):
    return new_correction(label, read_as, 0.9, "", GLYPHS[number].tobytes(), CROP)


@pytest.fixture
def database(tmp_path, monkeypatch):
    """The address of a database for the commands."""
    address = f"sqlite:///{tmp_path}/data/corrections.sqlite"
    monkeypatch.setenv(DATABASE_VARIABLE, address)
    return address


@pytest.fixture
def store(database):
    opened = Store(database)
    yield opened
    opened.close()


@pytest.fixture
def client(store, database):
    app = create_app(Settings(corrections=database))
    yield app.test_client()
    app.extensions["inkdigits"].store.close()


def test_what_is_stored_comes_back(store):
    some = [correction(0), correction(1, label=None), correction(2, label=7)]
    assert store.add(some) == 3
    assert sorted(store.all(), key=lambda c: c.key) == sorted(some, key=lambda c: c.key)
    assert store.counts() == {"stored": 3, "misread": 2}
    assert store.remove(some[0].key) == some[0]
    assert store.remove(some[0].key) is None
    assert store.remove_all() == 2
    assert store.page() == []


def test_storing_again_changes_nothing(store):
    some = [correction(), correction()]
    assert [store.add(some), store.add(some)] == [2, 0]


def test_a_crop_is_stored_grey_and_small():
    large = png(np.full((3000, 1000, 3), (255, 0, 0), np.uint8))
    made = new_correction(1, 7, 0.5, "", GLYPHS[0].tobytes(), large)
    crop = Image.open(io.BytesIO(base64.b64decode(made.crop)))
    assert (crop.mode, max(crop.size)) == ("L", CROP_PX)


def test_deleted_ink_is_gone_from_the_file(store, database):
    marked = replace(correction(), artifact="f00d" * 16)
    store.add([marked])
    store.remove(marked.key)
    store.close()
    base = sqlite3.connect(database.removeprefix("sqlite:///"))
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    with open(database.removeprefix("sqlite:///"), "rb") as file:  # noqa: PTH123
        assert b"f00d" * 16 not in file.read()


def test_what_is_not_a_digit_has_a_label_of_its_own(store):
    store.add([correction(0, label=1), correction(1, label=None), correction(2, label=7)])
    data = store.labelled(tuple("0123456789"))
    assert sorted(data.labels.tolist()) == [1, 7, 10]
    assert data.images.shape == (3, 28, 28)
    assert len(store.labelled(tuple("01"))) == 2


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("nonsense", "is no address of a database"),
        ("unknown://x", "is no address of a database"),
        ("sqlite:////proc/no/x.sqlite", "can't make the folder"),
    ],
)
def test_a_wrong_address_is_refused(address, reason):
    with pytest.raises((UsageError, StorageError), match=reason):
        Store(address)


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "x.sqlite"
    path.write_bytes(b"mine" * 1000)
    with pytest.raises(StorageError, match="file is not a database"):
        Store(f"sqlite:///{path}")
    assert path.read_bytes() == b"mine" * 1000


def test_a_password_is_not_told():
    with pytest.raises(StorageError) as caught:
        Store("postgresql://me:s3cret@127.0.0.1:1/x")
    assert "s3cret" not in str(caught.value)


def test_a_newer_schema_than_ours_is_refused(store, database):
    base = sqlite3.connect(database.removeprefix("sqlite:///"))
    base.execute("UPDATE alembic_version SET version_num = '9999'")
    base.commit()
    base.close()
    with pytest.raises(StorageError, match="another version of inkdigits"):
        Store(database)


def test_a_database_can_be_full(store, monkeypatch):
    monkeypatch.setattr("inkdigits.web.corrections.store.MOST", 2)
    store.add([correction(), correction()])
    with pytest.raises(StorageError, match="delete some"):
        store.add([correction()])
    assert store.counts()["stored"] == 2
    assert MOST == 100_000


def test_two_writers_at_once_lose_nothing(store, database):
    other = Store(database)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (store, other)[n % 2].add([correction(n)]), range(40)))
    assert store.counts()["stored"] == 40
    other.close()


def test_a_new_database_can_be_opened_by_several_at_once(database):
    environment = {**os.environ, DATABASE_VARIABLE: database}
    processes = [start("corrections", "stats", env=environment) for _ in range(4)]
    answers = [process.communicate(timeout=60) for process in processes]
    assert answers == [("0 corrections, 0 of them misread\n", "")] * 4


def test_a_killed_writer_leaves_whole_corrections(store, database, tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps(dump(correction())) + "\n" for _ in range(1500)))
    process = start("corrections", "import", path, env={**os.environ, DATABASE_VARIABLE: database})
    while not store.counts()["stored"] and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = list(store.all())
    assert len(kept) % 500 == 0
    assert all(parse_correction(dump(one)) == one for one in kept)


def data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def test_the_api_stores_shows_deletes_and_takes_back(client):
    glyph = base64.b64encode(GLYPHS[0].tobytes()).decode()
    said = {"label": 1, "read_as": 7, "confidence": 0.8, "crop": data_url(CROP), "glyph": glyph}
    answer = client.post("/api/v1/corrections", json=said)
    stored = answer.json
    assert (answer.status_code, stored["label"], stored["glyph"]) == (201, 1, glyph)
    shown = client.get("/api/v1/corrections?limit=5").json
    assert shown == {"corrections": [stored], "stored": 1, "misread": 1}
    removed = client.delete(f"/api/v1/corrections/{stored['key']}").json
    assert removed == stored
    assert client.delete(f"/api/v1/corrections/{stored['key']}").status_code == 404
    for count in (1, 0):
        answer = client.post("/api/v1/corrections/import", json={"corrections": [removed]})
        assert answer.json == {"count": count}
    assert client.delete("/api/v1/corrections").json == {"count": 1}
    assert "inkdigits_corrections_total 1" in client.get("/metrics").text


def test_a_digit_that_was_missed_is_laid_out_from_its_crop(client):
    stored = client.post("/api/v1/corrections", json={"label": 1, "crop": data_url(CROP)}).json
    glyph = np.frombuffer(base64.b64decode(stored["glyph"]), np.uint8).reshape(28, 28)
    assert np.array_equal(glyph, GLYPHS[0])
    assert stored["read_as"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": 10},
        {"label": True},
        {"label": "7"},
        {"read_as": -1},
        {"confidence": 2},
        {"artifact": "x"},
        {"glyph": "AAAA"},
        {"crop": "no"},
        {"crop": data_url(b"no")},
    ],
    ids=str,
)
def test_wrong_corrections_are_refused(client, wrong):
    answer = client.post("/api/v1/corrections", json={"label": 1, "crop": data_url(CROP), **wrong})
    assert answer.status_code in {400, 422}
    assert client.get("/api/v1/corrections").json["stored"] == 0


def test_without_corrections_there_is_nothing_to_store_in():
    client = create_app(Settings()).test_client()
    assert client.get("/api/v1/corrections").status_code == 404
    assert client.get("/api/v1/model").json["corrections"] is False
    assert "/api/v1/corrections" not in client.get("/openapi.json").json["paths"]


def test_the_commands_list_count_export_import_and_delete(capsys, store, tmp_path):
    some = [correction(n, label=int(LABELS[n])) for n in range(3)] + [correction(3, label=7)]
    store.add(some)
    _, out, _ = call(capsys, "corrections", "list")
    assert all(one.key in out for one in some)
    _, out, _ = call(capsys, "corrections", "stats")
    assert "4 corrections, 3 of them misread" in out
    assert "3 × 1 read as 7" in out
    file = tmp_path / "out.jsonl"
    assert "4 corrections are in" in call(capsys, "corrections", "export", file)[1]
    assert "1 corrections were deleted" in call(capsys, "corrections", "delete", some[0].key)[1]
    assert (
        "1 corrections were stored, 3 were there" in call(capsys, "corrections", "import", file)[1]
    )
    assert json.loads(call(capsys, "corrections", "delete", "--all", "--json")[1]) == {"count": 4}
    assert call(capsys, "corrections", "list")[1] == "no corrections\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["export"], "takes one file"),
        (["list", "x"], "takes no file"),
        (["delete"], "say which"),
        (["delete", "x", "--all"], "say which"),
        (["delete", "x"], "there is no correction x"),
        (["import", "BAD"], "line 2, is no JSON"),
        (["import", "missing.jsonl"], "can't read missing.jsonl"),
    ],
)
def test_wrong_commands_are_refused(capsys, database, tmp_path, arguments, reason):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps(dump(correction())) + "\nno\n")
    arguments = [str(bad) if argument == "BAD" else argument for argument in arguments]
    assert reason in error_of(capsys, "corrections", *arguments)[1]


def test_wrong_files_are_refused_with_the_reason():
    right = dump(correction())
    for wrong in (
        {"glyph": "AA"},
        {"key": "../x"},
        {"created": "today"},
        {"label": 3.5},
        {"crop": ""},
    ):
        (name,) = wrong
        with pytest.raises(UsageError, match=f"a correction's {name} is"):
            parse_correction({**right, **wrong})
    with pytest.raises(UsageError, match="and nothing else"):
        parse_correction({**right, "name": "me"})


@pytest.fixture(scope="module")
def fast_artifact(tmp_path_factory, mnist):
    from inkdigits.cli import main

    run = tmp_path_factory.mktemp("fast") / "run"
    assert main(["train", "fast", "--no-test", "--quiet", "--out", str(run)]) == 0
    return run / "artifact.onnx"


def learn(capsys, fast_artifact, out, *more):
    options = ("--from", fast_artifact, "--corrections", "--out", out, *more)
    return call(capsys, "train", *options, "--json")


def test_a_writer_is_learnt_and_mnist_is_not_forgotten(
    capsys, store, fast_artifact, tmp_path, mnist
):
    store.add(correction(n, label=int(label)) for n, label in enumerate(LABELS))
    before = Reader.load(fast_artifact)
    others, truth = writer(ones=28, sevens=12, seed=1)
    unseen = np.stack([glyph_of(canvas) for canvas in others])
    assert (before.predict(unseen) == truth).mean() < 0.5
    code, out, _ = learn(capsys, fast_artifact, tmp_path / "new", "--max-accuracy-loss", 0.1)
    values = json.loads(out)
    assert code == 0
    assert values["held_out"] == 8
    assert values["before"]["corrections"] < 4
    assert values["after"]["corrections"] == 8
    after = Reader.load(values["artifact"])
    assert (after.predict(unseen) == truth).mean() > 0.95
    assert values["after"]["accuracy"] > values["before"]["accuracy"] - 0.1


def test_what_is_not_a_digit_is_learnt_and_what_was_learnt_is_known(
    capsys, store, tmp_path, monkeypatch
):
    monkeypatch.setattr("inkdigits.training.correcting.REPLAYED", 3000)  # a quarter of the time,
    monkeypatch.setattr("inkdigits.training.correcting.GENTLER", 0.5)  # in larger steps
    glyphs = [glyph_of(canvas) for canvas in crossed_zs(20)]
    store.add(new_correction(None, 2, 0.9, "", glyph.tobytes(), CROP) for glyph in glyphs)
    code, out, _ = learn(capsys, "shipped", tmp_path / "new", "--max-accuracy-loss", 1)
    values = json.loads(out)
    assert code == 0
    assert (values["before"]["corrections"], values["after"]["corrections"]) == (0, 4)
    before, after = Reader.load(), Reader.load(values["artifact"])
    unseen = np.stack([glyph_of(canvas) for canvas in crossed_zs(20, seed=1)])
    assert before.accepts(before.score_glyphs(unseen)[1]).mean() > 0.8
    assert after.accepts(after.score_glyphs(unseen)[1]).mean() < 0.2
    sevens = np.stack([glyph_of(canvas) for canvas in writer(ones=0, sevens=20, seed=1)[0]])
    assert after.accepts(after.score_glyphs(sevens)[1]).mean() > 0.8
    learnt = Learnt.by(after.info)
    assert (len(learnt.trained), len(learnt.held_out)) == (16, 4)
    assert learnt.knows(np.stack(glyphs)).all()
    assert not learnt.knows(unseen).any()
    assert list(learnt.splits) == ["mnist"]


def test_a_network_without_a_class_for_it_says_what_it_leaves_out(
    capsys, store, fast_artifact, tmp_path
):
    store.add(correction(n, label=int(label)) for n, label in enumerate(LABELS))
    store.add([correction(0, label=None), correction(1, label=None)])
    limits = ("--max-accuracy-loss", 1, "--max-calibration-loss", 1)
    options = ("--from", fast_artifact, "--corrections", "--out", tmp_path / "new", *limits)
    code, out, _ = call(capsys, "train", *options)
    assert code == 0
    assert "32 corrections and MNIST; 2 are no digits, which this network can't learn" in out


def test_an_artifact_that_forgets_is_not_written(capsys, store, fast_artifact, tmp_path, mnist):
    ones = mnist.images[mnist.labels == 1][:800]
    store.add(new_correction(7, 1, 0.9, "", one.tobytes(), CROP) for one in ones)  # a joker's
    out = tmp_path / "new"
    code, _, error = learn(capsys, fast_artifact, out)
    assert code == 8
    assert "held-out MNIST accuracy would fall from" in error
    assert not out.exists()


def test_learning_needs_corrections_and_an_artifact(capsys, store, fast_artifact, tmp_path):
    assert "collect 10" in error_of(capsys, "train", "--from", fast_artifact, "--corrections")[1]
    assert "goes with --from" in error_of(capsys, "train", "--corrections")[1]
    wrong = ("--from", fast_artifact, "--corrections", "--max-accuracy-loss", "-1")
    assert "must be 0 or more" in error_of(capsys, "train", *wrong)[1]


def test_postgresql_works_as_well(postgresql):
    with_two = Store(postgresql), Store(postgresql)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: with_two[n % 2].add([correction(n, label=None)]), range(20)))
    assert with_two[0].counts() == {"stored": 20, "misread": 20}
    assert len(list(with_two[1].all())) == 20
    assert with_two[1].remove_all() == 20
    for store in with_two:
        store.close()
    engine = sql.create_engine(postgresql.replace("postgresql:", "postgresql+pg8000:"))
    with engine.connect() as connection:
        assert connection.scalar(sql.text("SELECT version_num FROM alembic_version")) == "0001"
    engine.dispose()
