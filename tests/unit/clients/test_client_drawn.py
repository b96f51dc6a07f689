"""The client's models and calls are the API's: drawn from the document, and each name has one meaning in both."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
from jsonschema import Draft202012Validator

from gateway.api.calls import calls as more_calls
from gateway.api.docs import Docs
from gateway.api.notifications import Notifications
from gateway.api.openapi import build
from gateway.api.payouts import Payouts
from gateway.api.state import PublicState
from gateway.api.table import public_routes
from gateway.domain.payout import AttemptState
from gateway.domain.view import masked_view, payout_view
from paymux_client import AsyncClient, Client, calls, models
from paymux_client.reading import Unreadable, body_of, decode, encode
from tests.support.callbacks import make_attempt, make_payout

ROOT = Path(__file__).parents[3]
SPECS = [create_autospec(kind, instance=True) for kind in (Payouts, Notifications, Docs, PublicState)]
ROUTES = public_routes(*SPECS[:3], more_calls(SPECS[3]))
DOCUMENT: Mapping[str, Any] = json.loads(json.dumps(build(ROUTES, "0", sandbox=True)))
SCHEMAS: Mapping[str, Any] = DOCUMENT["components"]["schemas"]
NOT_FOR_APPS = {"notify", "streamTimeline"}
RENAMED = {"Code": "ProblemCode"}


def class_of(schema: str) -> Any:
    return getattr(models, RENAMED.get(schema, schema.removesuffix("Reply")))


def snake(operation: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in operation)


def test_the_drawn_modules_are_what_the_api_is() -> None:
    """A call or field added to the API is added to the client too."""
    script = ROOT / "clients" / "python" / "draw_api.py"
    ran = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_operation_is_a_method_of_both_clients() -> None:
    """But for those that are not for apps, by name. Both clients have the same ones, with the same arguments."""
    told = {each["operationId"] for methods in DOCUMENT["paths"].values() for each in methods.values()}
    assert len(told) > 8
    for name in map(snake, told - NOT_FOR_APPS):
        blocking, awaiting = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(blocking) == inspect.signature(awaiting), name
        assert inspect.iscoroutinefunction(awaiting), name
        assert name in dir(calls)


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if "enum" not in schema])
def test_every_object_has_its_fields(name: str) -> None:
    """Each field, which of them must be given, and nothing that the API does not have: compared by another hand."""
    made, schema = class_of(name), SCHEMAS[name]
    assert is_dataclass(made)
    known = {each.name: each for each in fields(made) if each.name != "extra"}
    assert set(known) == set(schema["properties"])
    needed = {name for name, each in known.items() if each.default is MISSING and each.default_factory is MISSING}
    constants = {name for name, shape in schema["properties"].items() if "const" in shape}
    assert needed == set(schema.get("required", ())) - constants


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if "enum" in schema])
def test_every_list_of_words_has_its_words(name: str) -> None:
    """No word is missing or invented."""
    assert [str(word) for word in class_of(name)] == SCHEMAS[name]["enum"]


ORDERS = [
    models.CreatePayout(
        reference="w-1",
        amount=models.Amount(value=12500, currency="CNY"),
        beneficiary=models.WechatUser(openid="oDEMO0001"),
    ),
    models.CreatePayout(
        reference="w-2",
        amount=models.Amount(value=1, currency="CNY"),
        beneficiary=models.BankAccount(
            account_number="6222020000000002", name="张三", bank_code="102100099996", country="CN"
        ),
        purpose="SALA",
        description="withdrawal",
        preference="fastest",
        send_by=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8))),
        on_expiry=models.OnExpiry.ANY_CHANNEL,
        metadata={"user": "4711"},
    ),
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.reference)
def test_an_order_is_one_that_the_api_takes(order: models.CreatePayout) -> None:
    """What is sent validates against the published schema."""
    schema = {"$ref": "#/components/schemas/CreatePayout", "components": DOCUMENT["components"]}
    sent = json.loads(body_of(order))
    assert not list(Draft202012Validator(schema).iter_errors(sent))
    assert sent["reference"] == order.reference


def test_an_order_keeps_the_payee_out_of_logs() -> None:
    """Account, name and openid are not in its repr."""
    assert not [word for order in ORDERS for word in ("oDEMO0001", "6222", "张三") if word in repr(order)]


def test_a_time_without_an_offset_is_not_sent() -> None:
    """Nobody could tell when that is."""
    with pytest.raises(ValueError, match="offset"):
        encode(datetime(2026, 1, 1))  # noqa: DTZ001 - that is what is refused
    assert encode(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00+00:00"


PAYOUT = make_payout(attempts=(make_attempt(AttemptState.SUCCEEDED),))


def test_a_payout_is_read_whole() -> None:
    """Every field of the gateway's own view arrives with its value; nothing is left over."""
    view = json.loads(json.dumps(payout_view(PAYOUT)))
    read = decode(models.Payout, view)
    assert read.extra == {}
    assert read.status is models.Status.PAID
    assert read.created_at == PAYOUT.created_at
    assert {name: value for name, value in encode_all(read).items() if value is not None} == {
        name: value for name, value in view.items() if value is not None and not name.endswith("_at")
    }


def encode_all(read: models.Payout) -> dict[str, Any]:
    encoded = encode(read)
    assert isinstance(encoded, dict)
    return {name: value for name, value in encoded.items() if not name.endswith("_at")}


def test_what_a_callback_carries_is_read_too() -> None:
    """It lacks two fields, which are None then."""
    read = decode(models.Payout, json.loads(json.dumps(masked_view(PAYOUT))))
    assert (read.reference, read.description, read.next_action) == (PAYOUT.reference, None, None)


def test_what_is_new_does_not_break_an_old_client() -> None:
    """A word, a field and a kind of payee that it does not know stay as they came."""
    view = json.loads(json.dumps(payout_view(PAYOUT)))
    view |= {"status": "dreaming", "colour": "blue", "beneficiary": {"type": "moon", "crater": 7}}
    view["next_action"] = {"type": "wechat_confirm", "expires_at": "2026-01-01T00:00:00Z", "package_info": "p"}
    read = decode(models.Payout, view)
    assert (read.status, read.extra, read.beneficiary) == (
        "dreaming",
        {"colour": "blue"},
        {"type": "moon", "crater": 7},
    )
    assert read.next_action is not None
    assert read.next_action.extra == {"package_info": "p"}


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("id", None, "Payout.id"),
        ("amount", {"value": "12", "currency": "CNY"}, "Payout.amount: Money.value"),
        ("amount", {"value": True, "currency": "CNY"}, "Payout.amount: Money.value"),
        ("amount", {"value": 1.5, "currency": "CNY"}, "Payout.amount: Money.value"),
        ("created_at", "yesterday", "Payout.created_at"),
        ("created_at", "2026-01-01T00:00:00", "Payout.created_at"),
        ("disputed", 0, "Payout.disputed"),
        ("object", "batch", "Payout.object"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(field: str, value: object, place: str) -> None:
    """An amount that is no whole number is never read as one; the value itself is not repeated."""
    view = json.loads(json.dumps(payout_view(PAYOUT))) | {field: value}
    with pytest.raises(Unreadable) as caught:
        decode(models.Payout, view)
    assert str(caught.value).startswith(place)
    assert "yesterday" not in str(caught.value)
