"""`inkdigits predict`: the digit in each image file, as a table, JSON, JSON Lines or CSV."""

import csv
import io
import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from inkdigits.errors import CanvasError
from inkdigits.files import write_atomic
from inkdigits.imaging import IMAGE_SUFFIXES, open_canvas
from inkdigits.reading import Reader, Reading

Row = dict[str, Any]


def run(arguments: Namespace) -> int:
    """Run the command; the exit code: 1 if a row has an error."""
    reader = Reader.load(arguments.model)
    out = arguments.output
    write = FORMATS[arguments.format or _default_format(out)]
    errors: list[str] = []
    rows = _read_all(reader, arguments.paths, errors)
    if out:
        text = io.StringIO()
        write(rows, text)
        write_atomic(out, text.getvalue().encode())
    else:
        write(rows, sys.stdout)
    return int(bool(errors))


def _read_all(reader: Reader, paths: list[Path], errors: list[str]) -> Iterator[Row]:
    """A row for each image file; the codes of what went wrong are added to `errors`."""
    for path in (file for given in paths for file in _expand(given)):
        row = _read(reader, path)
        if row["error"]:
            errors.append(row["error"]["code"])
        yield row


def _expand(path: Path) -> Iterator[Path]:
    """The image files below a folder, in order; what can't be looked into; else the path itself."""
    found = False
    unreadable: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=unreadable.append):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in IMAGE_SUFFIXES:
                found = True
                yield Path(folder, name)
    yield from (Path(error.filename) for error in unreadable)
    if not found and not unreadable:
        yield path


def _read(reader: Reader, path: Path) -> Row:
    row = {"path": _printable(path)}
    try:
        reading = reader.read(open_canvas(path))
    except CanvasError as error:
        fault = {"code": error.code, "message": _printable(error)}
        return {**row, **Reading("", ()).to_dict(), "error": fault}
    return {**row, **reading.to_dict(), "error": None}


def _printable(value: object) -> str:
    """As text that can be encoded, also where a file name isn't UTF-8."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _default_format(out: Path | None) -> str:
    if out and out.suffix[1:] in FORMATS:
        return out.suffix[1:]
    return "table" if not out and sys.stdout.isatty() else "jsonl"


def _write_json(rows: Iterable[Row], stream: TextIO) -> None:
    json.dump(list(rows), stream, indent=2)
    stream.write("\n")


def _write_jsonl(rows: Iterable[Row], stream: TextIO) -> None:
    for row in rows:
        stream.write(json.dumps(row) + "\n")


def _write_csv(rows: Iterable[Row], stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["path", "text", "confidence", "accepted", "error_code", "error_message"])
    for row in rows:
        error = row["error"] or {"code": "", "message": ""}
        confidence = "" if row["confidence"] is None else f"{row['confidence']:.6f}"
        accepted = all(digit["accepted"] for digit in row["digits"]) if row["digits"] else ""
        writer.writerow(
            [
                row["path"],
                row["text"],
                confidence,
                str(accepted).lower(),
                error["code"],
                error["message"],
            ]
        )


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
    if not row["digits"]:
        return Text("no ink found", style="yellow")
    if not all(digit["accepted"] for digit in row["digits"]):
        return Text("perhaps no digit", style="yellow")
    unsure = [digit["candidates"] for digit in row["digits"] if len(digit["candidates"]) > 1]
    return Text("; ".join(" or ".join(map(str, labels)) for labels in unsure), style="yellow")


FORMATS: dict[str, Callable[[Iterable[Row], TextIO], None]] = {
    "table": _write_table,
    "json": _write_json,
    "jsonl": _write_jsonl,
    "csv": _write_csv,
}
