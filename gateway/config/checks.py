"""What no single table can know: checks across tables. Each yields (place, what, hint); none raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations

from gateway.config.channel_part import ChannelPart
from gateway.config.draft import Draft
from gateway.config.durations import show_duration
from gateway.config.errors import Loc, dotted
from gateway.config.model import NAME, WorkerPart
from gateway.config.nearest import nearest
from gateway.config.translate import Found


def check_names(made: Draft) -> Iterator[Found]:
    for section in ("channels", "apps"):
        tables = made.source.data.get(section, {})
        for name in tables if isinstance(tables, dict) else ():
            if not re.fullmatch(NAME, name):
                yield (section, name), f"a name must match {NAME}", None


def check_listeners(made: Draft) -> Iterator[Found]:
    """No two of them in one place."""
    if made.gateway is None:
        return
    named = {key: getattr(made.gateway, key) for key in ("listen", "admin_listen", "health_listen")}
    there = {key: address for key, address in named.items() if address is not None}
    for (first, one), (key, other) in combinations(there.items(), 2):
        if one.clashes(other):
            line = made.line(("gateway", first))
            yield ("gateway", key), f"{other} is taken by gateway.{first} = {one} (line {line})", None


def check_lease(made: Draft) -> Iterator[Found]:
    """A lease must outlive a call and its late answer: more than twice the longest total timeout."""
    if made.worker is None or not made.channels:
        return
    slowest = max(made.channels, key=lambda name: made.channels[name].timeouts.total_s)
    total_s = made.channels[slowest].timeouts.total_s
    if made.worker.lease_s <= 2 * total_s:
        yield ("worker", "lease"), _short_lease(made, made.worker, slowest, total_s), None


def _short_lease(made: Draft, worker: WorkerPart, channel: str, total_s: float) -> str:
    loc: Loc = ("channels", channel, "timeouts", "total")
    return (
        f"{show_duration(worker.lease_s)} must be more than twice {dotted(loc)} = {show_duration(total_s)}"
        f" (line {made.line(loc)})"
    )


def check_fees(made: Draft) -> Iterator[Found]:
    for name, channel in made.channels.items():
        loc: Loc = ("channels", name, "fees")
        for index, fee in enumerate(channel.fees):
            if fee.currency not in channel.currencies:
                yield (*loc, index, "currency"), f"{fee.currency} is not among the channel's currencies", None
        for currency in _unpriced(channel):
            yield loc, f"no fee for {currency}: without a price it is never chosen (free: a flat amount of 0)", None


def _unpriced(channel: ChannelPart) -> list[str]:
    return sorted(channel.currencies - {fee.currency for fee in channel.fees})


def check_app_keys(made: Draft) -> Iterator[Found]:
    """A key id selects key and app, so it is unique over all apps."""
    first: dict[str, Loc] = {}
    for name, app in made.apps.items():
        for index, key in enumerate(app.keys):
            loc: Loc = ("apps", name, "keys", index, "id")
            if key.id in first:
                other = first[key.id]
                yield loc, f"'{key.id}' is also {dotted(other)} (line {made.line(other)})", None
            first.setdefault(key.id, loc)


def check_callbacks(made: Draft) -> Iterator[Found]:
    for name, app in made.apps.items():
        first: dict[str, Loc] = {}
        for index, callback in enumerate(app.callbacks):
            loc: Loc = ("apps", name, "callbacks", index, "url")
            if callback.url in first:
                yield loc, f"is also {dotted(first[callback.url])} (line {made.line(first[callback.url])})", None
            first.setdefault(callback.url, loc)


def check_routes(made: Draft) -> Iterator[Found]:
    """A route names channels and apps that there are, and its own name is its alone."""
    first: dict[str, int] = {}
    for index, route in enumerate(made.routes):
        for name in route.channels:
            if name not in made.source.data.get("channels", {}):
                yield ("routes", index), f"no such channel: {name}", nearest(name, made.channels)
        for app in sorted(route.apps - set(made.source.data.get("apps", {}))):
            yield ("routes", index, "apps"), f"no such app: {app}", nearest(app, made.apps)
        if first.setdefault(route.name, index) != index:
            yield ("routes", index, "name"), f"'{route.name}' is also routes[{first[route.name]}].name", None


def check_calendars(made: Draft) -> Iterator[Found]:
    for name, channel in made.channels.items():
        if channel.calendar is not None and channel.calendar not in made.source.data.get("calendars", {}):
            loc: Loc = ("channels", name, "calendar")
            yield loc, f"no such calendar: {channel.calendar}", nearest(channel.calendar, made.calendars)


CHECKS: tuple[Callable[[Draft], Iterator[Found]], ...] = (
    check_names,
    check_listeners,
    check_lease,
    check_fees,
    check_routes,
    check_calendars,
    check_app_keys,
    check_callbacks,
)
