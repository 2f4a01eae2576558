"""Rows, one for each reading, and the formats they are written in."""

import csv
import json
from collections.abc import Callable, Iterable
from typing import Any, TextIO

Row = dict[str, Any]
"""`Reading.to_dict()` plus the `path` of its picture."""


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


def _write_csv(rows: Iterable[Row], stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        [
            *("path", "text", "confidence", "accepted", "candidates", "notes"),
            *("error_code", "error_message"),
        ]
    )
    for row in rows:
        error = row["error"] or {"code": "", "message": ""}
        confidence = "" if row["confidence"] is None else f"{row['confidence']:.6f}"
        accepted = str(row["accepted"]).lower() if row["digits"] else ""
        writer.writerow(
            [
                row["path"],
                row["text"],
                confidence,
                accepted,
                " ".join("|".join(map(str, digit["candidates"])) for digit in row["digits"]),
                "; ".join([*row["notes"], *digit_notes(row)]),
                error["code"],
                error["message"],
            ]
        )


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
    "csv": _write_csv,
    "kaggle": _write_kaggle,
}
