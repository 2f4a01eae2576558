"""JSON schemas of dataclasses, and values of dataclasses as JSON."""

import json
import types
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from inkdigits.errors import CanvasCode, CanvasError
from inkdigits.imaging import Box
from inkdigits.reading import Digit, Reading

Schema = dict[str, Any]
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Any: {},
    types.NoneType: {"type": "null"},
    Box: {
        "type": "array",
        "items": {"type": "integer"},
        "minItems": 4,
        "maxItems": 4,
        "description": "x, y, width and height in pixels of the picture",
    },
    CanvasError: {
        "type": "object",
        "properties": {
            "code": {"type": "string", "enum": list(get_args(CanvasCode))},
            "message": {"type": "string"},
        },
        "required": ["code", "message"],
    },
}
_UNSENT = {
    Digit: {"glyph"},
    Reading: {"expected", "picture", "page"},
}  # fields that to_dict leaves out
_COMPUTED = {Reading: ("confidence", "accepted")}  # properties that to_dict adds
_SOMETIMES = {Digit: {"name"}}


class Schemas:
    """The schemas of dataclasses, each under its name in `components`."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a type; that of a dataclass is a reference."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if is_dataclass(kind):
            return self._reference(kind)
        origin, inside = get_origin(kind), get_args(kind)
        if origin in {Union, types.UnionType}:
            return {"anyOf": [self.of(other) for other in inside]}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inside[1])}
        if origin in {list, tuple}:
            return {"type": "array", "items": self.of(inside[0])}
        raise TypeError(f"{kind} has no JSON schema")

    def _reference(self, kind: Any) -> Schema:
        name = kind.__name__
        if name not in self.components:
            self.components[name] = {}  # the place is taken, should the type contain itself
            self.components[name] = self._object(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: Any) -> Schema:
        hints = get_type_hints(kind)
        unsent, sometimes = _UNSENT.get(kind, set()), _SOMETIMES.get(kind, set())
        kinds = {f.name: hints[f.name] for f in fields(kind) if f.name not in unsent}
        for name in _COMPUTED.get(kind, ()):
            kinds[name] = get_type_hints(getattr(kind, name).fget)["return"]
        return {
            "type": "object",
            "description": described(kind),
            "properties": {name: self.of(hint) for name, hint in kinds.items()},
            "required": [name for name in kinds if name not in sometimes],
        }


def described(kind: Any) -> str:
    """A docstring on one line."""
    return " ".join((kind.__doc__ or "").split())


def parameters(kind: Any) -> list[Schema]:
    """The fields of a dataclass of options as parameters of a query."""
    hints = get_type_hints(kind)
    return [_parameter(field, hints[field.name]) for field in fields(kind)]


def _parameter(field: "Field[Any]", hint: Any) -> Schema:
    kind = plain_type(hint)
    schema = dict(_PLAIN[kind])
    if field.default is not MISSING and field.default is not None:
        schema["default"] = field.default
    if kind is int:
        schema |= {"minimum": 0 if field.default == 0 else 1, "maximum": 999_999_999}
    if field.name == "grid":
        schema["pattern"] = "^[1-9][0-9]?[xX][1-9][0-9]?$"
    return {"name": field.name, "in": "query", "required": False, "schema": schema}


def plain_type(hint: Any) -> Any:
    """The type of an option that may be None."""
    inside = [other for other in get_args(hint) if other is not types.NoneType]
    return inside[0] if inside else hint


def encode(value: Any) -> str:
    """The JSON of a dataclass, or of what contains some."""
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> dict[str, Any]:
    if hasattr(value, "to_dict"):
        plain: dict[str, Any] = value.to_dict()
        return plain
    return {field.name: getattr(value, field.name) for field in fields(value)}
