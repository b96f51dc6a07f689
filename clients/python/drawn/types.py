"""The Python type of a JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drawn.names import Document, model_of

Schema = Mapping[str, Any]

_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_LITERAL_MAX = 12
"""Longer lists of words are not spelled out."""


class Types:
    """Types as one document means them."""

    def __init__(self, document: Document, module: str = "") -> None:
        """`module`: what classes are named by from outside, with its dot."""
        self._module = module
        schemas = document["components"]["schemas"]
        self._words = {
            frozenset(schema["enum"]): model_of(name) for name, schema in schemas.items() if "enum" in schema
        }
        self._closed = frozenset(self._words.values())

    def of(self, schema: Schema, *, sent: bool) -> str:
        """`sent`: part of a request, where the words are those of this document; an answer may know newer ones."""
        if "$ref" in schema:
            return self._named(model_of(schema["$ref"]), sent)
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self._union(schema, schema[union], sent)
        if "const" in schema:
            return f'Literal["{schema["const"]}"]'
        if "enum" in schema:
            return self._enum(schema["enum"], sent)
        return self._by_type(schema, sent)

    def _union(self, schema: Schema, members: list[Schema], sent: bool) -> str:
        kinds = [self.of(member, sent=sent) for member in members]
        if "discriminator" in schema and not sent:
            kinds.append("Json")
        return " | ".join(kinds)

    def _named(self, name: str, sent: bool) -> str:
        return f"{self._module}{name}" + (" | str" if name in self._closed and not sent else "")

    def _enum(self, words: list[str], sent: bool) -> str:
        known = self.words(words)
        if known:
            return self._named(known, sent)
        literal = len(words) <= _LITERAL_MAX and sent
        return "Literal[" + ", ".join(f'"{word}"' for word in words) + "]" if literal else "str"

    def words(self, words: list[str]) -> str | None:
        """The closed list that has exactly these words."""
        return self._words.get(frozenset(words))

    def _by_type(self, schema: Schema, sent: bool) -> str:
        match schema.get("type"):
            case "string" if schema.get("format") == "date-time":
                return "datetime"
            case "array":
                inner = self.of(schema["items"], sent=sent)
                return f"Sequence[{inner}]" if sent else f"tuple[{inner}, ...]"
            case "object":
                values = self._values(schema, sent)
                return f"{self._module}Json" if values == "object" else f"Mapping[str, {values}]"
            case str(plain):
                return _PLAIN[plain]
        return "object"

    def _values(self, schema: Schema, sent: bool) -> str:
        values = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), None)
        return self.of(values, sent=sent) if isinstance(values, dict) else "object"
