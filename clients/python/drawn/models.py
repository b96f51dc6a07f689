"""models.py: a dataclass for every object, an enum for every closed list of words."""

from __future__ import annotations

from drawn.names import PRIVATE, Document, docstring, formatted, model_name
from drawn.types import Schema, Types

_OPENING = '''\
"""The objects of the API, drawn from its OpenAPI document by draw_api.py. Do not edit.

Answers may grow: what this client does not know of an object is in its `extra`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

Json = Mapping[str, object]
"""An object as it came."""

'''


def models_module(document: Document) -> str:
    """The text of models.py."""
    types = Types(document)
    schemas = document["components"]["schemas"]
    words = [_enum(model_name(name), schema) for name, schema in schemas.items() if "enum" in schema]
    objects = [_class(model_name(name), schema, types) for name, schema in schemas.items() if "enum" not in schema]
    text = _OPENING + "\n\n".join(words + objects)
    unused = "Sequence" if "Sequence[" not in text else ""
    return formatted(text.replace("import Mapping, Sequence", "import Mapping") if unused else text)


def _enum(name: str, schema: Schema) -> str:
    members = "".join(f'    {member(word)} = "{word}"\n' for word in schema["enum"])
    return f"class {name}(StrEnum):\n{docstring(_words(schema))}\n{members}"


def _class(name: str, schema: Schema, types: Types) -> str:
    sent = schema.get("additionalProperties") is False
    required = set(schema.get("required", ()))
    lines = [_field(field, shape, types, sent, field in required) for field, shape in schema["properties"].items()]
    if not sent:
        lines.append("    extra: Json = field(default_factory=dict, repr=False)\n")
    return (
        "@dataclass(frozen=True, slots=True, kw_only=True)\n"
        f"class {name}:\n{docstring(_words(schema) or f'See `{name}` in the API.')}\n{''.join(lines)}"
    )


def _field(name: str, schema: Schema, types: Types, sent: bool, required: bool) -> str:
    kind = types.of(schema, sent=sent)
    if not required and "None" not in kind and "default" not in schema and not kind.startswith("Mapping"):
        kind = f"{kind} | None"
    default = _default(schema, kind, sent and name in PRIVATE, required)
    return f"    {name}: {kind}{default}\n" + docstring(schema.get("description", ""))


def _default(schema: Schema, kind: str, hidden: bool, required: bool) -> str:
    if "const" in schema:
        return f' = "{schema["const"]}"'
    if required:
        return " = field(repr=False)" if hidden else ""
    if kind.startswith("Mapping"):
        return " = field(default_factory=dict)"
    value = _value(schema.get("default"), kind)
    return f" = field(default={value}, repr=False)" if hidden else f" = {value}"


def _value(default: object, kind: str) -> str:
    """A default as it is written down: a word of a closed list by its name there."""
    named = isinstance(default, str) and kind.isidentifier() and kind != "str"
    return f"{kind}.{member(default)}" if named and isinstance(default, str) else repr(default)


def member(word: str) -> str:
    """The name of a word in its enum."""
    return word.upper().replace(".", "_")


def _words(schema: Schema) -> str:
    return str(schema.get("description", ""))
