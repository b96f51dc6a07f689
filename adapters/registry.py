"""Which kinds of channels there are: the built-in ones, and those that other distributions bring.

Built-in ones are named here, so that they work from a bare checkout. Others are found by the entry point group
`paymux.channels`; each entry point's name is the word for `adapter = "..."`, its object an `AdapterSpec`. One that
cannot be used stops the start: an adapter that is quietly missing is found out when its payouts are due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from adapters.spec import AdapterSpec

GROUP = "paymux.channels"
BUILT_IN = ("mock", "wechat", "bank")


class AdapterRefused(Exception):
    """An installed adapter that does not import, is no `AdapterSpec`, or takes a name that is taken."""


def _installed() -> Iterable[EntryPoint]:
    return entry_points(group=GROUP)


def adapters(installed: Callable[[], Iterable[EntryPoint]] = _installed) -> Mapping[str, AdapterSpec]:
    """Every adapter by its name.

    Raises:
        AdapterRefused: see there; the text names distribution and entry point.
    """
    found = {name: _spec(name, import_module(f"adapters.{name}").SPEC, f"adapters.{name}") for name in BUILT_IN}
    for entry in installed():
        if entry.name in found:
            raise AdapterRefused(f"{_origin(entry)}: there already is an adapter '{entry.name}'")
        found[entry.name] = _spec(entry.name, _load(entry), _origin(entry))
    return MappingProxyType(found)


def _load(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except Exception as error:  # a foreign module may raise anything while it is imported; re-raised with its name
        raise AdapterRefused(f"{_origin(entry)}: does not import: {type(error).__name__}: {error}") from error


def _spec(name: str, found: object, origin: str) -> AdapterSpec:
    if not isinstance(found, AdapterSpec):
        raise AdapterRefused(f"{origin}: is a {type(found).__name__}, not an AdapterSpec")
    if found.name != name:
        raise AdapterRefused(f"{origin}: calls itself '{found.name}', but is installed as '{name}'")
    return found


def _origin(entry: EntryPoint) -> str:
    distribution = entry.dist.name if entry.dist else "unknown distribution"
    return f"{distribution}: entry point {entry.name} = {entry.value}"
