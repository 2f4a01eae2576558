"""Rows as a table for people: it fits the terminal, and leaves details to the other formats."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from inkdigits.batch.rows import Row, digit_notes

if TYPE_CHECKING:
    from rich.text import Text

_MOST_REMARKS = 3
_PATH_SHARE = 1 / 3  # of the terminal's width; longer names are cut in the middle


def write_table(rows: Iterable[Row], stream: TextIO) -> None:
    """A line for each line of a reading; its worst remarks, and how many more there are."""
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
        path = _shortened(row["path"], round(console.width * _PATH_SHARE))
        table.add_row(Text(path), row["text"], confidence, _remark(row))
    console.print(table)


def _shortened(path: str, width: int) -> str:
    """The beginning and, mostly, the end: the file's name tells more than its folders."""
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
    """The worst first: is it a digit at all, which one, and what is poor about the picture."""
    if row["digits"] and not row["accepted"]:
        yield "not accepted"
    yield from row["notes"]
    doubtful = [digit for digit in row["digits"] if len(digit["candidates"]) > 1]
    for digit in sorted(doubtful, key=lambda digit: float(digit["confidence"])):
        number = row["digits"].index(digit) + 1
        which = f"digit {number}: " if len(row["digits"]) > 1 else ""
        labels = " or ".join(map(str, digit["candidates"]))
        yield f"{which}{labels} at {digit['coverage']:.1%}"
    yield from digit_notes(row)
