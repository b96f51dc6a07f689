"""From first attempts as they are stored to the orders that a backtest weighs; what cannot serve is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.payout import AttemptState
from gateway.domain.reasons import channels_fault
from gateway.lab.choice import Logged
from gateway.store.logged import FirstAttempt
from routing.decision import Decision
from routing.eligibility import RefusalCode
from routing.policy import ChannelPolicy
from routing.request import Request


class LeftOut(StrEnum):
    """Why a first attempt tells nothing of its channel."""

    OPEN = "open"
    """Its outcome is not known yet."""
    NOT_ITS_FAULT = "not_its_fault"
    """It failed for the beneficiary's sake or ours: on another channel it would have as well."""
    NO_DECISION = "no_decision"
    """There is no decision that can be read with it, or one that put another channel first."""


@dataclass(slots=True)
class Read:
    """The log as far as it can be weighed."""

    orders: dict[str, list[Logged]] = field(default_factory=dict)
    """By currency: money of two currencies has no mean."""
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    guessed: int = 0
    """Orders whose kind of beneficiary, which is sealed, does not follow from who could carry them."""


def read(attempts: Iterable[FirstAttempt], channels: Mapping[str, ChannelPolicy]) -> Read:
    """`channels` are the present ones: they tell which kinds of beneficiaries each one pays."""
    found = Read()
    for attempt in attempts:
        decision = _decision(attempt)
        paid = _paid(attempt)
        if decision is None or isinstance(paid, LeftOut):
            found.left_out[paid if isinstance(paid, LeftOut) else LeftOut.NO_DECISION] += 1
            continue
        kinds = possible_kinds(decision, channels)
        found.guessed += len(kinds) != 1
        kind = kinds[0] if kinds else BeneficiaryKind.BANK_ACCOUNT
        # Who is paid is sealed: a sticky route is reckoned as if nobody were paid twice.
        request = Request(
            attempt.amount,
            kind,
            app=attempt.app,
            key=attempt.payout_id,
            beneficiary=attempt.payout_id,
            preference=attempt.preference,
        )
        order = Logged(request, attempt.opened_at, decision, paid, _arrival_s(attempt))
        found.orders.setdefault(attempt.amount.currency, []).append(order)
    return found


def possible_kinds(decision: Decision, channels: Mapping[str, ChannelPolicy]) -> tuple[BeneficiaryKind, ...]:
    """The kinds that every candidate pays and no channel pays that was refused for the kind."""
    refused = {each.channel for each in decision.refused if each.code is RefusalCode.BENEFICIARY_KIND}
    takes = [channels[each.channel].kinds for each in decision.ranked if each.channel in channels]
    bars = [channels[name].kinds for name in refused if name in channels]
    return tuple(
        kind
        for kind in BeneficiaryKind
        if all(kind in kinds for kinds in takes) and not any(kind in kinds for kinds in bars)
    )


def _decision(attempt: FirstAttempt) -> Decision | None:
    try:
        decision = Decision.from_json(attempt.decision)
    except ValueError:
        return None
    return decision if decision.ranked and decision.ranked[0].channel == attempt.channel else None


_OUTCOMES = {AttemptState.SUCCEEDED: True, AttemptState.RETURNED: True, AttemptState.REJECTED: False}
"""Whether the channel did its part; a state that is missing here is still open."""


def _paid(attempt: FirstAttempt) -> bool | LeftOut:
    paid = _OUTCOMES.get(attempt.state)
    if paid is None:
        return LeftOut.OPEN
    return paid if paid or channels_fault(attempt.reason) else LeftOut.NOT_ITS_FAULT


def _arrival_s(attempt: FirstAttempt) -> float | None:
    """Of money that stayed: a return has overwritten when the payment was settled."""
    if attempt.state is not AttemptState.SUCCEEDED or attempt.first_sent_at is None or attempt.settled_at is None:
        return None
    there = min(attempt.verdict_as_of or attempt.settled_at, attempt.settled_at)
    return max((there - attempt.first_sent_at).total_seconds(), 0.0)
