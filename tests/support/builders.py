"""Small honest payouts for tests."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from gateway.domain.beneficiary import BankBeneficiary, Beneficiary
from gateway.domain.changes import Opening, open_attempt, ordinal_on
from gateway.domain.identity import attempt_ids, payout_id, shard_of
from gateway.domain.money import Money
from gateway.domain.outcome import Absence, Answer, Finality, Heard, OutcomeKind
from gateway.domain.payout import DuplicateMode, Ground, Payout, Prepared
from gateway.domain.reasons import RejectReason
from gateway.domain.states import Polls

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLLS = Polls((timedelta(seconds=30), timedelta(seconds=60), timedelta(minutes=5)))
IDENTITY_KEY = b"identity key of the tests"
BENEFICIARY = BankBeneficiary("6222000000000199", "张三", "000200000002", "CN")


def a_payout(
    reference: str = "order-1", *, app: str = "acme", minor: int = 12345, beneficiary: Beneficiary = BENEFICIARY
) -> Payout:
    """A payout that was just accepted."""
    shard = shard_of(app, reference)
    number = int.from_bytes(f"{app}/{reference}".encode()[-16:].rjust(16, b"\0"), "big")
    return Payout(
        id=payout_id(shard, UUID(int=number)),
        shard=shard,
        app=app,
        reference=reference,
        amount=Money(minor, "CNY"),
        beneficiary=beneficiary,
        created_at=NOW,
        give_up_at=NOW + timedelta(hours=72),
        last_event=1,
    )


def an_earlier_id(kind: str, shard: int, uuid: UUID) -> str:
    """An id of the form that led with the shard: `po`, `ba` or `rq`."""
    leading = base64.b32encode((shard << 1).to_bytes(2, "big")).decode()[:3].lower()
    return f"{kind}_{leading}{base64.b32hexencode(uuid.bytes).decode().rstrip('=').lower()}"


def a_ground(mode: DuplicateMode = DuplicateMode.SAME_RESOURCE, absence: Absence = Absence.NEVER) -> Ground:
    return Ground("mock", "1", "memory:", "account-1", ("key-1",), mode, absence, 86_400)


def an_opening(payout: Payout, channel: str = "alpha", ground: Ground | None = None) -> Opening:
    ordinal = ordinal_on(payout, channel)
    ids = attempt_ids(IDENTITY_KEY, payout.app, payout.reference, channel, ordinal)
    return Opening(channel, ordinal, ids, ground or a_ground(), Prepared("/orders", b"{}", (("a", "b"),)), "")


def sending(payout: Payout | None = None, channel: str = "alpha", ground: Ground | None = None) -> Payout:
    """A payout whose newest attempt was just committed as an intent."""
    payout = payout or a_payout()
    return open_attempt(payout, an_opening(payout, channel, ground), NOW)


def an_answer(kind: OutcomeKind, heard: Heard = Heard.SUBMIT, **fields: object) -> Answer:
    """An answer with the usual facts for its kind."""
    answer = Answer(heard, kind)
    if kind is OutcomeKind.REJECTED:
        answer = replace(answer, finality=Finality.FINAL, reason=RejectReason.CHANNEL_UNAVAILABLE)
    if kind is OutcomeKind.RETURNED:
        answer = replace(answer, returned=Money(12345, "CNY"))
    return replace(answer, **fields)  # type: ignore[arg-type]  # field names are the caller's business
