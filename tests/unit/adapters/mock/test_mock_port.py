"""The mock as a channel: its declaration, its settings, and the bytes it prepares."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from adapters.channel import Signed, Unsendable
from adapters.mock import SPEC
from adapters.mock.config import MockSettings
from gateway.domain.beneficiary import BeneficiaryKind, WechatBeneficiary
from gateway.domain.money import Money
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.payout import DuplicateMode
from gateway.domain.reasons import RejectReason
from tests.support.mock_world import MockWorld, order


def test_it_is_never_allowed_in_live_mode() -> None:
    """Whatever its settings (R21)."""
    assert SPEC.name == "mock"
    assert SPEC.live_faults(MockSettings())


@pytest.mark.parametrize(
    "settings",
    [
        {"bok": "x"},
        {"usual_s": -1},
        {"usual_s": "1"},
        {"slow_s": True},
        {"duplicate_mode": "refuse"},
        {"currencies": ["cny"]},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    """Unknown keys, negative or non-numeric times, modes and currencies that are none."""
    with pytest.raises(ValidationError):
        MockSettings.model_validate(settings)


def test_the_declaration_follows_the_settings() -> None:
    """Capabilities and ground are what the configuration says, and an attempt can be pinned to them."""
    channel = MockWorld({"currencies": ["JPY"], "book": "bank.jsonl", "usual_s": 1}).channel
    assert channel.capabilities.currencies == {"JPY"}
    assert channel.capabilities.kinds == set(BeneficiaryKind)
    assert channel.capabilities.can_query
    assert channel.capabilities.can_cancel
    assert channel.capabilities.notifies
    assert (channel.ground.adapter, channel.ground.adapter_version) == ("mock", SPEC.version)
    assert (channel.ground.account_id, channel.ground.base_address) == ("mocky", "mock:bank.jsonl")
    assert channel.ground.duplicate_mode is DuplicateMode.SAME_RESOURCE


def test_the_same_order_gives_the_same_bytes_and_every_field_is_in_them() -> None:
    """Canonical JSON: sorted, no spaces, exact integers, text as it is; signing leaves the bytes alone."""
    world = MockWorld()
    wanted = replace(order("0001"), purpose="salary", description="工资")
    prepared = world.channel.prepare(wanted, world.clock.now())
    assert prepared == world.channel.prepare(wanted, world.clock.now())
    fields = json.loads(prepared.body)
    assert json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == prepared.body
    assert fields == {
        "amount": {"minor": 12_345, "currency": "CNY"},
        "beneficiary": {
            "kind": "bank_account",
            "account": "622200000001",
            "name": "张三",
            "bank_code": "102100099996",
        },
        "channel_reference": wanted.channel_reference,
        "description": "工资",
        "purpose": "salary",
        "uetr": wanted.uetr,
    }
    assert world.signed(wanted).body == prepared.body


async def test_a_wechat_payee_is_paid_by_the_ending_of_the_openid(world: MockWorld) -> None:
    """Both kinds of beneficiary obey the same endings."""
    wanted = replace(order("0001"), beneficiary=WechatBeneficiary("oUpF8uMuAJO_M2pxb1Q9zNj0003"))
    assert (await world.send(wanted)).reason is RejectReason.PAYEE_ACCOUNT_CLOSED


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (Money(1, "JPY"), RejectReason.CURRENCY_NOT_SUPPORTED),
        (Money(0, "CNY"), RejectReason.AMOUNT_INVALID),
        (Money(-1, "CNY"), RejectReason.AMOUNT_INVALID),
    ],
)
def test_what_it_cannot_pay_is_refused_before_anything_is_stored(amount: Money, reason: RejectReason) -> None:
    """`Unsendable` with the reason, so that the router tries the next channel."""
    world = MockWorld()
    with pytest.raises(Unsendable) as refused:
        world.channel.prepare(replace(order("0001"), amount=amount), world.clock.now())
    assert refused.value.reason is reason


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[1]", b'{"channel_reference":"A"}', b"\xff"])
async def test_bytes_that_are_no_order_are_refused_loudly(world: MockWorld, body: bytes) -> None:
    """No crash, no final refusal, an alarm, and nothing in the book."""
    signed = world.signed(order("0001"))
    answer = await world.channel.submit(Signed(signed.sent, signed.method, signed.url, signed.headers, body))
    assert (answer.kind, answer.finality, answer.alarm) == (OutcomeKind.REJECTED, Finality.UNKNOWN, True)
    assert world.channel.books() == []


@pytest.mark.parametrize("ending", ["0001", "0002", "0003", "0004", "0008"])
async def test_every_answer_carries_its_evidence(world: MockWorld, ending: str) -> None:
    """`raw` is never empty, status line first, and holds nothing of the payee."""
    for answer in (await world.send(order(ending)), await world.query(order(ending))):
        assert answer.raw.startswith((b"mock ", b"no answer (sent)"))
        assert b"6222" not in answer.raw
