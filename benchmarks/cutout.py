"""Train the network for cuts inside the package again, then fit the detector's acceptance to it.

    python benchmarks/cutout.py

Draws 420,000 digits on pages and cuts them out, trains for 6 epochs, and writes `cutout.onnx` and
`detector.onnx` in `src/inkdigits/shipped/`: half an hour on two cores.
"""

from pathlib import Path

from rich.console import Console

from inkdigits.files import read_bytes, write_atomic
from inkdigits.reading.detector import SHIPPED_DETECTOR
from inkdigits.reading.finding import SHIPPED_CUTOUT
from inkdigits.training.checkpoint import Checkpoint
from inkdigits.training.detector.cutout import train_cutout
from inkdigits.training.detector.runs import with_acceptance

FOLDER = Path(__file__).parent.parent / "src" / "inkdigits" / "shipped"


def main() -> None:
    """Draw, train, fit, write."""
    console = Console()

    def show(task: str, done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            console.print(f"{task}: {done:,} of {total:,}")

    def on_epoch(checkpoint: Checkpoint) -> None:
        epoch = checkpoint.history[-1]
        share = epoch.validation_accuracy
        console.print(f"epoch {epoch.epoch}: {share:.2%} of the held-out cuts are right")

    write_atomic(FOLDER / SHIPPED_CUTOUT, train_cutout(show, on_epoch))
    detector = FOLDER / SHIPPED_DETECTOR
    write_atomic(detector, with_acceptance(read_bytes(detector), show))


if __name__ == "__main__":
    main()
