"""A configuration as a flat list: every key with its place in the file, and its value as it would be written there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import TypeAlias

from pydantic import BaseModel

from gateway.config.config import Config
from gateway.config.durations import show_duration
from gateway.config.errors import Loc
from gateway.config.resolve import REFERENCE

Plain: TypeAlias = str | int | float | bool | list["Plain"] | None
"""What a key can be set to; None: it is not set."""

MASK = "***"
_SECRET = frozenset({"secret", "password", "passwd", "passphrase", "token", "pin"})

TABLES = ("gateway", "limits", "routing", "holds", "safety", "worker", "callbacks")
NAMED = ("channels", "apps", "calendars")
"""Tables of tables, each with a name."""


def flat(config: Config) -> dict[Loc, Plain]:
    """Every key that is in force, defaults included."""
    found = dict(leaf for name in (*TABLES, *NAMED) for leaf in leaves(getattr(config, name), (name,)))
    return found | dict(leaves(config.routes, ("routes",)))


def leaves(value: object, loc: Loc = (), *, duration: bool = False) -> Iterator[tuple[Loc, Plain]]:
    """The keys in `value`, by the names that stand in the file. Lists of plain values are one key."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from leaves(getattr(value, name), (*loc, field.alias or name), duration=name.endswith("_s"))
    elif isinstance(value, Mapping):
        for key in value:
            yield from leaves(value[key], (*loc, str(key)))
    elif isinstance(value, tuple | list) and any(isinstance(each, BaseModel | Mapping) for each in value):
        for index, each in enumerate(value):
            yield from leaves(each, (*loc, index))
    else:
        yield loc, plain(value, duration=duration)


def plain(value: object, *, duration: bool = False) -> Plain:
    """One value as TOML has it: durations with their unit, sets sorted."""
    if value is None or isinstance(value, bool):
        return value
    if duration and isinstance(value, float):
        return show_duration(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted((plain(each) for each in value), key=str)
    if isinstance(value, tuple | list):
        return [plain(each, duration=duration) for each in value]
    if isinstance(value, int | float):
        return value
    return str(value)


def masked(loc: Loc, value: Plain) -> Plain:
    """The value as it may be shown: a secret by its reference; what bears a secret's name and is none is not."""
    words = str(loc[-1]).split("_")
    secret = words[-1] in _SECRET or words[-2:] == ["private", "key"]
    return MASK if secret and isinstance(value, str) and not REFERENCE.match(value) else value
