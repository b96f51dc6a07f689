"""What the client's README shows works as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paymux_client import Client, callbacks
from paymux_client.models import CreatePayout, Payout, Status
from paymux_client.reading import decode
from tests.support.paymux_vectors import CALLBACKS, NOW_S

README = Path(__file__).parents[3] / "clients" / "python" / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
CASE = CALLBACKS["cases"][0]
PAYOUT = callbacks.verify(
    CASE["headers"], CASE["body"].encode(), secrets=[CALLBACKS["secrets"]["new"]], now_s=NOW_S
).payout


def test_the_blocks_run_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An order is made, a list is walked, a callback is taken and a forged one refused."""
    ordered: list[CreatePayout] = []

    def create(_client: Client, order: CreatePayout) -> Payout:
        ordered.append(order)
        return PAYOUT

    monkeypatch.setattr(Client, "create_payout", create)
    monkeypatch.setattr(Client, "each", lambda _client, call: [PAYOUT] if ("status", "failed") in call.query else [])
    monkeypatch.setattr("paymux_client.callbacks.time", SimpleNamespace(time=lambda: NOW_S))
    shown: dict[str, Any] = {}
    assert len(BLOCKS) == 3
    for block in BLOCKS:
        exec(block, shown)  # noqa: S102 - our own page
    assert [order.reference for order in ordered] == ["withdrawal-2026-000123"]
    assert shown["failed"](shown["paymux"]) == ["w-1"]
    secrets = CALLBACKS["secrets"]
    assert shown["receive"](CASE["headers"], CASE["body"].encode(), secrets["old"], secrets["new"]) == 204
    assert shown["receive"](CASE["headers"], b"{}", secrets["old"], secrets["new"]) == 401
    assert capsys.readouterr().out.splitlines() == [f"{PAYOUT.id} paid", f"{CASE['headers']['webhook-id']} 3 paid"]


def test_a_word_reads_as_its_text() -> None:
    """`payout.status == "paid"` works for a word that is known and for one that is not."""
    assert PAYOUT.status is Status.PAID
    assert str(PAYOUT.status) == "paid"
    assert decode(Payout, {**_view(), "status": "dreaming"}).status == "dreaming"


def _view() -> dict[str, Any]:
    view: dict[str, Any] = json.loads(CASE["body"])["data"]["object"]
    return view
