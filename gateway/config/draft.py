"""A configuration while it is being checked: what could be read of it, and every fault so far.

Each table is validated by itself, so that a fault in one does not hide those of another; checks across tables look
at whatever did validate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from adapters.spec import AdapterSpec
from gateway.config.app_part import AppPart
from gateway.config.channel_part import ChannelPart
from gateway.config.errors import Fault, Loc
from gateway.config.model import CallbacksPart, GatewayPart, HoldsPart, LimitsPart, RoutingPart, SafetyPart, WorkerPart
from gateway.config.nearest import nearest
from gateway.config.read import Source
from gateway.config.routes import CalendarPart, RoutePart
from gateway.config.translate import Found, translate

M = TypeVar("M", bound=BaseModel)

TOP = (
    "version", "gateway", "limits", "routing", "calendars", "routes", "holds", "safety", "worker", "callbacks",
    "channels", "apps",
)  # fmt: skip
VERSION = 1


@dataclass(slots=True)
class Draft:
    """`settings` holds the adapters' own models, by channel."""

    source: Source
    specs: Mapping[str, AdapterSpec]
    faults: list[Fault] = field(default_factory=list)
    gateway: GatewayPart | None = None
    limits: LimitsPart | None = None
    routing: RoutingPart | None = None
    holds: HoldsPart | None = None
    safety: SafetyPart | None = None
    worker: WorkerPart | None = None
    callbacks: CallbacksPart | None = None
    channels: dict[str, ChannelPart] = field(default_factory=dict)
    apps: dict[str, AppPart] = field(default_factory=dict)
    calendars: dict[str, CalendarPart] = field(default_factory=dict)
    routes: tuple[RoutePart, ...] = ()
    settings: dict[str, BaseModel] = field(default_factory=dict)

    def line(self, loc: Loc) -> int:
        return self.source.lines(loc)

    def refuse(self, found: Iterable[Found]) -> None:
        self.faults += [self.source.fault(*each) for each in found]


def draft(source: Source, specs: Mapping[str, AdapterSpec]) -> Draft:
    """Validate every table on its own. Faults are in the result, nothing is raised."""
    made = Draft(source, specs)
    data = source.data
    made.refuse(_top(data))
    made.gateway = _table(made, GatewayPart, ("gateway",), data.get("gateway", {}))
    made.limits = _table(made, LimitsPart, ("limits",), data.get("limits", {}))
    made.routing = _table(made, RoutingPart, ("routing",), data.get("routing", {}))
    made.holds = _table(made, HoldsPart, ("holds",), data.get("holds", {}))
    made.safety = _table(made, SafetyPart, ("safety",), data.get("safety", {}))
    made.worker = _table(made, WorkerPart, ("worker",), data.get("worker", {}))
    made.callbacks = _table(made, CallbacksPart, ("callbacks",), data.get("callbacks", {}))
    made.channels = _tables(made, ChannelPart, "channels")
    made.apps = _tables(made, AppPart, "apps")
    made.calendars = _tables(made, CalendarPart, "calendars")
    made.routes = _routes(made)
    for name, raw in _items(data, "channels"):
        _settings(made, name, raw)
    return made


def _top(data: Mapping[str, Any]) -> Iterable[Found]:
    for key in data:
        if key not in TOP:
            yield (key,), "unknown key", nearest(key, TOP)
    version = data.get("version")
    if "version" not in data:
        yield ("version",), f"is required; this program reads version {VERSION}", None
    elif version != VERSION or type(version) is not int:
        yield ("version",), f"this program reads version {VERSION}", None


def _table(made: Draft, model: type[M], loc: Loc, raw: object) -> M | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        made.refuse(((*loc, *inner), what, hint) for inner, what, hint in translate(model, error, raw))
    return None


def _tables(made: Draft, model: type[M], section: str) -> dict[str, M]:
    raw = made.source.data.get(section, {})
    if not isinstance(raw, dict):
        made.refuse([((section,), "must be a table", None)])
    tables = {name: _table(made, model, (section, name), table) for name, table in _items(made.source.data, section)}
    return {name: table for name, table in tables.items() if table is not None}


def _routes(made: Draft) -> tuple[RoutePart, ...]:
    raw = made.source.data.get("routes", [])
    if not isinstance(raw, list):
        made.refuse([(("routes",), "must be an array of tables: [[routes]]", None)])
        return ()
    routes = [_table(made, RoutePart, ("routes", index), table) for index, table in enumerate(raw)]
    return tuple(route for route in routes if route is not None)


def _items(data: Mapping[str, Any], section: str) -> list[tuple[str, Any]]:
    raw = data.get(section, {})
    return list(raw.items()) if isinstance(raw, dict) else []


def _settings(made: Draft, name: str, raw: object) -> None:
    """The adapter's own table, by the adapter's own model, faults at their own lines."""
    if not isinstance(raw, dict) or not isinstance(raw.get("adapter"), str):
        return
    loc: Loc = ("channels", name)
    spec = made.specs.get(raw["adapter"])
    if spec is None:
        known = ", ".join(sorted(made.specs))
        made.refuse([((*loc, "adapter"), f"no such adapter; there are {known}", nearest(raw["adapter"], made.specs))])
        return
    table = raw.get("settings", {})
    if not isinstance(table, dict):
        return  # already said: it must be a table
    settings = _table(made, spec.settings, (*loc, "settings"), table)
    if settings is not None:
        made.settings[name] = settings
