"""`inkdigits train`: train a recipe into a run folder, then evaluate it on the test set."""

from argparse import Namespace
from typing import TYPE_CHECKING

from inkdigits.artifact import artifact_path, shipped
from inkdigits.cli import correcting, detector
from inkdigits.cli.console import Console
from inkdigits.cli.evaluate import Outcome, report_on_test_set
from inkdigits.data import DEFAULT_DATASET, Handling, Progress
from inkdigits.errors import UsageError, needing
from inkdigits.files import read_bytes
from inkdigits.reading import Reader
from inkdigits.recipes import find_recipe, override
from inkdigits.recipes.detector import DetectorRecipe

if TYPE_CHECKING:
    from inkdigits.recipes import Recipe
    from inkdigits.training.checkpoint import Epoch
    from inkdigits.training.run_folder import Run
    from inkdigits.training.tuning import Start


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code."""
    with needing("train", "training"):
        import inkdigits.evaluation.report  # noqa: F401
        from inkdigits.training import processes
        from inkdigits.training.detector.runs import is_detector_run
        from inkdigits.training.memory import keep_freed_memory
    keep_freed_memory()
    other = (arguments.resume, arguments.start, arguments.corrections)
    if arguments.engine == "keras" and (any(other) or arguments.recipe == DetectorRecipe.name):
        raise UsageError(
            "--engine keras trains a recipe of a reader from the start; leave out --resume, --from "
            "and --corrections"
        )
    if arguments.resume:
        _refuse_settings(arguments)
    resumed = arguments.resume and is_detector_run(arguments.resume)
    is_detector = resumed or arguments.recipe == DetectorRecipe.name
    alone = is_detector or arguments.corrections or arguments.engine == "keras"
    if alone and processes.are_started():
        raise UsageError(
            "torchrun is for recipes of a reader, trained by PyTorch; start this without it"
        )
    if is_detector:
        return detector.run(arguments)
    if arguments.corrections:
        return correcting.run(arguments, _artifact(arguments))
    with processes.joined(arguments.device):
        return _train(arguments)


def _train(arguments: Namespace) -> int:
    """Train a recipe; of several processes, the first one prints and evaluates."""
    from inkdigits.training.processes import is_first
    from inkdigits.training.runs import train_run

    console = Console(quiet=arguments.quiet or not is_first(), as_json=arguments.json)
    with console.progress() as progress:
        this = _open_or_start(arguments, progress)
        console.note(f"{this.recipe.name}, seed {this.seed}, on {this.dataset}, into {this.folder}")
        if this.split and this.split.train.about:
            console.note(this.split.train.about)
        artifact = train_run(
            this,
            data_folder=arguments.data_dir,
            progress=progress,
            on_epoch=lambda epoch: console.note(_epoch_line(epoch, this.recipe)),
        )
        if not is_first():
            return 0
        reader = Reader.load(artifact)
        if arguments.no_test:
            lines, values = validation_lines(reader)
        else:
            folder, data_folder = this.folder, arguments.data_dir
            lines, values = report_on_test_set(
                reader, this.dataset, folder, data_folder, progress, handling=this.handling
            )
    lines.insert(1, f"artifact  {artifact}")
    console.result(lines, {"run": str(this.folder), "artifact": str(artifact), **values})
    return 0


def _refuse_settings(arguments: Namespace) -> None:
    new = (
        "recipe",
        "assignments",
        "out",
        "data",
        "as_is",
        "groups",
        "by",
        "start",
        "freeze",
        "replay",
        "teacher",
        "corrections",
        "tracker",
    )
    if any(getattr(arguments, name) for name in new) or arguments.seed is not None:
        raise UsageError(
            "--resume continues a run with its own settings; leave out RECIPE and all options but "
            "--data-dir, --device, --no-test, --quiet and --json"
        )


def _open_or_start(arguments: Namespace, progress: Progress) -> "Run":
    from inkdigits.training.run_folder import open_run
    from inkdigits.training.runs import start_run

    if arguments.resume:
        return open_run(arguments.resume, arguments.device)
    return start_run(
        _beginning(arguments),
        arguments.seed or 0,
        arguments.data or DEFAULT_DATASET,
        folder=arguments.out,
        data_folder=arguments.data_dir,
        handling=Handling(arguments.as_is, arguments.groups, arguments.by),
        replay=arguments.replay,
        device=arguments.device,
        engine=arguments.engine,
        tracker=arguments.tracker,
        teacher=arguments.teacher,
        progress=progress,
    )


def _beginning(arguments: Namespace) -> "Recipe | Start":
    """The recipe, or the artifact to train further."""
    if arguments.start is None:
        if arguments.freeze or arguments.replay:
            raise UsageError("--freeze and --replay go with --from, the artifact to train further")
        return override(find_recipe(arguments.recipe or "standard"), arguments.assignments)
    return _artifact(arguments)


def _artifact(arguments: Namespace) -> "Start":
    """The artifact to train further."""
    from inkdigits.training.tuning import Start

    if arguments.start is None:
        raise UsageError("--corrections goes with --from, the artifact to train further")
    if arguments.recipe or arguments.assignments:
        raise UsageError(
            "--from trains an artifact's own recipe further; leave out RECIPE and --set"
        )
    if arguments.teacher:
        raise UsageError("--teacher goes with RECIPE; leave out --from")
    if str(arguments.start) == "shipped":
        return Start(shipped(), arguments.freeze)
    return Start(read_bytes(artifact_path(arguments.start)), arguments.freeze)


def validation_lines(reader: Reader) -> Outcome:
    """The figures of the images held out, where the test set isn't used."""
    validation = reader.info.validation
    figures = "no validation images were held out"
    if validation["images"]:
        figures = (
            f"validation accuracy {validation['accuracy']:.2%}, loss {validation['loss']:.4f} "
            f"on {validation['images']} images; the test set was not used"
        )
    return [figures], {"validation": validation}


def _epoch_line(epoch: "Epoch", recipe: "Recipe") -> str:
    network = f"network {epoch.network}/{recipe.networks}   " if recipe.networks > 1 else ""
    validation = ""
    if epoch.validation_accuracy is not None:
        validation = (
            f"   validation loss {epoch.validation_loss:.4f}"
            f"  accuracy {epoch.validation_accuracy:.2%}"
        )
    return (
        f"{network}epoch {epoch.epoch:>{len(str(recipe.epochs))}}/{recipe.epochs}"
        f"   train loss {epoch.train_loss:.4f}  accuracy {epoch.train_accuracy:.2%}"
        f"{validation}   {epoch.seconds:.1f} s"
    )
