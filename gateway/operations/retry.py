"""Order a failed payout again, at most once.

The two payouts lie in different shards, so this is two transactions: the intent with the failed one, guarded by its
version and by a key of its own; then an ordinary accept under the id that the intent names. Whoever repeats the call
finishes what is half made, and so does `keep_finishing`; both may, for the id is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from gateway.domain.beneficiary import Beneficiary
from gateway.domain.errors import NotRetryable, ReferenceReused, StoreError
from gateway.domain.event import EventType
from gateway.domain.identity import payout_id, shard_of
from gateway.domain.payout import Payout
from gateway.domain.retry import WORDS, Refusal, Retry, refusal
from gateway.domain.terms import OnExpiry, Terms
from gateway.failpoints import Commit, Unit
from gateway.operations import read
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.incoming import Accepted
from gateway.operations.missing import missing
from gateway.operations.nodes import on_duty
from gateway.operations.record import record
from gateway.operations.services import Current, Services
from gateway.store.port import Tx
from gateway.store.records import Duty

log: structlog.stdlib.BoundLogger = structlog.get_logger()

FINISH_EVERY_S = 60.0
OLD_ENOUGH = timedelta(minutes=1)
"""Until then whoever began it is at it."""
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class RetryWish:
    """What the app wants otherwise."""

    app: str
    payout_id: str
    """Of the failed one."""
    reference: str
    beneficiary: Beneficiary | None = None
    """None: the same."""
    send_by: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.FAIL


async def retry(services: Services, wish: RetryWish) -> Accepted:
    """The new payout; `replayed` when the same wish was granted before.

    Raises:
        NotFound: not this app's.
        NotRetryable: it may not be ordered again, or was with another wish.
        ReferenceReused: the reference belongs to another payout; nothing was changed.
        CommitUnknown, StoreUnavailable: as in `accept`; the app repeats the same wish.
    """
    first = await read.get(services, wish.app, wish.payout_id)
    known = await services.store.read(lambda tx: tx.reference(wish.app, wish.reference))
    if known is not None and known.payout_id != first.retried_as:
        raise ReferenceReused(known.payout_id)
    now = services.clock.now()
    made = Retry(
        payout_id=payout_id(shard_of(wish.app, wish.reference), services.new_uuid()),
        reference=wish.reference,
        beneficiary=wish.beneficiary or first.beneficiary,
        send_by=wish.send_by,
        on_expiry=wish.on_expiry,
        made_at=now,
    )
    stored = await services.store.run(Unit(Commit.RETRIED, lambda tx: _begin(services, tx, first, made, now)))
    if stored is made:
        log.info("payout.retried", payout=first.id, app=first.app, retried_as=made.payout_id)
    accepted = await _finish(services, first, stored)
    return replace(accepted, replayed=stored is not made)


def _begin(services: Services, tx: Tx, first: Payout, made: Retry, now: datetime) -> Retry:
    """The intent, if the payout may be ordered again as it is now; or the one that is there, if it is the same."""
    payout = tx.payout(first.id)
    if payout is None:
        raise missing(tx, first.id)
    known = tx.retry(payout.id)
    # Of an erased one nobody can say what was wished; that it was ordered again still stands.
    if known is not None and known.asks_the_same(made) and payout.erased_at is None:
        return known
    why = refusal(payout)
    if why is not None:
        raise NotRetryable(str(why), _told(why, payout))
    after = replace(payout, retried_as=made.payout_id)
    detail: dict[str, str | int | bool | None] = {"as": made.payout_id}
    record(services, tx, payout, after, EventType.RETRIED, now, actor=f"app:{payout.app}", detail=detail)
    tx.add_retry(payout, made)
    return made


def _told(why: Refusal, payout: Payout) -> str:
    return f"{WORDS[why]}: {payout.retried_as}" if why is Refusal.ALREADY_RETRIED else WORDS[why]


async def _finish(services: Services, first: Payout, intent: Retry) -> Accepted:
    """The new payout, made under the intent's id if it is not there yet."""
    request = PayoutRequest(
        app=first.app,
        reference=intent.reference,
        amount=first.amount,
        beneficiary=intent.beneficiary,
        purpose=first.purpose,
        description=first.description,
        metadata=first.metadata,
        terms=Terms(first.terms.preference, intent.send_by, intent.on_expiry, channels=first.terms.channels),
        payer=first.payer,
        flags={"retry_of": first.id},
        id=intent.payout_id,
        retry_of=first.id,
    )
    try:
        accepted = await accept(services, request)
    except ReferenceReused as taken:
        if taken.payout_id != intent.payout_id:
            await _take_back(services, first, intent)
        raise
    if intent.ended_at is None:
        now = services.clock.now()
        await services.store.run(Unit(Commit.RETRY_ENDED, lambda tx: tx.end_retry(first, now)))
    return accepted


async def _take_back(services: Services, first: Payout, intent: Retry) -> None:
    """Its reference went to other content meanwhile, and for ever: so there will never be a payout of this intent."""
    now = services.clock.now()

    def unit(tx: Tx) -> None:
        payout = tx.payout(first.id)
        if payout is None or payout.retried_as != intent.payout_id:
            return
        after = replace(payout, retried_as=None)
        detail: dict[str, str | int | bool | None] = {"as": None, "why": "reference_reused"}
        record(services, tx, payout, after, EventType.RETRIED, now, detail=detail)
        tx.drop_retry(payout)

    await services.store.run(Unit(Commit.RETRIED, unit))


async def finish_open(services: Services) -> int:
    """Finish what somebody left half made; how many there were."""
    until = services.clock.now() - OLD_ENOUGH
    left = await services.store.read(lambda tx: tx.open_retries(until, AT_ONCE))
    for first_id in left:
        await _finish_one(services, first_id)
    return len(left)


async def _finish_one(services: Services, first_id: str) -> None:
    first, intent = await services.store.read(lambda tx: (tx.payout(first_id), tx.retry(first_id)))
    if first is None or intent is None:
        return
    try:
        await _finish(services, first, intent)
    except ReferenceReused:
        log.warning("payout.retry_taken_back", payout=first_id, reference=intent.reference)


async def keep_finishing(current: Current) -> None:
    """Every minute, one node for all, until cancelled."""
    while True:
        await current.services.clock.sleep(FINISH_EVERY_S)
        try:
            if await on_duty(current.services, Duty.RETRIES):
                await finish_open(current.services)
        except StoreError as error:  # the next round is there soon
            log.warning("payout.retries_not_finished", error=type(error).__name__)
