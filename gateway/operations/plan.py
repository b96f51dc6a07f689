"""Choose a channel for a payout: ask the router, then the doors. Nothing is stored and nothing is sent here.

Whatever can refuse refuses here, before the intent: no price, no capability, an order the channel cannot express, an
open breaker, a full house. Between the commit of the intent and the send nothing may say no (I26).
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from adapters.channel import Order, Sent, Signed, Unsendable
from gateway.domain.changes import Opening, ordinal_on
from gateway.domain.identity import AttemptIds, attempt_ids
from gateway.domain.money import Money
from gateway.domain.payout import Attempt, Payout
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.terms import ChannelChoice, OnExpiry, Terms
from gateway.operations.router import given
from gateway.operations.services import ChannelHandle, Services
from gateway.operations.tally import tally_skips
from gateway.tracing.spans import Stage
from routing.candidate import Candidate
from routing.decision import Decision
from routing.eligibility import RefusalCode
from routing.facts import LiveFacts
from routing.guard import Permit, RefusedBeforeSend
from routing.request import Request

log: structlog.stdlib.BoundLogger = structlog.get_logger()


ANY_CHANNEL = ChannelChoice()
ROWS_MAX = 12
"""Attempts that never left; past so many, waiting for a channel goes on under the newest one's id."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A channel that takes the payout now: signed, admitted, ready for its intent."""

    handle: ChannelHandle
    signed: Signed
    permit: Permit
    opening: Opening | None
    """None: it is the planned attempt itself that is sent after all."""
    decision: Decision


def choose(
    services: Services, payout: Payout, planned: Attempt | None, now: datetime, *, last: bool = False
) -> Chosen | Decision:
    """The first channel of the ranking that takes it, or the decision with every refusal.

    What waiting cannot help has its last decision now, where its app wants any channel in the end.
    """
    found = _first(services, payout, planned, now, last)
    hopeless = isinstance(found, Decision) and not found.waitable
    any_channel = payout.terms.on_expiry is OnExpiry.ANY_CHANNEL
    return _first(services, payout, planned, now, True) if hopeless and any_channel and not last else found


def _first(services: Services, payout: Payout, planned: Attempt | None, now: datetime, last: bool) -> Chosen | Decision:
    policies = [handle.policy for handle in services.channels.values()]
    request = _request(services, payout, now, last)
    decision = services.router.decide(request, policies, live_facts(services, payout.amount, now), now)
    for candidate in _in_order(decision.ranked, payout, planned):
        found = _try(services, payout, planned, candidate, decision, now)
        if isinstance(found, Chosen):
            break
        decision = found
    else:
        found = decision
    return found


def tell_choice(services: Services, payout: Payout, found: Chosen | Decision, began: datetime, ended: datetime) -> None:
    """Counted where it is acted on, the last look of it: a payout is about to be sent, or to wait for a channel. What
    was chosen for an order that is then stored alone is not."""
    decision = found.decision if isinstance(found, Chosen) else found
    chosen = found.handle.channel.name if isinstance(found, Chosen) else None
    tally_skips(services.meter, decision)
    services.spans.over(
        Stage.ROUTE,
        payout.id,
        began,
        ended,
        channel=chosen,
        ranked=len(decision.ranked),
        refused=len(decision.refused),
    )


def live_facts(services: Services, amount: Money, now: datetime) -> dict[str, LiveFacts]:
    """What is true of every channel at this moment: its guard's, its books' and its silence's word."""
    facts = {}
    for name, handle in services.channels.items():
        month, today_minor, left_minor = given(services.usage.of(name), handle.allowances, amount, now)
        facts[name] = replace(
            handle.guard.live(),
            late=services.router.late(handle.policy, now),
            usage=month,
            paid_today_minor=today_minor,
            balance_minor=left_minor,
        )
    return facts


def order_of(payout: Payout, ids: AttemptIds) -> Order:
    """What a channel is told of the payout."""
    return Order(
        payout_id=payout.id,
        reference=payout.reference,
        channel_reference=ids.channel_reference,
        uetr=ids.uetr,
        amount=payout.amount,
        beneficiary=payout.beneficiary,
        purpose=payout.purpose,
        description=payout.description,
    )


def sent_of(payout: Payout, attempt: Attempt) -> Sent:
    """An attempt as its channel sees it: on its pinned ground, with its stored bytes."""
    ids = AttemptIds(attempt.channel_reference, attempt.uetr)
    return Sent(order_of(payout, ids), attempt.ground, attempt.prepared, attempt.channel_payout_id)


def waiting_code(decision: Decision) -> StatusCode:
    """Why nobody takes it: the one reason all channels share, else that there is no route or no channel just now."""
    codes = {refusal.code for refusal in decision.refused}
    if decision.ranked or decision.waitable:
        return StatusCode.CHANNEL_BALANCE_LOW if _lacks_money(decision) else StatusCode.CHANNEL_UNAVAILABLE
    amount = {RefusalCode.AMOUNT_ABOVE_MAX, RefusalCode.AMOUNT_BELOW_MIN}
    if codes and codes <= amount:
        return StatusCode.AMOUNT_LIMIT
    if codes == {RefusalCode.CURRENCY}:
        return StatusCode.CURRENCY_NOT_SUPPORTED
    return StatusCode.NO_ROUTE


def _lacks_money(decision: Decision) -> bool:
    """Whoever may be waited for could carry it but for the money on our account there."""
    barred = {refusal.channel for refusal in decision.refused if not refusal.passing}
    codes = {refusal.code for refusal in decision.refused if refusal.channel not in barred}
    return not decision.ranked and codes == {RefusalCode.BALANCE_LOW}


def _request(services: Services, payout: Payout, now: datetime, last: bool) -> Request:
    heard = frozenset(attempt.channel for attempt in payout.attempts if attempt.transmitted)
    choice = payout.terms.channels or ANY_CHANNEL
    account = hmac.digest(services.keys.fingerprint, payout.beneficiary.account.encode(), "sha256").hex()
    return Request(
        amount=payout.amount,
        kind=payout.beneficiary.kind,
        tried=heard,
        app=payout.app,
        key=payout.id,
        beneficiary=account,
        preference=payout.terms.preference or "",
        patience_s=None if last else _patience_s(payout.terms, now),
        quoted=() if last else _quoted(payout.terms, now),
        last=last,
        allow=choice.allow,
        deny=choice.deny,
    )


def _quoted(terms: Terms, now: datetime) -> tuple[tuple[str, int], ...]:
    """What binds the choice: nothing any more once the quote has had its time."""
    return terms.quote.fees if terms.quote is not None and terms.quote.binds(now) else ()


def _patience_s(terms: Terms, now: datetime) -> float | None:
    """Only who takes any channel in the end can afford to wait for a cheaper one: to fail is dearer than any fee."""
    if terms.send_by is None or terms.on_expiry is not OnExpiry.ANY_CHANNEL:
        return None
    return max((terms.send_by - now).total_seconds(), 0.0)


def _in_order(ranked: Sequence[Candidate], payout: Payout, planned: Attempt | None) -> list[Candidate]:
    """For a planned attempt that did not get out: channels not tried yet; after a wait all, the least tried first.

    After the payout's time each is tried once.
    """
    if planned is None:
        late = {attempt.channel for attempt in payout.attempts if attempt.opened_at >= payout.give_up_at}
        return [candidate for candidate in ranked if candidate.channel not in late]
    tries = Counter(attempt.channel for attempt in payout.attempts)
    if payout.retry_at is None:
        return [candidate for candidate in ranked if not tries[candidate.channel]]
    if len(payout.attempts) >= ROWS_MAX:
        return [candidate for candidate in ranked if candidate.channel == planned.channel]
    return sorted(ranked, key=lambda candidate: tries[candidate.channel])


def _try(
    services: Services,
    payout: Payout,
    planned: Attempt | None,
    candidate: Candidate,
    decision: Decision,
    now: datetime,
) -> Chosen | Decision:
    handle = services.channels[candidate.channel]
    again = planned is not None and planned.channel == candidate.channel
    try:
        opening = None if again else _opening(services, handle, payout, decision, now)
        sent = sent_of(payout, planned) if opening is None and planned else _first_sent(payout, opening)
        signed = handle.channel.sign(sent)
    except Unsendable as error:
        just_now = error.reason is RejectReason.CHANNEL_UNAVAILABLE
        code = RefusalCode.NOT_READY if just_now else RefusalCode.UNSENDABLE
        return decision.refuse(candidate.channel, code, f"{error.reason}: {error.detail}")
    except Exception:  # an adapter's bug must not keep the payout from the other channels
        log.exception("channel.prepare_failed", payout=payout.id, channel=candidate.channel)
        return decision.refuse(candidate.channel, RefusalCode.NOT_READY, "the adapter failed")
    try:
        permit = handle.guard.admit(candidate.last_resort)
    except RefusedBeforeSend as refused:
        return decision.refuse(candidate.channel, refused.code, "refused at the door")
    return Chosen(handle, signed, permit, opening, decision)


def _opening(services: Services, handle: ChannelHandle, payout: Payout, decision: Decision, now: datetime) -> Opening:
    channel = handle.channel
    ordinal = ordinal_on(payout, channel.name)
    ids = attempt_ids(services.keys.identity, payout.app, payout.reference, channel.name, ordinal)
    prepared = channel.prepare(order_of(payout, ids), now)
    return Opening(channel.name, ordinal, ids, channel.ground, prepared, decision.to_json())


def _first_sent(payout: Payout, opening: Opening | None) -> Sent:
    assert opening is not None  # noqa: S101 - either the planned attempt or an opening is there
    return Sent(order_of(payout, opening.ids), opening.ground, opening.prepared)
