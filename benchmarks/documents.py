"""Tables in the docs: each stands between two marks, so a benchmark can replace it."""

from pathlib import Path

from inkdigits.files import write_atomic


def put_table(page: Path, name: str, table: str) -> None:
    """Replace the text between `<!-- name: begin -->` and `<!-- name: end -->`."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page} has no place for the table {name!r}")
    write_atomic(page, f"{before}{begin}{table}{end}{after}".encode())
