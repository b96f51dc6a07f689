"""The channel that somebody names: an installed adapter, or a place in a module."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from adapters.conformance.world import ChannelUnderTest
from adapters.spec import AdapterSpec


class NoSubject(Exception):
    """Nothing of that name can be checked. The text says why."""


def subject(name: str, installed: Mapping[str, AdapterSpec]) -> ChannelUnderTest:
    """The channel called `name`: an adapter's, or `module:attribute` (a `ChannelUnderTest`, or what makes one).

    Raises:
        NoSubject: see there.
    """
    if ":" in name:
        return _load(name)
    spec = installed.get(name)
    if spec is None:
        raise NoSubject(f"there is no adapter '{name}'; there are: {', '.join(sorted(installed))}")
    if spec.conformance is None:
        raise NoSubject(
            f"the adapter '{name}' does not say where its ChannelUnderTest stands (AdapterSpec.conformance)"
        )
    return _load(spec.conformance)


def _load(place: str) -> ChannelUnderTest:
    module, _, attribute = place.partition(":")
    try:
        found: object = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise NoSubject(f"{place}: {error}") from error
    made = found() if callable(found) else found
    if not isinstance(made, ChannelUnderTest):
        raise NoSubject(f"{place} is a {type(made).__name__}, not a ChannelUnderTest")
    return made
