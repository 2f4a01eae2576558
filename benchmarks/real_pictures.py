r"""Score the reader on a folder of real pictures with labels, and show what it gets wrong.

    make bench-real FOLDER=pictures/          any folder with a labels.csv
    python benchmarks/real_pictures.py FOLDER … --out FILE [--model RUN_OR_ARTIFACT]

`labels.csv` has the columns `file`, `label`, `kind` and, optionally, `digits`. A label is what a
person would write down: `\n` (two characters) between lines, a space between numbers, `.` for an
empty cell of a table. `digits` are its digits alone; without that column they are taken from the
label.

Prints a row for each kind with 95 % intervals (Wilson), and writes one HTML page with the annotated
pictures that were misread. Nothing is stored in the repository: the pictures are yours.
"""

import argparse
import base64
import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jinja2
from rich.progress import track

from inkdigits import Reader, Reading
from inkdigits.files import write_atomic
from inkdigits.metrics import wilson_interval

TEMPLATE = Path(__file__).with_suffix(".html.jinja")
SHOWN_PX = 420  # the longer side of a picture on the page
MARKS = str.maketrans({"−": "-", "–": "-", "x": "×", "*": "×", "·": "."})


@dataclass(frozen=True)
class Labelled:
    """One picture, its label, and its kind."""

    path: Path
    label: str
    digits: str
    kind: str


@dataclass(frozen=True)
class Scored:
    """A picture and its reading."""

    picture: Labelled
    reading: Reading

    @property
    def digits_right(self) -> bool:
        """Whether all digits are right, in the right order."""
        return digits_of(self.reading.text) == self.picture.digits

    @property
    def has_marks(self) -> bool:
        """Whether the label has more than digits, spaces and empty cells."""
        return any(marks_of(word) for word in self.picture.label.split() if word != ".")

    @property
    def marks_right(self) -> bool:
        """Whether digits and marks are right; spaces and line breaks are ignored."""
        label, text = self.picture.label, self.reading.text
        return "".join(label.translate(MARKS).split()) == "".join(text.translate(MARKS).split())


def digits_of(text: str) -> str:
    """The digits of a text, in order."""
    return "".join(letter for letter in text if letter in "0123456789")


def marks_of(text: str) -> str:
    """Everything else, without white space."""
    return "".join(letter for letter in text if letter not in "0123456789" and not letter.isspace())


def load_labels(folder: Path) -> list[Labelled]:
    """The pictures that a folder's labels.csv lists."""
    path = folder / "labels.csv"
    if not path.is_file():
        raise SystemExit(f"{folder} has no labels.csv with the columns file, label and kind")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = []
    for row in rows:
        label = row["label"].replace("\\n", "\n")
        digits = row.get("digits") or digits_of(label)
        pictures.append(Labelled(folder / row["file"], label, digits, row["kind"]))
    return pictures


def read(reader: Reader, pictures: list[Labelled]) -> list[Scored]:
    """Readings of all pictures, without hints; tables of glyphs are left out."""
    readable = [picture for picture in pictures if picture.path.suffix != ".csv"]
    readings = reader.read_many(picture.path for picture in track(readable, "reading"))
    return [Scored(*pair) for pair in zip(readable, readings, strict=True)]


def share(right: Iterable[bool]) -> str:
    """As "45 of 50, 90.0 % (78.6 to 95.7)", or a dash if there are none."""
    flags = list(right)
    if not flags:
        return "–"
    low, high = wilson_interval(sum(flags), len(flags))
    percent = f"{100 * sum(flags) / len(flags):.1f} % ({100 * low:.1f} to {100 * high:.1f})"
    return f"{sum(flags)} of {len(flags)}, {percent}"


def table(scored: list[Scored]) -> str:
    """A line for each kind and for all, then how far acceptance separates right from wrong."""
    kinds = dict.fromkeys(one.picture.kind for one in scored)
    rows = [(kind, [one for one in scored if one.picture.kind == kind]) for kind in kinds]
    lines = [f"{'kind':<28}{'digits right':<36}marks right, where there are some"]
    for kind, some in [*rows, ("all", scored)]:
        digits = share(one.digits_right for one in some)
        marks = share(one.marks_right for one in some if one.has_marks)
        lines.append(f"{kind:<28}{digits:<36}{marks}")
    accepted = [one for one in scored if one.reading.accepted]
    right = [one for one in scored if one.digits_right]
    lines.append(f"wrong among accepted: {share(not one.digits_right for one in accepted)}")
    lines.append(f"accepted among right: {share(one.reading.accepted for one in right)}")
    return "\n".join(lines)


def picture_of(one: Scored) -> str:
    """The annotated picture, small, as base64 of a PNG; empty if it can't be opened."""
    if one.reading.error:
        return ""
    image = one.reading.draw(one.picture.path)
    image.thumbnail((SHOWN_PX, SHOWN_PX))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def main() -> None:
    """Parse, read, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=Path("real-report/wrong.html"), metavar="FILE")
    parser.add_argument("--model", type=Path, metavar="RUN_OR_ARTIFACT")
    arguments = parser.parse_args()
    pictures = [picture for folder in arguments.folders for picture in load_labels(folder)]
    scored = read(Reader.load(arguments.model), pictures)
    figures = table(scored)
    wrong = [(one, picture_of(one)) for one in scored if not one.digits_right]
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE.read_text("utf-8"))
    page = template.render(wrong=wrong, total=len(scored), table=figures)
    write_atomic(arguments.out, page.encode())
    print(figures, f"misread pictures: {arguments.out}", sep="\n")


if __name__ == "__main__":
    main()
