"""Rows as a table that fits the terminal; the other formats have the details."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from inkdigits.batch.rows import Row, digit_notes

if TYPE_CHECKING:
    from rich.text import Text

_MOST_REMARKS = 3
_PATH_SHARE = 1 / 3  # of the terminal's width; longer names are cut in the middle


def write_table(rows: Iterable[Row], stream: TextIO) -> None:
    """One row per reading, with its most serious remarks and the number of further ones."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("path", no_wrap=True)
    table.add_column("text", justify="right", style="bold", overflow="fold")
    table.add_column("confidence", justify="right", no_wrap=True)
    table.add_column("remark", overflow="fold")
    for row in rows:
        confidence = "" if row["confidence"] is None else f"{row['confidence']:.2%}"
        region = f": {row['region']}" if row.get("region") else ""
        path = _shortened(row["path"] + region, round(console.width * _PATH_SHARE))
        table.add_row(Text(path), row["text"], confidence, _remark(row))
    console.print(table)


def _shortened(path: str, width: int) -> str:
    """The path cut in the middle, with more kept of the end: the file name matters most."""
    if len(path) <= width:
        return path
    begin = (width - 1) // 4
    return f"{path[:begin]}…{path[begin + 1 - width :]}"


def _remark(row: Row) -> "Text":
    from rich.text import Text

    if row["error"]:
        message = row["error"]["message"].removeprefix(f"{row['path']} ")
        return Text(message, style="red")
    remarks = list(_remarks(row))
    more = len(remarks) - _MOST_REMARKS
    shown = remarks[:_MOST_REMARKS] + ([f"{more} more"] if more > 0 else [])
    return Text("; ".join(shown), style="yellow")


def _remarks(row: Row) -> Iterator[str]:
    """Most serious first: rejection, notes on the reading, ambiguous digits, quality problems."""
    if row["digits"] and not row["accepted"]:
        yield "not accepted"
    yield from row["notes"]
    doubtful = [digit for digit in row["digits"] if len(digit["candidates"]) > 1]
    for digit in sorted(doubtful, key=lambda digit: float(digit["confidence"])):
        number = row["digits"].index(digit) + 1
        which = f"digit {number}: " if len(row["digits"]) > 1 else ""
        yield which + " or ".join(map(str, digit["candidates"]))
    yield from digit_notes(row)
