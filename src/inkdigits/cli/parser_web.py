"""The options of the commands around the page; imports nothing heavy."""

import argparse

from inkdigits.cli.options import add_model


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """The options of `inkdigits serve`."""
    add_model(parser, ", watched for changes")
    parser.add_argument("--host", default="127.0.0.1", help="the address (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="0: any free one (default: 8000)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that the server is known by, besides its addresses; can be repeated",
    )
    parser.add_argument(
        "--rate",
        type=float,
        metavar="N",
        help="requests a second from each client, 0: any number (default: 0 on the loopback "
        "address, else 30)",
    )
    parser.add_argument(
        "--behind-proxy",
        action="store_true",
        help="take the client's address and the scheme from the proxy's X-Forwarded headers",
    )
    parser.add_argument(
        "--no-corrections", action="store_true", help="store nothing of what people correct"
    )


def add_corrections_options(parser: argparse.ArgumentParser) -> None:
    """The options of `inkdigits corrections`, besides those of its output."""
    actions = ["list", "stats", "export", "import", "delete"]
    parser.add_argument("action", choices=actions, help="what to do")
    parser.add_argument(
        "what",
        nargs="*",
        metavar="FILE_OR_KEY",
        help="the file to export to or import from (JSON Lines); the keys to delete",
    )
    parser.add_argument("--all", action="store_true", help="delete every correction")


def add_correcting_options(parser: argparse.ArgumentParser) -> None:
    """The options of `inkdigits train` for learning from corrections."""
    parser.add_argument(
        "--corrections",
        action="store_true",
        help="with --from: learn from what people corrected on the page; --out may be the folder "
        "that 'inkdigits serve' watches",
    )
    for what, points in (("accuracy", 0.05), ("calibration", 0.1)):
        parser.add_argument(
            f"--max-{what}-loss",
            type=float,
            default=points,
            metavar="POINTS",
            help=f"with --corrections: how much {what} on held-out MNIST may be lost, in "
            f"percentage points (default: {points})",
        )
