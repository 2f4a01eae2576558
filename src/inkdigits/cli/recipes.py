"""`inkdigits recipes`: the recipes, and what they reached when they were measured."""

import json
from argparse import Namespace

from inkdigits.measured import Measured, load_measured
from inkdigits.recipes import RECIPES


def run(arguments: Namespace) -> int:
    """Run the command; the exit code."""
    measured = load_measured()
    if arguments.json:
        rows = [
            {**recipe.to_dict(), "measured": measured.summaries().get(name)}
            for name, recipe in RECIPES.items()
        ]
        print(json.dumps(rows, indent=2))
    else:
        _print_table(measured)
    return 0


def _print_table(measured: Measured) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    for heading in ("test accuracy, %", "seeds", "training", "parameters"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("what it is")
    for name, recipe in RECIPES.items():
        table.add_row(name, *measured.figures(name), recipe.summary)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"Mean ± standard deviation over the seeds, on {measured.hardware}.")
