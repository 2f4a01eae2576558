"""`inkdigits export`: write a model in another format, once it gives the same results."""

from argparse import Namespace
from dataclasses import asdict

from inkdigits.api.exporting import export_compared
from inkdigits.cli.console import Console


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code."""
    console = Console(quiet=False, as_json=arguments.json)
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
