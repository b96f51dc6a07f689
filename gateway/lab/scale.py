"""A world of other length with the same story, for a quick look."""

from __future__ import annotations

from typing import Any

from gateway.lab.world import World

_BY_ORDER = frozenset({"count", "until", "from", "opens", "at", "count_to"})
_LEAST = {"count": 100, "until": 1}


def scaled(world: World, factor: float) -> World:
    """Every order number times `factor`; delays and gaps stay as they are."""
    return world if factor == 1.0 else World.model_validate(_scaled(world.model_dump(by_alias=True), factor))


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, dict):
        return {key: _number(key, each, factor) for key, each in value.items()}
    return [_scaled(each, factor) for each in value] if isinstance(value, tuple | list) else value


def _number(key: str, value: Any, factor: float) -> Any:
    if key in _BY_ORDER and isinstance(value, int):
        return max(round(value * factor), _LEAST.get(key, 0))
    return _scaled(value, factor)
