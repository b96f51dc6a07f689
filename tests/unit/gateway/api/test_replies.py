"""What is published of our answers is what the views make."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.api.payouts import event_view
from gateway.api.replies import AttemptReply, EventReply, PayoutReply
from gateway.domain.beneficiary import WechatBeneficiary
from gateway.domain.event import Event, EventType
from gateway.domain.money import Money
from gateway.domain.outcome import NextAction
from gateway.domain.payout import AttemptState, Closure, Payout
from gateway.domain.quote import Quote
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.terms import Terms
from gateway.domain.view import attempt_view, payout_view
from tests.support.builders import NOW, a_payout, sending


def in_state(state: AttemptState, **fields: object) -> Payout:
    payout = sending()
    return payout.with_attempt(replace(payout.attempt(1), state=state, **fields))  # type: ignore[arg-type]  # its fields


PAYOUTS = {
    "accepted": a_payout(),
    "wechat": a_payout(beneficiary=WechatBeneficiary("o-123456789", "张三")),
    "nameless": a_payout(beneficiary=WechatBeneficiary("o-123456789")),
    "waiting": replace(a_payout(), waiting_for=StatusCode.CHANNEL_UNAVAILABLE),
    "sending": sending(),
    "unknown": in_state(AttemptState.UNKNOWN, was_unknown=True),
    "action": in_state(
        AttemptState.PENDING, action=NextAction("wechat_confirm", (("mch_id", "1"),), NOW + timedelta(hours=1))
    ),
    "paid": in_state(AttemptState.SUCCEEDED, settled_at=NOW, channel_payout_id="c-1"),
    "returned": in_state(AttemptState.RETURNED, settled_at=NOW, returned=Money(5, "CNY"), channel_code="AC04"),
    "failed": replace(
        in_state(AttemptState.REJECTED, settled_at=NOW, reason=RejectReason.PAYEE_ACCOUNT_CLOSED),
        closure=Closure(StatusCode.ACCOUNT_CLOSED, NOW, "AC04"),
    ),
    "frozen": replace(sending(), frozen=True),
    "canceled": replace(a_payout(), cancel_requested_at=NOW),
    "scheduled": replace(a_payout(), terms=Terms(send_at=NOW + timedelta(days=1))),
    "quoted": replace(sending(), terms=Terms(quote=Quote(NOW, (("alpha", 1),)))),
    "retried": replace(a_payout(), retry_of=a_payout("first").id, retried_as=a_payout("next").id),
}


@pytest.mark.parametrize("name", PAYOUTS)
def test_payout(name: str) -> None:
    """Every kind of payout has exactly the published fields, and so have its attempts."""
    payout = PAYOUTS[name]
    view = payout_view(payout)
    PayoutReply.model_validate(view)
    assert view.keys() == PayoutReply.model_fields.keys() - {"attempts", "timeline", "archived_at"}
    for attempt in payout.attempts:
        told = attempt_view(attempt)
        AttemptReply.model_validate(told)
        assert told.keys() == AttemptReply.model_fields.keys()


@pytest.mark.parametrize("kind", list(EventType))
def test_event(kind: EventType) -> None:
    """Every kind of event has exactly the published fields."""
    view = event_view(Event(1, NOW, kind, "channel:mock", 1, {"state": "paid", "n": 1, "ok": True, "none": None}))
    EventReply.model_validate(view)
    assert view.keys() == EventReply.model_fields.keys()
