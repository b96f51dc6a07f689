"""What may be moved to an archive, and what is still told of it then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.api.replies import PayoutReply
from gateway.domain.archived import _RULES, ArchivedPayout, Standing, Stays, archived_view, stays
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from gateway.domain.payout import LIVE
from gateway.domain.reasons import StatusCode
from gateway.domain.status import FINAL, Status
from tests.support.builders import NOW, a_payout

UNTIL = NOW + timedelta(days=1)
MAY_GO = Standing(
    status="paid",
    frozen=False,
    held=False,
    due=False,
    attempt_states=("rejected", "succeeded"),
    attempts_due=False,
    callbacks_due=False,
    retry_half_made=False,
    readable=True,
    whole=True,
    newest=False,
    old_seal=False,
    touched_at=NOW,
)
FAULTS = [
    *((Stays.NOT_FINAL, {"status": str(each)}) for each in Status if each not in FINAL),
    (Stays.FOLLOWED, {"due": True}),
    (Stays.FOLLOWED, {"attempts_due": True}),
    *((Stays.FOLLOWED, {"attempt_states": ("rejected", str(state))}) for state in sorted(LIVE)),
    (Stays.UNDER_REVIEW, {"frozen": True}),
    (Stays.UNDER_REVIEW, {"held": True}),
    (Stays.CALLBACKS_DUE, {"callbacks_due": True}),
    (Stays.RETRY_HALF_MADE, {"retry_half_made": True}),
    (Stays.UNREADABLE, {"readable": False}),
    (Stays.NOT_WHOLE, {"whole": False}),
    (Stays.NEWEST, {"newest": True}),
    (Stays.OLD_SEAL, {"old_seal": True}),
    (Stays.RECENT, {"touched_at": UNTIL}),
]


def test_what_ended_and_is_quiet_may_go() -> None:
    """However it ended."""
    for status in FINAL:
        assert stays(replace(MAY_GO, status=str(status)), UNTIL) is None


@pytest.mark.parametrize(("why", "fault"), FAULTS, ids=str)
def test_each_rule_keeps_it_back(why: Stays, fault: dict[str, object]) -> None:
    """One thing against it is enough."""
    assert stays(replace(MAY_GO, **fault), UNTIL) is why  # type: ignore[arg-type]  # its own fields


def test_every_rule_was_tried() -> None:
    """And those that look at more than one payout are not among them."""
    assert {why for why, _ in _RULES} | {Stays.RECENT} == {why for why, _ in FAULTS}
    assert set(Stays) - {why for why, _ in FAULTS} == {Stays.BATCH_OPEN, Stays.RETRY_STAYS, Stays.CHANGED}


@pytest.mark.parametrize("kind", BeneficiaryKind)
def test_it_is_told_in_the_form_of_every_payout(kind: BeneficiaryKind) -> None:
    """An app's model of a payout reads it: what is known stands in its place, the rest is null or empty."""
    kept = ArchivedPayout(
        id=a_payout().id,
        shard=a_payout().shard,
        app="acme",
        reference="order-1",
        status=Status.RETURNED,
        reason=StatusCode.RETURNED_BY_BANK,
        amount=Money(12345, "CNY"),
        returned=Money(12000, "CNY"),
        beneficiary_kind=kind,
        channel="alpha",
        batch_id=None,
        retry_of=None,
        retried_as=None,
        created_at=NOW,
        settled_at=UNTIL,
        archived_at=UNTIL,
        archive="paymux-1",
    )
    told = archived_view(kept)
    PayoutReply.model_validate(told)
    assert (told["status"], told["archived_at"]) == ("returned", "2026-01-02T00:00:00.000Z")
    assert told["returned_amount"] == {"value": 12000, "currency": "CNY"}
    assert told["beneficiary"]["type"] == str(kind)  # type: ignore[index]  # a JSON object
