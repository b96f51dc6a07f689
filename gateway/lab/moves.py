"""Which channel waiting payouts would go to now, under the present configuration and under another one. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.lab.choice import Routing
from routing.arrival import Arrivals
from routing.decide import decide
from routing.health_book import HealthBook
from routing.request import Request


@dataclass(frozen=True, slots=True)
class Learned:
    """What the gateway knows of its channels; what only the running one knows is taken to be quiet."""

    book: HealthBook
    arrivals: Mapping[str, Arrivals]


Move = tuple[str | None, str | None]
"""From and to; None: it waits on."""


def moves(
    requests: Iterable[Request], present: Routing, new: Routing, learned: Learned, now: datetime
) -> Counter[Move]:
    """How many go from which channel to which; those that stay where they are, too."""
    return Counter((_first(each, present, learned, now), _first(each, new, learned, now)) for each in requests)


def _first(request: Request, routing: Routing, learned: Learned, now: datetime) -> str | None:
    """By the means of what is known: dice would move payouts that the change does not."""
    decision = decide(
        request,
        list(routing.channels.values()),
        {},
        learned.book,
        preference=routing.preferences.get(request.preference, routing.preference),
        rules=routing.rules,
        arrivals=learned.arrivals,
        now=now,
    )
    return decision.ranked[0].channel if decision.ranked else None
