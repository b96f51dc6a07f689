"""POST /v1/quotes, and orders on a quote: bound to what was asked, honoured in its time, refused after it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.api.quotes import QuoteReply
from gateway.api.replies import PayoutReply
from gateway.api.server import PUBLIC_STATE
from gateway.api.state import Doors
from tests.support.api_server import READER, RIVAL, WRITER, Answered, ApiServer, Signer

ASKED = {"amount": {"value": 12345, "currency": "CNY"}, "method": "bank_account"}


async def ask(api: ApiServer, by: Signer = READER, **fields: Any) -> Answered:
    return await api.signed("POST", "/v1/quotes", json.dumps({**ASKED, **fields}).encode(), by=by)


async def test_a_quote_says_who_would_carry_it_for_what(api: ApiServer) -> None:
    """As published; five minutes good; and nothing was stored for it."""
    answer = await ask(api)
    assert answer.status == 201
    told: dict[str, Any] = answer.json()
    QuoteReply.model_validate(told)
    assert told.keys() == QuoteReply.model_fields.keys()
    (ear,) = told["channels"]
    assert (ear["channel"], ear["fee"], ear["expected_s"]) == ("ear", {"value": 1, "currency": "CNY"}, 1.0)
    assert told["unavailable"] == []
    assert (told["created_at"], told["expires_at"]) == ("2026-01-02T03:04:05.000Z", "2026-01-02T03:09:05.000Z")
    assert (await api.signed("GET", "/v1/payouts")).json()["data"] == []
    assert (await ask(api, WRITER)).json()["code"] == "scope_missing"


async def test_nobody_would_carry_it(api: ApiServer) -> None:
    """Then there is nothing to order on, and every reason."""
    told = (await ask(api, amount={"value": 1, "currency": "USD"})).json()
    QuoteReply.model_validate(told)
    assert (told["id"], told["expires_at"], told["channels"]) == (None, None, [])
    assert told["unavailable"] == [{"channel": "ear", "codes": ["currency"]}]


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"amount": {"value": 0, "currency": "CNY"}}, "/amount/value", "out_of_range"),
        ({"method": "cash"}, "/method", "unknown_value"),
        ({"preference": "dearest"}, "/preference", "unknown_value"),
        ({"payee": "x"}, "/payee", "unknown_field"),
    ],
)
async def test_what_is_no_question(api: ApiServer, fields: dict[str, Any], pointer: str, code: str) -> None:
    """A quote is asked for as strictly as an order is made."""
    answer = await ask(api, **fields)
    assert (answer.status, answer.codes()) == (400, {pointer: code})


async def test_more_than_the_app_may_order(api: ApiServer) -> None:
    """What could not be ordered is not quoted."""
    state = api.app[PUBLIC_STATE]
    doors = Doors(max_amounts={"shop": {"CNY": 100}})
    state.in_force.snapshot = replace(state.in_force.snapshot, doors=doors)
    assert (await ask(api)).codes() == {"/amount/value": "amount_limit"}


async def test_an_order_on_a_quote(api: ApiServer) -> None:
    """It is taken in, says what it was ordered on, and is replayed even after the quote's end."""
    order = api.order("quoted", quote_id=await api.quoted())
    made = await api.create(order)
    assert made.status == 201
    PayoutReply.model_validate(made.json())
    fees = [{"channel": "ear", "fee": {"value": 1, "currency": "CNY"}}]
    assert made.json()["quote"] == {"expires_at": "2026-01-02T03:09:05.000Z", "channels": fees, "honoured": None}
    api.clock.move(timedelta(hours=1).total_seconds())
    again = await api.create(order)
    assert (again.status, again.json()["id"]) == (200, made.json()["id"])
    bare = {name: value for name, value in order.items() if name != "quote_id"}
    assert (await api.create(bare)).json()["code"] == "reference_reused"


async def test_an_order_after_its_end(api: ApiServer) -> None:
    """It is told so, nothing is stored, and the reference is free for a new quote."""
    late = await api.quoted()
    api.clock.move(timedelta(minutes=5).total_seconds())
    refused = await api.create(api.order("late", quote_id=late))
    assert (refused.status, refused.json()["code"]) == (409, "quote_expired")
    assert (await api.create(api.order("late", quote_id=await api.quoted()))).status == 201


async def test_an_order_that_was_not_quoted(api: ApiServer) -> None:
    """A quote is for one app, amount, method and preference; and nobody makes one for himself."""
    token = await api.quoted()
    other = {"amount": {"value": 12346, "currency": "CNY"}}
    wechat = {"beneficiary": {"type": "wechat", "openid": "o-12345678"}}
    for fields in (other, wechat, {"preference": "cheapest"}):
        refused = await api.create(api.order(quote_id=token, **fields))
        assert (refused.status, refused.codes()) == (400, {"/quote_id": "bad_quote"}), fields
    assert (await api.create(api.order(quote_id=token), by=RIVAL)).codes() == {"/quote_id": "bad_quote"}
    raw = base64.urlsafe_b64decode(token[3:] + "=" * (-len(token[3:]) % 4))
    cheaper = raw.replace(b"ear=1", b"ear=0")
    longer = raw[:-1] + b"12"
    for forged in (cheaper, longer, raw[:20], b"x" * 40):
        sent = "qt_" + base64.urlsafe_b64encode(forged).decode().rstrip("=")
        assert (await api.create(api.order(quote_id=sent))).codes() == {"/quote_id": "bad_quote"}
    assert (await api.create(api.order(quote_id=token))).status == 201
    assert (await api.create(api.order(quote_id="qt_ä"))).codes() == {"/quote_id": "bad_format"}
