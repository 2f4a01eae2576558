"""How accuracy grows with the number of own pictures: the model as it is, trained further, and new.

    make bench-few

On scikit-learn's 8×8 digits, and on coarse black-and-white scans of three drawn writers, each with
one way of writing every digit. The test pictures are the same for every number; the rest is
training. Writes a table into docs/how-to/fine-tune.md.
"""

import json
from pathlib import Path

import numpy as np
from documents import put_table
from handwriting import STYLES, drawn
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track
from sklearn.datasets import load_digits

from inkdigits import Reader
from inkdigits.artifact import DIGITS, parse_artifact, shipped
from inkdigits.data import LabelledImages, Split, load_dataset, stratified_split
from inkdigits.environment import describe_environment
from inkdigits.files import write_atomic
from inkdigits.imaging.layout import lay_out_glyph
from inkdigits.recipes import RECIPES
from inkdigits.training import train_artifact
from inkdigits.training.tuning import Start, for_few, repeated, tuning_recipe, with_replay

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "how-to" / "fine-tune.md"
COUNTS = (1, 3, 10, 30, 100)  # of a class
SEEDS = (0, 1, 2)
DRAWN, SCAN_PX = 140, 9  # pictures of a class; their height


def eight_by_eight(seed: int) -> Split:
    """scikit-learn's digits: 100 of a class or fewer to train on, the rest for the test."""
    digits = load_digits()
    ink = digits.images.astype(np.float32) / 16
    glyphs = np.stack([lay_out_glyph(image) for image in ink])
    return _split(LabelledImages(glyphs, digits.target.astype(np.uint8)), seed)


def writer(seed: int) -> Split:
    """Coarse scans of one drawn writer: one style for each digit."""
    rng = np.random.default_rng(seed)
    styles = {label: STYLES[label][rng.integers(len(STYLES[label]))] for label in DIGITS}
    own = {label: [style] for label, style in styles.items()}
    images, labels = [], []
    for label in DIGITS:
        for _ in range(DRAWN):
            images.append(lay_out_glyph(_scan(drawn(label, 60, rng, styles=own))))
            labels.append(int(label))
    return _split(LabelledImages(np.stack(images), np.array(labels, np.uint8)), seed)


def _scan(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ink at `SCAN_PX` pixels of height, black or white."""
    size = (max(2, round(ink.shape[1] * SCAN_PX / ink.shape[0])), SCAN_PX)
    small = Image.fromarray(ink).resize(size, Image.Resampling.BOX)
    return (np.asarray(small) > 0.4).astype(np.float32)


def _split(data: LabelledImages, seed: int) -> Split:
    order = np.random.default_rng([seed, 1]).permutation(len(data))
    chosen: list[int] = []
    for label in range(10):
        chosen += [place for place in order if data.labels[place] == label][: max(COUNTS)]
    rest = np.setdiff1d(order, chosen)
    return Split(train=data.only(np.array(chosen)), validation=data.only(rest))


def some(data: LabelledImages, count: int) -> LabelledImages:
    """The first `count` of each class."""
    places = [np.flatnonzero(data.labels == label)[:count] for label in range(10)]
    return data.only(np.concatenate(places))


def accuracies(parts: Split, count: int, seed: int, replayed: Split) -> dict[str, float]:
    """On the test pictures: trained further, with MNIST replayed, and a new `standard`."""
    test = parts.validation
    own = some(parts.train, count)
    split = stratified_split(own, 0.1 if count >= 10 else 0.0, seed)
    start = Start(shipped())
    recipe = tuning_recipe(start, DIGITS)
    trained = {
        "further": train_artifact(recipe, repeated(split), seed, start=start),
        "replayed": train_artifact(recipe, with_replay(split, replayed), seed, start=start),
        "new": train_artifact(for_few(RECIPES["standard"], len(own)), repeated(split), seed),
    }
    return {name: _right(content, test) for name, content in trained.items()}


def _right(content: bytes, test: LabelledImages) -> float:
    predicted = Reader(parse_artifact(content)).predict(test.images)
    return float((predicted == test.labels).mean())


SETS = {"8×8 digits": eight_by_eight, "a drawn writer, 9 pixels high": writer}


def main() -> None:
    """Measure and write."""
    replayed = stratified_split(load_dataset(), 0.1, seed=0)
    rows, values = [], {}
    for title, load in SETS.items():
        parts = {seed: load(seed) for seed in SEEDS}
        before = [_right(shipped(), parts[seed].validation) for seed in SEEDS]
        for count in COUNTS:
            found = [
                accuracies(parts[seed], count, seed, replayed)
                for seed in track(SEEDS, f"{title}, {count}", transient=True)
            ]
            columns = {"before": before} | {name: [one[name] for one in found] for name in found[0]}
            values[f"{title}, {count}"] = columns
            cells = " | ".join(_cell(column) for column in columns.values())
            rows.append(f"| {title} | {count} | {cells} |")
            print(rows[-1], flush=True)
    table = "\n".join(
        [
            "| pictures | of a class | the model as it is | trained further | with MNIST replayed "
            "| `standard`, new |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )
    put_table(PAGE, "few", table + "\n")
    result = {"environment": describe_environment(), "accuracy": values}
    write_atomic(HERE / "results" / "few_pictures.json", json.dumps(result, indent=1).encode())


def _cell(column: list[float]) -> str:
    return f"{np.mean(column):.1%} ± {np.std(column, ddof=1):.1%}"


if __name__ == "__main__":
    main()
