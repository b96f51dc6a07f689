"""The published rules, written down a second time from docs/states.md: the gateway's own tables are not asked.

A rule that is wrong in both places would have to be mistaken twice, by two authors.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from gateway.domain.outcome import Absence, Finality, Heard, OutcomeKind
from gateway.domain.payout import Attempt, AttemptState, Payout
from gateway.domain.reasons import StatusCode
from gateway.store.records import Evidence

_S = AttemptState

MOVES = frozenset({
    (_S.PLANNED, _S.SENDING),
    (_S.PLANNED, _S.REJECTED),
    (_S.SENDING, _S.PLANNED),
    (_S.SENDING, _S.PENDING),
    (_S.SENDING, _S.SUCCEEDED),
    (_S.SENDING, _S.REJECTED),
    (_S.SENDING, _S.UNKNOWN),
    (_S.SENDING, _S.RETURNED),
    (_S.PENDING, _S.SUCCEEDED),
    (_S.PENDING, _S.REJECTED),
    (_S.PENDING, _S.RETURNED),
    (_S.UNKNOWN, _S.PENDING),
    (_S.UNKNOWN, _S.SUCCEEDED),
    (_S.UNKNOWN, _S.REJECTED),
    (_S.UNKNOWN, _S.RETURNED),
    (_S.SUCCEEDED, _S.RETURNED),
})  # fmt: skip
"""Every way an attempt may go; whatever is missing is forbidden."""

_NO_WORD = (b"HTTP 5", b"mock 5", b"no answer")
"""How evidence begins in which a channel said nothing: a status that anybody in between may have made up, or less."""

PAID = (_S.SUCCEEDED, _S.RETURNED)
FINAL = ("paid", "failed", "canceled", "returned")


def shown(payout: Payout) -> str:
    """The public status, from scratch."""
    states = [attempt.state for attempt in payout.attempts]
    if _S.RETURNED in states:
        return "returned"
    if _S.SUCCEEDED in states or (payout.resolution is not None and payout.resolution.paid):
        return "paid"
    if any(state is not _S.REJECTED for state in states):
        return "processing"
    if payout.closure is not None:
        return "canceled" if payout.closure.code is StatusCode.CANCELED_BY_APP else "failed"
    if payout.frozen:
        return "processing"
    if payout.hold is not None:
        return "held"
    if payout.cancel_requested_at is not None:
        return "canceled"
    return "processing" if states else "accepted"


def final(payout: Payout) -> bool:
    return shown(payout) in FINAL


def proves(evidence: Evidence, attempt: Attempt, target: AttemptState) -> bool:
    """Whether this evidence may move `attempt` (as it was before) into `target` (R3, R4, R6, R8, R13)."""
    answer = evidence.answer
    match target:
        case _S.SUCCEEDED:
            return answer.kind is OutcomeKind.SUCCEEDED and answer.heard is not Heard.CANCEL
        case _S.RETURNED:
            return answer.kind is OutcomeKind.RETURNED and answer.heard is not Heard.CANCEL
        case _S.PENDING:
            return answer.kind is OutcomeKind.PENDING and answer.heard is not Heard.CANCEL
        case _S.PLANNED:
            once = evidence.transmission_no == attempt.transmissions == 1
            return answer.kind is OutcomeKind.NOT_SENT and answer.heard is Heard.SUBMIT and once
        case _S.REJECTED:
            return refuses(evidence, attempt)
        case _:
            return True


def refuses(evidence: Evidence, attempt: Attempt) -> bool:
    """Proof that the attempt will never pay: a listed code, heard in an answer to our own question."""
    answer = evidence.answer
    if answer.kind is OutcomeKind.ABSENT:
        return answer.heard is Heard.QUERY and attempt.ground.absence is Absence.AUTHORITATIVE
    if not answer.raw or answer.raw.startswith(_NO_WORD):
        return False
    if answer.kind is not OutcomeKind.REJECTED or answer.heard not in (Heard.SUBMIT, Heard.QUERY):
        return False
    if answer.finality is Finality.FINAL_ON_REPEAT:
        return True
    only_one = attempt.transmissions == 1 and evidence.transmission_no in (0, 1)
    return answer.finality is Finality.FINAL and only_one


def derived_id(key: bytes, app: str, reference: str, channel: str, ordinal: int) -> str:
    """The id of an attempt (R5): the shard's three letters, then 23 of the HMAC over who, what, where and which."""
    shard = int.from_bytes(hashlib.sha256(app.encode() + b"\0" + reference.encode()).digest()[:2], "big") >> 4
    letters = "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[shard >> shift & 31] for shift in (10, 5, 0))
    message = "\0".join((app, reference, channel, str(ordinal))).encode()
    return letters + base64.b32encode(hmac.new(key, message, hashlib.sha256).digest()).decode()[:23]
