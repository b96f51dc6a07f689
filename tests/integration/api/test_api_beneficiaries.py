"""Saved beneficiaries over the wire: kept once, masked, and copied into the orders that name them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from gateway.api.beneficiaries import BeneficiaryPage, BeneficiaryReply
from gateway.domain.errors import CommitUnknown, StaleWrite
from tests.support.api_server import READER, RIVAL, SHOP, WRITER, Answered, ApiServer, Signer

PATH = "/v1/beneficiaries"
BANK: dict[str, Any] = {
    "type": "bank_account",
    "account_number": "6222 0000-0000 0199",
    "name": "张三",
    "bank_code": "000200000002",
    "country": "CN",
}
UNKNOWN = {"type": "saved", "id": "be_" + "0" * 26}


async def save(
    api: ApiServer, payee: object = BANK, *, by: Signer = WRITER, key: str | None = None, **more: object
) -> Answered:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await api.signed("POST", PATH, json.dumps({"beneficiary": payee, **more}).encode(), by=by, headers=headers)


async def saved_id(api: ApiServer, payee: object = BANK) -> str:
    made: str = (await save(api, payee)).json()["id"]
    return made


def named(beneficiary_id: str) -> dict[str, str]:
    return {"type": "saved", "id": beneficiary_id}


async def test_it_is_saved_read_listed_and_deleted(api: ApiServer) -> None:
    """201 with its place, masked everywhere; 204, and then nothing is there."""
    made = await save(api)
    saved = made.json()
    BeneficiaryReply.model_validate(saved)
    assert (made.status, made.headers["location"]) == (201, f"{PATH}/{saved['id']}")
    assert saved["beneficiary"]["account_number"] == "6222********0199"
    assert saved["same_account"] == []
    assert b"0000-0000" not in made.body
    assert "张三".encode() not in made.body
    read = await api.signed("GET", f"{PATH}/{saved['id']}", by=READER)
    assert (read.status, read.json()) == (200, {key: saved[key] for key in saved if key != "same_account"})
    listed = (await api.signed("GET", PATH, by=READER)).json()
    BeneficiaryPage.model_validate(listed)
    assert listed == {"data": [read.json()], "has_more": False, "next_cursor": None}
    gone = await api.signed("DELETE", f"{PATH}/{saved['id']}", by=WRITER)
    assert (gone.status, gone.body) == (204, b"")
    assert (await api.signed("GET", f"{PATH}/{saved['id']}")).status == 404
    assert (await api.signed("DELETE", f"{PATH}/{saved['id']}")).status == 404
    assert (await api.signed("GET", PATH)).json()["data"] == []


async def test_the_same_payee_saved_twice_is_one(api: ApiServer) -> None:
    """However the account is written; another name at the account is another one, and is told of the first."""
    first = (await save(api)).json()
    again = await save(api, {**BANK, "account_number": "6222000000000199"})
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json()["id"] == first["id"]
    wife = await save(api, {**BANK, "name": "李四"})
    assert (wife.status, wife.json()["same_account"]) == (201, [first["id"]])
    wechat = await save(api, {"type": "wechat", "openid": "oDEMO0001"})
    assert (wechat.status, wechat.json()["same_account"]) == (201, [])
    assert (await save(api, by=RIVAL)).status == 201
    assert len((await api.signed("GET", PATH)).json()["data"]) == 3


async def test_a_key_makes_it_one_call_for_thirty_days(api: ApiServer) -> None:
    """The same content is the same call, also when what it made is gone; other content is refused. Then it is free."""
    made = await save(api, key="k-1")
    assert made.status == 201
    assert (await save(api, key="k-1")).json()["id"] == made.json()["id"]
    other = {**BANK, "account_number": "6222000000000299"}
    reused = await save(api, other, key="k-1")
    assert (reused.status, reused.json()["code"]) == (409, "idempotency_key_reused")
    assert (await save(api, other, key="k-1", by=RIVAL)).status == 201
    assert (await api.signed("DELETE", f"{PATH}/{made.json()['id']}")).status == 204
    assert (await save(api, key="k-1")).json()["code"] == "not_found"
    api.clock.move(timedelta(days=30, seconds=1).total_seconds())
    assert (await save(api, other, key="k-1")).status == 201


@pytest.mark.parametrize("key", ["", "two words", "é", "k" * 256])
async def test_a_key_that_is_none(api: ApiServer, key: str) -> None:
    """Told by its header's name, before anything is stored."""
    refused = await save(api, key=key)
    assert (refused.status, refused.codes()) == (400, {"Idempotency-Key": "bad_format"})
    assert (await api.signed("GET", PATH)).json()["data"] == []


@pytest.mark.parametrize("error", [CommitUnknown("lost"), StaleWrite("taken")])
async def test_a_commit_that_is_not_known_is_settled(api: ApiServer, error: Exception) -> None:
    """By saying the same once more: it is saved once."""
    api.store.run_errors = [None, error]  # the nonce first
    assert (await save(api, key="k-1")).status == 201
    assert len((await api.signed("GET", PATH)).json()["data"]) == 1


async def test_every_fault_is_told(api: ApiServer) -> None:
    """With its pointer; a saved one cannot be saved, and nothing else is taken."""
    broken = {**BANK, "account_number": "x", "country": "cn"}
    refused = await save(api, broken, label="shop")
    assert refused.codes() == {
        "/beneficiary/account_number": "bad_format",
        "/beneficiary/country": "bad_format",
        "/label": "unknown_field",
    }
    assert (await save(api, UNKNOWN)).codes() == {"/beneficiary/type": "unknown_type"}
    assert (await save(api, by=READER)).json()["code"] == "scope_missing"
    mine = await saved_id(api)
    assert (await api.signed("GET", f"{PATH}/{mine}", by=RIVAL)).status == 404
    assert (await api.signed("DELETE", f"{PATH}/{mine}", by=RIVAL)).status == 404
    assert (await api.signed("DELETE", f"{PATH}/{mine}", by=READER)).json()["code"] == "scope_missing"


async def test_pages_follow_each_other(api: ApiServer) -> None:
    """Newest first; a cursor is of this list and this app."""
    made = [await saved_id(api, {**BANK, "account_number": f"62220000000{number:05d}"}) for number in range(5)]
    first = (await api.signed("GET", f"{PATH}?limit=2")).json()
    rest = (await api.signed("GET", f"{PATH}?limit=10&cursor={first['next_cursor']}")).json()
    assert [each["id"] for each in first["data"] + rest["data"]] == made[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    foreign = await api.signed("GET", f"{PATH}?cursor={first['next_cursor']}", by=RIVAL)
    assert foreign.codes() == {"?cursor": "bad_cursor"}


async def test_an_order_takes_a_copy(api: ApiServer) -> None:
    """It is paid to whom it was accepted for, whatever becomes of the saved one; said again it is the same order."""
    mine = await saved_id(api)
    order = api.order("w-1", beneficiary=named(mine))
    made = await api.create(order)
    assert (made.status, made.json()["beneficiary"]["account_number"]) == (201, "6222********0199")
    assert (await api.signed("DELETE", f"{PATH}/{mine}")).status == 204
    again = await api.create(order)
    assert (again.status, again.json()) == (200, made.json())
    stored = await api.store.read(lambda tx: tx.payout(made.json()["id"]))
    assert stored is not None
    assert stored.beneficiary.account == "6222000000000199"
    other = await api.create({**order, "amount": {"value": 1, "currency": "CNY"}})
    assert (other.status, other.json()["code"]) == (409, "reference_reused")
    late = await api.create(api.order("w-2", beneficiary=named(mine)))
    assert late.codes() == {"/beneficiary/id": "unknown_beneficiary"}


async def test_an_order_is_known_by_what_it_said(api: ApiServer) -> None:
    """The account in the place of its name is other content: it may have been another one by then."""
    mine = await saved_id(api)
    assert (await api.create(api.order("w-1", beneficiary=named(mine)))).status == 201
    assert (await api.create(api.order("w-1", beneficiary=BANK))).json()["code"] == "reference_reused"


async def test_an_unknown_one_is_told_with_the_other_faults(api: ApiServer) -> None:
    """Also another app's, in orders, quotes and retries."""
    foreign = (await save(api, by=RIVAL)).json()["id"]
    for each in (named(foreign), UNKNOWN):
        refused = await api.create(api.order(beneficiary=each, preference="dearest"))
        assert refused.codes() == {"/beneficiary/id": "unknown_beneficiary", "/preference": "unknown_value"}
    quote = {"amount": {"value": 1, "currency": "CNY"}, "beneficiary": UNKNOWN, "preference": "dearest"}
    refused = await api.signed("POST", "/v1/quotes", json.dumps(quote).encode())
    assert refused.codes() == {"/beneficiary/id": "unknown_beneficiary", "/preference": "unknown_value"}
    failed = await api.failed()
    retry = json.dumps({"reference": "again", "beneficiary": UNKNOWN}).encode()
    assert (await api.signed("POST", f"/v1/payouts/{failed}/retry", retry)).codes() == {
        "/beneficiary/id": "unknown_beneficiary"
    }
    malformed = await api.create(api.order(beneficiary={"type": "saved", "id": "be_1"}))
    assert malformed.codes() == {"/beneficiary/id": "bad_format"}


async def test_a_quote_for_a_saved_one(api: ApiServer) -> None:
    """As one for its method; the order on it stays known when the beneficiary is gone."""
    mine = await saved_id(api)
    asked = {"amount": {"value": 12345, "currency": "CNY"}, "beneficiary": named(mine)}
    quote = (await api.signed("POST", "/v1/quotes", json.dumps(asked).encode(), by=READER)).json()
    assert quote["method"] == "bank_account"
    order = api.order("w-1", beneficiary=named(mine), quote_id=quote["id"])
    made = await api.create(order)
    assert made.status == 201
    await api.signed("DELETE", f"{PATH}/{mine}")
    assert (await api.create(order)).json()["id"] == made.json()["id"]
    money = {"amount": asked["amount"]}
    for body, told in (
        (money, {"": "missing"}),
        ({**asked, "method": "wechat"}, {"": "missing"}),
        ({**asked, "method": None}, {"/method": "null"}),
        ({**money, "method": "wechat", "beneficiary": None}, {"/beneficiary": "null"}),
    ):
        assert (await api.signed("POST", "/v1/quotes", json.dumps(body).encode())).codes() == told


async def test_a_retry_to_a_saved_one(api: ApiServer) -> None:
    """Corrected by name; said again after the saved one is gone it is the same retry."""
    corrected = await saved_id(api, {**BANK, "account_number": "6222000000000299"})
    failed = await api.failed()
    body = json.dumps({"reference": "again", "beneficiary": named(corrected)}).encode()
    made = await api.signed("POST", f"/v1/payouts/{failed}/retry", body, by=SHOP)
    assert (made.status, made.json()["beneficiary"]["account_number"]) == (201, "6222********0299")
    await api.signed("DELETE", f"{PATH}/{corrected}")
    again = await api.signed("POST", f"/v1/payouts/{failed}/retry", body, by=SHOP)
    assert (again.status, again.json()["id"]) == (200, made.json()["id"])
