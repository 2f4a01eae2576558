"""`inkdigits export`: write a model in another format, once it gives the same results."""

from argparse import Namespace
from dataclasses import asdict

from inkdigits.api.exporting import WEB, export_compared, export_page
from inkdigits.cli.console import Console
from inkdigits.errors import UsageError


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code."""
    console = Console(quiet=False, as_json=arguments.json)
    if arguments.format == WEB:
        return _page(console, arguments)
    if arguments.pyodide:
        raise UsageError("--pyodide is for --format web; leave it out")
    path, files = export_compared(arguments.artifact, arguments.format, arguments.out)
    lines, rows = [f"wrote     {path}"], []
    for name, found in files.items():
        lines.append(
            f"compared  {name}, {len(found.content):,} bytes: {found.agreement:.1%} of "
            f"{found.images:,} labels agree, probabilities differ by {found.difference:.1g} at most"
        )
        figures = {key: value for key, value in asdict(found).items() if key != "content"}
        rows.append({"file": name, "bytes": len(found.content), **figures})
    console.result(lines, {"path": str(path), "compared": rows})
    return 0


def _page(console: Console, arguments: Namespace) -> int:
    with console.progress() as progress:
        path, files = export_page(
            arguments.artifact, arguments.out or WEB, arguments.pyodide, progress
        )
    size = sum(map(len, files.values()))
    lines = [
        f"wrote     {path}, {len(files)} files, {size / 1e6:.1f} MB, for any web host",
        f"try it    python -m http.server --bind 127.0.0.1 --directory {path}",
        "Opened as a file (file://) it can't work: browsers let no page read other files there.",
    ]
    console.result(lines, {"path": str(path), "files": len(files), "bytes": size})
    return 0
