"""What waits for people: held and frozen payouts, and the requests that one of them made and another has to approve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, func, literal_column, or_, select

from gateway.domain.hold import HOLDS, HoldCode
from gateway.domain.identity import shard_of_request
from gateway.domain.review import Request, RequestKind
from gateway.store import schema
from gateway.store.questions import SqlQuestions
from gateway.store.records import UnderReview

_P = schema.payouts.c
# As the partial index has it: SQLAlchemy's own `frozen = 1` would not go by it.
_UNDER_REVIEW = or_(_P.hold_code.is_not(None), literal_column("payouts.frozen"))
HELD = select(schema.payouts).where(_UNDER_REVIEW, _P.hold_code.is_not(None)).order_by(_P.hold_at, _P.id)
_F = schema.freezes.c
_older = schema.freezes.alias("older").c
_OLDEST_FREEZE = select(func.min(_older.number)).where(
    _older.shard == _P.shard, _older.payout_id == _P.id, _older.lifted_at.is_(None)
)
FROZEN = (
    select(schema.payouts, _F.at.label("frozen_since"), _F.why.label("frozen_why"))
    .select_from(schema.payouts.join(schema.freezes, and_(_F.shard == _P.shard, _F.payout_id == _P.id)))
    .where(_UNDER_REVIEW, _P.hold_code.is_(None), _F.number == _OLDEST_FREEZE.scalar_subquery())
    .order_by(_F.at, _P.id)
)
"""Frozen and not held: since the oldest freeze that was not lifted."""


class SqlReviewReads(SqlQuestions):
    """A mixin."""

    def under_review(self, limit: int) -> Sequence[UnderReview]:
        held = self._all(HELD.limit(limit))
        frozen = self._all(FROZEN.limit(limit))
        rows = [(row.hold_at, row.id, HOLDS[HoldCode(row.hold_code)].text, row) for row in held]
        rows += [(row.frozen_since, row.id, row.frozen_why, row) for row in frozen]
        rows.sort(key=lambda each: each[:2])
        return [UnderReview(self._whole(row), since, why) for since, _, why, row in rows[:limit]]

    def request(self, request_id: str) -> Request | None:
        columns = schema.requests.c
        shard = shard_of_request(request_id)
        found = self._one(select(schema.requests).where(columns.shard == shard, columns.id == request_id))
        return None if found is None else _request(found)

    def open_requests(self) -> Sequence[Request]:
        columns = schema.requests.c
        wanted = (columns.approved_at.is_(None), columns.withdrawn_at.is_(None))
        rows = self._all(select(schema.requests).where(*wanted).order_by(columns.made_at, columns.id))
        return [_request(row) for row in rows]


def _request(row: Row[Any]) -> Request:
    return Request(
        id=row.id,
        kind=RequestKind(row.kind),
        payout_id=row.payout_id,
        reason=row.reason,
        evidence_sha256=row.evidence_sha256,
        made_by=row.made_by,
        made_at=row.made_at,
        state_hash=row.state_hash,
        expires_at=row.expires_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        withdrawn_at=row.withdrawn_at,
    )
