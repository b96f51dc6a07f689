"""Which orders a bank can carry, what they become, and which settings are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.bank import SPEC, profile
from adapters.bank.config import BankSettings, live_faults
from adapters.bank.orders import prepare
from adapters.bank.xml import parse
from adapters.channel import Order, Unsendable
from gateway.domain.beneficiary import WechatBeneficiary
from gateway.domain.money import Money
from gateway.domain.reasons import RejectReason
from gateway.secret import Secret, SecretError
from tests.support.bank import NOW, REFERENCE, channel, order, secret, settings

SETTINGS = BankSettings.model_validate(settings())
R = RejectReason


def _payee(made: Order, **changes: Any) -> Order:
    return replace(made, beneficiary=replace(made.beneficiary, **changes))


UNSENDABLE = {
    "no product": (order(currency="USD"), R.CURRENCY_NOT_SUPPORTED),
    "wechat": (order(beneficiary=WechatBeneficiary("o-1")), R.INVALID_REQUEST),
    "zero": (order(0), R.AMOUNT_INVALID),
    "negative": (order(-1), R.AMOUNT_INVALID),
    "empty name": (_payee(order(), name=""), R.INVALID_REQUEST),
    "long name": (_payee(order(), name="张" * 141), R.INVALID_REQUEST),
    "control character": (_payee(order(), name="张\x00三"), R.INVALID_REQUEST),
    "lone surrogate": (_payee(order(), name="张\ud800"), R.INVALID_REQUEST),
    "line break": (_payee(order(), name="张\n三"), R.INVALID_REQUEST),
    "space around": (_payee(order(), name=" 张三"), R.INVALID_REQUEST),
    "accents in SEPA": (_payee(order(currency="EUR"), name="Jörg"), R.INVALID_REQUEST),
    "Chinese in SEPA": (order(currency="EUR", description="劳务"), R.INVALID_REQUEST),
    "long description": (order(description="x" * 140), R.INVALID_REQUEST),
    "no account": (_payee(order(), account_number=""), R.PAYEE_ACCOUNT_INVALID),
    "long account": (_payee(order(), account_number="6" * 35), R.PAYEE_ACCOUNT_INVALID),
    "account with spaces": (_payee(order(), account_number="62 00"), R.PAYEE_ACCOUNT_INVALID),
    "wrong IBAN": (
        _payee(order(currency="EUR"), account_number="FR1420041010050500013M02607"),
        R.PAYEE_ACCOUNT_INVALID,
    ),
    "no IBAN in SEPA": (_payee(order(currency="EUR"), account_number="6200000000000001"), R.PAYEE_ACCOUNT_INVALID),
    "no bank": (_payee(order(), bank_code=""), R.PAYEE_BANK_INVALID),
    "short CNAPS": (_payee(order(), bank_code="00020000002"), R.PAYEE_BANK_INVALID),
    "wide digits": (_payee(order(), bank_code="０００２００００００２"), R.PAYEE_BANK_INVALID),
    "no UUID": (order(uetr="7D9F9BD1-4F0A-4C0E-9A52-0E2C7E0A0001"), R.INVALID_REQUEST),
}


@pytest.mark.parametrize(("made", "reason"), UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_the_bank_cannot_carry_is_refused_early(made: Order, reason: RejectReason) -> None:
    """Before anything is stored; nothing is cut or guessed."""
    with pytest.raises(Unsendable) as refused:
        prepare(made, SETTINGS, NOW)
    assert refused.value.reason is reason


@pytest.mark.parametrize("currency", ["CNY", "EUR"])
def test_what_the_bank_can_carry_keeps_to_the_profile(currency: str) -> None:
    """The unchanged orders behind the refusals above go through, to the product of their currency."""
    made = prepare(order(currency=currency, description="for work"), SETTINGS, NOW)
    found = parse(made.body)
    profile.check(found, writing=True)
    assert made.target == f"/v1/payments/{SETTINGS.products[currency].name}"
    assert made.headers == (("Content-Type", "application/xml"),)
    assert found.body.text("PmtInf/CdtTrfTxInf/RmtInf/Ustrd") == f"PO{REFERENCE} for work"
    assert prepare(order(currency=currency, description="for work"), SETTINGS, NOW) == made


def test_a_sepa_payee_needs_no_bank() -> None:
    """An IBAN knows its bank; an empty element is never written."""
    body = parse(prepare(_payee(order(currency="EUR"), bank_code=""), SETTINGS, NOW).body).body
    assert body.one("PmtInf/CdtTrfTxInf/CdtrAgt") is None


def test_a_long_name_stands_once() -> None:
    """Above 70 characters the account's own name is left out, never cut."""
    body = parse(prepare(_payee(order(), name="张" * 71), SETTINGS, NOW).body).body
    assert body.text("PmtInf/CdtTrfTxInf/Cdtr/Nm") == "张" * 71
    assert body.one("PmtInf/CdtTrfTxInf/CdtrAcct/Nm") is None


@pytest.mark.parametrize(
    ("now", "execution"),
    [
        (datetime(2026, 1, 1, 8, 59, tzinfo=UTC), "2026-01-01"),
        (datetime(2026, 1, 1, 9, 0, tzinfo=UTC), "2026-01-02"),
        (datetime(2026, 1, 1, 16, 0, tzinfo=UTC), "2026-01-02"),
    ],
)
def test_the_execution_date_is_the_banks(now: datetime, execution: str) -> None:
    """The bank's local day, the next one after its cut-off."""
    late = BankSettings.model_validate(settings(cut_off=time(17)))
    body = parse(prepare(order(), late, now).body).body
    assert body.text("PmtInf/ReqdExctnDt/Dt") == execution
    assert (body.text("GrpHdr/CreDtTm") or "").endswith("+08:00")


@pytest.mark.parametrize(("purpose", "code"), [("SALA", "SALA"), ("salary", None), (None, None)])
def test_a_purpose_is_sent_when_it_is_a_code(purpose: str | None, code: str | None) -> None:
    """Free words are not made into codes."""
    body = parse(prepare(order(purpose=purpose), SETTINGS, NOW).body).body
    assert body.text("PmtInf/CdtTrfTxInf/Purp/Cd") == code


BAD_SETTINGS = {
    "unknown key": {"colour": "red"},
    "trailing slash": {"base_url": "https://bank.example.test/"},
    "upper-case host": {"base_url": "https://Bank.example.test"},
    "plain secret": {"signing_key": {"keyid": "k", "key": "-----BEGIN PRIVATE KEY-----"}},
    "hmac": {"signing_key": {"keyid": "k", "algorithm": "hmac-sha256", "key": "env:K"}},
    "key id with a quote": {"signing_key": {"keyid": 'k"', "key": "env:K"}},
    "no bank keys": {"bank_keys": {}},
    "no products": {"products": {}},
    "status as success": {"success_codes": ["ACSP"]},
    "no such zone": {"time_zone": "Mars/Olympus"},
    "no such mode": {"duplicate_mode": "perhaps"},
    "our own header": {"extra_headers": {"X-Request-ID": "1"}},
    "header injection": {"extra_headers": {"PSU-ID": "a\r\nb: c"}},
    "tls over http": {
        "base_url": "http://127.0.0.1:1",
        "tls": {"client_certificate": "env:A", "client_key": "env:B"},
    },
    "strings for numbers": {"repeat_window_s": "86400"},
    "naive date": {
        "bank_keys": {"k": {"public_key": "env:K", "not_after": datetime.fromisoformat("2026-01-01T00:00:00")}}
    },
}


@pytest.mark.parametrize("change", BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_settings_that_are_wrong_are_refused(change: dict[str, object]) -> None:
    """At start, with a reason; nothing is coerced."""
    with pytest.raises(ValidationError):
        BankSettings.model_validate(settings() | change)


def test_live_mode_refuses_test_keys_and_plain_http() -> None:
    """R21: published keys, plain http and a missing client certificate each forbid a live start."""
    sandbox = BankSettings.model_validate(settings(base_url="http://127.0.0.1:9"))
    assert len(SPEC.live_faults(sandbox)) == 4
    live = settings(
        signing_key={"keyid": "acme-2026", "key": "env:CLIENT_KEY"},
        bank_keys={"bank-2026": {"public_key": "env:BANK_KEY"}},
        tls={"client_certificate": "env:A", "client_key": "env:B"},
    )
    assert live_faults(BankSettings.model_validate(live)) == []


async def test_a_channel_declares_what_it_can(request: pytest.FixtureRequest) -> None:
    """Currencies by product, and the ground every attempt is pinned to."""
    bank = channel()
    assert bank.capabilities.currencies == {"CNY", "EUR"}
    assert bank.ground.account_id == "110000000000000001"
    assert bank.ground.key_ids == ("throwaway-test-client-ec-2026", "throwaway-test-bank-ec-2026")
    await bank.start()
    await bank.close()


def test_a_key_that_does_not_fit_is_named_without_being_shown() -> None:
    """A wrong PEM stops the start, and its text stays out of the error."""

    def wrong(reference: str) -> Secret:
        return Secret(b"not a key at all", reference) if reference == "env:CLIENT_KEY" else secret(reference)

    with pytest.raises(SecretError) as refused:
        channel(secret=wrong)
    assert "env:CLIENT_KEY" in str(refused.value)
    assert "not a key at all" not in str(refused.value)


def test_money_is_never_a_float() -> None:
    """The order's amount is an integer of minor units all the way to the text on the wire."""
    huge = prepare(order(10**15), SETTINGS, NOW).body
    assert b">10000000000000.00<" in huge
    assert Money(10**15, "CNY").decimal(2) == "10000000000000.00"
