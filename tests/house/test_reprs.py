"""No repr shows a secret, an account number or a notification's token: a repr may end in a log or a crash report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel

from adapters.bank.camt053 import Statement
from adapters.bank.config import PayerSettings
from adapters.bank.pain001 import Party
from adapters.bank.sandbox.book import Instruction
from adapters.bank.sandbox.doors import BankAnswer
from adapters.bank.sandbox.messages import StatementDay
from adapters.bank.sandbox.options import BankSandboxOptions
from adapters.bank.signature_base import Request, Response
from adapters.channel import ChannelContext, Notice, Order, RawNotification, Sent, Signed
from adapters.http import HttpAnswer
from adapters.mock.book import Booked
from adapters.mock.plays import State
from adapters.mock.wire import Ordered
from adapters.sandbox.books import BookEntry
from adapters.sandbox.notifier import Outgoing
from adapters.signer import HERE
from adapters.spec import SandboxPlace
from adapters.wechat.client import Client
from adapters.wechat.orders import Form
from adapters.wechat.sandbox.book import Bill
from adapters.wechat.sandbox.minting import SandboxKeys
from adapters.wechat.sandbox.routes import Call
from gateway.api.admin.bodies import MakeRequest
from gateway.api.auth import Presented
from gateway.api.keys import KeyRecord
from gateway.api.schemas import BankAccount, WechatUser
from gateway.api.signed_request import Algorithm
from gateway.config.channel_part import ChannelPart
from gateway.domain.beneficiary import BankBeneficiary, WechatBeneficiary
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, Heard, OutcomeKind
from gateway.domain.payout import Prepared
from gateway.domain.principal import Bearer, Principal, Token
from gateway.domain.review import Ask, RequestKind
from gateway.operations.principals import Issued
from gateway.operations.services import Keys
from gateway.secret import Secret
from tests.support.builders import a_ground

HUSH = "6222hush0199"
"""Stands for whatever must not be shown; an account number by form, so that it passes as one."""
RAW = HUSH.encode()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MONEY = Money(1, "CNY")
ANY = cast(Any, None)
"""For what a repr test has no use for."""

ORDER = Order("po_1", "r", "C", "u", MONEY, BankBeneficiary(HUSH, HUSH, "000200000002", "CN"))
TO_OPENID = Order("po_1", "r", "C", "u", MONEY, WechatBeneficiary(HUSH, HUSH))
PREPARED = Prepared("/orders", RAW)
REQUEST = Request("POST", f"https://gateway.test/notify/bank/{HUSH}", (), RAW)

SECRETIVE: dict[str, Callable[[], object]] = {
    "our keys": lambda: Keys(RAW, RAW),
    "a secret": lambda: Secret(RAW, "env:X"),
    "a key of an app": lambda: KeyRecord("k", "shop", Algorithm.HMAC_SHA256, RAW, frozenset()),
    "a person's token": lambda: Token(RAW, "ada", NOW),
    "whose token it was": lambda: Bearer("ada", RAW),
    "a token as it is given out": lambda: Issued(Principal("ada", 1, NOW, "bob"), HUSH, None),
    "what a person asks for": lambda: Ask(RequestKind.RELEASE, "po_1", "why", RAW),
    "what a person sends": lambda: MakeRequest(kind=RequestKind.RELEASE, reason="why", evidence=HUSH),
    "a request as presented": lambda: Presented("GET", b"/", [f"Bearer {HUSH}"], RAW, "127.0.0.1"),
    "an API bank account": lambda: BankAccount(
        type="bank_account", account_number=HUSH.upper(), name=HUSH, bank_code="000200000002", country="CN"
    ),
    "an API WeChat user": lambda: WechatUser(type="wechat", openid=HUSH, name=HUSH),
    "a channel's settings": lambda: ChannelPart.model_construct(adapter="bank", settings={"payer": {"account": HUSH}}),
    "a channel's context": lambda: ChannelContext(
        ANY, ANY, ANY, ANY, notify_url=f"https://gateway.test/notify/x/{HUSH}", timeouts=ANY, deliver=ANY
    ),
    "an order to an account": lambda: ORDER,
    "an order to an openid": lambda: TO_OPENID,
    "an order that was sent": lambda: Sent(ORDER, a_ground(), PREPARED),
    "an order that is signed": lambda: Signed(Sent(ORDER, a_ground(), PREPARED), "POST", "https://x/", (), RAW),
    "an answer": lambda: Answer(Heard.QUERY, OutcomeKind.PENDING, raw=RAW),
    "an HTTP answer": lambda: HttpAnswer(200, {}, RAW),
    "a raw notification": lambda: RawNotification("POST", f"/notify/bank/{HUSH}", (), RAW, NOW),
    "a notice": lambda: Notice(Answer(Heard.NOTIFICATION, OutcomeKind.PENDING, raw=RAW), account=HUSH),
    "WeChat's client": lambda: Client(ANY, ANY, ANY, RAW, ANY, ANY, "", None, False, 1.0, HERE),
    "WeChat's form": lambda: Form("a", "1000", None, (), "x", f"https://gateway.test/notify/wechat/{HUSH}"),
    "the bank's payer": lambda: PayerSettings(name="Us", account=HUSH, currency="CNY", bank_code="000100000001"),
    "a bank's party": lambda: Party(HUSH, HUSH, None),
    "a bank's statement": lambda: Statement("s", HUSH, "CNY", 1, NOW, MONEY, MONEY, ()),
    "a bank's request": lambda: REQUEST,
    "a bank's answer": lambda: Response(200, (), REQUEST, RAW),
    "the mock's order": lambda: Ordered("C", MONEY, HUSH),
    "the mock's booking": lambda: Booked("M", "C", MONEY, HUSH, "d", State.PAID, NOW, NOW),
    "a sandbox's entry": lambda: BookEntry("C", "M", 1, "CNY", HUSH, "paid", 1),
    "a sandbox's place": lambda: SandboxPlace(Path(), 0, 0, f"https://gateway.test/{HUSH}", False, False, ANY),
    "a sandbox's notification": lambda: Outgoing(f"https://gateway.test/{HUSH}", (), RAW),
    "the sandbox bank's options": lambda: BankSandboxOptions(Path(), notify_url=HUSH, accounts={HUSH: "CNY"}),
    "the sandbox bank's order": lambda: Instruction("m", "p", "i", "e", "u", HUSH, HUSH, MONEY),
    "the sandbox bank's day": lambda: StatementDay(HUSH, "CNY", 1, NOW, NOW, 0, 0),
    "the sandbox bank's answer": lambda: BankAnswer(200, RAW),
    "the WeChat sandbox's keys": lambda: SandboxKeys(ANY, RAW, ANY, ()),
    "the WeChat sandbox's order": lambda: Bill({"openid": HUSH}, ANY, "b", NOW, NOW),
    "the WeChat sandbox's request": lambda: Call("POST", "/", {}, RAW),
}


def held(value: object) -> str:
    """Everything in it, whatever its repr says."""
    if isinstance(value, BaseModel):
        return repr(value.model_dump())
    assert is_dataclass(value)
    assert not isinstance(value, type)
    return repr(asdict(value))


@pytest.mark.parametrize("make", SECRETIVE.values(), ids=SECRETIVE)
def test_a_repr_hides_what_it_holds(make: Callable[[], object]) -> None:
    """It is there, and neither `repr` nor `str` shows it."""
    value = make()
    assert HUSH in held(value).lower(), "nothing to hide: the test would pass by itself"
    assert HUSH not in f"{value!r} {value}".lower()
