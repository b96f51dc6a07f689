"""What each node saw of the channels, side by side in one word of the store: summed when it is read, never before.

Each node writes its own part and no other's, so nothing is counted twice, however often it is told. What a node wrote
stays when the node is gone; another makes it its own in time (`remembering`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from routing.arrival import Arrivals
from routing.health import Health, merge
from routing.health_book import Record

FORMAT = 2
"""The version of the stored form. 1: of one node, which is nobody's by now."""
NOBODY = ""
"""Whose part it is that an older version wrote."""

Part = Mapping[str, Any]
"""One node's, as it stands in the word."""


@dataclass(frozen=True, slots=True)
class Experience:
    """What one node saw."""

    health: tuple[Record, ...] = ()
    arrivals: Mapping[str, Arrivals] = field(default_factory=dict)

    @classmethod
    def from_part(cls, part: Part) -> Experience:
        """Read what `as_part` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            health = tuple((channel, cls_, Health.from_json(kept)) for channel, cls_, kept in part["health"])
            return cls(health, {channel: Arrivals.from_json(kept) for channel, kept in part["arrivals"].items()})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a node's experience: {error}") from error

    def as_part(self) -> Part:
        """A compact form: some 300 characters for each channel and class."""
        return {
            "health": [[channel, cls, health.as_json()] for channel, cls, health in self.health],
            "arrivals": {channel: arrivals.as_json() for channel, arrivals in self.arrivals.items()},
        }

    def plus(self, other: Experience) -> Experience:
        """What both saw."""
        health = {(channel, cls): kept for channel, cls, kept in self.health}
        for channel, cls, more in other.health:
            known = health.get((channel, cls))
            health[channel, cls] = more if known is None else merge(known, more)
        records = tuple((channel, cls, kept) for (channel, cls), kept in health.items())
        return Experience(records, together([self.arrivals, other.arrivals]))

    def __bool__(self) -> bool:
        return bool(self.health or self.arrivals)


def together(measured: list[Mapping[str, Arrivals]]) -> dict[str, Arrivals]:
    """What several nodes measured, by channel."""
    channels = dict.fromkeys(channel for each in measured for channel in each)
    return {
        channel: reduce(Arrivals.merge, [each[channel] for each in measured if channel in each]) for channel in channels
    }


def parts_in(word: str | None) -> dict[str, Part]:
    """By node, what stands in the word.

    Raises:
        ValueError: it is something else.
    """
    if word is None:
        return {}
    try:
        stored = json.loads(word)
        if stored["v"] == 1:
            return {NOBODY: stored}
        if stored["v"] != FORMAT:
            raise ValueError("a router of another format")
        return dict(stored["nodes"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a stored router: {error}") from error


def in_one_word(parts: Mapping[str, Part]) -> str:
    """What `parts_in` reads."""
    return json.dumps({"v": FORMAT, "nodes": parts}, separators=(",", ":"))
