"""Count what became of payouts and attempts. Called once a change is committed, and only then."""

from __future__ import annotations

from gateway.domain.payout import Attempt, AttemptState, Payout
from gateway.domain.reasons import channels_fault
from gateway.domain.states import SETTLED
from gateway.domain.status import Status, status
from gateway.metrics.port import Meter
from gateway.metrics.table import ATTEMPTS, OUTCOME_UNKNOWN, PAYOUTS, ROUTING_SKIPS, AttemptOutcome
from routing.decision import Decision


def tally_payout(meter: Meter, was: Status | None, after: Payout) -> None:
    """One more payout of its status, if the change gave it another one. `was` is None for a new payout."""
    now = status(after)
    if now is not was:
        meter.add(PAYOUTS, after.amount.currency, now)


def tally_attempt(meter: Meter, before: Attempt, after: Attempt) -> None:
    """What the change made known of an attempt."""
    if after.state is AttemptState.UNKNOWN and before.state is AttemptState.SENDING:
        meter.add(OUTCOME_UNKNOWN, after.channel)
    outcome = first_known(before, after)
    if outcome is not None:
        meter.add(ATTEMPTS, after.channel, outcome)


def first_known(before: Attempt, after: Attempt) -> AttemptOutcome | None:
    """The outcome of an attempt, at the change that first says one. None at every other, and for what never left."""
    if before.was_unknown or before.state in SETTLED or not after.transmitted:
        return None
    if after.state is AttemptState.UNKNOWN:
        return AttemptOutcome.UNKNOWN
    if after.state is AttemptState.REJECTED:
        return AttemptOutcome.FAILED if channels_fault(after.reason) else AttemptOutcome.DECLINED
    return AttemptOutcome.SUCCEEDED if after.state in SETTLED else None


def tally_skips(meter: Meter, decision: Decision) -> None:
    """Why its channels were passed over, each reason."""
    for refusal in decision.refused:
        meter.add(ROUTING_SKIPS, refusal.channel, refusal.code)
