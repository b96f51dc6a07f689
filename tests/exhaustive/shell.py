"""What the gateway's shell makes of a step, composed of the real core: decide, change, route, classify, fold.

Each function gives every payout that the step can lead to; which one it is depends on channels, guards and answers that
are not known here. No rule is written down a second time: where the shell asks a function, so does this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product

from gateway.domain import changes, outcome, review, states, status, steps
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.identity import attempt_ids
from gateway.domain.outcome import Absence, Answer
from gateway.domain.payout import DuplicateMode, Ground, Payout, Prepared
from gateway.domain.reasons import StatusCode
from routing.decide import LiveFacts, Request, decide
from routing.policy import ChannelPolicy, ChannelState, FeeKind, FeeRule
from tests.exhaustive.timeless import WINDOW
from tests.support.builders import IDENTITY_KEY, NOW, POLLS

CHANNELS = ("alpha", "beta")
RETRY_EVERY = timedelta(seconds=5)


def _policy(name: str) -> ChannelPolicy:
    fees = (FeeRule(FeeKind.FLAT, "CNY", amount_minor=10),)
    kinds = frozenset({BeneficiaryKind.BANK_ACCOUNT})
    return ChannelPolicy(name, ChannelState.ENABLED, frozenset({"CNY"}), kinds, fees, 1.0, 10, 10.0)


POLICIES = tuple(_policy(name) for name in CHANNELS)
MOMENTS = tuple(
    dict(zip(CHANNELS, map(LiveFacts, broken), strict=True)) for broken in product((False, True), repeat=len(CHANNELS))
)
"""Every combination of open breakers."""


Grounds = Mapping[str, Sequence[Ground]]
"""By channel, the contracts that a new attempt may find there."""


def a_ground(mode: DuplicateMode, absence: Absence = Absence.NEVER) -> Ground:
    window_s = int(WINDOW.total_seconds())
    return Ground("mock", "1", "memory:", "account-1", ("key-1",), mode, absence, window_s)


def contracts(alpha: Sequence[DuplicateMode], beta: Sequence[DuplicateMode]) -> Grounds:
    """What either channel may do with an order that is sent again. "No such order" proves nothing on any of them."""
    return {"alpha": [a_ground(mode) for mode in alpha], "beta": [a_ground(mode) for mode in beta]}


@dataclass(frozen=True, slots=True)
class Intent:
    """A committed change of ours, and what of it now has to leave: nothing, or a transmission of an attempt."""

    payout: Payout
    number: int = 0
    transmission_no: int = 0


def plans(payout: Payout, instead_of: int | None, grounds: Grounds, rows_max: int) -> Iterator[Intent]:
    """Every way in which planning can go: any channel that the router ranks on any ground, or none just now."""
    heard = frozenset(attempt.channel for attempt in payout.attempts if attempt.transmitted)
    request = Request(payout.amount, payout.beneficiary.kind, heard)
    decisions = [decide(request, POLICIES, moment) for moment in MOMENTS]
    ranked = sorted({candidate.channel for decision in decisions for candidate in decision.ranked})
    alike = not payout.attempts and len(set(map(tuple, grounds.values()))) == 1
    for channel in ranked[:1] if alike else ranked:  # channels that differ by name only: either stands for both
        yield from _sends(payout, instead_of, channel, grounds, rows_max)
    if any(decision.waitable for decision in decisions):
        code = StatusCode.CHANNEL_UNAVAILABLE
        yield Intent(changes.wait_for_channel(payout, code, NOW, RETRY_EVERY))
    if any(not decision.ranked and not decision.waitable for decision in decisions) and payout.live_attempt is None:
        reason = status.closing_code(payout) if heard else status.StatusReason(StatusCode.NO_ROUTE)
        yield Intent(changes.close(payout, reason, NOW))


def _sends(payout: Payout, instead_of: int | None, channel: str, grounds: Grounds, rows_max: int) -> Iterator[Intent]:
    if instead_of is not None and payout.attempt(instead_of).channel == channel:
        yield Intent(changes.send_planned(payout, instead_of, NOW), instead_of, 1)
        return
    if len(payout.attempts) >= rows_max:
        return
    base = changes.give_up(payout, instead_of, NOW) if instead_of is not None else payout
    ordinal = changes.ordinal_on(base, channel)
    ids = attempt_ids(IDENTITY_KEY, payout.app, payout.reference, channel, ordinal)
    for ground in grounds[channel]:
        opening = changes.Opening(channel, ordinal, ids, ground, Prepared("/orders", b"{}"), "")
        yield Intent(changes.open_attempt(base, opening, NOW), len(base.attempts) + 1, 1)


def repeated(payout: Payout, number: int) -> Intent:
    """The intent of a repeat."""
    after = changes.begin_repeat(payout, number, NOW)
    return Intent(after, number, after.attempt(number).transmissions)


def decided(payout: Payout, step: steps.Step) -> Payout | None:
    """The payout after a step that is ours alone; None for one that has to hear something first."""
    match step:
        case steps.CancelAtChannel(number):
            return changes.ask_to_cancel(payout, number, NOW)
        case steps.GiveUp(number):
            return changes.give_up(payout, number, NOW)
        case steps.Close(reason):
            return changes.close(payout, reason, NOW)
        case steps.PutOnHold(code):
            return changes.hold(payout, code, NOW)
        case _:
            return None


def cancel_wish(payout: Payout) -> Payout | None:
    """The app's wish, where it may still be made and was not."""
    if payout.cancel_requested_at is not None or status.is_final(payout):
        return None
    wished, live = changes.request_cancel(payout, NOW), payout.live_attempt
    if live is not None and steps.is_planned(live):
        wished = changes.give_up(wished, live.number, NOW)
    return saved(wished)


def meaning(
    payout: Payout, number: int, answer: Answer, transmission_no: int, *, large: bool = False
) -> outcome.Outcome:
    """What an answer amounts to for the attempt as it stands now."""
    attempt = payout.attempt(number)
    return outcome.classify(answer, transmission_no, attempt.transmissions, attempt.ground.absence, large=large)


def told(payout: Payout, number: int, meant: outcome.Outcome) -> states.Folded:
    """The payout after it was heard."""
    return states.fold(payout, number, meant, NOW, POLLS)


def reviewed(payout: Payout, paid_attempts: frozenset[int]) -> Iterator[tuple[review.RequestKind, Payout]]:
    """What two people may do with it, knowing that channels spoke of these attempts as paid. No call is open still."""
    facts = review.Facts(NOW, paid_attempts)
    for kind in review.RULES:
        if review.refusal(kind, payout, facts) is None:
            yield kind, saved(review.granted(kind, payout, facts))


def saved(payout: Payout) -> Payout:
    """What a save makes of every change: a wish that came true is remembered."""
    return changes.end_canceled(payout, NOW)
