"""The reference of the interface, made from its docstrings; `make golden` writes it anew."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import inkdigits

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"


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


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
