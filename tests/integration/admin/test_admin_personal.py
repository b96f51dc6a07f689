"""Whom payouts are for: found by an account, erased for good, and sealed under a key that people can change."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from adapters.channel import Notice
from gateway.__main__ import build
from gateway.cli.exit import Exit
from gateway.domain.beneficiary import BankBeneficiary, WechatBeneficiary
from gateway.domain.errors import NotRetryable
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import Payout
from gateway.domain.status import Status, status
from gateway.operations import observe
from gateway.operations.keys import renew
from gateway.operations.retry import RetryWish, finish_open, retry
from gateway.sealing import Sealer
from gateway.store.records import Delivery
from gateway.store.sqlite import MemoryStore, SqliteStore
from tests.support.admin_api import AdminServer
from tests.support.api_server import Answered
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.scripted import ScriptedGateway, scripted_gateway
from tests.support.sealed_books import FirstLayoutSealer, all_of, fill

SEARCH = "/admin/v1/payouts/search"
WHY = {"reason": "asked for by the payee"}


@dataclass
class Room:
    """Ada, and a gateway whose channel answers as it is told."""

    admin: AdminServer
    gateway: ScriptedGateway
    ada: str
    bob: str

    async def ended(self, reference: str, kind: OutcomeKind = OutcomeKind.SUCCEEDED, **fields: Any) -> Payout:
        self.gateway.channels["alpha"].submits.append(an_answer(kind, raw=b"HTTP 200 to Zhang"))
        self.gateway.channels["beta"].submits.append(an_answer(kind, raw=b"HTTP 200 to Zhang"))
        return await self.gateway.accept(reference, **fields)

    async def told(self, payout: Payout) -> None:
        """Its app took every callback."""
        now = self.gateway.clock.now()
        for each in await self.gateway.store.read(lambda tx: tx.callbacks(payout.id)):
            taken = replace(each, due_at=None, delivered_at=now, tries=1)
            await self.gateway.store.run(
                lambda tx, taken=taken: tx.record_delivery(taken, Delivery(now, 200, "", 1))  # type: ignore[misc]  # mypy loses the default
            )

    async def settled(self, payout: Payout) -> None:
        """It is asked about no more: a failed one is for a while, so that a late payment is noticed."""
        for _ in range(20):
            found = await self.gateway.payout(payout.id)
            if all(each.due_at is None for each in found.attempts):
                return
            await self.gateway.pass_time(days=1)
        raise AssertionError("it is still asked about")

    async def erase(self, payout: Payout, token: str | None = None) -> Answered:
        path = f"/admin/v1/payouts/{payout.id}/erase"
        return await self.admin.send("POST", path, WHY, token=token or self.ada)

    async def found(self, kind: str, account: str) -> list[str]:
        answer = await self.admin.send("POST", SEARCH, {"type": kind, "account": account}, token=self.ada)
        assert answer.status == 200, answer.body
        return [each["reference"] for each in answer.json()["data"]]


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    gateway = scripted_gateway()
    admin = AdminServer(tmp_path, gateway.services)
    await admin.start()
    ada, bob = await admin.two()
    yield Room(admin, gateway, ada, bob)
    await admin.stop()
    await gateway.store.close()


async def test_an_ended_payout_is_erased_and_its_books_stay(room: Room) -> None:
    """Its app and people see the same: how much, when, how it ended; no more to whom. The audit has the reason."""
    payout = await room.ended("order-1", metadata={"user": "u-77"}, description="rent", purpose="rent")
    await room.told(payout)
    answer = await room.erase(payout)
    assert answer.status == 200, answer.body
    left = await room.gateway.payout(payout.id)
    assert (left.beneficiary.account, left.beneficiary.name, left.metadata, left.description, left.purpose) == (
        "", "", {}, None, None,
    )  # fmt: skip
    assert (left.amount, left.reference, status(left)) == (payout.amount, payout.reference, Status.PAID)
    assert answer.json()["erased_at"] is not None
    assert answer.json()["beneficiary"]["account_number"] == ""
    shown = await room.admin.send("GET", f"/admin/v1/payouts/{payout.id}", token=room.ada)
    assert shown.json()["timeline"][-1]["type"] == "payout.erased"
    audit = await room.admin.send("GET", "/admin/v1/audit", token=room.ada)
    line = audit.json()["data"][-1]
    assert (line["act"], line["subject"], line["detail"]) == ("payout.erased", payout.id, WHY)


async def test_erased_twice_is_erased_once(room: Room) -> None:
    """The same answer; no second line in history or audit."""
    payout = await room.ended("order-1")
    await room.told(payout)
    first = await room.erase(payout)
    again = await room.erase(payout)
    assert (again.status, again.json()) == (200, first.json())
    events = await room.gateway.store.read(lambda tx: tx.events(payout.id))
    assert [str(each.type) for each in events].count("payout.erased") == 1


async def test_what_has_not_ended_is_not_erased(room: Room) -> None:
    """It may still be sent, asked about, or fought over: without its payee it could not."""
    payout = await room.ended("order-1", OutcomeKind.PENDING)
    answer = await room.erase(payout)
    assert (answer.status, answer.json()["errors"][0]["code"]) == (409, "not_final")
    assert (await room.gateway.payout(payout.id)).beneficiary == BENEFICIARY


async def test_an_app_is_told_first(room: Room) -> None:
    """A callback that is still due is made of it."""
    payout = await room.ended("order-1")
    answer = await room.erase(payout)
    assert (answer.status, answer.json()["errors"][0]["code"]) == (409, "callbacks_open")
    await room.told(payout)
    assert (await room.erase(payout)).status == 200


async def test_a_retry_is_erased_with_what_the_failed_one_knows_of_it(room: Room) -> None:
    """Whom a retry goes to stands with the payout that it orders again, too."""
    failed = await room.ended("order-1", OutcomeKind.REJECTED)
    assert status(failed) is Status.FAILED
    corrected = BankBeneficiary("6222000000000288", "李四", "000200000002", "CN")
    room.gateway.channels["alpha"].submits.append(an_answer(OutcomeKind.SUCCEEDED))
    wish = RetryWish("acme", failed.id, "order-2", corrected)
    made = (await retry(room.gateway.services, wish)).payout
    await room.gateway.run_handed()
    await room.told(made)
    assert (await room.erase(made)).status == 200
    intent = await room.gateway.store.read(lambda tx: tx.retry(failed.id))
    assert intent is not None
    assert (intent.beneficiary.account, intent.beneficiary.name) == ("", "")
    assert (await room.gateway.payout(failed.id)).beneficiary == BENEFICIARY


async def test_a_retry_in_the_making_is_left_alone(room: Room) -> None:
    """Its intent is compared with what is there: erased too early, it would look like a reference of somebody else's,
    be taken back, and leave room for a second one."""
    failed = await room.ended("order-1", OutcomeKind.REJECTED)
    room.gateway.channels["alpha"].submits.append(an_answer(OutcomeKind.SUCCEEDED))
    made = (await retry(room.gateway.services, RetryWish("acme", failed.id, "order-2"))).payout
    await room.gateway.run_handed()
    for each in (failed, made):
        await room.told(each)
        await room.settled(each)
    intent = await room.gateway.store.read(lambda tx: tx.retry(failed.id))
    assert intent is not None
    await room.gateway.store.run(lambda tx: tx.drop_retry(failed))
    await room.gateway.store.run(lambda tx: tx.add_retry(failed, replace(intent, ended_at=None)))
    for each in (failed, made):
        assert (await room.erase(each)).json()["errors"][0]["code"] == "not_final"
    room.gateway.clock.move(120)
    assert await finish_open(room.gateway.services) == 1
    for each in (made, failed):
        assert (await room.erase(each)).status == 200
    left = await room.gateway.payout(failed.id)
    assert left.retried_as == made.id


async def test_an_erased_payout_is_not_ordered_again(room: Room) -> None:
    """Nobody knows to whom; and what was ordered again before is not ordered a second time."""
    failed = await room.ended("order-1", OutcomeKind.REJECTED)
    await room.told(failed)
    assert (await room.erase(failed)).json()["errors"][0]["code"] == "not_final"
    await room.settled(failed)
    assert (await room.erase(failed)).status == 200
    for wish in (RetryWish("acme", failed.id, "order-2"), RetryWish("acme", failed.id, "order-3", BENEFICIARY)):
        with pytest.raises(NotRetryable, match="not known any more"):
            await retry(room.gateway.services, wish)
    other = await room.ended("order-4", OutcomeKind.REJECTED)
    room.gateway.channels["alpha"].submits.append(an_answer(OutcomeKind.SUCCEEDED))
    wish = RetryWish("acme", other.id, "order-5")
    made = (await retry(room.gateway.services, wish)).payout
    await room.gateway.run_handed()
    for each in (made, other):
        await room.told(each)
        await room.settled(each)
    assert (await room.erase(other)).status == 200
    for again in (wish, replace(wish, beneficiary=BENEFICIARY)):
        with pytest.raises(NotRetryable, match="it was ordered again"):
            await retry(room.gateway.services, again)
    assert (await room.gateway.payout(other.id)).retried_as == made.id


async def test_news_of_an_erased_payout_still_count(room: Room) -> None:
    """Money that comes back is told by id and amount: the account is not there to be compared any more."""
    payout = await room.ended("order-1")
    await room.told(payout)
    await room.erase(payout)
    left = await room.gateway.payout(payout.id)
    named = BENEFICIARY.account_number
    notice = Notice(an_answer(OutcomeKind.RETURNED), account=named)
    assert observe._matches(left, notice)
    assert not observe._matches(payout, replace(notice, account="another"))


async def test_erasing_takes_the_right(room: Room) -> None:
    """An operator may look for payouts, and not erase."""
    payout = await room.ended("order-1")
    await room.told(payout)
    olga = await room.admin.add("olga", room.ada, role="operator")
    confirmed = await room.admin.send("POST", "/admin/v1/principals/olga/confirm", token=room.bob)
    assert confirmed.status == 200
    answer = await room.erase(payout, olga)
    assert (answer.status, answer.json()["code"]) == (403, "role_missing")
    assert (await room.gateway.payout(payout.id)).erased_at is None


async def test_payouts_are_found_by_account_however_it_is_written(room: Room) -> None:
    """Of all kinds, newest first; what was erased is not found, nor what only looks alike."""
    to_wechat = WechatBeneficiary("oPenId-1", "王五")
    first = await room.ended("one")
    room.gateway.clock.move(1)
    await room.ended("two")
    await room.ended("three", beneficiary=to_wechat)
    grouped = " ".join(BENEFICIARY.account_number[at : at + 4] for at in range(0, 16, 4))
    assert await room.found("bank_account", BENEFICIARY.account_number) == ["two", "one"]
    assert await room.found("bank_account", grouped) == ["two", "one"]
    assert await room.found("wechat", "oPenId-1") == ["three"]
    assert await room.found("wechat", "openid-1") == []
    assert await room.found("wechat", BENEFICIARY.account_number) == []
    await room.told(first)
    await room.erase(first)
    assert await room.found("bank_account", grouped) == ["two"]


async def test_what_an_account_opens_to_decides(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two accounts that share an index are not taken for one."""
    monkeypatch.setattr("gateway.blind_index.BlindIndex.of", lambda *_: b"the same")
    await room.ended("one")
    await room.ended("two", beneficiary=replace(BENEFICIARY, account_number="6222000000000377"))
    assert await room.found("bank_account", "6222000000000377") == ["two"]


# Commands -----------------------------------------------------------------------------------------------------------


async def run(admin: AdminServer, token: str, capture: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    os.environ["PAYMUX_ADMIN_TOKEN"] = token
    url = f"http://127.0.0.1:{admin.port}"

    def command() -> int:
        try:
            build()([*words, "--url", url])
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    capture.readouterr()
    try:
        with capture_logs():  # structlog's default writes to the commands' stdout
            code = await asyncio.to_thread(command)
    finally:
        del os.environ["PAYMUX_ADMIN_TOKEN"]
    heard = capture.readouterr()
    return code, heard.out + heard.err


async def test_the_commands_find_and_erase(
    room: Room, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`payout find` takes the account from standard input; neither command prints one."""
    payout = await room.ended("order-1")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{BENEFICIARY.account_number}\n"))
    code, found = await run(room.admin, room.ada, capsys, "payout", "find")
    assert (code, payout.id in found, BENEFICIARY.account_number in found) == (Exit.OK, True, False)
    refused, why = await run(room.admin, room.ada, capsys, "payout", "erase", payout.id, "--reason", "asked for")
    assert (refused, "callbacks_open" in why) == (Exit.FAILED, True)
    await room.told(payout)
    words = ("payout", "erase", payout.id, "--reason", "asked for", "--json")
    code, erased = await run(room.admin, room.ada, capsys, *words)
    assert (code, json.loads(erased)["id"]) == (Exit.OK, payout.id)


async def test_the_command_rotates_to_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Page by page through the admin API, while the gateway works; then the new key is enough. The audit says who."""
    old, new = b"o" * 32, b"n" * 32
    path = tmp_path / "paymux.db"
    first = SqliteStore.open_file(path, FirstLayoutSealer(old), "sandbox")
    await first.run(fill("order-1"))
    before = await first.read(all_of("order-1"))
    await first.close()
    store = SqliteStore.open_file(path, Sealer([new, old], os.urandom), "sandbox")
    admin = AdminServer(tmp_path / "admin", replace(scripted_gateway().services, store=store))
    await admin.start()
    ada, _ = await admin.two()
    code, told = await run(admin, ada, capsys, "keys", "rotate", "--json")
    done = json.loads(told)
    assert (code, done["data_keys"] >= 1, done["values"] > 5) == (Exit.OK, True, True)
    code, words = await run(admin, ada, capsys, "keys", "rotate")
    assert (code, words.startswith("0 data keys wrapped anew, 0 values")) == (Exit.OK, True)
    audit = await admin.send("GET", "/admin/v1/audit", token=ada)
    assert [each["actor"] for each in audit.json()["data"] if each["act"] == "keys.rotated"] == ["person:ada"] * 2
    for wrong in ('["nowhere"]', '["payouts", "x", "y"]', "{}", "not json", '["attempts", 1, 2, 3]'):
        answer = await admin.send("POST", "/admin/v1/keys/rotate", {"after": wrong}, token=ada)
        assert answer.status == 400, wrong
    await admin.stop()
    await store.close()
    last = SqliteStore.open_file(path, Sealer([new], os.urandom), "sandbox")
    assert await last.read(all_of("order-1")) == before
    await last.close()


async def test_a_worn_data_key_is_followed_by_another() -> None:
    """It is in the store before it seals anything; what the first one sealed still opens."""
    sealer = Sealer([b"k" * 32], os.urandom)
    store = MemoryStore(sealer)
    services = replace(scripted_gateway().services, store=store)
    payout = await store.run(fill("order-1"))
    before = sealer.seal(b"x", "p")
    await renew(services, sealer)
    after = sealer.seal(b"x", "p")
    assert before[1:9] != after[1:9]
    assert await store.read(lambda tx: tx.payout(payout.id)) == payout
    await store.close()
