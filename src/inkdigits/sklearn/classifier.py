"""A recipe as a scikit-learn classifier."""

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from inkdigits.artifact import parse_artifact
from inkdigits.data import IN_MEMORY, LabelledImages, Split, stratified_split
from inkdigits.errors import UsageError
from inkdigits.reading import Reader
from inkdigits.recipes import Recipe, find_recipe
from inkdigits.sklearn.features import Range, as_images, as_rows

_MOST_CLASSES = 256


class InkdigitsClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A network of inkdigits as a scikit-learn classifier of pictures, or of any features.

    Parameters
    ----------
    recipe : str or Recipe, default="fast"
        A recipe, its name, or the path of a recipe file (TOML).
    epochs : int, default=None
        Replaces the recipe's own.
    batch_size : int, default=None
        By default it is the recipe's own, or smaller if an epoch would have fewer than 60 steps.
    peak_lr : float, default=None
        Replaces the recipe's own.
    random_state : int, RandomState or None, default=None
        Decides the initial weights, the order, and what is held out.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, at most 256 of any type.
    n_features_in_ : int
        The number of features. Of pictures it is the square of their longer side.
    range_ : tuple of float
        The lowest and the highest value in the first training data: black and white.
    artifact_ : bytes
        The trained artifact. In a file, it is what ``inkdigits train`` writes.
    reader_ : Reader
        The reader of that artifact.

    Notes
    -----
    X is (n, height, width) or (n, features). A row of features fills the smallest square that
    holds it, line by line, and the square is resized to 28×28; 784 features are left as they are.
    `range_` becomes 0…255, and values outside are clipped. Training data of fewer than 4,000 rows
    are repeated up to there.

    """

    classes_: NDArray[Any]
    range_: Range
    artifact_: bytes
    reader_: Reader

    def __init__(
        self,
        recipe: str | Recipe = "fast",
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        peak_lr: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.peak_lr = peak_lr
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Train on X (n, features) or (n, height, width) with labels y (n,), anew.

        A share `validation_fraction` of each class, or of the groups (n,), is held out to
        calibrate the probabilities. Raises `ValueError` for bad arrays, `UsageError` for a bad
        setting, `TrainingDiverged`.
        """
        recipe = self._settings()
        X, y = self._check(X, y, first=True)
        self.classes_ = np.unique(y)
        self.range_ = (float(X.min()), float(X.max()))
        data = self._labelled(X, y)
        if groups is not None:
            check_consistent_length(X, groups)
            data = replace(data, groups=tuple(map(str, np.asarray(groups))))
        seed = self._seed()
        self._train(recipe, stratified_split(data, recipe.validation_fraction, seed), seed)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train the current network further, through the whole schedule of the recipe, on all of X.

        The first call needs all `classes`, unless `fit` was called. Nothing is held out, so the
        probabilities aren't calibrated. Raises the same as `fit`.
        """
        recipe = replace(self._settings(), patience=0)
        if recipe.networks > 1:
            raise UsageError(f"partial_fit trains one network; {recipe.name} has several")
        first = not hasattr(self, "artifact_")
        X, y = self._check(X, y, first=first)
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if first:
            self.classes_ = np.unique(np.asarray(classes))
            self.range_ = (float(X.min()), float(X.max()))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes={classes!r} is not the same as on the first call")
        if not np.isin(y, self.classes_).all():
            raise ValueError(f"y has labels that are none of the classes {self.classes_!r}")
        data = self._labelled(X, y)
        nothing = data.only(np.zeros(len(data), bool))
        self._train(recipe, Split(data, nothing), self._seed(), further=not first)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probabilities (n, n_classes) of X (n, features) or (n, height, width)."""
        check_is_fitted(self, "artifact_")
        X = validate_data(self, _two_dimensional(X), reset=False)
        return self.reader_.predict_proba(as_images(X, self.range_))

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels (n,) of X (n, features) or (n, height, width)."""
        places = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[places])

    def _settings(self) -> Recipe:
        recipe = self.recipe if isinstance(self.recipe, Recipe) else find_recipe(self.recipe)
        own = {name: getattr(self, name) for name in ("epochs", "batch_size", "peak_lr")}
        return replace(recipe, **{k: value for k, value in own.items() if value is not None})

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31))

    def _check(self, X: Any, y: Any, *, first: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, _two_dimensional(X), y, reset=first)
        check_classification_targets(y)
        return X, y

    def _labelled(self, X: Any, y: Any) -> LabelledImages:
        if len(self.classes_) > _MOST_CLASSES:
            raise UsageError(f"y has {len(self.classes_)} classes; at most {_MOST_CLASSES} work")
        names = tuple(map(str, self.classes_.tolist()))
        labels = np.searchsorted(self.classes_, y).astype(np.uint8)
        return LabelledImages(as_images(X, self.range_), labels, class_names=names)

    def _train(self, recipe: Recipe, split: Split, seed: int, *, further: bool = False) -> None:
        from inkdigits.training import train_artifact  # predicting needs no PyTorch
        from inkdigits.training.tuning import Start, for_few, repeated

        recipe, split = for_few(recipe, len(split.train)), repeated(split)
        start = Start(self.artifact_) if further else None
        self.artifact_ = train_artifact(recipe, split, seed, start=start, dataset=IN_MEMORY)
        self.reader_ = Reader(parse_artifact(self.artifact_))

    def __getstate__(self) -> dict[str, Any]:
        return {k: value for k, value in super().__getstate__().items() if k != "reader_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "artifact_" in state:
            self.reader_ = Reader(parse_artifact(self.artifact_))


def _two_dimensional(X: Any) -> Any:
    return as_rows(np.asarray(X)) if getattr(X, "ndim", 2) == 3 else X
