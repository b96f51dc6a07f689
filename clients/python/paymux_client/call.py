"""One call of the API as a value: what is sent, how its answer is read, and whether it may be said twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

from paymux_client.reading import Unreadable, decode, instant

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """Made by the functions of `paymux_client.calls`, carried out by a client."""

    method: str
    path: str
    """Percent-encoded."""
    read: Callable[[bytes], T_co]
    """The answer's body as a model. Raises `Unreadable`."""
    query: Pairs = ()
    headers: Pairs = ()
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    """Of the body."""
    accept: str = "application/json"
    repeatable: bool = False
    """Said twice it is one: a read, a wish, or an order that its reference makes one."""

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query, safe=',')}" if self.query else self.path


def path(template: str, **parts: str) -> str:
    """The template with its variables filled in, each as one step of the path."""
    return template.format_map({name: quote(part, safe="") for name, part in parts.items()})


def pairs(*given: tuple[str, object], joined: frozenset[str] = frozenset()) -> Pairs:
    """Query parameters as they are sent: None is left out, a list is repeated, or joined by commas; a mapping becomes
    `name[key]=value`.
    """
    return tuple(pair for name, value in given for pair in _pairs(name, value, name in joined))


def _pairs(name: str, value: object, joined: bool) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        return ((f"{name}[{key}]", str(each)) for key, each in value.items())
    return ((name, text) for text in _texts(value, joined))


def _texts(value: object, joined: bool) -> Iterable[str]:
    if value is None:
        return ()
    if isinstance(value, datetime):
        return (instant(value),)
    if isinstance(value, list | tuple | set | frozenset):
        texts = [str(each) for each in value]
        return (",".join(texts),) if joined else texts
    return (str(value),)


def reads(model: type[T]) -> Callable[[bytes], T]:
    """Reads a body as `model`."""
    return lambda body: decode(model, as_json(body))


def as_json(body: bytes) -> object:
    """Reads any JSON."""
    try:
        return json.loads(body)
    except ValueError:
        raise Unreadable("not JSON") from None


def as_text(body: bytes) -> str:
    """Reads a page."""
    return body.decode(errors="replace")


def nothing(body: bytes) -> None:
    """There is nothing to read."""
