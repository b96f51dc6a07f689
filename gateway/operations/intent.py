"""The intent to send: a channel that takes the payout, and what is to be committed before its one call leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from adapters.channel import Signed
from gateway.domain import changes
from gateway.domain.errors import StaleWrite, StoreError
from gateway.domain.event import EventType
from gateway.domain.payout import Payout
from gateway.domain.safety import Safety
from gateway.domain.steps import Plan, next_step
from gateway.operations.deciding import Update
from gateway.operations.plan import Chosen, choose
from gateway.operations.services import ChannelHandle, Services
from gateway.operations.transmit import transmit
from gateway.operations.usage import look_at_usage
from gateway.store.records import Lease
from routing.decide import Decision
from routing.guard import Permit, Verdict

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A transmission that is signed and admitted, and waits for its intent to be durable."""

    handle: ChannelHandle
    number: int
    signed: Signed
    permit: Permit

    def give_back(self) -> None:
        """Its intent is not stored: it does not leave."""
        self.permit.cancel()


@dataclass(frozen=True, slots=True)
class Intent:
    """An update and the call that follows it."""

    update: Update
    outgoing: Outgoing
    chosen: Chosen
    chosen_at: datetime


def plan_intent(services: Services, payout: Payout, plan: Plan, seen: Safety, now: datetime) -> Intent | Decision:
    """By the first channel that takes it, or why none does. Whoever gets an intent sends it or gives it back."""
    instead_of = plan.instead_of
    planned = payout.attempt(instead_of) if instead_of is not None else None
    found = choose(services, payout, planned, now, last=plan.last)
    if isinstance(found, Decision):
        return found
    try:
        after = _after(payout, found, instead_of, now)
    except BaseException:
        found.permit.cancel()
        raise
    number = len(after.attempts) if found.opening is not None else instead_of or len(after.attempts)
    update = Update(after, EventType.ATTEMPT_OPENED, number, {"channel": found.handle.channel.name}, seen)
    return Intent(update, Outgoing(found.handle, number, found.signed, found.permit), found, services.clock.now())


def _after(payout: Payout, found: Chosen, instead_of: int | None, now: datetime) -> Payout:
    if found.opening is None:
        assert instead_of is not None  # noqa: S101 - only a planned attempt is sent without an opening
        return changes.send_planned(payout, instead_of, now)
    base = changes.give_up(payout, instead_of, now) if instead_of is not None else payout
    return changes.open_attempt(base, found.opening, now)


async def first_intent(services: Services, payout: Payout, now: datetime) -> Intent | None:
    """Of a payout that is only being accepted, so that one commit stores order and intent; None where anything speaks
    for the ordinary way: it is not to be sent now, nobody takes it now, or somebody is to be asked first."""
    seen = services.standing.now
    plan = next_step(payout, now, services.steps)
    if not seen.calm_about(payout.created_at) or not isinstance(plan, Plan):
        return None
    try:
        await look_at_usage(services, now)
        found = plan_intent(services, payout, plan, seen, now)
    except StoreError:  # so will the order say
        return None
    except Exception:  # an order is not refused because of it: whoever works on the payout meets it again
        log.exception("payout.not_planned", payout=payout.id)
        return None
    return found if isinstance(found, Intent) else None


async def send(services: Services, sending: Payout, outgoing: Outgoing, lease: Lease) -> Payout | None:
    """The one call, for an intent that is committed; None when there is nothing more to do now.

    A node that was paused between intent and send must not send on a lease that others may hold (row 56).

    Raises:
        StaleWrite: too little of the lease is left; nothing was sent.
    """
    handle = outgoing.handle
    if services.clock.monotonic() + handle.timeouts.total_s >= lease.lasts_until_s:
        outgoing.permit.release(Verdict.NO_EVIDENCE)
        raise StaleWrite(f"{sending.id}: too little of the lease is left to send")
    return await transmit(services, handle, sending, outgoing.number, outgoing.signed, outgoing.permit, lease)
