"""The words that bodies are made of: names, accounts, references, instants, each with what may stand in it.

The published schema says what they do: constraints stand before validators, and nulls are honest.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gateway import currencies
from gateway.api.instant import instant
from gateway.api.names import NAME_PATTERN, has_hidden
from gateway.api.strict_json import TEXT_PATTERN

METADATA_KEYS_MAX = 20
METADATA_KEY_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"
CHANNELS_MAX = 32
REFERENCE_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
QUOTE_PATTERN = r"^qt_[A-Za-z0-9_-]{20,2048}$"


def _known_currency(code: str) -> str:
    if currencies.exponent(code) is None:
        raise PydanticCustomError("unknown_currency", "not an ISO 4217 currency with minor units")
    return code


def _plain_name(name: str) -> str:
    """Row 40: nothing invisible in a name that people compare by eye."""
    if name != name.strip():
        raise PydanticCustomError("surrounding_space", "no space at either end")
    if has_hidden(name):
        raise PydanticCustomError("forbidden_character", "no invisible or private-use characters")
    return name


def _plain_account(number: str) -> str:
    """Row 43: the single spaces and hyphens that people put between letters and digits go; letters become upper."""
    return number.replace(" ", "").replace("-", "").upper()


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "not a string")
    try:
        return instant(value).astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("bad_instant", "no instant", {"why": "no such date or time"}) from None
    except ValueError as error:
        raise PydanticCustomError("bad_instant", "no instant", {"why": str(error)}) from None


def _ip(text: str) -> str:
    """In its usual form, so that one address is one content."""
    try:
        return str(ip_address(text if "%" not in text else ""))
    except ValueError:
        raise PydanticCustomError("bad_ip", "no address") from None


def each_once(words: list[str]) -> list[str]:
    """Of a list that stands for a set."""
    if len(set(words)) != len(words):
        raise PydanticCustomError("doubled", "one stands there twice")
    return words


class _NotNull:
    """Of a field that may be left out: null is no value of it, neither here nor as published."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        value, _null = handler(schema)["anyOf"]
        made: JsonSchemaValue = value
        return made

    @staticmethod
    def _check(value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "null is no value here")
        return value


NOT_NULL = _NotNull()


Reference = Annotated[str, StringConstraints(pattern=REFERENCE_PATTERN)]
CurrencyCode = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    Field(json_schema_extra={"enum": [*currencies.codes()]}),
    AfterValidator(_known_currency),
]
PUBLISHED = Field(json_schema_extra={"pattern": TEXT_PATTERN})
"""What `strict_json` refuses in every string, said where a free text is published."""
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=140),
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
    AfterValidator(_plain_name),
]
AccountNumber = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Za-z0-9][ -]?){3,33}[A-Za-z0-9]$", max_length=67),
    AfterValidator(_plain_account),
]
Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
PreferenceName = Annotated[str, StringConstraints(min_length=1, max_length=64), PUBLISHED]
"""Which ones there are is the configuration's matter; `openapi.build` names them."""
MetadataKey = Annotated[str, StringConstraints(pattern=METADATA_KEY_PATTERN)]
MetadataValue = Annotated[str, StringConstraints(max_length=500), PUBLISHED]


CHANNEL_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
ChannelName = Annotated[str, StringConstraints(pattern=CHANNEL_PATTERN)]
ChannelNames = Annotated[
    list[ChannelName],
    Field(max_length=CHANNELS_MAX, json_schema_extra={"uniqueItems": True}),
    AfterValidator(each_once),
]
"""Which ones there are is the configuration's matter."""
UserText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
    AfterValidator(_plain_name),
]
IpAddress = Annotated[
    str,
    StringConstraints(max_length=45),
    Field(json_schema_extra={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
    AfterValidator(_ip),
]
