"""Lists of payouts, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, or_, select

from gateway.domain.payout import Payout
from gateway.store import schema
from gateway.store.questions import SqlQuestions
from gateway.store.records import PayoutFilter, Position

_P = schema.payouts.c


class SqlListReads(SqlQuestions):
    """A mixin."""

    def payouts(self, app: str, wanted: PayoutFilter, after: Position | None, limit: int) -> Sequence[Payout]:
        return [self._whole(row) for row in self._all(_listing(app, wanted, after).limit(limit))]

    def payouts_saying(
        self, app: str, wanted: PayoutFilter, after: Position | None, limit: int, look_at: int
    ) -> tuple[Sequence[Payout], Position | None]:
        found: list[Payout] = []
        rows = self._all(_listing(app, wanted, after).limit(look_at))
        for row in rows:
            if self._rows.says(row, wanted.metadata):
                found.append(self._whole(row))
            if len(found) == limit:
                return found, Position(row.created_at, row.id)
        return found, Position(rows[-1].created_at, rows[-1].id) if len(rows) == look_at else None

    def payouts_at(self, account_index: bytes, limit: int) -> Sequence[Payout]:
        query = select(schema.payouts).where(_P.account_index == account_index)
        rows = self._all(query.order_by(_P.created_at.desc(), _P.id.desc()).limit(limit))
        return [self._whole(row) for row in rows]


def _listing(app: str, wanted: PayoutFilter, after: Position | None) -> Select[Any]:
    """Newest first, from `after` on."""
    query = select(schema.payouts).where(_P.app == app, *_conditions(wanted))
    if after is not None:
        older = _P.created_at < after.created_at
        query = query.where(or_(older, and_(_P.created_at == after.created_at, _P.id < after.payout_id)))
    return query.order_by(_P.created_at.desc(), _P.id.desc())


def _conditions(wanted: PayoutFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.statuses:
        conditions.append(_P.status.in_(sorted(wanted.statuses)))
    equal = (
        (_P.currency, wanted.currency),
        (_P.channel, wanted.channel),
        (_P.reference, wanted.reference),
        (_P.batch_id, wanted.batch_id),
    )
    conditions += [column == value for column, value in equal if value is not None]
    if wanted.created_gte is not None:
        conditions.append(_P.created_at >= wanted.created_gte)
    if wanted.created_lt is not None:
        conditions.append(_P.created_at < wanted.created_lt)
    return conditions
