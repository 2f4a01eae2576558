"""The command `tune`: trials, pruning, resuming, several processes, the page, the recipe."""

import base64
import io
import json
import re
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from inkdigits import Reader
from inkdigits.errors import TrainingDiverged, TrainingInterrupted, UsageError
from inkdigits.recipes import RECIPES, Recipe, find_recipe
from inkdigits.training import search
from inkdigits.training.search import Search, open_search, run_search
from tests.command_line import call, error_of, start

TINY = RECIPES["tiny"]
RATES = "peak_lr=1e-3..1e-1:log"


@pytest.fixture
def begin(small_data, tmp_path):
    """Begin a search, or go on with it."""

    def begin(folder: str = "found", recipe: Recipe = TINY, *searches: str, seed=0) -> Search:
        return open_search(
            recipe,
            list(searches) or [RATES, "batch_size=32|64", "zoom=0..0.1"],
            seed,
            "kmnist",
            folder=tmp_path / folder,
            data_folder=small_data,
        )

    return begin


def command(small_data: Path, folder: Path, *more: object) -> list[object]:
    return ["tune", "tiny", "--data", "kmnist", "--data-dir", small_data, "--out", folder, *more]


def test_a_search_finds_a_recipe_that_trains_to_what_was_measured(capsys, small_data, tmp_path):
    found = tmp_path / "found"
    code, out, err = call(capsys, *command(small_data, found, "--trials", 10, "--search", RATES))
    assert (code, err) == (0, "")
    assert out.count("trial ") == 11  # one of them is the best
    assert "the test set was not used" in out
    assert {path.name for path in found.iterdir()} == {"journal.log", "recipe.toml", "search.html"}
    recipe = find_recipe(str(found / "recipe.toml"))
    assert replace(recipe, name="tiny", summary=TINY.summary, peak_lr=TINY.peak_lr) == TINY
    where = ["--data", "kmnist", "--data-dir", small_data, "--out", tmp_path / "run"]
    assert call(capsys, "train", found / "recipe.toml", "--no-test", *where)[0] == 0
    info = Reader.load(tmp_path / "run").info
    assert info.recipe["name"] == "tiny-best"
    assert f"validation accuracy {info.validation['accuracy']:.2%}" in out


def test_the_page_stands_alone(capsys, small_data, tmp_path):
    more = ["--trials", 10, "--search", RATES, "--search", "optimizer=adamw|sgd"]
    call(capsys, *command(small_data, tmp_path, *more))
    page = (tmp_path / "search.html").read_text()
    pictures = re.findall(r"data:image/png;base64,([^\"]*)", page)
    assert len(pictures) == 3  # history, importance, fields
    for picture in pictures:
        assert Image.open(io.BytesIO(base64.b64decode(picture, validate=True))).width > 1000
    assert "http" not in page
    assert (tmp_path / "recipe.toml").read_text().partition("\n")[2] in page.replace("&#34;", '"')
    assert all(f"<th>{name}</th>" in page for name in ("peak_lr", "optimizer"))


def test_json_output_is_json_alone(capsys, small_data, tmp_path):
    out = call(capsys, *command(small_data, tmp_path, "--trials", 1, "--json"))[1]
    values = json.loads(out)
    assert Path(values["recipe"]).is_file()
    assert Path(values["page"]).is_file()
    assert set(values["best"]["values"]) == {
        *("peak_lr", "batch_size", "momentum", "weight_decay", "label_smoothing")
    }


def test_the_test_set_is_never_opened(capsys, small_data, tmp_path, monkeypatch):
    from inkdigits.data import datasets

    seen = []
    real = datasets.read_bytes
    monkeypatch.setattr(datasets, "read_bytes", lambda path: seen.append(path.name) or real(path))
    call(capsys, *command(small_data, tmp_path, "--trials", 2))
    assert {name.partition("-")[0] for name in seen} == {"train"}


def test_a_search_that_goes_on_is_as_one_in_a_single_go(begin):
    whole = begin("whole")
    run_search(whole, 12)
    for trials in (3, 3, 12):
        parts = begin("parts")
        run_search(parts, trials)
        assert len(parts.trials) == trials
    assert [replace(trial, seconds=0) for trial in parts.trials] == [
        replace(trial, seconds=0) for trial in whole.trials
    ]
    assert parts.winner == whole.winner
    other = begin("other", seed=1)
    run_search(other, 1)
    assert other.trials[0].values != whole.trials[0].values


def test_values_are_within_the_space_and_of_the_types_of_the_fields(begin):
    some = begin("found", TINY, RATES, "batch_size=32|64", "epochs=1..2", "zoom=0..0.1")
    run_search(some, 6)
    for trial in some.trials:
        assert 1e-3 <= trial.values["peak_lr"] <= 1e-1
        assert trial.values["batch_size"] in {32, 64}
        assert trial.values["epochs"] in {1, 2}
        assert type(trial.values["epochs"]) is int
        assert 0 <= trial.values["zoom"] <= 0.1
    assert len({trial.values["peak_lr"] for trial in some.trials}) == 6


def test_a_trial_below_the_median_is_pruned(begin):
    some = begin("found", replace(TINY, epochs=3), "peak_lr=1e-9..0.05")
    run_search(some, 5)
    assert [trial.state for trial in some.trials] == ["finished"] * 5  # too few for a median
    assert all(len(trial.accuracies) == 3 for trial in some.trials)
    some.study.enqueue_trial({"peak_lr": 1e-9})
    run_search(some, 6)
    last = some.trials[-1]
    assert (last.state, last.accuracy, len(last.accuracies)) == ("pruned", None, 1)
    assert some.best.number != last.number


def test_a_trial_that_diverges_does_not_end_the_search(begin):
    wild = replace(TINY, optimizer="sgd", weight_decay=0.9, architecture="keras-baseline")
    some = begin("found", replace(wild, batch_size=500), "peak_lr=1e8..1e9")
    run_search(some, 2)
    assert [trial.state for trial in some.trials] == ["diverged"] * 2
    with pytest.raises(TrainingDiverged, match="none of 2 trials finished; search lower values"):
        _ = some.best


def test_ctrl_c_keeps_the_trials(begin, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    some = begin()
    run_search(some, 2)
    with monkeypatch.context() as patch:
        patch.setattr(search, "fit", interrupted)
        with pytest.raises(
            TrainingInterrupted, match=r"stopped; 2 of 5 trials are kept in .*found"
        ):
            run_search(some, 5)
    again = begin()
    run_search(again, 3)
    assert len(again.trials) == 3


def test_several_processes_share_a_search(small_data, tmp_path):
    more = ["--trials", 8, "--search", RATES, "--quiet"]
    processes = [start(*command(small_data, tmp_path / "found", *more)) for _ in range(2)]
    ends = [(process.communicate(timeout=300), process.returncode) for process in processes]
    assert [(err, code) for (_, err), code in ends] == [("", 0)] * 2
    some = open_search(
        TINY, [RATES], 0, "kmnist", folder=tmp_path / "found", data_folder=small_data
    )
    assert len(some.trials) in {8, 9}
    assert len({trial.values["peak_lr"] for trial in some.trials}) == len(some.trials)


def test_a_search_goes_on_without_a_process_that_is_killed(small_data, tmp_path):
    journal = tmp_path / "found" / "journal.log"
    more = ["--trials", 8, "--search", RATES, "--quiet"]
    killed, other = (start(*command(small_data, journal.parent, *more)) for _ in range(2))
    while killed.poll() is None and not (
        journal.exists() and b'"op_code":5' in journal.read_bytes()
    ):
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    _, error = other.communicate(timeout=300)
    assert (other.returncode, error) == (0, "")
    some = open_search(TINY, [RATES], 0, "kmnist", folder=journal.parent, data_folder=small_data)
    assert len(some.trials) in {8, 9}


@pytest.mark.parametrize(
    ("again", "changed"),
    [
        ({"seed": 1}, "seed"),
        ({"recipe": replace(TINY, epochs=2)}, "recipe"),
        ({"searches": ["zoom=0..0.1"]}, "search"),
    ],
)
def test_a_search_goes_on_with_its_own_settings_alone(small_data, tmp_path, again, changed):
    def begin(recipe=TINY, searches=(RATES,), seed=0) -> Search:
        where = {"folder": tmp_path / "found", "data_folder": small_data}
        return open_search(recipe, list(searches), seed, "kmnist", **where)

    begin()
    with pytest.raises(UsageError, match=f"begun with another {changed}; repeat its command"):
        begin(**again)
    begin()


def test_a_search_holds_images_out(begin):
    with pytest.raises(UsageError, match=r"validation_fraction 0.0 holds no images out"):
        begin("found", replace(TINY, validation_fraction=0.0))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--trials", 0], 2, "argument --trials: '0' is not a number from 1 on"),
        (["--search", "peek_lr=1..2"], 2, "did you mean 'peak_lr'"),
        (["--seed", -1], 2, "the seed is -1"),
        (["--out", "."], 4, "isn't empty and holds no search"),
    ],
)
def test_faults_of_the_command(capsys, small_data, tmp_path, monkeypatch, arguments, code, message):
    (tmp_path / "mine").write_text("precious")
    monkeypatch.chdir(tmp_path)
    got, err = error_of(capsys, *command(small_data, tmp_path / "new"), "--quiet", *arguments)
    assert (got, message in err) == (code, True), err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_damaged_journal_is_named(capsys, small_data, tmp_path):
    (tmp_path / "journal.log").write_text("?\n?\n")
    code, err = error_of(capsys, *command(small_data, tmp_path, "--quiet"))
    assert (code, "journal.log is damaged" in err) == (2, True), err
