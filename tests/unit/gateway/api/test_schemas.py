"""From body to domain, and the published schema beside it."""

from __future__ import annotations

import json

import jsonschema
import pytest

from gateway.api.problems import Refused
from gateway.api.reading import read
from gateway.api.schemas import CreatePayout
from gateway.domain.beneficiary import BankBeneficiary, WechatBeneficiary
from gateway.domain.money import Money

WECHAT = {"type": "wechat", "openid": "o-1"}
BANK = {
    "type": "bank_account",
    "account_number": "de89 3704-0044",
    "name": "A B",
    "bank_code": "DEUTDEFF",
    "country": "DE",
}


def body(**fields: object) -> bytes:
    order = {"reference": "r", "amount": {"value": 7, "currency": "JPY"}, "beneficiary": WECHAT}
    return json.dumps({**order, **fields}).encode()


def test_wechat() -> None:
    """A WeChat order becomes domain values; what was not sent is absent."""
    order = read(CreatePayout, body())
    assert order.money() == Money(7, "JPY")
    assert order.payee() == WechatBeneficiary("o-1", None)
    assert (order.purpose, order.description, order.metadata) == (None, None, {})


def test_bank() -> None:
    """A bank account becomes domain values, its number in its one spelling."""
    assert read(CreatePayout, body(beneficiary=BANK)).payee() == BankBeneficiary(
        "DE8937040044", "A B", "DEUTDEFF", "DE"
    )


def test_an_optional_null_is_an_absence() -> None:
    """`null` for an optional text is the same order as leaving it out, and the schema says it is allowed."""
    assert read(CreatePayout, body(purpose=None)) == read(CreatePayout, body())
    jsonschema.validate(json.loads(body(purpose=None)), CreatePayout.model_json_schema())


SAMPLES = [
    {},
    {"metadata": {"a b": "x"}},
    {"metadata": {"k": "x" * 501}},
    {"metadata": {f"k{number}": "" for number in range(21)}},
    {"metadata": {"k": 1}},
    {"amount": {"value": 1.0, "currency": "CNY"}},
    {"amount": {"value": 1.5, "currency": "CNY"}},
    {"amount": {"value": 0, "currency": "CNY"}},
    {"amount": {"value": 10**15 + 1, "currency": "CNY"}},
    {"amount": {"value": "1", "currency": "CNY"}},
    {"amount": {"value": True, "currency": "CNY"}},
    {"amount": {"value": 1, "currency": "cny"}},
    {"amount": {"value": 1}},
    {"beneficiary": BANK},
    {"beneficiary": {**BANK, "account_number": "1  23456"}},
    {"beneficiary": {**BANK, "openid": "x"}},
    {"beneficiary": {"type": "x"}},
    {"beneficiary": None},
    {"reference": "x" * 65},
    {"description": "x" * 141},
    {"description": 1},
    {"extra": 1},
]


@pytest.mark.parametrize("fields", SAMPLES, ids=json.dumps)
def test_schema_and_model_agree(fields: dict[str, object]) -> None:
    """The four lies: what the published schema allows is accepted, what it forbids is refused."""
    sent = json.loads(body(**fields))
    allowed = jsonschema.Draft202012Validator(CreatePayout.model_json_schema()).is_valid(sent)
    try:
        read(CreatePayout, json.dumps(sent).encode())
        accepted = True
    except Refused:
        accepted = False
    assert accepted == allowed
