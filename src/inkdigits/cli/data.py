"""`inkdigits data`: fetch, describe, verify."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from inkdigits.cli.console import Console
from inkdigits.data import (
    DATASETS,
    DEFAULT_DATASET,
    SUBSETS,
    Handling,
    LabelledImages,
    dataset_info,
    fetch_dataset,
    load_dataset,
    locate_dataset,
    verify_dataset,
)
from inkdigits.errors import DataError, UsageError, needing


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code."""
    console = Console(quiet=arguments.quiet, as_json=arguments.json)
    name = arguments.data or DEFAULT_DATASET
    if arguments.action == "inspect":
        _inspect(console, name, arguments)
        return 0
    if any((arguments.as_is, arguments.groups, arguments.by, arguments.out)):
        raise UsageError("--as-is, --groups, --by and --out are for 'data inspect'")
    actions = {"fetch": _fetch, "info": _info, "verify": _verify}
    actions[arguments.action](console, name, arguments.data_dir)
    return 0


def _inspect(console: Console, name: str, arguments: Namespace) -> None:
    """Write the page of samples, doubtful labels and twins."""
    with needing("train", "inspecting"):
        from inkdigits.evaluation.inspection import write_inspection
    handling = Handling(arguments.as_is, arguments.groups, arguments.by)
    title = name if name in DATASETS else Path(name).resolve().name
    page = arguments.out or Path(f"{Path(title).stem}-inspected.html")
    with console.progress() as progress:
        parts: dict[str, LabelledImages] = {
            subset: load_dataset(name, subset, arguments.data_dir, progress, handling)
            for subset in SUBSETS
        }
        found = write_inspection(parts, title, page, progress)
    counts = {
        "images": {subset: len(data) for subset, data in parts.items()},
        "doubtful": len(found.doubts),
        "twins": len(found.twins),
        "blank": len(found.blank),
        "clipped": len(found.clipped),
        "left_out": len(found.left_out),
    }
    lines = [data.about for data in parts.values() if data.about]
    lines.append(
        f"doubtful labels {len(found.doubts)}, near duplicates {len(found.twins)}, "
        f"blank {len(found.blank)}, cut off {len(found.clipped)}, left out {len(found.left_out)}"
    )
    console.result([*lines, f"page      {page}"], {"page": str(page), **counts})


def _fetch(console: Console, name: str, folder: Path | None) -> None:
    with console.progress() as progress:
        found = fetch_dataset(name, folder, progress)
    title = dataset_info(name).title
    values = {"dataset": name, "folder": str(found), "sha256": verify_dataset(name, found)}
    console.result([f"{title} is in {found}, verified"], values)


def _info(console: Console, name: str, folder: Path | None) -> None:
    found = _found(name, folder)
    info = dataset_info(name)
    subsets: dict[str, Any] = {}
    lines = [f"{info.title} in {found}"]
    for subset in SUBSETS:
        data = load_dataset(name, subset, folder)
        counts = np.bincount(data.labels, minlength=len(info.class_names)).tolist()
        per_class = dict(zip(info.class_names, counts, strict=True))
        subsets[subset] = {"images": len(data), "per_class": per_class}
        lines.append(f"{subset}: {len(data):,} images of 28×28")
        lines.append("  " + ", ".join(f"{key}: {count:,}" for key, count in per_class.items()))
    console.result(lines, {"dataset": name, "folder": str(found), **subsets})


def _verify(console: Console, name: str, folder: Path | None) -> None:
    found = _found(name, folder)
    hashes = verify_dataset(name, found)
    known = dataset_info(name).sha256 is not None
    verdict = "matches" if known else "valid; no known hash to compare with"
    lines = [f"{file_name}  {digest}  {verdict}" for file_name, digest in hashes.items()]
    values = {"dataset": name, "folder": str(found), "known": known, "sha256": hashes}
    console.result(lines, values)


def _found(name: str, folder: Path | None) -> Path:
    found = locate_dataset(name, folder)
    if found is None:
        where = f"in {folder}" if folder else "on this machine"
        raise DataError(f"{name} is not {where}; run 'inkdigits data fetch' first")
    return found
