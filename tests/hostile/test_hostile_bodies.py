"""Rows 24 to 57, as far as they are the API's: a rightly signed body with one thing wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.api.keys import KeyRing
from gateway.api.server import Doors, InForce, Snapshot, public_app
from tests.hostile.support import Target
from tests.support.api_server import CURSOR_KEY, RIVAL, SHOP, ApiServer, http
from tests.support.hostile import ACCOUNT, NAME, OPENID, SECRET, Case

shared = pytest.mark.asyncio(loop_scope="module")

BANK = {"type": "bank_account", "account_number": ACCOUNT, "name": NAME, "bank_code": "102100099996", "country": "CN"}
ORDER: dict[str, Any] = {
    "reference": "hostile-1",
    "amount": {"value": 12345, "currency": "CNY"},
    "beneficiary": BANK,
    "description": SECRET,
    "metadata": {"k": OPENID},
}
GOOD = json.dumps(ORDER, ensure_ascii=False, separators=(",", ":")).encode()


def posted(body: bytes, code: str) -> Case:
    return Case(lambda api: http("POST", "/v1/payouts", body, api.auth("POST", "/v1/payouts", body)), 400, code)


def unread(body: bytes) -> Case:
    """No single reading."""
    return posted(body, "invalid_json")


def changed(old: bytes, new: bytes) -> bytes:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def amount(token: str) -> bytes:
    return changed(b'"value":12345', b'"value":' + token.encode())


def faulty(body: bytes) -> Case:
    return posted(body, "invalid_request")


def with_fields(**fields: object) -> Case:
    return faulty(json.dumps({**ORDER, **fields}).encode("utf-8", "surrogatepass"))


def with_payee(**fields: str) -> Case:
    return with_fields(beneficiary={**BANK, **fields})


CASES: dict[str, Case] = {
    "row_24_duplicate_keys": unread(changed(b'"value":12345', b'"value":1,"value":999')),
    "row_24_duplicate_keys_one_escaped": unread(changed(b'"value":12345', b'"value":1,"\\u0076alue":999')),
    "row_25_nan": unread(amount("NaN")),
    "row_25_infinity": unread(amount("Infinity")),
    "row_25_1e400": unread(amount("1e400")),
    "row_26_5000_digits": unread(amount("9" * 5000)),
    "row_26_full_width_digit": unread(amount("１")),
    "row_26_leading_zero": unread(amount("01")),
    **{
        f"row_26_{name}": faulty(amount(token))
        for name, token in {
            "fraction": "1.5",
            "true": "true",
            "text": '"1"',
            "zero": "0",
            "minus_zero": "-0",
            "minus_one": "-1",
            "too_much": "1000000000000001",
        }.items()
    },
    "row_26_unknown_currency": with_fields(amount={"value": 1, "currency": "ZZZ"}),
    "row_28_60000_brackets": unread(b"[" * 60_000),
    "row_28_nine_levels": unread(changed(b'"k":"' + OPENID.encode() + b'"', b'"k":' + b"[" * 8 + b"]" * 8)),
    "row_33_true_for_a_number": faulty(amount("true")),
    "row_34_lone_surrogate": with_fields(description=SECRET + "\ud800"),
    "row_34_raw_lone_surrogate": unread(changed(SECRET.encode(), SECRET.encode() + b"\xed\xa0\x80")),
    "row_35_nul": with_fields(description=SECRET + "\x00"),
    "row_35_line_separator": with_fields(description=SECRET + "\u2028"),
    "row_35_c1": with_fields(description=SECRET + "\x85"),
    "row_36_byte_order_mark": unread(b"\xef\xbb\xbf" + GOOD),
    "row_36_utf_16": unread(GOOD.decode().encode("utf-16")),
    "row_36_utf_32": unread(GOOD.decode().encode("utf-32-be")),
    "row_37_unknown_field": with_fields(desciption=SECRET),
    "row_37_status": with_fields(status="paid", paid_at="2026-01-01T00:00:00Z", id="po_1"),
    "row_38_null_for_a_required_field": with_fields(reference=None),
    "row_38_array_for_an_object": with_fields(amount=[]),
    "row_38_empty_body": unread(b" "),
    "row_38_empty_text": faulty(b'""'),
    "row_38_empty_list": faulty(b"[]"),
    "row_39_long_text": with_fields(description=SECRET * 10),
    "row_40_bidi_override": with_payee(name=NAME + "\u202e"),
    "row_40_zero_width": with_payee(name=NAME + "\u200b敌"),
    "row_40_variation_selector": with_payee(name=NAME + "\ufe0f"),
    "row_40_private_use": with_payee(name=NAME + "\U000f0000"),
    "row_43_full_width_account": with_payee(account_number="６２２２０２１２３４５０９８７６５４３"),
    "row_43_two_spaces": with_payee(account_number="6222  0212 3450 9876"),
    "row_43_quote": with_payee(account_number=ACCOUNT + "'"),
    **{
        f"row_44_{name}": with_fields(reference=reference)
        for name, reference in {
            "empty": "",
            "65_characters": "r" * 65,
            "path": "../" + SECRET,
            "quote": "r'--",
            "percent": "r%00",
            "newline": "r\n",
            "emoji": "r😀",
        }.items()
    },
    "row_45_trailing_space": with_fields(reference="hostile-1 "),
    "row_49_lower_case": with_fields(amount={"value": 1, "currency": "cny"}),
    "row_49_no_currency": with_fields(amount={"value": 1, "currency": "XXX"}),
    "row_49_full_width": with_fields(amount={"value": 1, "currency": "CNＹ"}),
    "row_50_callback_in_an_order": with_fields(notify_url=f"http://127.0.0.1/{SECRET}"),
    "row_60_wildcard_in_a_filter": Case(
        lambda api: http("GET", "/v1/payouts?reference=%25", b"", api.auth("GET", "/v1/payouts?reference=%25")),
        400,
        "invalid_request",
    ),
    "row_60_quote_in_a_filter": Case(
        lambda api: http("GET", "/v1/payouts?channel=x'--", b"", api.auth("GET", "/v1/payouts?channel=x'--")),
        400,
        "invalid_request",
    ),
}


@shared
@pytest.mark.parametrize("name", CASES)
async def test_body(shared_target: Target, name: str) -> None:
    """400 with a stable code, nothing stored, nothing of it repeated."""
    answer = await shared_target.react(CASES[name])
    assert answer.json()["errors"], "what is wrong is told"


@shared
async def test_the_order_itself_is_right(shared_target: Target) -> None:
    """What the cases above change is taken when nothing is changed."""
    answer = await shared_target.api.signed("POST", "/v1/payouts", changed(b"hostile-1", b"hostile-right"))
    assert answer.status == 201, answer.body
    assert (await shared_target.api.signed("POST", "/v1/payouts", GOOD)).status == 201


async def accepted(api: ApiServer, reference: str, **fields: object) -> Mapping[str, Any]:
    answer = await api.create({**ORDER, "reference": reference, **fields})
    assert answer.status == 201, answer.body
    told: dict[str, Any] = answer.json()
    assert ACCOUNT not in answer.body.decode()
    assert NAME not in answer.body.decode()
    return told


async def flags(api: ApiServer, payout: Mapping[str, Any]) -> dict[str, Any]:
    timeline = (await api.signed("GET", f"/v1/payouts/{payout['id']}/timeline")).json()["data"]
    assert timeline[0]["type"] == "payout.accepted"
    detail: dict[str, Any] = timeline[0]["detail"]
    return detail


async def test_row_41_mixed_scripts_are_taken_and_flagged(target: Target) -> None:
    """A Cyrillic letter in a Latin word is pointed out; names wholly in one script, or in several words, are not."""
    mixed = await accepted(target.api, "mixed", beneficiary={**BANK, "name": "\u0410nna Smith"})
    assert await flags(target.api, mixed) == {"mixed_scripts": True}
    for number, name in enumerate(("Anna Smith", "Анна Смит", "张三 Smith", "佐藤 さとう", "Анна Smith")):
        plain = await accepted(target.api, f"plain-{number}", beneficiary={**BANK, "name": name})
        assert "mixed_scripts" not in await flags(target.api, plain), name


async def test_row_48_the_same_money_again_is_taken_and_flagged(target: Target) -> None:
    """Another reference for the same payee and amount within ten minutes names the earlier one; it is paid all the
    same. Another amount, another app, later: no flag. A replay is no second one."""
    first = await accepted(target.api, "first")
    assert await flags(target.api, first) == {}
    assert (await target.api.create({**ORDER, "reference": "first"})).status == 200
    second = await accepted(target.api, "second")
    assert await flags(target.api, second) == {"possible_duplicate_of": first["id"]}
    other = await accepted(target.api, "other", amount={"value": 1, "currency": "CNY"})
    assert await flags(target.api, other) == {}
    foreign = (await target.api.create({**ORDER, "reference": "first"}, by=RIVAL)).json()
    timeline = await target.api.signed("GET", f"/v1/payouts/{foreign['id']}/timeline", by=RIVAL)
    assert timeline.json()["data"][0]["detail"] == {}
    target.api.clock.move(600)
    assert await flags(target.api, await accepted(target.api, "third")) == {}


async def limited(target: Target, most: int) -> None:
    """Start again, with a limit for one app."""
    assert target.api.listener is not None
    await target.api.listener.stop()
    doors = Doors(max_amounts={"shop": {"CNY": most}})
    keys = KeyRing([SHOP.record, RIVAL.record])
    in_force = InForce(Snapshot(target.api.services, keys, doors=doors))
    target.api.app = public_app(in_force, sandbox=True, cursor_key=CURSOR_KEY)
    await target.api.start()


async def test_row_32_the_limit_of_an_app(target: Target) -> None:
    """More than the app may order at once is a 400 that names the field; the limit itself, another currency and
    another app pass; and a payout that was taken before is answered as it is, whatever the limit is now."""
    before = await accepted(target.api, "before")
    await limited(target, 12_344)
    refused = await target.react(posted(changed(b"hostile-1", b"after"), "invalid_request"))
    assert refused.codes() == {"/amount/value": "amount_limit"}
    again = await target.api.create({**ORDER, "reference": "before"})
    assert (again.status, again.json()["id"]) == (200, before["id"])
    await accepted(target.api, "most", amount={"value": 12_344, "currency": "CNY"})
    await accepted(target.api, "euro", amount={"value": 99_999, "currency": "EUR"})
    assert (await target.api.create({**ORDER, "reference": "rival"}, by=RIVAL)).status == 201


async def test_row_46_the_reference_of_another_content(target: Target) -> None:
    """409, nothing changed; and one altered field at a time is another content."""
    await accepted(target.api, "r-46")
    others: list[dict[str, object]] = [
        {"amount": {"value": 12346, "currency": "CNY"}},
        {"amount": {"value": 12345, "currency": "EUR"}},
        {"beneficiary": {**BANK, "account_number": ACCOUNT[:-1] + "4"}},
        {"beneficiary": {**BANK, "name": NAME + "甲"}},
        {"description": "x"},
        {"purpose": "SALA"},
    ]
    for fields in others:
        body = json.dumps({**ORDER, "reference": "r-46", **fields}).encode()
        case = posted(body, "reference_reused")
        await target.react(Case(case.send, 409, "reference_reused"))


async def test_row_47_a_foreign_payout_is_not_there(target: Target) -> None:
    """The same reference of another app is another payout; reading a foreign one is a 404 like any other."""
    mine = await accepted(target.api, "r-47")
    path = f"/v1/payouts/{mine['id']}"
    case = Case(lambda api: http("GET", path, b"", api.auth("GET", path, by=RIVAL)), 404, "not_found")
    foreign = await target.react(case)
    nowhere = path[:-4] + "0000"
    unknown = await target.react(
        Case(lambda api: http("GET", nowhere, b"", api.auth("GET", nowhere, by=RIVAL)), 404, "not_found")
    )
    strip = ("request_id",)
    assert {k: v for k, v in foreign.json().items() if k not in strip} == {
        k: v for k, v in unknown.json().items() if k not in strip
    }


async def test_row_57_line_ends_are_refused_or_escaped(target: Target) -> None:
    """A line end in a text is refused; one in a header's value cannot be sent; every log line stays one line."""
    await target.react(with_fields(description=f"{SECRET}\r\nX-Evil: 1"))
    await target.react(Case(b"GET /nowhere HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\rb\r\n\r\n", 400, "bad_request"))
