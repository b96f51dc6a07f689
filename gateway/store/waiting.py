"""Payouts that wait for a channel, looked at from outside while the gateway runs: nothing is locked or written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import and_, exists, func, literal_column, select
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import StoreUnavailable
from gateway.domain.override import Override
from gateway.domain.payout import AttemptState, Payout
from gateway.sealing import SealBroken, Sealer
from gateway.store import schema
from gateway.store.backup import opened
from gateway.store.reads import SqlReadTx
from gateway.store.rows import Rows

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


def waiting(path: Path, sealer: Sealer, now: datetime, limit: int) -> Waiting:
    """Raises `StoreUnavailable`: there is a file, and it cannot be read as one of ours, or not with this key."""
    if not path.exists():
        return Waiting()
    under_way = exists().where(
        _A.shard == _P.shard, _A.payout_id == _P.id, _A.state.not_in((AttemptState.REJECTED, AttemptState.PLANNED))
    )
    wanted = and_(literal_column(schema.UNFINISHED), ~under_way)
    try:
        with opened(path) as connection:
            tx = SqlReadTx(connection, Rows(sealer))
            total = connection.execute(select(func.count()).select_from(schema.payouts).where(wanted)).scalar() or 0
            ids = connection.execute(select(_P.id).where(wanted).order_by(_P.created_at).limit(limit)).scalars()
            found = [tx.payout(each) for each in ids.all()]
            live: dict[str, int] = {}
            for ground in tx.live_grounds():
                live[ground.channel] = live.get(ground.channel, 0) + ground.count
            overrides = tx.overrides(now)
    except (DBAPIError, sqlite3.Error) as error:
        raise StoreUnavailable(f"{path} cannot be read: {getattr(error, 'orig', None) or error}") from error
    except SealBroken as error:
        raise StoreUnavailable(f"{path}: this sealing key does not open it") from error
    return Waiting([payout for payout in found if payout is not None], total, live, overrides)
