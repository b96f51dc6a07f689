"""What would change from one configuration to another, and which of it a running gateway cannot take. Pure.

What takes effect without a restart is a table; a key that is missing there needs one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.config.config import Config
from gateway.config.errors import Fault, Loc, dotted
from gateway.config.flat import NAMED, TABLES, Plain, leaves

LIVE: frozenset[Loc] = frozenset({
    ("routing",), ("holds",), ("safety",), ("calendars",), ("routes",), ("channels",), ("apps",),
    ("gateway", "shutdown_grace"), ("gateway", "timezone"), ("worker", "lease"),
    ("limits", "notifications"), ("limits", "orders"), ("limits", "reads"), ("limits", "commit_queue"),
    ("limits", "commit_wait"), ("limits", "paused"), ("limits", "pause"),
    ("limits", "waiting"),
})  # fmt: skip
"""Tables and keys that a reload puts in force. All others are read once, at the start."""

SHOWN_MAX = 80


class Kind(StrEnum):
    """What happened to a key or to a named table."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. A channel, an app or a calendar that comes or goes is one, whatever is in it."""

    loc: Loc
    kind: Kind
    old: Plain = None
    new: Plain = None

    @property
    def key(self) -> str:
        return dotted(self.loc)

    @property
    def needs_restart(self) -> bool:
        return self.loc[:1] not in LIVE and self.loc[:2] not in LIVE

    def __str__(self) -> str:
        if self.kind is not Kind.CHANGED:
            return f"{self.key}: {self.kind}"
        return f"{self.key}: {_shown(self.old)} -> {_shown(self.new)}"


def changes(old: Config, new: Config) -> tuple[Change, ...]:
    """All differences, in the order of their keys."""
    whole = [
        Change((section, name), Kind.ADDED if name in getattr(new, section) else Kind.REMOVED)
        for section in NAMED
        for name in getattr(old, section).keys() ^ getattr(new, section).keys()
    ]
    there = {change.loc for change in whole}
    before, after = _differing(old, new), _differing(new, old)
    keys = [
        Change(loc, Kind.CHANGED, before.get(loc), after.get(loc))
        for loc in before.keys() | after.keys()
        if loc[:2] not in there and before.get(loc) != after.get(loc)
    ]
    return tuple(sorted((*whole, *keys), key=lambda change: change.key))


def _differing(config: Config, other: Config) -> dict[Loc, Plain]:
    """The keys of those tables that are not the same in both: most of a file mostly is."""
    found: dict[Loc, Plain] = {}
    for name in (*TABLES, "routes"):
        if getattr(config, name) != getattr(other, name):
            found |= leaves(getattr(config, name), (name,))
    for section in NAMED:
        tables, others = getattr(config, section), getattr(other, section)
        for name in tables.keys() & others.keys():
            if tables[name] != others[name]:
                found |= leaves(tables[name], (section, name))
    return found


def refused(new: Config, found: Iterable[Change]) -> tuple[Fault, ...]:
    """A fault, at its line, for each change that a running gateway cannot take."""
    return tuple(
        new.fault(change.loc, f"takes effect at a restart only ({_shown(change.old)} -> {_shown(change.new)})")
        for change in found
        if change.needs_restart
    )


def _shown(value: Plain) -> str:
    if value is None:
        return "not set"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"
