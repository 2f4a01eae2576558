"""A recipe: a frozen value with all settings of a training run except for data and seed."""

import difflib
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar, get_args, get_origin

from inkdigits.artifact import ArtifactInfo
from inkdigits.errors import ArtifactError, UsageError
from inkdigits.recipes.architectures import (
    ARCHITECTURES,
    CLASSES,
    Layer,
    knows_junk,
    with_classes,
)

Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "step", "exponential", "cosine", "one-cycle"]
Precision = Literal["fp32", "bf16"]
EFFECT_NAMES = ("pen", "scan", "strays", "blur", "negative", "paper", "grain", "hole")
WARPS = ("rotation_deg", "shift_px", "zoom", "shear_deg", "elastic_px")
VARIED = ("architecture", *WARPS, "plain_share", "effects", "effect_rate")

_LARGEST = 10**9


@dataclass(frozen=True)
class Range:
    """The range of a numeric field: from `low` to `high`, each inclusive or not."""

    low: int = 0
    high: int = _LARGEST
    with_low: bool = True
    with_high: bool = True

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.with_low else value > self.low
        return above and (value <= self.high if self.with_high else value < self.high)

    def bound_of(self, value: float) -> str:
        """In words, the bound that a value outside the range breaks."""
        if value >= self.high:
            return f"{'at most' if self.with_high else 'below'} {self.high:,}"
        return f"{'at least' if self.with_low else 'above'} {self.low}"


Count = Annotated[int, Range(1)]
Positive = Annotated[float, Range(with_low=False)]
NotNegative = Annotated[float, Range()]
Share = Annotated[float, Range(high=1, with_high=False)]


class Settings(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


AnyRecipe = TypeVar("AnyRecipe", bound=Settings)


@dataclass(frozen=True)
class Recipe:
    """Settings of one training run.

    The model takes (pixel - `pixel_mean`) / `pixel_scale`. `momentum` is SGD's, and β₁ of adam and
    adamw; `beta2` is their β₂.
    `lr_decay` is the factor per `lr_decay_epochs` of the step and exponential schedules, and the
    last learning rate as a share of the peak in the cosine and one-cycle schedules;
    `warmup_fraction` is the rising share of the one-cycle schedule. `weight_decay` is an L2 penalty
    on the loss with adam and sgd, and decoupled with adamw (Loshchilov and Hutter, 2019).
    `patience` is how many epochs may pass without a lower validation loss before training stops and
    restores the best weights; 0: never, the last weights are kept. `precision` is used in training;
    bf16 becomes fp32 on a processor where it would be slower.
    Augmentation is drawn anew for each image in each epoch, uniformly within ± its bound
    (`elastic_px` is a standard deviation); a share `plain_share` keeps its shape, and so isn't
    blurred by resampling. Each of the `effects`, names joined by "+", applies to its own random
    share `effect_rate` of the images. A share `flourish_rate` of the ones gets a flag or a foot, of
    the sevens a bar. `drawn_share` is how many digits drawn in other styles are added, as a share
    of the set, and `junk_share` is how many non-digit images are added, as a share of the digits;
    the architecture needs an eleventh class for them. `networks` are trained one after another,
    and their logits are averaged. They take turns with `variations`, divided by "/": each is the
    settings of architecture and augmentation in which a network differs, divided by ",".
    """

    name: str
    summary: str
    architecture: str
    epochs: Count
    batch_size: Count = 64
    pixel_mean: NotNegative = 0.0
    pixel_scale: Positive = 255.0
    optimizer: Optimizer = "adam"
    peak_lr: Positive = 0.001
    momentum: Share = 0.9
    beta2: Share = 0.999
    weight_decay: NotNegative = 0.0
    label_smoothing: Share = 0.0
    schedule: Schedule = "constant"
    lr_decay: Annotated[float, Range(high=1)] = 0.0
    lr_decay_epochs: Count = 1
    warmup_fraction: Share = 0.2
    patience: Annotated[int, Range()] = 0
    validation_fraction: Share = 0.1
    rotation_deg: NotNegative = 0.0
    shift_px: NotNegative = 0.0
    zoom: Share = 0.0
    shear_deg: Annotated[float, Range(high=90, with_high=False)] = 0.0
    elastic_px: NotNegative = 0.0
    plain_share: Share = 0.0
    effects: str = ""
    effect_rate: Share = 0.3
    flourish_rate: Share = 0.0
    drawn_share: Share = 0.0
    junk_share: Share = 0.0
    networks: Count = 1
    variations: str = ""
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        check_types(self)
        check_ranges(self)
        _check_together(self)

    @property
    def draws_digits(self) -> bool:
        """Whether training adds drawn digits, or strokes to some digits."""
        return self.flourish_rate > 0 or self.drawn_share > 0

    def of_network(self, number: int) -> "Recipe":
        """The recipe with the variation of one of the networks, counted from 0."""
        settings = _settings_of(self.variations)
        return override(replace(self, variations=""), settings[number % len(settings)])

    def layers(self, network: int = 0, classes: int = CLASSES) -> tuple[Layer, ...]:
        """The layers of one of the networks, counted from 0."""
        return with_classes(ARCHITECTURES[self.of_network(network).architecture], classes)

    def to_dict(self) -> dict[str, Any]:
        """Field names and values, for JSON."""
        return asdict(self)


def trained_recipe(info: ArtifactInfo) -> Recipe:
    """The recipe that an artifact was trained with; `ArtifactError` for an imported model."""
    if info.is_imported:
        raise ArtifactError(
            f"the artifact {info.recipe['name']!r} was imported and has layers of its own; "
            "this needs a model that 'inkdigits train' made"
        )
    return Recipe(**info.recipe)


def check_types(recipe: Settings) -> None:
    """Refuse values of other types than the fields'; whole numbers may stand for others."""
    for field in fields(recipe):
        value, expected = getattr(recipe, field.name), _plain(field.type)
        if get_origin(expected) is Literal:
            if value not in get_args(expected):
                choices = ", ".join(get_args(expected))
                raise UsageError(f"{field.name} is {value!r}; choose one of {choices}")
        elif expected is float and type(value) in {float, int}:
            object.__setattr__(recipe, field.name, float(value))
        elif type(value) is not expected:
            raise UsageError(f"{field.name} is {value!r}; it must be {_kind(expected)}")


def check_ranges(recipe: Settings) -> None:
    """Refuse values outside the ranges of the fields."""
    for field in fields(recipe):
        value = getattr(recipe, field.name)
        for allowed in getattr(field.type, "__metadata__", ()):
            if value not in allowed:
                raise UsageError(f"{field.name} is {value}; it must be {allowed.bound_of(value)}")


def _check_together(recipe: Recipe) -> None:
    """Check fields that depend on each other."""
    if recipe.lr_decay == 0 and recipe.schedule in {"step", "exponential"}:
        raise UsageError(
            f"lr_decay is {recipe.lr_decay}; with schedule={recipe.schedule} it must be above 0, "
            "such as 0.9"
        )
    if recipe.architecture not in ARCHITECTURES:
        choices = ", ".join(ARCHITECTURES)
        raise UsageError(f"architecture is {recipe.architecture!r}; choose one of {choices}")
    unknown = set(filter(None, recipe.effects.split("+"))) - set(EFFECT_NAMES)
    if unknown:
        choices = ", ".join(EFFECT_NAMES)
        raise UsageError(f"effects has {unknown.pop()!r}; join some of {choices} by '+'")
    has_class = knows_junk(ARCHITECTURES[recipe.architecture])
    if has_class != (recipe.junk_share > 0):
        raise UsageError(
            f"junk_share is {recipe.junk_share}; {recipe.architecture} has "
            f"{'a class for junk, so it must be above 0' if has_class else 'no class for junk'}"
        )
    if recipe.patience and not recipe.validation_fraction:
        raise UsageError("patience needs a validation_fraction above 0: it watches that part")
    if recipe.variations:
        _check_variations(recipe)


def _settings_of(variations: str) -> list[list[str]]:
    """The `field=value` texts of each variation."""
    return [list(filter(None, text.split(","))) for text in variations.split("/")]


def _check_variations(recipe: Recipe) -> None:
    variations = _settings_of(recipe.variations)
    if recipe.networks < (count := len(variations)):
        raise UsageError(
            f"variations has {count} and networks is {recipe.networks}; set networks={count}"
        )
    for number, settings in enumerate(variations):
        for setting in settings:
            if setting.partition("=")[0] not in VARIED:
                choices = ", ".join(VARIED)
                raise UsageError(
                    f"variations has {setting!r}; the networks may differ in {choices}"
                )
        recipe.of_network(number)


def override(recipe: AnyRecipe, assignments: list[str]) -> AnyRecipe:
    """The recipe with `field=value` texts applied, each converted to the field's type.

    Raises `UsageError` for a malformed text, an unknown field, a wrong type, a value out of range.
    """
    return with_fields(recipe, dict(parse_assignment(recipe, text) for text in assignments))


def with_fields(recipe: AnyRecipe, values: dict[str, Any]) -> AnyRecipe:
    """The recipe with other values of some fields, by name.

    Raises `UsageError` for an unknown field, a wrong type, a value out of range.
    """
    for name in values:
        _type_of(name, recipe)
    return replace(recipe, **values)


def _type_of(name: str, recipe: Settings) -> Any:
    """The type of a field that may be changed; `UsageError` if there is no such field."""
    types = {field.name: _plain(field.type) for field in fields(recipe) if field.name != "name"}
    if name not in types:
        raise UsageError(f"a recipe has no field {name!r}{nearest(name, list(types))}")
    return types[name]


def parse_assignment(recipe: Settings, text: str) -> tuple[str, Any]:
    """The field and the value, of the field's type, that a text `field=value` gives a recipe.

    Raises `UsageError` for a malformed text, an unknown field, a wrong type.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is not field=value, as in --set epochs=3")
    kind = _type_of(name, recipe)
    if kind not in {int, float}:
        return name, value
    try:
        return name, int(value) if kind is int else float(value)
    except ValueError:
        raise UsageError(f"{name} is {value!r}; it must be {_kind(kind)}") from None


def _plain(annotated: Any) -> Any:
    """The type of a field, without its range."""
    return get_args(annotated)[0] if get_origin(annotated) is Annotated else annotated


def _kind(expected: Any) -> str:
    kinds = {int: "a whole number, such as 3", float: "a number, such as 0.1", str: "a text"}
    return kinds[expected]


def nearest(name: str, names: list[str]) -> str:
    """The end of a message about a wrong name: the closest name, or all of them."""
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; choose one of {', '.join(names)}"
