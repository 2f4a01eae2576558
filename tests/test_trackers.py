"""The history of a run arrives in TensorBoard's files and in MLflow's stores."""

import sys
from dataclasses import replace

import pytest

import inkdigits
from inkdigits.cli import main
from inkdigits.errors import TrainingInterrupted, UsageError
from inkdigits.recipes import RECIPES
from inkdigits.training.run_folder import open_run
from inkdigits.training.runs import start_run, train_run
from tests.conftest import take

NOT_CHECKED = "NOT CHECKED: trackers need pip install '.[tensorboard,mlflow]'"
MlflowClient = pytest.importorskip("mlflow", reason=NOT_CHECKED).MlflowClient
EVENTS = "tensorboard.backend.event_processing.event_accumulator"
EventAccumulator = pytest.importorskip(EVENTS, reason=NOT_CHECKED).EventAccumulator

# MLflow and TensorBoard use what SQLAlchemy and Python have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FIGURES = ("train_loss", "validation_accuracy", "learning_rate", "seconds")


@pytest.fixture
def digits(mnist):
    few = take(mnist, 300)
    return few.images, few.labels


@pytest.fixture(params=["sqlite", "file"])
def store(request, tmp_path, monkeypatch) -> str:
    """MLflow's address of an empty store on the disk."""
    address = {"sqlite": f"sqlite:///{tmp_path / 'm.db'}", "file": (tmp_path / "m").as_uri()}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address[request.param])
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return address[request.param]


@pytest.mark.parametrize("engine", ["torch", "keras"])
def test_tensorboard_has_each_epoch(engine, digits, tmp_path):
    out = tmp_path / "run"
    settings = {"tracker": "tensorboard", "out": out, "engine": engine, "quiet": True}
    run = inkdigits.train("tiny", digits, epochs=2, validation_fraction=0.2, **settings)
    events = EventAccumulator(str(out)).Reload()
    for name in FIGURES:
        scalars = [(event.step, event.value) for event in events.Scalars(name)]
        assert scalars == [(n, pytest.approx(row[name])) for n, row in enumerate(run.history, 1)]


def test_mlflow_has_settings_and_each_epoch(store, digits, tmp_path):
    settings = {"tracker": "mlflow", "quiet": True, "out": tmp_path / "run"}
    run = inkdigits.train("tiny", digits, epochs=2, seed=3, **settings)
    client = MlflowClient(store)
    (found,) = client.search_runs(["0"])
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert (found.data.params["seed"], found.data.params["epochs"]) == ("3", "2")
    for name in FIGURES:
        points = client.get_metric_history(found.info.run_id, name)
        expected = [(n, row[name]) for n, row in enumerate(run.history, 1)]
        assert [(point.step, point.value) for point in points] == expected


def test_a_resumed_run_goes_on_with_its_mlflow_run(store, small_data, tmp_path):
    out = tmp_path / "run"

    def stop(_epoch):
        raise KeyboardInterrupt

    recipe = replace(RECIPES["tiny"], epochs=2)
    place = {"data_folder": small_data}
    run = start_run(recipe, 0, "kmnist", folder=out, tracker="mlflow", **place)
    with pytest.raises(TrainingInterrupted):
        train_run(run, on_epoch=stop, **place)
    train_run(open_run(out), **place)
    client = MlflowClient(store)
    (found,) = client.search_runs(["0"])
    assert found.info.status == "FINISHED"
    assert [point.step for point in client.get_metric_history(found.info.run_id, "seconds")] == [
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("address", "said"),
    [("file:mlruns", "MLFLOW_ALLOW_FILE_STORE"), ("sqlite:////proc/none/m.db", "/proc/none")],
)
def test_a_store_that_refuses_is_an_error(address, said, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UsageError, match=f"MLflow can't be written to.*{said}"):
        inkdigits.train("tiny", digits, tracker="mlflow", quiet=True)


@pytest.mark.parametrize(
    ("tracker", "library"), [("mlflow", "mlflow"), ("tensorboard", "tensorboard")]
)
def test_a_missing_tracker_names_its_extra_before_any_work(
    tracker, library, tmp_path, monkeypatch, capsys
):
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    out = tmp_path / "run"
    assert main(["train", "tiny", "--tracker", tracker, "--out", str(out)]) == 2
    assert f"pip install 'inkdigits[{tracker}]'" in capsys.readouterr().err
    assert not out.exists()


def test_an_unknown_tracker_is_named():
    with pytest.raises(UsageError, match="no tracker 'wandb'; choose tensorboard or mlflow"):
        inkdigits.train("tiny", tracker="wandb")
