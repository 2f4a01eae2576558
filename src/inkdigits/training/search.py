"""Hyper-parameter search: many short trainings of a recipe, compared on the validation part.

The trials of a search stand in a journal in its folder. Whoever opens it goes on with it, also
several processes at once. Needs Optuna.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.importance import get_param_importances
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from inkdigits.data import (
    AS_FOUND,
    DATASETS,
    DEFAULT_DATASET,
    Handling,
    Progress,
    Split,
    ignore_progress,
    load_dataset,
    stratified_split,
)
from inkdigits.errors import StorageError, TrainingDiverged, TrainingInterrupted, UsageError
from inkdigits.files import make_folder
from inkdigits.metrics import accuracy
from inkdigits.recipes import Recipe
from inkdigits.recipes.space import Choices, Interval, Space, parse_space
from inkdigits.training.checkpoint import Checkpoint
from inkdigits.training.devices import AUTO, choose_device
from inkdigits.training.loop import check_classes, fit, predict_logits
from inkdigits.training.models import rebuild
from inkdigits.training.run_folder import check_seed
from inkdigits.training.tuning import for_few, repeated

JOURNAL = "journal.log"
_DIGITS = 4  # significant ones of a number that is tried
_FEWEST = 10  # finished trials that tell the importance of the fields
_PARTS = 1000  # of a trial, in progress


@dataclass(frozen=True)
class Trial:
    """One training of a search; `number` counts from 0.

    `values` are of the fields that are searched, `accuracies` on the validation part after each
    epoch. `accuracy` is that of the trained network; None for a trial that was pruned, because
    it was worse than the median after as many epochs, or diverged.
    """

    number: int
    values: dict[str, Any]
    state: Literal["finished", "pruned", "diverged"]
    accuracies: tuple[float, ...]
    accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class Search:
    """A recipe, the space of its fields that is searched, and the trials so far."""

    folder: Path
    recipe: Recipe
    space: Space
    seed: int
    dataset: str
    split: Split
    study: optuna.Study
    device: str

    @property
    def trials(self) -> list[Trial]:
        """Those that have ended, in the order in which they were begun."""
        ended = self.study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
        return [self.trial(trial) for trial in ended]

    def trial(self, trial: FrozenTrial) -> Trial:
        """One of Optuna's trials that has ended."""
        finished = trial.state is TrialState.COMPLETE
        diverged = "diverged" in trial.user_attrs
        return Trial(
            number=trial.number,
            values={name: _rounded(trial.params[name], part) for name, part in self.space.items()},
            state="finished" if finished else "diverged" if diverged else "pruned",
            accuracies=tuple(trial.intermediate_values.values()),
            accuracy=trial.value if finished else None,
            seconds=trial.duration.total_seconds() if trial.duration else 0.0,
        )

    @property
    def best(self) -> Trial:
        """The most accurate trial; `TrainingDiverged` if none has finished."""
        finished = [trial for trial in self.trials if trial.accuracy is not None]
        if not finished:
            raise TrainingDiverged(
                f"none of {len(self.trials)} trials finished; search lower values of peak_lr"
            )
        return max(finished, key=lambda trial: trial.accuracy or 0.0)

    @property
    def winner(self) -> Recipe:
        """The recipe of the best trial."""
        summary = f"{self.recipe.name}, the best of {len(self.trials)} trials"
        name = f"{self.recipe.name}-best"
        return replace(self.recipe, **self.best.values, name=name, summary=summary)

    def importances(self) -> dict[str, float]:
        """How much each field matters for being among the best tenth, in shares that sum to 1.

        After PED-ANOVA (Watanabe et al., 2023); {} with fewer than ten finished trials, or if all
        are as good.
        """
        reached = [trial.accuracy for trial in self.trials if trial.accuracy is not None]
        enough = len(reached) >= _FEWEST and len(set(reached)) > 1
        return get_param_importances(self.study) if enough else {}


def open_search(
    recipe: Recipe,
    searches: list[str],
    seed: int,
    dataset: str = DEFAULT_DATASET,
    *,
    folder: Path,
    data_folder: Path | None = None,
    handling: Handling = AS_FOUND,
    device: str = AUTO,
    progress: Progress = ignore_progress,
) -> Search:
    """Load the training set and begin a search in a folder, or go on with the one in it.

    `searches` are texts for `parse_space`, `device` is where to train. Raises `UsageError` for a
    wrong setting or if the search in the folder has other settings, `StorageError` if the folder
    holds something else, `DataError` if the data can't be loaded. Only the training subset is
    opened.
    """
    check_seed(seed)
    choose_device(device)
    space = parse_space(recipe, searches)
    data = load_dataset(dataset, "train", data_folder, progress, handling)
    check_classes(recipe, data.class_names)
    recipe = recipe if dataset in DATASETS else for_few(recipe, len(data))
    split = stratified_split(data, recipe.validation_fraction, seed)
    if not len(split.validation):
        raise UsageError(
            f"validation_fraction {recipe.validation_fraction} holds no images out, and trials are "
            "compared on them; raise it with --set validation_fraction=0.1"
        )
    settings = {
        "recipe": recipe.to_dict(),
        "search": sorted(searches),
        "seed": seed,
        "data": {**data.sha256, "handling": asdict(handling)},
    }
    study = _open_study(folder, settings)
    split = split if dataset in DATASETS else repeated(split)
    return Search(folder, recipe, space, seed, dataset, split, study, device)


def _open_study(folder: Path, settings: dict[str, Any]) -> optuna.Study:
    make_folder(folder)
    path = folder / JOURNAL
    # Listed first: another process may make the journal in between.
    if any(folder.iterdir()) and not path.exists():
        raise StorageError(f"{folder} isn't empty and holds no search; choose another folder")
    try:
        backend = JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path)))
        study = optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
            study_name="inkdigits",
            direction="maximize",
            load_if_exists=True,
        )
    except (ValueError, KeyError) as error:
        raise UsageError(f"{path} is damaged ({error}); begin a new search") from error
    for name, value in settings.items():
        if study.user_attrs.setdefault(name, value) != value:
            raise UsageError(
                f"the search in {folder} was begun with another {name}; repeat its command, or "
                "choose another folder"
            )
        study.set_user_attr(name, value)
    return study


def run_search(
    search: Search,
    trials: int,
    *,
    progress: Progress = ignore_progress,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
) -> None:
    """Train until so many trials have ended, in all processes together.

    With several processes, the last trials of the others are still finished. Ctrl-C raises
    `TrainingInterrupted`; trials that have ended are kept.
    """

    def objective(trial: optuna.Trial) -> float:
        done = len(search.trials) * _PARTS

        def show(step: int, steps: int) -> None:
            progress("trials", min(done + step * _PARTS // steps, total), total)

        return _train(search, trial, show)

    total = trials * _PARTS
    try:
        while len(search.trials) < trials:
            search.study.optimize(
                objective, n_trials=1, callbacks=[lambda _, trial: on_trial(search.trial(trial))]
            )
            progress("trials", min(len(search.trials) * _PARTS, total), total)
    except KeyboardInterrupt:
        raise TrainingInterrupted(
            f"stopped; {len(search.trials)} of {trials} trials are kept in {search.folder}; the "
            f"same command with --out {search.folder} goes on"
        ) from None


def _train(search: Search, trial: optuna.Trial, show: Callable[[int, int], None]) -> float:
    """Train one trial; returns its validation accuracy."""
    # Seeded by the trial's number: a search that goes on gives the same trials as one in a single
    # go, and processes that begin together try different values.
    seed = (search.seed * 1_000_003 + trial.number) % 2**32
    search.study.sampler = optuna.samplers.TPESampler(seed=seed, multivariate=False)
    values = {name: _suggest(trial, name, part) for name, part in search.space.items()}
    recipe, validation = replace(search.recipe, **values), search.split.validation

    def compare(latest: Checkpoint) -> None:
        epochs = len(latest.history)
        trial.report(latest.history[-1].validation_accuracy or 0.0, epochs)
        if epochs < recipe.epochs * recipe.networks and trial.should_prune():
            raise optuna.TrialPruned

    try:
        checkpoint = fit(
            recipe,
            search.split,
            search.seed,
            device=search.device,
            on_step=show,
            on_epoch=compare,
        )
    except TrainingDiverged as error:
        trial.set_user_attr("diverged", str(error))
        raise optuna.TrialPruned from error
    classes = len(validation.class_names)
    logits = predict_logits(rebuild(recipe, checkpoint.weights(), classes), validation.images)
    return accuracy(logits[:, :classes].numpy(), validation.labels)


def _suggest(trial: optuna.Trial, name: str, part: Choices | Interval) -> Any:
    if isinstance(part, Choices):
        return trial.suggest_categorical(name, part.values)
    if isinstance(part.low, int):
        return trial.suggest_int(name, part.low, int(part.high), log=part.log)
    return _rounded(trial.suggest_float(name, part.low, part.high, log=part.log), part)


def _rounded(value: Any, part: Choices | Interval) -> Any:
    """A number within its interval that is pleasant to read; other values as they are."""
    if isinstance(part, Choices) or isinstance(value, int):
        return value
    return max(part.low, min(part.high, float(f"{value:.{_DIGITS}g}")))
