"""The forms in which `inkdigits predict` gives its rows."""

import csv
import json
from collections.abc import Callable, Iterable
from typing import Any, TextIO

Row = dict[str, Any]


def _write_json(rows: Iterable[Row], stream: TextIO) -> None:
    """A list with a row on each line, so that it can be written while it is read."""
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
                "; ".join(_notes(row)),
                error["code"],
                error["message"],
            ]
        )


def _write_kaggle(rows: Iterable[Row], stream: TextIO) -> None:
    """As Kaggle's Digit Recognizer wants it; what could not be read has no label."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["ImageId", "Label"])
    writer.writerows([number, row["text"]] for number, row in enumerate(rows, start=1))


def _write_table(rows: Iterable[Row], stream: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("path", overflow="fold")
    table.add_column("text", justify="right", style="bold")
    table.add_column("confidence", justify="right")
    table.add_column("remark", overflow="fold")
    for row in rows:
        confidence = "" if row["confidence"] is None else f"{row['confidence']:.2%}"
        table.add_row(Text(row["path"]), row["text"], confidence, _remark(row))
    Console(file=stream).print(table)


def _remark(row: Row) -> Any:
    from rich.text import Text

    if row["error"]:
        return Text(row["error"]["message"], style="red")
    remarks = _notes(row)
    if row["digits"] and not row["accepted"]:
        remarks.insert(0, "perhaps no digit")
    for number, digit in enumerate(row["digits"], start=1):
        if len(digit["candidates"]) > 1:
            which = f"digit {number}: " if len(row["digits"]) > 1 else ""
            labels = " or ".join(map(str, digit["candidates"]))
            remarks.append(f"{which}{labels} at {digit['coverage']:.1%}")
    return Text("; ".join(remarks), style="yellow")


def _notes(row: Row) -> list[str]:
    """On the picture, then on its digits, each with the digit it is about."""
    several = len(row["digits"]) > 1
    about_digits = [
        f"{digit['label']}: {note}" if several else note
        for digit in row["digits"]
        for note in digit["notes"]
    ]
    return [*row["notes"], *about_digits]


FORMATS: dict[str, Callable[[Iterable[Row], TextIO], None]] = {
    "table": _write_table,
    "json": _write_json,
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "kaggle": _write_kaggle,
}
