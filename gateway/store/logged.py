"""First attempts as the database has them, looked at from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from gateway.domain.errors import StoreUnavailable
from gateway.domain.money import Money
from gateway.domain.payout import AttemptState
from gateway.domain.reasons import RejectReason
from gateway.store.looking import Place, is_made, looked_into, named
from gateway.store.schema import EPOCH


@dataclass(frozen=True, slots=True)
class FirstAttempt:
    """A payout's first attempt that left, without anything personal."""

    payout_id: str
    app: str
    amount: Money
    channel: str
    state: AttemptState
    reason: RejectReason | None
    opened_at: datetime
    first_sent_at: datetime | None
    verdict_as_of: datetime | None
    settled_at: datetime | None
    decision: str
    """The router's, in its stored form; empty where none was stored."""
    preference: str = ""
    """What the app asked for; empty: the gateway's own."""


_FIRST = text("""
    SELECT p.id, p.app, p.amount_minor, p.currency, a.channel, a.state, a.reason,
           a.opened_at, a.first_sent_at, a.verdict_as_of, a.settled_at, a.decision, p.preference
    FROM attempts AS a JOIN payouts AS p ON p.shard = a.shard AND p.id = a.payout_id
    WHERE a.number = 1 AND a.transmissions > 0 AND a.opened_at >= :begin
    ORDER BY a.opened_at, p.id
""")


def first_attempts(place: Place, since: datetime) -> tuple[FirstAttempt, ...]:
    """Those opened at `since` or later, the oldest first; none for a database that is not there yet.

    All are read at once: a look that lasts would keep the gateway's log from being folded in.

    Raises:
        StoreUnavailable: there is a database, and it cannot be read as one of ours.
    """
    if not is_made(place):
        return ()
    with looked_into(place) as connection:
        rows = connection.execute(_FIRST, {"begin": (since - EPOCH) // timedelta(microseconds=1)}).all()
    try:
        return tuple(_attempt(*row) for row in rows)
    except ValueError as error:
        raise StoreUnavailable(f"{named(place)} cannot be read: {error}") from error


def _attempt(
    payout_id: str,
    app: str,
    amount_minor: int,
    currency: str,
    channel: str,
    state: str,
    reason: str | None,
    opened_at: int,
    first_sent_at: int | None,
    verdict_as_of: int | None,
    settled_at: int | None,
    decision: str | None,
    preference: str | None,
) -> FirstAttempt:
    return FirstAttempt(
        payout_id=payout_id,
        app=app,
        amount=Money(amount_minor, currency),
        channel=channel,
        state=AttemptState(state),
        reason=None if reason is None else RejectReason(reason),
        opened_at=EPOCH + timedelta(microseconds=opened_at),
        first_sent_at=_moment(first_sent_at),
        verdict_as_of=_moment(verdict_as_of),
        settled_at=_moment(settled_at),
        decision=decision or "",
        preference=preference or "",
    )


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)
