"""What an app is told of a payout that was archived, over the wire."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from gateway.api.replies import PayoutReply
from gateway.domain.status import FINAL
from gateway.store.port import Tx
from tests.support.api_server import RIVAL, ApiServer

ORDER = {"description": "rent of May", "metadata": {"user": "u-77"}}


@pytest_asyncio.fixture
async def archived(api: ApiServer) -> str:
    """The id of a failed payout that was archived."""
    payout_id = await api.failed("order-1", **ORDER)
    await api.create(api.order("newer"))

    def move(tx: Tx) -> None:
        found = tx.dossier(payout_id)
        assert found is not None
        tx.archive(found, "paymux-1", api.clock.now())

    await api.store.run(move)
    return payout_id


async def test_it_is_still_a_payout(api: ApiServer, archived: str) -> None:
    """By id and by reference: how it ended, when, and that it is archived; nothing that was sealed; as published."""
    for path in (
        f"/v1/payouts/{archived}",
        "/v1/payouts/by-reference/order-1",
        f"/v1/payouts/{archived}?expand=attempts",
    ):
        told = await api.signed("GET", path)
        assert told.status == 200, path
        payout = told.json()
        PayoutReply.model_validate(payout)
        assert (payout["id"], payout["reference"], payout["status"]) == (archived, "order-1", "failed")
        assert payout["status"] in FINAL
        assert payout["status_reason"]["code"] == "channel_unavailable"
        assert payout["amount"] == {"value": 12345, "currency": "CNY"}
        assert payout["archived_at"] is not None
        assert (payout["description"], payout["metadata"], payout["beneficiary"]["account_number"]) == (None, {}, "")


async def test_the_same_order_is_answered_with_it(api: ApiServer, archived: str) -> None:
    """200 as any replay, even where the configuration would refuse it now; other content is refused."""
    again = await api.create(api.order("order-1", **ORDER))
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert (again.json()["id"], again.json()["status"]) == (archived, "failed")
    PayoutReply.model_validate(again.json())
    other = await api.create(api.order("order-1", description="rent of June"))
    assert (other.status, other.json()["code"]) == (409, "reference_reused")
    page = (await api.signed("GET", "/v1/payouts")).json()["data"]
    assert [each["reference"] for each in page] == ["newer"]


@pytest.mark.parametrize("call", ["GET attempts", "GET timeline", "GET decision", "POST cancel", "POST retry"])
async def test_what_was_moved_is_gone(api: ApiServer, archived: str, call: str) -> None:
    """410 under its own code, which says how it ended; a foreign app is not told that it ever was."""
    method, _, what = call.partition(" ")
    body = json.dumps({"reference": "again"}).encode() if what == "retry" else b""
    gone = await api.signed(method, f"/v1/payouts/{archived}/{what}", body)
    assert (gone.status, gone.json()["code"]) == (410, "payout_archived")
    assert "failed" in gone.json()["detail"]
    foreign = await api.signed(method, f"/v1/payouts/{archived}/{what}", body, by=RIVAL)
    assert (foreign.status, foreign.json()["code"]) == (404, "not_found")
