"""POST /v1/payouts/{id}/retry over the wire; what it may and may not do is in tests/integration/operations."""

from __future__ import annotations

import json

import pytest

from gateway.api.replies import PayoutReply
from tests.support.api_server import READER, RIVAL, WRITER, Answered, ApiServer, Signer

CORRECTED = {
    "type": "bank_account",
    "account_number": "6222 0000-0000 0299",
    "name": "李四",
    "bank_code": "000200000002",
    "country": "CN",
}


async def retry(
    api: ApiServer, payout: str, reference: str = "again", by: Signer = WRITER, **fields: object
) -> Answered:
    body = json.dumps({"reference": reference, **fields}).encode()
    return await api.signed("POST", f"/v1/payouts/{payout}/retry", body, by=by)


async def test_a_new_payout_linked_both_ways(api: ApiServer) -> None:
    """201 with its place, as published; said again 200; and the old one names it."""
    failed = await api.failed(purpose="SALA", metadata={"user": "4711"})
    send_by = "2027-01-01T00:00:00Z"
    made = await retry(api, failed, beneficiary=CORRECTED, send_by=send_by, on_expiry="any_channel")
    assert made.status == 201
    payout = made.json()
    PayoutReply.model_validate(payout)
    assert made.headers["location"] == f"/v1/payouts/{payout['id']}"
    assert (payout["reference"], payout["status"], payout["retry_of"]) == ("again", "accepted", failed)
    assert (payout["purpose"], payout["metadata"]) == ("SALA", {"user": "4711"})
    assert (payout["send_by"], payout["on_expiry"]) == ("2027-01-01T00:00:00.000Z", "any_channel")
    assert payout["beneficiary"]["account_number"].endswith("0299")
    again = await retry(api, failed, beneficiary=CORRECTED, send_by=send_by, on_expiry="any_channel")
    assert (again.status, again.headers["idempotent-replayed"], again.json()["id"]) == (200, "true", payout["id"])
    first = (await api.signed("GET", f"/v1/payouts/{failed}")).json()
    assert (first["status"], first["retried_as"]) == ("failed", payout["id"])


async def test_refusals(api: ApiServer) -> None:
    """Each under its own code, and nothing is made."""
    accepted = (await api.create(api.order("taken"))).json()["id"]
    failed = await api.failed()
    alive = await retry(api, accepted)
    assert (alive.status, alive.json()["code"], alive.codes()) == (409, "not_retryable", {"": "not_failed"})
    assert (await retry(api, failed, "taken")).json()["code"] == "reference_reused"
    assert (await retry(api, failed, by=RIVAL)).json()["code"] == "not_found"
    assert (await retry(api, failed, by=READER)).json()["code"] == "scope_missing"
    assert (await retry(api, failed)).status == 201
    assert (await retry(api, failed, "another")).codes() == {"": "already_retried"}
    assert len((await api.signed("GET", "/v1/payouts")).json()["data"]) == 3


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"reference": "a b"}, "/reference", "bad_format"),
        ({"amount": {"value": 1, "currency": "CNY"}}, "/amount", "unknown_field"),
        ({"beneficiary": {"type": "cash"}}, "/beneficiary/type", "unknown_type"),
        ({"beneficiary": {**CORRECTED, "name": ""}}, "/beneficiary/name", "too_short"),
        ({"send_by": "soon"}, "/send_by", "bad_format"),
    ],
)
async def test_the_body_is_read_strictly(api: ApiServer, fields: dict[str, object], pointer: str, code: str) -> None:
    """Another amount is another order; everything else is as strict as an order."""
    answer = await retry(api, await api.failed(), **fields)  # type: ignore[arg-type]  # wrong on purpose
    assert (answer.status, answer.codes()) == (400, {pointer: code})
