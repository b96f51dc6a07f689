"""The changes a payout goes through that are not outcomes: what we decide, rather than what we are told.

Each takes the payout as it is and returns it as it will be. Nothing here looks at a clock or asks whether the change
is wise: `steps` has decided, the operation saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.domain.hold import Hold, HoldCode
from gateway.domain.identity import AttemptIds
from gateway.domain.payout import Attempt, AttemptState, Closure, Ground, Payout, Prepared, Resolution
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.status import StatusReason


@dataclass(frozen=True, slots=True)
class Opening:
    """Everything a new attempt is made of."""

    channel: str
    ordinal: int
    ids: AttemptIds
    ground: Ground
    prepared: Prepared
    decision: str


def ordinal_on(payout: Payout, channel: str) -> int:
    """The number of the next attempt of this payout on `channel`, from 1."""
    return 1 + sum(1 for attempt in payout.attempts if attempt.channel == channel)


def open_attempt(payout: Payout, opening: Opening, now: datetime) -> Payout:
    """The intent: an attempt that may be on its way from the moment this is committed (R1, R18)."""
    attempt = Attempt(
        number=len(payout.attempts) + 1,
        channel=opening.channel,
        ordinal=opening.ordinal,
        channel_reference=opening.ids.channel_reference,
        uetr=opening.ids.uetr,
        state=AttemptState.SENDING,
        ground=opening.ground,
        prepared=opening.prepared,
        opened_at=now,
        transmissions=1,
        first_sent_at=now,
        last_sent_at=now,
        due_at=now,
        decision=opening.decision,
    )
    return replace(payout.with_attempt(attempt), retry_at=None, waiting_for=None)


def send_planned(payout: Payout, number: int, now: datetime) -> Payout:
    """The intent of an attempt whose first transmission provably never left: the same one, for the first time."""
    attempt = payout.attempt(number)
    sending = replace(
        attempt, state=AttemptState.SENDING, transmissions=1, first_sent_at=now, last_sent_at=now, due_at=now
    )
    return replace(payout.with_attempt(sending), retry_at=None, waiting_for=None)


def begin_repeat(payout: Payout, number: int, now: datetime) -> Payout:
    """The intent of a repeat: the attempt stays unknown while it runs, one transmission more on its count (R13)."""
    attempt = payout.attempt(number)
    repeated = replace(
        attempt,
        transmissions=attempt.transmissions + 1,
        last_sent_at=now,
        repeat_due=False,
        cancel_asked=False,
        due_at=now,
    )
    return payout.with_attempt(repeated)


def give_up(payout: Payout, number: int, now: datetime) -> Payout:
    """A planned attempt, of which nothing was ever sent, becomes rejected."""
    attempt = payout.attempt(number)
    given_up = replace(
        attempt,
        state=AttemptState.REJECTED,
        reason=RejectReason.CHANNEL_UNAVAILABLE,
        settled_at=now,
        due_at=None,
    )
    return payout.with_attempt(given_up)


def ask_to_cancel(payout: Payout, number: int, now: datetime) -> Payout:
    """The channel is being told to drop the order; a question follows at once."""
    return payout.with_attempt(replace(payout.attempt(number), cancel_asked=True, due_at=now))


def request_cancel(payout: Payout, now: datetime) -> Payout:
    """The app's wish (R19): durable, decides nothing by itself; an open attempt is looked at at once."""
    live = payout.live_attempt
    wished = replace(payout, cancel_requested_at=now)
    return wished if live is None else wished.with_attempt(replace(live, due_at=now))


def wait_for_channel(payout: Payout, code: StatusCode, now: datetime, retry_every: timedelta) -> Payout:
    """No channel takes it now: look again later, and say why it waits."""
    return replace(payout, waiting_for=code, retry_at=now + retry_every)


def end_canceled(payout: Payout, now: datetime) -> Payout:
    """Remember that a wish was granted, so that no later news makes a canceled payout anything less than final."""
    granted = payout.cancel_requested_at is not None and payout.closure is None
    granted = granted and not payout.frozen and payout.hold is None
    if granted and all(attempt.state is AttemptState.REJECTED for attempt in payout.attempts):
        return close(payout, StatusReason(StatusCode.CANCELED_BY_APP), now)
    return payout


def hold(payout: Payout, code: HoldCode, now: datetime) -> Payout:
    """It waits for people from now on (R12). The first hold stands: its age is what alarms."""
    return payout if payout.hold is not None else replace(payout, hold=Hold(code, now), retry_at=None)


def release(payout: Payout, now: datetime) -> Payout:
    """Two people took the hold off: what counts towards the next one counts anew, and it is looked at at once."""
    released = replace(payout, hold=None, patient_since=now, crashes=0, retry_at=None)
    live = payout.live_attempt
    return released if live is None else released.with_attempt(replace(live, due_at=now))


def lift_freeze(payout: Payout, now: datetime) -> Payout:
    """Two people looked at the contradiction and let the payout go on."""
    live = payout.live_attempt
    lifted = replace(payout, frozen=False)
    return lifted if live is None else lifted.with_attempt(replace(live, due_at=now))


def resolve(payout: Payout, paid: bool, now: datetime, paid_attempts: Sequence[int] = ()) -> Payout:
    """Two people established what became of it (R20). Ends it: paid, or failed; nothing is planned any more.

    A live attempt is settled with it, as they say; where none is live, the one attempt whose channel says that it paid
    (`paid_attempts`) is, so that its money is followed on its way back. The channel is still followed up, so that
    proof of the opposite is found and freezes it (R14, R17).
    """
    live = payout.live_attempt
    if live is None and paid and len(paid_attempts) == 1 and payout.paying_attempt is None:
        live = payout.attempt(paid_attempts[0])
    resolved = replace(payout, resolution=Resolution(paid, now), hold=None, frozen=False, crashes=0)
    if live is not None:
        resolved = resolved.with_attempt(_resolved(live, paid, now))
    if paid:
        return replace(resolved, waiting_for=None, retry_at=None)
    return resolved if resolved.closure is not None else close(resolved, StatusReason(StatusCode.REVIEW_REJECTED), now)


RESOLVED_FOLLOW_UP = timedelta(minutes=10)
"""When the channel of an attempt that people settled is asked once more."""


def _resolved(live: Attempt, paid: bool, now: datetime) -> Attempt:
    if live.state is AttemptState.PLANNED:
        return replace(live, state=AttemptState.REJECTED, reason=RejectReason.UNKNOWN, settled_at=now, due_at=None)
    return replace(
        live,
        state=AttemptState.SUCCEEDED if paid else AttemptState.REJECTED,
        reason=None if paid else RejectReason.UNKNOWN,
        settled_at=now,
        asks=0,
        repeat_due=False,
        action=None,
        due_at=now + RESOLVED_FOLLOW_UP,
    )


def close(payout: Payout, reason: StatusReason, now: datetime) -> Payout:
    """The recorded decision that nothing more will be tried."""
    return replace(payout, closure=Closure(reason.code, now, reason.channel_code), waiting_for=None, retry_at=None)
