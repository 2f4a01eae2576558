"""The reference of interface and commands, made from the code; `make golden` writes it anew."""

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import inkdigits
from inkdigits.cli.parser import build_parser

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
PAGE, COMMANDS = REFERENCE / "python.md", REFERENCE / "commands.md"


def interface() -> Iterator[tuple[str, object]]:
    """Every public class, function, method and property of `inkdigits.__all__`, by its name."""
    for name in inkdigits.__all__:
        value = getattr(inkdigits, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield name, value
        for member, inner in vars(value).items() if inspect.isclass(value) else ():
            plain = getattr(
                inner, "__func__", getattr(inner, "fget", getattr(inner, "func", inner))
            )
            if member[0] != "_" and inspect.isfunction(plain):
                yield f"{name}.{member}", plain


def reference() -> str:
    """The page: each name with its parameters and its docstring."""
    parts = ["# Reference\n\nMade from the docstrings of `inkdigits.__all__` by `make golden`."]
    for name, value in interface():
        parts.append(f"{'###' if '.' in name else '##'} {name}")
        parameters = list(inspect.signature(value).parameters) if inspect.isfunction(value) else []
        if set(parameters) - {"self"}:
            parts.append(f"```\n{name}{_plain_signature(value)}\n```")
        parts.append(inspect.getdoc(value) or "")
    return "\n\n".join(parts) + "\n"


def _plain_signature(value: object) -> str:
    """The parameters and their defaults, without types: these are in the docstring."""
    signature = inspect.signature(value)
    shown = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in signature.parameters.items()
        if name not in {"self", "cls"}
    ]
    return re.sub(r"<function (\w+) at 0x\w+>", r"\1", str(inspect.Signature(shown)))


def commands() -> str:
    """The page of the commands: each with its arguments and options."""
    parts = ["# Commands\n\nMade from the parser by `make golden`; `--help` says the same."]
    (chooser,) = (action for action in build_parser()._actions if action.choices)
    for name, parser in chooser.choices.items():
        parts.append(f"## inkdigits {name}\n\n{_sentence(parser.description)}")
        rows = [
            f"| `{_spelling(action)}` | {_sentence(action.help % vars(action))} |"
            for action in parser._actions
            if action.dest != "help"
        ]
        parts.append("\n".join(["| argument | |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _spelling(action: argparse.Action) -> str:
    """How an argument is written: `--seed N`."""
    choices = ",".join(map(str, action.choices or ()))
    value = action.metavar or (f"{{{choices}}}" if choices else action.dest.upper())
    value = value.replace("|", "\\|")
    if not action.option_strings:
        return f"[{value}]" if action.nargs in {"?", "*"} else str(value)
    name = ", ".join(action.option_strings)
    return name if action.nargs == 0 else f"{name} {value}"


def _sentence(text: str) -> str:
    text = text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
    return text[0].upper() + text[1:] if re.match(r"[a-z']+(,| |$)", text) else text


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
    COMMANDS.write_text(commands(), encoding="utf-8")
