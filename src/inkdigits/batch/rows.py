"""Rows, one for each reading, and the formats they are written in."""

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO

Row = dict[str, Any]
"""`Reading.to_dict()` plus the `path` of its picture, and the `region` if there are some."""


def _write_json(rows: Iterable[Row], stream: TextIO) -> None:
    """A list with one row per line, written as the rows come."""
    separator = "[\n"
    for row in rows:
        stream.write(separator + json.dumps(row))
        separator = ",\n"
    stream.write("\n]\n" if separator == ",\n" else "[]\n")


def _write_jsonl(rows: Iterable[Row], stream: TextIO) -> None:
    for row in rows:
        stream.write(json.dumps(row) + "\n")


@dataclass(frozen=True)
class Columns:
    """The columns of a table of readings: with `regions` one for their names.

    With `cells` tables have so many columns, and each cell has one of its own.
    """

    regions: bool = False
    cells: int = 0

    def names(self) -> dict[str, type]:
        """The names, in order, and the types of what is in them where it is known."""
        return {
            "path": str,
            **({"region": str} if self.regions else {}),
            "row": int,
            "text": str,
            "confidence": float,
            "accepted": bool,
            **dict.fromkeys(("candidates", "notes", "error_code", "error_message"), str),
            **{f"cell_{number}": str for number in range(1, self.cells + 1)},
        }

    def lines(self, rows: Iterable[Row]) -> Iterator[list[Any]]:
        """A line for each reading; for a table, a line for each of its rows, notes in the first."""
        for row in rows:
            error = row["error"] or {"code": "", "message": ""}
            where = [row["path"], row["region"]] if self.regions else [row["path"]]
            notes = "; ".join([*row["notes"], *digit_notes(row)])
            all_known = [cell for cells in row["table"] for cell in cells if cell]
            as_expected = row["accepted"] or not all(cell["accepted"] for cell in all_known)
            for number, cells in enumerate(row["table"], start=1):
                texts = [cell["text"] if cell else "." for cell in cells]
                known = [cell for cell in cells if cell]
                sure = math.prod(cell["confidence"] for cell in known) if known else None
                right = as_expected and all(cell["accepted"] for cell in known)
                line = [*where, number, " ".join(texts), sure, right if known else None, "", notes]
                own = [cell["text"] if cell else None for cell in cells[: self.cells]]
                yield [*line, *error.values(), *own]
                notes = ""
            if not row["table"]:
                accepted = row["accepted"] if row["digits"] else None
                candidates = " ".join("|".join(map(str, d["candidates"])) for d in row["digits"])
                line = [*where, None, row["text"], row["confidence"], accepted, candidates, notes]
                yield [*line, *error.values(), *[None] * self.cells]


PLAIN = Columns()


def write_csv(rows: Iterable[Row], stream: TextIO, columns: Columns = PLAIN) -> None:
    """The lines of `Columns` as CSV."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns.names())
    writer.writerows([_as_text(value) for value in line] for line in columns.lines(rows))


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else value


def _write_kaggle(rows: Iterable[Row], stream: TextIO) -> None:
    """The format of Kaggle's Digit Recognizer; the label of a failed row is empty."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["ImageId", "Label"])
    writer.writerows([number, row["text"]] for number, row in enumerate(rows, start=1))


def digit_notes(row: Row) -> list[str]:
    """The notes on the digits; if there are several digits, each note names its own."""
    several = len(row["digits"]) > 1
    return [
        f"digit {number}: {note}" if several else note
        for number, digit in enumerate(row["digits"], start=1)
        for note in digit["notes"]
    ]


WRITERS: dict[str, Callable[[Iterable[Row], TextIO], None]] = {
    "json": _write_json,
    "jsonl": _write_jsonl,
    "csv": write_csv,
    "kaggle": _write_kaggle,
}
