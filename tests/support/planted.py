"""Values that are planted in requests, and where they are looked for afterwards, in every spelling they might have."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Schema = Mapping[str, Any]


class Place(StrEnum):
    """Where something may turn up."""

    ANSWERS = "answers to the app itself"
    CALLBACKS = "callbacks"
    PEOPLE = "answers to people, metrics, probes"
    LOGS = "the gateway's log"
    FILES = "database, its log, everything in the state folder, a backup"


@dataclass(frozen=True)
class Planted:
    """One value of one field; `core` is what no mask may leave of it."""

    field: str
    value: str
    core: str


class Garden:
    """Makes values, each another one, and remembers them."""

    def __init__(self) -> None:
        self.planted: list[Planted] = []

    def account(self, ending: str = "0001") -> str:
        """Masked it shows its first and its last four."""
        number = f"7731{len(self.planted):04d}7731"
        return self._plant("account_number", f"6222{number}{ending}", number)

    def openid(self, ending: str = "0001") -> str:
        number = f"Qx7731{len(self.planted):04d}zjW"
        return self._plant("openid", f"oPLt{number}{ending}", number)

    def user(self, field: str) -> str:
        """An id of an app's own user; masked like an account."""
        core = f"Uz7731{len(self.planted):04d}wK"
        return self._plant(field, f"user{core}4711", core)

    def address(self) -> str:
        """Masked it shows its first half."""
        text = f"203.0.{10 + len(self.planted) // 200}.{10 + len(self.planted) % 200}"
        return self._plant("ip", text, text)

    def name(self) -> str:
        """Masked it shows its first letter."""
        rest = f"qlanted Payee{chr(65 + len(self.planted) // 26)}{chr(65 + len(self.planted) % 26)}vk"
        return self._plant("name", f"Z{rest}", rest)

    def text(self, field: str) -> str:
        """Anything else: not masked, so whole or not at all."""
        value = f"qPlanted-{field.strip('/*-')}-{len(self.planted):04d}-vkj"
        return self._plant(field, value, value)

    def _plant(self, field: str, value: str, core: str) -> str:
        self.planted.append(Planted(field, value, core))
        return value

    def found_in(self, data: bytes) -> Iterator[Planted]:
        for each in self.planted:
            if any(spelling in data for spelling in spellings(each.core)):
                yield each


def spellings(text: str) -> Iterator[bytes]:
    """As it is, in hexadecimal, in a JSON that escapes, and inside base64 wherever that begins."""
    plain = text.encode()
    yield plain
    yield plain.hex().encode()
    yield text.encode("utf-16-le")
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain)
        # The first and the last digits depend on what stands beside it.
        yield encoded[4 if before else 0 : len(encoded) // 4 * 4 - 4]


def string_fields(document: Schema) -> Iterator[tuple[str, str]]:
    """(operation, field) of every text that a request can carry: `/metadata/*` of a body, `header:X`, `query:x`."""
    for methods in document["paths"].values():
        for operation in methods.values():
            name = operation["operationId"]
            for parameter in operation.get("parameters", ()):
                for path in _texts(document, parameter["schema"]):
                    yield name, f"{parameter['in']}:{parameter['name']}{path}"
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for path in _texts(document, content["schema"]):
                    yield name, path or "text"


def _texts(document: Schema, schema: Schema, path: str = "") -> Iterator[str]:
    """The paths of strings that are not one of a few words."""
    if "$ref" in schema:
        found = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        yield from _texts(document, found, path)
    for word in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(word, ()):
            yield from _texts(document, each, path)
    for name, each in (*schema.get("properties", {}).items(), *_keyed(schema)):
        yield from _texts(document, each, f"{path}/{name}")
    if "items" in schema:
        yield from _texts(document, schema["items"], f"{path}/-")
    if schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
        yield path


def _keyed(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Values under keys that the caller chooses."""
    for each in (*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")):
        if isinstance(each, dict):
            yield "*", each
