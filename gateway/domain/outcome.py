"""What a channel can tell us, and how much of it we believe (reliability rules R1, R3, R4, R8, R13).

Two steps, kept apart on purpose:

* an adapter reads bytes and says what the *channel said*: an `Answer`. It does not know how often the order was sent;
* `classify` turns that into what it *means for the attempt*: an `Outcome`. It runs inside the fold's own transaction,
  where the number of transmissions is known for certain.

A verdict is about the attempt, proof is about one transmission. "Not sent" or "refused" for transmission 2 says
nothing about transmission 1, which may be being paid at this moment. So both only count for transmission 1 of 1,
and everything that is not in the table is *unclear*: ask, never fail over.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.domain.money import Money
from gateway.domain.reasons import RejectReason


class OutcomeKind(StrEnum):
    """The seven things a channel's answer can amount to."""

    NOT_SENT = "not_sent"
    """Proved by the transport: no byte of the request's head was written (R3)."""
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    UNCLEAR = "unclear"
    """No answer, an answer we cannot trust, or one we do not know. Not a no."""
    ABSENT = "absent"
    """The channel says it knows no such order. Not a no either, unless its pinned ground says so (R6)."""
    RETURNED = "returned"


class Heard(StrEnum):
    """How we came to hear it."""

    SUBMIT = "submit"
    QUERY = "query"
    NOTIFICATION = "notification"
    CANCEL = "cancel"


class Finality(StrEnum):
    """How an adapter's code table ranks a refusal (R4). A code that is not listed is `UNKNOWN`."""

    FINAL = "final"
    """Refused for good, as far as this transmission goes: a verdict only while it is the only one."""
    FINAL_ON_REPEAT = "final_on_repeat"
    """The *order* was refused for good, however often it was sent (the code speaks of the order)."""
    RETRY_SAME_ID = "retry_same_id"
    """Not taken in now: the same bytes under the same id later."""
    UNKNOWN = "unknown"


class Absence(StrEnum):
    """What "no such order" is worth on a channel, pinned on each attempt (R6, R16)."""

    NEVER = "never"
    """It proves nothing, however often it is said."""
    AUTHORITATIVE = "authoritative"
    """The answering book is the only one and nothing can be on its way to it (a channel without a network)."""


@dataclass(frozen=True, slots=True)
class NextAction:
    """Something the beneficiary must do before the channel pays; passed on to the owning app only."""

    type: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What a channel said, as its adapter read it. Nothing in here has been believed yet."""

    heard: Heard
    kind: OutcomeKind
    finality: Finality = Finality.UNKNOWN
    reason: RejectReason | None = None
    channel_code: str | None = None
    """The channel's own code, kept beside our reading of it."""
    channel_payout_id: str | None = None
    action: NextAction | None = None
    action_over: bool = False
    """What the beneficiary had to do is done, or no longer wanted."""
    returned: Money | None = None
    resend_after_s: float | None = None
    """The channel's wish for when to try again (already clamped by the adapter)."""
    as_of: datetime | None = None
    """The channel's own date of what it says, where it gives one."""
    asked_at: datetime | None = None
    """When we asked, if this answers a question: a verdict may have overtaken it."""
    detail: str = ""
    """One line for people; free of personal data."""
    alarm: bool = False
    """Somebody should look: a code not listed, a bad signature, an echo that differs from our order."""
    conflict: bool = False
    """It refuses our id, which it knows with other content: our bytes changed, which must not happen (row 29)."""
    other_content: bool = False
    """Proved to speak of an order under our id, but of another amount or payee than ours. Of our attempt it says
    nothing; where we know of none, it says that the channel has an order under that id (R15)."""
    channel_fault: bool = False
    """The channel itself misbehaved (no answer, 5xx, garbage): counts against its breaker."""
    raw: bytes = field(default=b"", repr=False)
    """The evidence: what came over the wire, status line first. Sealed at rest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer means for its attempt: the column of the state table, and what to do about the rest."""

    kind: OutcomeKind
    answer: Answer
    ask_now: bool = False
    """Ask the channel at once: a notification spoke of a failure, which only a query may confirm (R8)."""
    repeat: bool = False
    """The same bytes under the same id are wanted next, rather than another question."""


class _Believe(StrEnum):
    AS_SAID = "as said"
    FIRST_OF_ONE = "only for transmission 1 of 1"
    BY_FINALITY = "by the code's finality"
    BY_COUNT = "final for the order, or final and sent once"
    BY_ABSENCE = "only where absence is proof"
    UNLESS_LARGE = "as said, up to the amount that a query must confirm"
    ASK = "ask at once"


_K, _H, _B = OutcomeKind, Heard, _Believe

BELIEF: dict[tuple[Heard, OutcomeKind], _Believe] = {
    (_H.SUBMIT, _K.NOT_SENT): _B.FIRST_OF_ONE,
    (_H.SUBMIT, _K.PENDING): _B.AS_SAID,
    (_H.SUBMIT, _K.SUCCEEDED): _B.AS_SAID,
    (_H.SUBMIT, _K.REJECTED): _B.BY_FINALITY,
    (_H.SUBMIT, _K.RETURNED): _B.AS_SAID,
    (_H.QUERY, _K.PENDING): _B.AS_SAID,
    (_H.QUERY, _K.SUCCEEDED): _B.AS_SAID,
    (_H.QUERY, _K.REJECTED): _B.BY_COUNT,
    (_H.QUERY, _K.ABSENT): _B.BY_ABSENCE,
    (_H.QUERY, _K.RETURNED): _B.AS_SAID,
    (_H.NOTIFICATION, _K.PENDING): _B.AS_SAID,
    (_H.NOTIFICATION, _K.SUCCEEDED): _B.UNLESS_LARGE,
    (_H.NOTIFICATION, _K.REJECTED): _B.ASK,
    (_H.NOTIFICATION, _K.UNCLEAR): _B.ASK,
    (_H.NOTIFICATION, _K.RETURNED): _B.AS_SAID,
    (_H.CANCEL, _K.PENDING): _B.ASK,
    (_H.CANCEL, _K.SUCCEEDED): _B.ASK,
    (_H.CANCEL, _K.REJECTED): _B.ASK,
}
"""Which answers are believed, and on what condition. A pair that is missing here is *unclear*."""


def classify(
    answer: Answer,
    transmission_no: int,
    transmissions: int,
    absence: Absence = Absence.NEVER,
    *,
    large: bool = False,
) -> Outcome:
    """What `answer`, heard of transmission `transmission_no` of `transmissions`, means for the attempt (R13).

    `transmission_no` is 0 for anything but a submit's answer. `absence` is the attempt's pinned ground. `large` says
    that the amount is above what a notification alone may settle (R8).
    """
    said, unclear = Outcome(answer.kind, answer), Outcome(OutcomeKind.UNCLEAR, answer)
    first_of_one = transmission_no == 1 and transmissions == 1
    match BELIEF.get((answer.heard, answer.kind)):
        case None:
            return unclear
        case _Believe.AS_SAID:
            return said
        case _Believe.ASK:
            return replace(unclear, ask_now=True)
        case _Believe.UNLESS_LARGE:
            return replace(unclear, ask_now=True) if large else said
        case _Believe.FIRST_OF_ONE:
            return said if first_of_one else unclear
        case _Believe.BY_ABSENCE:
            return said if absence is Absence.AUTHORITATIVE else replace(unclear, repeat=True)
        case _Believe.BY_FINALITY if answer.finality is Finality.RETRY_SAME_ID:
            return replace(unclear, repeat=True)
        case _Believe.BY_FINALITY:
            return said if _is_final(answer, first_of_one) else unclear
        case _Believe.BY_COUNT:
            # A query may be looking at the refused repeat while the first transmission is being paid.
            return said if _is_final(answer, transmissions == 1) else unclear


def _is_final(answer: Answer, sent_once: bool) -> bool:
    """A code that speaks of the order is final; one that speaks of a transmission, while there was only that one."""
    return answer.finality is Finality.FINAL_ON_REPEAT or (answer.finality is Finality.FINAL and sent_once)
