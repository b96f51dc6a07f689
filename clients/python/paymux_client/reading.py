"""JSON to models and back, led by the models' own types.

Readers are lenient where the API may grow: a field that is not known is kept in `extra`, a word that is not known stays
the text it came as, a kind of object that is not known stays a mapping, and a missing field that may be null is None.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
Read = Callable[[Any], Any]


class Unreadable(ValueError):
    """A value that is not of its model's type. The text names the place, never the value."""


def decode(model: type[T], value: object) -> T:
    """`value`, which came as JSON, as `model`.

    Raises:
        Unreadable: see there.
    """
    made: T = reader(cast(Hashable, model))(value)  # every class is hashable; mypy asks its metaclass
    return made


def encode(value: object) -> object:
    """A model as JSON can hold it. Fields that are None are left out: to the gateway that is the same."""
    if is_dataclass(value) and not isinstance(value, type):
        named = ((each.name, getattr(value, each.name)) for each in fields(value) if each.name != "extra")
        return {name: encode(inner) for name, inner in named if inner is not None}
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Mapping):
        return {str(name): encode(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [encode(inner) for inner in value]
    return value


def instant(at: datetime) -> str:
    """RFC 3339. Raises ValueError for a time without an offset: nobody could tell when that is."""
    if at.utcoffset() is None:
        raise ValueError("a time needs its offset: datetime(..., tzinfo=UTC)")
    return at.isoformat()


def body_of(value: object) -> bytes:
    """A model as the bytes of a request, the same ones each time."""
    return json.dumps(encode(value), ensure_ascii=False, separators=(",", ":")).encode()


@cache
def reader(kind: Hashable) -> Read:
    """How a value of this type is read."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _union(inner)
    if origin is Literal:
        return _one_of(inner)
    if origin is tuple:
        return _list(reader(inner[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(reader(inner[1]))
    if is_dataclass(kind):
        return _object(kind)
    return _PLAIN.get(kind) or _word(kind)


def _object(model: Any) -> Read:
    hints = get_type_hints(model)
    known = {each.name: hints[each.name] for each in fields(model) if each.name != "extra"}
    has_extra = "extra" in hints

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise Unreadable(f"{model.__name__}: not an object")
        given = {name: _field(model, name, kind, value) for name, kind in known.items()}
        rest = {name: inner for name, inner in value.items() if name not in known}
        return model(**given, **({"extra": rest} if has_extra else {}))

    return read


def _field(model: Any, name: str, kind: Any, value: dict[str, Any]) -> object:
    try:
        return reader(kind)(value.get(name))
    except Unreadable as error:
        raise Unreadable(f"{model.__name__}.{name}: {error}") from None


def _union(kinds: tuple[Any, ...]) -> Read:
    """The first that fits; so a union names its closed words and objects before the text or mapping that stays."""
    readers = [reader(kind) for kind in kinds]

    def read(value: object) -> object:
        for each in readers:
            try:
                return each(value)
            except Unreadable:
                continue
        raise Unreadable("none of its kinds")

    return read


def _one_of(words: tuple[object, ...]) -> Read:
    def read(value: object) -> object:
        if value in words:
            return value
        raise Unreadable(f"not one of {', '.join(map(str, words))}")

    return read


def _list(inner: Read) -> Read:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise Unreadable("not a list")
        return tuple(map(inner, value))

    return read


def _mapping(inner: Read) -> Read:
    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise Unreadable("not an object")
        return {name: inner(each) for name, each in value.items()}

    return read


def _word(kind: Any) -> Read:
    def read(value: Any) -> object:
        try:
            return kind(value)
        except ValueError:
            raise Unreadable(f"no {kind.__name__}") from None

    return read


def _exactly(kind: type) -> Read:
    def read(value: object) -> object:
        if type(value) is kind:
            return value
        raise Unreadable(f"not {kind.__name__}")

    return read


def _number(value: object) -> float:
    if type(value) in (int, float):
        return float(value)  # type: ignore[arg-type]  # the line above says that it is a number
    raise Unreadable("not a number")


def _instant(value: object) -> datetime:
    try:
        read = datetime.fromisoformat(value)  # type: ignore[arg-type]  # a TypeError is answered below
    except (ValueError, TypeError):
        raise Unreadable("not a time") from None
    if read.utcoffset() is None:
        raise Unreadable("a time without an offset")
    return read


_PLAIN: dict[Any, Read] = {
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    float: _number,
    datetime: _instant,
    NoneType: _exactly(NoneType),
    object: lambda value: value,
}
