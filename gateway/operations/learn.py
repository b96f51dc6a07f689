"""Fold what was heard of an attempt into its payout: evidence first, then judgement, in one transaction (R7).

Submit answers, query results, notifications and late answers all come through here, so there is one place in which
an outcome can change anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from gateway.domain.errors import NotFound, StaleWrite
from gateway.domain.event import EventType
from gateway.domain.hold import HoldCode
from gateway.domain.outcome import Answer, OutcomeKind, classify
from gateway.domain.payout import Attempt, Payout
from gateway.domain.states import Change, Folded, fold
from gateway.domain.status import Status, status
from gateway.domain.steps import Wait, next_due, next_step
from gateway.domain.view import payout_view
from gateway.failpoints import Commit, Unit
from gateway.operations.record import Noted, record, touch
from gateway.operations.retried import stop_retry
from gateway.operations.services import Services
from gateway.operations.tally import tally_attempt, tally_payout
from gateway.operations.telling import Told, begin
from gateway.store.port import Tx
from gateway.store.records import Evidence, Incident, Lease

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, and which transmission of which attempt it is about."""

    payout_id: str
    attempt: int
    answer: Answer
    transmission_no: int = 0
    """0 for anything but a submit's answer."""


async def learn(services: Services, heard: Heard, lease: Lease | None = None) -> Payout:
    """The payout after what was heard.

    When the lease was lost meanwhile, somebody else looks after the payout: then only the evidence is kept (I29), and
    `StaleWrite` is raised.
    """
    learned = await _learn(services, heard, lease, lambda tx: learn_in(services, tx, heard, lease))
    return learned.after


async def learn_and_go_on(services: Services, heard: Heard, lease: Lease) -> Payout | None:
    """`learn`, for whoever works on the payout: None when there is nothing more to do now. Then the lease is let go of
    in the same commit."""

    def unit(tx: Tx) -> Learned:
        learned = learn_in(services, tx, heard, lease)
        if not isinstance(next_step(learned.after, services.clock.now(), services.steps), Wait):
            return learned
        tx.release(heard.payout_id, lease)
        return replace(learned, let_go=True)

    learned = await _learn(services, heard, lease, unit)
    return None if learned.let_go else learned.after


async def _learn(services: Services, heard: Heard, lease: Lease | None, work: Callable[[Tx], Learned]) -> Learned:
    try:
        learned = await services.store.run(Unit(heard.answer.heard, work))
    except StaleWrite:
        await _learn_without_lease(services, heard)
        raise
    after = learned.after
    _report(heard, learned)
    take_to_heart(services, learned)
    if heard.answer.conflict:
        # Our stored bytes are not what the channel knows under this id: nothing more leaves by this channel (row 29).
        services.channels[after.attempt(heard.attempt).channel].guard.stop()
    begin(services, learned.told)
    return learned


_ALWAYS_JUDGED = (OutcomeKind.SUCCEEDED, OutcomeKind.RETURNED)


async def _learn_without_lease(services: Services, heard: Heard) -> None:
    """What a node heard whose lease is lost. Money that moved is judged all the same, as if we had been told unasked:
    the next owner must not fail over against it (R14). Anything else is evidence only (I29)."""
    if heard.answer.kind in _ALWAYS_JUDGED:
        unit = Unit(str(heard.answer.heard), lambda tx: learn_in(services, tx, heard, None))
        learned = await services.store.run(unit)
        _report(heard, learned)
        take_to_heart(services, learned)
        begin(services, learned.told)
    else:
        await services.store.run(Unit(Commit.EVIDENCE, lambda tx: keep_evidence(services, tx, heard)))


@dataclass(frozen=True, slots=True)
class Learned:
    """What an answer changed."""

    before: Attempt
    after: Payout
    change: Change
    was: Status
    """The payout's, before."""
    told: Told = field(default_factory=Told)
    sooner: bool = False
    """It is due, or will be sooner than it would have been."""
    let_go: bool = False
    """Of the lease, in the same commit."""


def take_to_heart(services: Services, learned: Learned) -> None:
    """Once it is committed, and only then: it is counted, and the router knows its channel better."""
    after = learned.after.attempt(learned.before.number)
    if learned.change is Change.CONTRADICTION and learned.after.retried_as is not None:
        services.background.spawn(stop_retry(services, learned.after))
    tally_attempt(services.meter, learned.before, after)
    tally_payout(services.meter, learned.was, learned.after)
    policy = services.channels[after.channel].policy
    try:
        services.router.heard(learned.before, after, learned.after, policy, services.clock.now())
    except (ArithmeticError, LookupError, ValueError):  # what is stored stands, whatever the router makes of it
        log.exception("router.not_heard", payout=learned.after.id, channel=after.channel)


def learn_in(services: Services, tx: Tx, heard: Heard, lease: Lease | None) -> Learned:
    """The unit: load, classify, fold, save."""
    payout = _load(tx, heard.payout_id)
    attempt = payout.attempt(heard.attempt)
    now = services.clock.now()
    ground = attempt.ground
    large = services.is_large(payout.amount)
    outcome = classify(heard.answer, heard.transmission_no, attempt.transmissions, ground.absence, large=large)
    handle = services.channels[attempt.channel]
    polls = handle.polls.slowed(handle.guard.queries.wait_factor)
    folded = fold(payout, heard.attempt, outcome, now, polls)
    judged = folded.change is not Change.STALE
    tx.append_evidence(payout, Evidence(heard.attempt, heard.transmission_no, now, heard.answer, judged))
    noted = Noted()
    after = _save(services, tx, payout, folded, heard, now, lease, noted)
    sooner = _is_sooner(next_due(payout), next_due(after), now)
    return Learned(attempt, after, folded.change, status(payout), noted.told, sooner)


def _is_sooner(was_due: datetime | None, due: datetime | None, now: datetime) -> bool:
    return due is not None and (was_due is None or due < was_due or due <= now)


def _save(
    services: Services,
    tx: Tx,
    before: Payout,
    folded: Folded,
    heard: Heard,
    now: datetime,
    lease: Lease | None,
    noted: Noted,
) -> Payout:
    after, answer = folded.payout, heard.answer
    if folded.change is Change.CONTRADICTION:
        return _freeze(services, tx, before, after, heard, now, lease, noted)
    new_hold = after.hold if after.hold is not None and _code(after) != _code(before) else None
    if new_hold is not None:
        tx.append_incident(before, Incident(now, str(new_hold.code), new_hold.rule.text, heard.attempt))
    elif folded.change is not Change.MOVED and payout_view(before) == payout_view(after):
        return touch(tx, before, after, lease)
    detail: dict[str, str | int | bool | None] = {
        "held": str(new_hold.code) if new_hold else None,
        "from": str(before.attempt(heard.attempt).state),
        "to": str(after.attempt(heard.attempt).state),
        "heard": str(answer.heard),
        "said": str(answer.kind),
        "reason": str(answer.reason) if answer.reason else None,
        "channel_code": answer.channel_code,
    }
    return record(
        services,
        tx,
        before,
        after,
        EventType.HELD if new_hold is not None and folded.change is not Change.MOVED else EventType.ATTEMPT_MOVED,
        now,
        actor=f"channel:{after.attempt(heard.attempt).channel}",
        attempt=heard.attempt,
        detail=detail,
        lease=lease,
        noted=noted,
    )


def _code(payout: Payout) -> HoldCode | None:
    return payout.hold.code if payout.hold is not None else None


def _freeze(
    services: Services,
    tx: Tx,
    before: Payout,
    after: Payout,
    heard: Heard,
    now: datetime,
    lease: Lease | None,
    noted: Noted,
) -> Payout:
    """A contradiction: evidence (already kept), incident and freeze in one transaction (R14)."""
    attempt = before.attempt(heard.attempt)
    # Not how it was heard: one contradiction is one incident, however many tell of it (I21).
    what = f"the channel says {heard.answer.kind} of an attempt that is {attempt.state}"
    known = any(i.attempt == heard.attempt and i.detail == what for i in tx.incidents(before.id))
    if known and before.frozen:
        return touch(tx, before, after, lease)
    if not known:
        tx.append_incident(before, Incident(now, "contradiction", what, heard.attempt))
    # What people let go on, or resolved, freezes again when the channel says it again: they may have been wrong.
    tx.freeze(before, now, what)
    return record(
        services,
        tx,
        before,
        after,
        EventType.FROZEN,
        now,
        actor=f"channel:{attempt.channel}",
        attempt=heard.attempt,
        detail={"why": what, "heard": str(heard.answer.heard)},
        lease=lease,
        noted=noted,
    )


def keep_evidence(services: Services, tx: Tx, heard: Heard) -> None:
    """Store what was heard without judging it."""
    payout = _load(tx, heard.payout_id)
    now = services.clock.now()
    tx.append_evidence(payout, Evidence(heard.attempt, heard.transmission_no, now, heard.answer, judged=False))


def _load(tx: Tx, payout_id: str) -> Payout:
    payout = tx.payout(payout_id)
    if payout is None:
        raise NotFound(payout_id)
    return payout


def _report(heard: Heard, learned: Learned) -> None:
    """One line a step; louder when a person should look."""
    after, change = learned.after, learned.change
    attempt, answer = after.attempt(heard.attempt), heard.answer
    bound = log.bind(
        payout=after.id,
        attempt=attempt.number,
        channel=attempt.channel,
        heard=str(answer.heard),
        said=str(answer.kind),
        state=str(attempt.state),
        channel_code=answer.channel_code,
    )
    if change is Change.CONTRADICTION:
        bound.error("payout.frozen", detail=answer.detail)
    elif answer.alarm:
        bound.warning("channel.alarm", detail=answer.detail)
    else:
        bound.info("attempt.heard", change=str(change))
