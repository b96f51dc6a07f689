"""The kinds of values that keys take: what stands in the file, checked, as what the program uses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.callbacks.body import EVENT_TYPES
from gateway.config.urls import Address, BadAddress, parse_address, split_url
from gateway.currencies import exponent
from gateway.domain.money import MINOR_MAX
from gateway.domain.reasons import OtherChannel, RejectReason, other_channel

POLICY_REASONS = frozenset(reason for reason in RejectReason if other_channel(reason) is OtherChannel.POLICY)
"""The definite failures that go to another channel only if the configuration says so."""


def fault(text: str) -> PydanticCustomError:
    """A validator's refusal in our own words."""
    return PydanticCustomError("paymux", "{text}", {"text": text})


def _address(value: object) -> Address:
    try:
        return parse_address(value)
    except BadAddress as error:
        raise fault(str(error)) from error


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise fault(f"no such time zone: {value}") from error
    return value


def _url(value: str) -> str:
    try:
        split_url(value)
    except BadAddress as error:
        raise fault(str(error)) from error
    return value


def _currency(value: str) -> str:
    if exponent(value) is None:
        raise fault("not a currency of ISO 4217 that money is paid in, e.g. CNY")
    return value


def _network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError as error:
        raise fault('must be an address or a network such as "10.0.0.0/8"') from error


def _not_among(words: Iterable[str]) -> PydanticCustomError:
    return PydanticCustomError("enum", "", {"expected": ", ".join(f"'{word}'" for word in sorted(words))})


def _policy_reason(value: object) -> RejectReason:
    if not isinstance(value, str) or value not in POLICY_REASONS:
        raise _not_among(POLICY_REASONS)
    return RejectReason(value)


def _event(value: str) -> str:
    if value not in EVENT_TYPES:
        raise _not_among(EVENT_TYPES)
    return value


_TEXT = WithJsonSchema({"type": "string"})


def _one_of(words: Iterable[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": sorted(map(str, words))})


Listen = Annotated[Address, BeforeValidator(_address), _TEXT]
Url = Annotated[str, AfterValidator(_url)]
CurrencyCode = Annotated[str, AfterValidator(_currency)]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(_network), _TEXT]
PolicyReason = Annotated[RejectReason, BeforeValidator(_policy_reason), _one_of(POLICY_REASONS)]
EventName = Annotated[str, AfterValidator(_event), _one_of(EVENT_TYPES)]
Minor = Annotated[int, Field(ge=0, le=MINOR_MAX)]
Count = Annotated[int, Field(ge=1, le=100_000)]
PathText = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f\x7f]+$")]

DatabaseText = Annotated[
    str,
    StringConstraints(
        pattern=r"^(sqlite:[^:\x00-\x1f?#][^\x00-\x1f?#]*"
        r"|postgresql://([^\s:@/?#]+@)?[^\s@/?#]*/[^\s@/?#]+(\?host=[^\s&]+)?"
        r"|(env|credential|file):\S+)$"
    ),
]
"""A file, or a PostgreSQL without its password; or a reference to the whole address, where it has one."""

PublicKeyText = Annotated[
    str, StringConstraints(pattern=r"^((env|file|credential):\S+|-----BEGIN PUBLIC KEY-----\s[\s\S]+)$")
]

TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_time_zone)]
"""A name of the IANA time zone database."""

Words = Field(strict=False)
"""For tuples, sets and enums: a TOML array is a list and a word a str. What is inside stays strict."""
