"""`inkdigits recipes`: the recipes and their measured results."""

import json
from argparse import Namespace

from inkdigits.recipes import RECIPES
from inkdigits.recipes.results import Results, load_results


def run(arguments: Namespace) -> int:
    """Run the command and return the exit code."""
    measured = load_results()
    if arguments.json:
        rows = [
            {**recipe.to_dict(), "measured": measured.summary(name)}
            for name, recipe in RECIPES.items()
        ]
        print(json.dumps(rows, indent=2))
    else:
        _print_table(measured)
    return 0


def _print_table(measured: Results) -> None:
    """Two lines per recipe, to fit a terminal of 80 columns."""
    headings = ("test accuracy, %", "seeds", "training", "parameters")
    form = "{:<20}{:>18}{:>8}{:>11}{:>13}".format
    print(form("recipe", *headings))
    for name, recipe in RECIPES.items():
        print(form(name, *measured.figures(name)))
        print(f"    {recipe.summary}")
    print("Mean ± standard deviation over the seeds, on", measured.hardware)
