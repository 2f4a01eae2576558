"""`inkdigits train --from ARTIFACT --corrections`: learn from what people corrected."""

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from inkdigits.artifact import ARTIFACT_NAME
from inkdigits.cli.console import Console
from inkdigits.data import DEFAULT_DATASET, load_dataset
from inkdigits.errors import UsageError, needing
from inkdigits.files import write_atomic

if TYPE_CHECKING:
    from inkdigits.training.correcting import Corrected, Limits
    from inkdigits.training.tuning import Start

_LOSSES = ("max_accuracy_loss", "max_calibration_loss")


def run(arguments: Namespace, start: "Start") -> int:
    """Train further and return the exit code; nothing is written if MNIST was forgotten."""
    from inkdigits.training.correcting import learn
    from inkdigits.training.runs import default_folder

    with needing("web", "the database of corrections"):
        from inkdigits.web.corrections.store import Store, default_database
    others = ("data", "replay", "as_is", "groups", "by", "no_test", "tracker")
    if any(getattr(arguments, name) for name in others) or arguments.seed is not None:
        raise UsageError(
            "--corrections replays MNIST and never opens its test set; leave out all options but "
            "--from, --freeze, --out, --data-dir and how much may be lost"
        )
    limits = _limits(arguments)
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    store = Store(default_database())
    corrections = store.labelled(start.info.labels)
    store.close()
    with console.progress() as progress:
        mnist = load_dataset(DEFAULT_DATASET, "train", arguments.data_dir, progress)
        corrected = learn(
            corrections,
            start,
            mnist,
            limits,
            on_step=lambda done, total: progress("training", done, total),
        )
    folder = arguments.out or default_folder("corrected", start.info.seed)
    path = folder / ARTIFACT_NAME
    write_atomic(path, corrected.content)
    values = {"artifact": str(path), "limits": asdict(limits), **asdict(corrected)}
    del values["content"]
    console.result(_lines(corrected, limits, path), values)
    return 0


def _limits(arguments: Namespace) -> "Limits":
    from inkdigits.training.correcting import Limits

    given = [getattr(arguments, name) for name in _LOSSES]
    for name, value in zip(_LOSSES, given, strict=True):
        if value < 0:
            raise UsageError(f"--{name.replace('_', '-')} is {value:g}; it must be 0 or more")
    return Limits(*given)


def _lines(corrected: "Corrected", limits: "Limits", path: Path) -> list[str]:
    before, after, held_out = corrected.before, corrected.after, corrected.held_out
    trained = f"trained on {corrected.trained_on} corrections and MNIST"
    if corrected.left_out:
        trained += f"; {corrected.left_out} are no digits, which this network can't learn"
    return [
        trained,
        f"held-out corrections  {before.corrections} of {held_out} right before, "
        f"{after.corrections} after",
        f"held-out MNIST        {before.accuracy:.2f}% before, {after.accuracy:.2f}% after "
        f"(may fall by {limits.accuracy_loss:g} points)",
        f"calibration error     {before.calibration_error:.2f} before, "
        f"{after.calibration_error:.2f} after (may rise by {limits.calibration_loss:g} points)",
        f"artifact  {path}",
    ]
