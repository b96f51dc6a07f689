"""What routing goes by, looked at from outside while the gateway runs or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from gateway.domain.allowance import Used
from gateway.store import schema
from gateway.store import statements as sql
from gateway.store.looking import Place, is_made, looked_into

ROUTER = "router"
"""The row of `meta` that the router's memory is kept in."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What routing goes by. Empty for a database that is not there yet."""

    memory: str | None = None
    usage: Mapping[str, Mapping[tuple[str, str], Used]] = field(default_factory=dict)
    """By channel, then by currency and window."""


def glance(place: Place) -> Glance:
    """Raises `StoreUnavailable`: there is a database, and it cannot be read as one of ours."""
    if not is_made(place):
        return Glance()
    with looked_into(place) as connection:
        memory = connection.execute(sql.META, {"of_name": ROUTER}).scalar()
        sums = connection.execute(select(schema.usage)).all()
    usage: dict[str, dict[tuple[str, str], Used]] = {}
    for row in sums:
        usage.setdefault(row.channel, {})[row.currency, row.period] = Used(row.amount_minor, row.payouts)
    return Glance(memory, usage)
