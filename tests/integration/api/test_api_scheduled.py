"""`send_at` in an order, over the wire."""

from __future__ import annotations

from datetime import timedelta

from gateway.api.configured import SCHEDULED_MAX
from gateway.api.replies import PayoutReply
from tests.support.api_server import ApiServer
from tests.support.clock import START


def after(**amount: float) -> str:
    return (START + timedelta(**amount)).isoformat().replace("+00:00", "Z")


async def test_a_scheduled_payout(api: ApiServer) -> None:
    """It says so, is found by it, and a cancel ends it at once."""
    made = await api.create(api.order("later", send_at=after(days=7)))
    assert made.status == 201
    PayoutReply.model_validate(made.json())
    assert (made.json()["status"], made.json()["send_at"]) == ("scheduled", "2026-01-09T03:04:05.000Z")
    found = (await api.signed("GET", "/v1/payouts?status=scheduled")).json()["data"]
    assert [each["reference"] for each in found] == ["later"]
    canceled = await api.signed("POST", f"/v1/payouts/{made.json()['id']}/cancel")
    assert (canceled.status, canceled.json()["status"]) == (200, "canceled")


async def test_a_time_that_is_over(api: ApiServer) -> None:
    """At once: no fault of the order."""
    assert (await api.create(api.order(send_at=after(days=-7)))).json()["status"] == "accepted"


async def test_too_far_ahead(api: ApiServer) -> None:
    """A year at most; the very same order is answered as ever when it is known."""
    most = SCHEDULED_MAX.total_seconds()
    refused = await api.create(api.order("far", send_at=after(seconds=most + 1)))
    assert (refused.status, refused.codes()) == (400, {"/send_at": "out_of_range"})
    order = api.order("far", send_at=after(seconds=most))
    assert (await api.create(order)).status == 201
    api.clock.step_wall(-60)
    assert (await api.create(order)).status == 200


async def test_not_after_the_quote(api: ApiServer) -> None:
    """Who orders on a quote for a time after it would not be carried by it."""
    token = await api.quoted()
    refused = await api.create(api.order(quote_id=token, send_at=after(minutes=5)))
    assert refused.codes() == {"/send_at": "after_quote"}
    assert (await api.create(api.order(quote_id=token, send_at=after(minutes=4)))).json()["status"] == "scheduled"
