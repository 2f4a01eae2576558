"""`inkdigits corrections`: list, count, export, import and delete what people corrected."""

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from inkdigits.cli.console import Console
from inkdigits.errors import StorageError, UsageError, needing
from inkdigits.files import open_atomic, storage_errors

if TYPE_CHECKING:
    from inkdigits.web.corrections import Correction
    from inkdigits.web.corrections.store import Store

_GROUP = 500  # corrections stored at once
_LISTED = 50


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code."""
    with needing("web", "the database of corrections"):
        from inkdigits.web.corrections.store import Store, default_database
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    actions = {
        "list": _list,
        "stats": _stats,
        "export": _export,
        "import": _import,
        "delete": _delete,
    }
    store = Store(default_database())
    try:
        actions[arguments.action](store, console, arguments)
    finally:
        store.close()
    return 0


def _list(store: "Store", console: Console, arguments: Namespace) -> None:
    from inkdigits.web.corrections import dump

    _none(arguments)
    counts = store.counts()
    some = store.page(limit=counts["stored"] if arguments.json else _LISTED)
    lines = [
        f"{c.key}  {c.created[:19]}  {_said(c.label)}  read as {_said(c.read_as)}" for c in some
    ]
    if counts["stored"] > len(some):
        lines.append(f"… {counts['stored'] - len(some):,} older ones; 'export' has them all")
    console.result(lines or ["no corrections"], {"corrections": [dump(c) for c in some]})


def _stats(store: "Store", console: Console, arguments: Namespace) -> None:
    _none(arguments)
    counts, labels, mistakes = store.counts(), Counter[str](), Counter[str]()
    for correction in store.all():
        labels[_said(correction.label)] += 1
        if correction.is_misread:
            mistakes[f"{_said(correction.label)} read as {_said(correction.read_as)}"] += 1
    lines = [
        f"{counts['stored']:,} corrections, {counts['misread']:,} of them misread",
        *(f"  {label}: {count:,}" for label, count in sorted(labels.items())),
        *(f"{count:,} × {mistake}" for mistake, count in mistakes.most_common(10)),
    ]
    console.result(lines, {**counts, "labels": dict(labels), "mistakes": dict(mistakes)})


def _export(store: "Store", console: Console, arguments: Namespace) -> None:
    from inkdigits.web.corrections import dump

    path, count = _file(arguments), 0
    with open_atomic(path) as file:
        for correction in store.all():
            file.write(json.dumps(dump(correction)).encode() + b"\n")
            count += 1
    console.result([f"{count:,} corrections are in {path}"], {"count": count, "file": str(path)})


def _import(store: "Store", console: Console, arguments: Namespace) -> None:
    path, added, seen = _file(arguments), 0, 0
    corrections = _parsed(path)
    while group := list(islice(corrections, _GROUP)):
        added += store.add(group)
        seen += len(group)
    line = f"{added:,} corrections were stored, {seen - added:,} were there already"
    console.result([line], {"count": added, "skipped": seen - added})


def _parsed(path: Path) -> Iterator["Correction"]:
    """The corrections in a file, one by one; `UsageError` names the line that is wrong."""
    from inkdigits.web.corrections import parse_correction

    with storage_errors("read", path), path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield parse_correction(json.loads(line))
            except (ValueError, RecursionError):
                raise UsageError(f"{path}, line {number}, is no JSON") from None
            except UsageError as error:
                raise UsageError(f"{path}, line {number}: {error}") from None


def _delete(store: "Store", console: Console, arguments: Namespace) -> None:
    if arguments.all == bool(arguments.what):
        raise UsageError("say which: their keys, as 'list' shows them, or --all")
    if arguments.all:
        count = store.remove_all()
    else:
        missing = [key for key in arguments.what if store.remove(key) is None]
        if missing:
            raise StorageError(f"there is no correction {missing[0]}; 'list' shows the keys")
        count = len(arguments.what)
    console.result([f"{count:,} corrections were deleted"], {"count": count})


def _none(arguments: Namespace) -> None:
    if arguments.what or arguments.all:
        raise UsageError(f"'{arguments.action}' takes no file, no key and not --all")


def _file(arguments: Namespace) -> Path:
    if len(arguments.what) != 1 or arguments.all:
        raise UsageError(f"'{arguments.action}' takes one file, such as corrections.jsonl")
    return Path(arguments.what[0])


def _said(label: int | None) -> str:
    return "none" if label is None else str(label)
