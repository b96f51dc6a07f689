"""Payouts that wait for a channel, looked at from outside while the gateway runs: nothing is locked or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, exists, func, literal_column, select

from gateway.domain.errors import StoreUnavailable
from gateway.domain.override import Override
from gateway.domain.payout import AttemptState, Payout
from gateway.sealing import SealBroken, Sealer
from gateway.store import schema
from gateway.store.looking import Place, is_made, looked_into, named, reads_of

_P, _A = schema.payouts.c, schema.attempts.c


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a change of configuration may move or orphan. Empty for a database that is not there yet."""

    payouts: Sequence[Payout] = ()
    """Accepted, with nothing on its way: the oldest ones."""
    total: int = 0
    live: Mapping[str, int] = field(default_factory=dict)
    """By channel: attempts that are still followed."""
    overrides: Sequence[Override] = ()


def waiting(place: Place, sealer: Sealer, now: datetime, limit: int) -> Waiting:
    """Raises `StoreUnavailable`: there is a database, and it cannot be read as one of ours, or not with this key."""
    if not is_made(place):
        return Waiting()
    under_way = exists().where(
        _A.shard == _P.shard, _A.payout_id == _P.id, _A.state.not_in((AttemptState.REJECTED, AttemptState.PLANNED))
    )
    wanted = and_(literal_column(schema.UNFINISHED), ~under_way)
    try:
        with looked_into(place) as connection:
            tx = reads_of(connection, sealer)
            total = connection.execute(select(func.count()).select_from(schema.payouts).where(wanted)).scalar() or 0
            ids = connection.execute(select(_P.id).where(wanted).order_by(_P.created_at).limit(limit)).scalars()
            found = [tx.payout(each) for each in ids.all()]
            live: dict[str, int] = {}
            for ground in tx.live_grounds():
                live[ground.channel] = live.get(ground.channel, 0) + ground.count
            overrides = tx.overrides(now)
    except SealBroken as error:
        raise StoreUnavailable(f"{named(place)}: this sealing key does not open it") from error
    return Waiting([payout for payout in found if payout is not None], total, live, overrides)
