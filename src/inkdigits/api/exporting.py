"""Write a model in another format, in one line."""

import json
import tempfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from inkdigits.artifact import SHIPPED, artifact_path, shipped
from inkdigits.data import Progress, ignore_progress
from inkdigits.errors import StorageError, UsageError, needing
from inkdigits.export.formats import FORMATS, Exported, export
from inkdigits.export.hub import export_hub
from inkdigits.export.source import Source
from inkdigits.files import make_folder, read_bytes, storage_errors, write_atomic

HUB = "hub"
WEB = "web"  # the format, and the folder by default


def export_model(
    model: str | PathLike[str] | None = None,
    format: str = "onnx",  # noqa: A002 - as on the command line
    out: str | PathLike[str] | None = None,
) -> Path:
    """Write a model in another format, once it is found to give the same results; where it is.

    `model` is a run, its folder or an artifact file; None is the model inside the package. The
    formats are onnx, onnx-int8, torch, safetensors, keras, tflite, tflite-int8, c, c-int8 and hub,
    which is a folder. `out` is the file, or the new folder; by default it is named after the recipe
    and lies in the current folder. The results are compared on 1,000 training digits of MNIST.

    Raises `ArtifactError` if they differ, and nothing is written; also for an imported model in a
    format that needs its layers. Raises `UsageError` for another format, `MissingExtra` without its
    library, `StorageError` if the model can't be read or the file can't be written.
    """
    return export_compared(model, format, out)[0]


def export_compared(
    model: str | PathLike[str] | None, name: str, out: str | PathLike[str] | None
) -> tuple[Path, dict[str, Exported]]:
    """As `export_model`; also each file that was compared, by its name."""
    if name not in {*FORMATS, HUB}:
        raise UsageError(f"there is no format {name!r}; choose one of {', '.join((*FORMATS, HUB))}")
    path = artifact_path(Path(model)) if model else Path(SHIPPED)
    source = Source.parse(read_bytes(path) if model else shipped(), str(path))
    if name == HUB:
        folder = Path(out or f"{source.info.recipe['name']}-hub")
        files, compared = export_hub(source, _report(path.parent, source) if model else None)
        _write_folder(folder, files)
        return folder, compared
    file = Path(out or f"{source.info.recipe['name']}{FORMATS[name].suffix}")
    exported = export(source, name)
    write_atomic(file, exported.content)
    return file, {file.name: exported}


def export_page(
    model: str | PathLike[str] | None = None,
    out: str | PathLike[str] = WEB,
    pyodide: str | PathLike[str] | None = None,
    progress: Progress = ignore_progress,
) -> tuple[Path, Mapping[str, bytes]]:
    """Write the page as a static folder in which Python runs in the browser; it and its files.

    `model` is that of `export_model`. `pyodide` is a folder with the files of Pyodide, None: the
    cached ones, else they are fetched. `out` is the new folder.

    Raises `ArtifactError`, `StorageError`, `MissingExtra` without the extra `web`, and
    `CorruptData` or `FetchFailed` for Pyodide's files.
    """
    with needing("web", "the page"):
        from inkdigits.web.site.folder import build_site
        from inkdigits.web.site.pyodide import load_pyodide
    folder = Path(out)
    _must_be_new(folder)
    files = load_pyodide(Path(pyodide) if pyodide else None, progress)
    site = build_site(Path(model) if model else None, files)
    _write_folder(folder, site)
    return folder, site


def _report(folder: Path, source: Source) -> dict[str, Any] | None:
    """The report in a run folder, if it is there and of this artifact."""
    path = folder / "report.json"
    if not path.is_file():
        return None
    report: dict[str, Any] = json.loads(read_bytes(path))
    same = report.get("artifact") == json.loads(json.dumps(source.info.to_dict()))
    return report if same else None


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder with these files: all of them or nothing."""
    _must_be_new(folder)
    make_folder(folder.parent)
    with (
        storage_errors("write", folder),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as beside,
    ):
        part = Path(beside) / folder.name
        part.mkdir()
        for name, content in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(content)
        part.rename(folder)


def _must_be_new(folder: Path) -> None:
    if folder.exists():
        raise StorageError(f"can't make the folder {folder}: it exists; choose another name")
