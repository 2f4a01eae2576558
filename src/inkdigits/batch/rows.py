"""Rows, one for each reading, and the formats they are written in."""

import csv
import json
import math
from collections.abc import Callable, Iterable
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


def write_csv(
    rows: Iterable[Row], stream: TextIO, *, regions: bool = False, columns: int = 0
) -> None:
    """A line for each reading; for a table, a line for each of its rows, notes in the first.

    With `columns` tables have so many, and each cell has a column of its own.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        [
            *(["path", "region"] if regions else ["path"]),
            *("row", "text", "confidence", "accepted", "candidates", "notes"),
            *("error_code", "error_message"),
            *(f"cell_{column}" for column in range(1, columns + 1)),
        ]
    )
    for row in rows:
        error = row["error"] or {"code": "", "message": ""}
        where = [row["path"], row["region"]] if regions else [row["path"]]
        notes = "; ".join([*row["notes"], *digit_notes(row)])
        all_known = [cell for cells in row["table"] for cell in cells if cell]
        as_expected = row["accepted"] or not all(cell["accepted"] for cell in all_known)
        for number, cells in enumerate(row["table"], start=1):
            texts = [cell["text"] if cell else "." for cell in cells]
            known = [cell for cell in cells if cell]
            sure = f"{math.prod(cell['confidence'] for cell in known):.6f}" if known else ""
            right = as_expected and all(cell["accepted"] for cell in known)
            accepted = str(right).lower() if known else ""
            line = [*where, number, " ".join(texts), sure, accepted, "", notes, *error.values()]
            writer.writerow([*line, *(cell and cell["text"] for cell in cells[:columns])])
            notes = ""
        if not row["table"]:
            confidence = "" if row["confidence"] is None else f"{row['confidence']:.6f}"
            accepted = str(row["accepted"]).lower() if row["digits"] else ""
            candidates = " ".join("|".join(map(str, d["candidates"])) for d in row["digits"])
            line = [*where, "", row["text"], confidence, accepted, candidates, notes]
            writer.writerow([*line, *error.values(), *[""] * columns])


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
