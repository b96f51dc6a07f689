"""An older backup is restored, and the apps order everything again: each order is paid once (T19, R15).

The real server, the real commands, the mock bank's own book. Nothing in here is told that a restore took place: the
gateway finds out by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from adapters.mock.book import read_book
from gateway.demo.stage import Stage
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
USUAL, STUCK = "6222000000000199", "6222000000000012"
"""Paid at once; taken in and never heard of again."""


class Office:
    """A gateway with the mock as its only channel, its app, and two people."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        document: Any = tomlkit.parse(stage.config.read_text())
        for name in ("wechat", "bank"):
            del document["channels"][name]
        stage.config.write_text(tomlkit.dumps(document))

    async def start(self, *options: str) -> None:
        await self.stage._start("gateway", "gateway", "serve", "--config=config.toml", *options)
        await self.stage._until_ready("gateway", f"{self.stage.admin}/readyz")

    async def run(self, *words: str) -> tuple[int, str, str]:
        """One command: exit code, what it said, what it complained about."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", *words,
            cwd=self.stage.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return process.returncode, out.decode(), err.decode()

    async def told(self, *words: str) -> dict[str, Any]:
        """What a command that ends well says in JSON."""
        code, out, err = await self.run(*words, "--json")
        assert code == 0, err
        answer: dict[str, Any] = json.loads(out)
        return answer

    async def order(self, reference: str, account: str = USUAL) -> tuple[int, dict[str, Any]]:
        """As an app does, the first time and every further time: HTTP status and payout."""
        payee = {"type": "bank_account", "account_number": account, "name": "张三"}
        body = {
            "reference": reference,
            "amount": {"value": 5000, "currency": "CNY"},
            "beneficiary": {**payee, "bank_code": "000200000002", "country": "CN"},
        }
        url, headers = f"{self.stage.api}/payouts", self.stage.headers()
        async with self.stage.session.post(url, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def until(self, payout_id: str, wanted: str) -> dict[str, Any]:
        url, headers = f"{self.stage.api}/payouts/{payout_id}", self.stage.headers()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                async with self.stage.session.get(url, headers=headers) as response:
                    told: dict[str, Any] = await response.json()
                if told["status"] == wanted:
                    return told
                await asyncio.sleep(0.1)

    async def paid(self, reference: str) -> str:
        _, payout = await self.order(reference)
        return str((await self.until(payout["id"], "paid"))["id"])

    async def quarantine(self) -> str:
        """What readiness says of it; the gateway is ready all the same."""
        async with self.stage.session.get(f"{self.stage.admin}/readyz", params={"verbose": ""}) as response:
            assert response.status == 200
            checks = (await response.json())["checks"]
        return next(str(check["detail"]) for check in checks if check["name"] == "quarantine")

    async def leave(self) -> None:
        """Two people, as soon as what was open has been asked about."""
        words = ("quarantine", "leave", "--reason", "statements compared", "--token-file", "ada.token")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                code, out, err = await self.run(*words, "--json")
                if code == 0:
                    break
                assert "not_reconciled" in err
        request = json.loads(out)["id"]
        assert (await self.run("payout", "approve", request, "--token-file", "ada.token"))[0] == 1
        await self.told("payout", "approve", request, "--token-file", "bob.token")

    async def people(self) -> None:
        assert (await self.run("admin", "add", "ada", "--token-file", "ada.token"))[0] == 0
        bob = ("bob", "--role", "approver", "--token-file", "bob.token")
        assert (await self.run("admin", "add", *bob, "--using", "ada.token"))[0] == 0

    async def until_behind(self, copy: str) -> None:
        """The high-water file has been written since: it is, once a second, and a fast machine is sooner here."""
        async with asyncio.timeout(PATIENCE_S):
            while not (await self.told("db", "restore-check", copy))["behind"]:
                await asyncio.sleep(0.1)

    def restore(self, copy: str) -> None:
        """As docs/operations.md says: without the log of the database that it replaces."""
        state = self.stage.folder / "state"
        for name in ("paymux.db-wal", "paymux.db-shm"):
            (state / name).unlink(missing_ok=True)
        shutil.copy(self.stage.folder / copy, state / "paymux.db")

    def payments(self) -> dict[str, int]:
        """How often the bank moved money, by the id it knows an order by."""
        rows = read_book(self.stage.folder / "state/mock.book")
        return {str(row["channel_reference"]): int(row["paid_times"]) for row in rows}


@pytest.fixture
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    # Not `tmp_path`: it is named after the test, and a log masks what begins like a test key, `test_`.
    async with Stage(tmp_path_factory.mktemp("office")) as stage:
        yield Office(stage)


@pytest.mark.timeout(600)
async def test_orders_paid_after_the_backup_are_not_paid_again(office: Office) -> None:
    """The whole story: backup, more payments, crash, restore, everything ordered again, quarantine, two people."""
    await office.start()
    await office.people()
    before = [await office.paid(f"before-{number}") for number in range(3)]
    _, stuck = await office.order("stuck", STUCK)
    await office.until(stuck["id"], "processing")
    await office.told("db", "backup", "copy.db")
    lost = [await office.paid(f"lost-{number}") for number in range(3)]
    await office.until_behind("copy.db")
    await office.stage.kill_gateway()
    books = office.payments()
    assert sorted(books.values()) == [0, 1, 1, 1, 1, 1, 1]

    checked = await office.told("db", "restore-check", "copy.db")
    assert (checked["problems"], checked["payouts"]["paid"], checked["would_ask_about"]) == ([], 3, 1)
    assert checked["behind"] > 0
    assert "older copy" in checked["quarantine"]
    office.restore("copy.db")
    await office.start()
    assert "older copy" in await office.quarantine()

    again = [await office.order(f"before-{number}") for number in range(3)]
    assert [(status, payout["id"]) for status, payout in again] == [(200, known) for known in before]
    anew = [(await office.order(f"lost-{number}"))[1]["id"] for number in range(3)]
    assert set(anew).isdisjoint(lost)
    for payout_id in anew:
        assert (await office.until(payout_id, "accepted"))["status_reason"]["code"] == "channel_unavailable"
    await office.stage.kill_gateway()
    await office.start()
    assert "older copy" in await office.quarantine()
    assert office.payments() == books

    await office.leave()
    for payout_id in anew:
        held = await office.until(payout_id, "held")
        assert held["under_review"] is True
    assert "asked first" in await office.quarantine()
    assert office.payments() == books

    await office.paid("new-1")
    added = {known: times for known, times in office.payments().items() if known not in books}
    assert list(added.values()) == [1]
    assert office.payments() == books | added
    assert (await office.until(stuck["id"], "processing"))["id"] == stuck["id"]


@pytest.mark.timeout(300)
async def test_a_restart_and_a_move_are_no_restore(office: Office) -> None:
    """Killed and started, stopped and moved with its high-water file: payouts go on as ever."""
    await office.start()
    await office.paid("one")
    await office.stage.kill_gateway()
    await office.start()
    assert await office.quarantine() == ""
    part = office.stage.parts.pop("gateway")
    await office.stage._end(part)
    await office.told("db", "backup", "copy.db")
    office.restore("copy.db")
    assert (await office.told("db", "restore-check", "copy.db"))["quarantine"] is None
    await office.start()
    assert await office.quarantine() == ""
    await office.paid("two")


@pytest.mark.timeout(300)
async def test_a_lost_file_or_a_word_on_the_command_line_is_enough(office: Office) -> None:
    """`serve --quarantine`, or no high-water file beside a store with payouts: accepted, and not sent."""
    await office.start("--quarantine")
    assert "asked for on the command line" in await office.quarantine()
    _, payout = await office.order("one")
    await office.until(payout["id"], "accepted")
    await office.people()
    await office.leave()
    await office.until(payout["id"], "paid")
    await office.stage.kill_gateway()
    (office.stage.folder / "state/paymux.db.high-water").unlink()
    await office.start()
    assert "no high-water file" in await office.quarantine()


@pytest.mark.timeout(240)
async def test_a_bad_copy_ends_the_check_with_three(office: Office) -> None:
    """0: it may be relied on. 1: it could not be looked at. 3: it must not be relied on."""
    await office.start()
    await office.told("db", "backup", "copy.db")
    again = await office.run("db", "backup", "copy.db")
    assert (again[0], "never overwritten" in again[2]) == (1, True)
    assert (await office.run("db", "restore-check", "copy.db"))[0] == 0
    assert (await office.run("db", "restore-check", "none.db"))[0] == 1
    (office.stage.folder / "bad.db").write_bytes((office.stage.folder / "copy.db").read_bytes()[:9000])
    code, out, _ = await office.run("db", "restore-check", "bad.db", "--json")
    assert (code, bool(json.loads(out)["problems"])) == (3, True)
    code, out, _ = await office.run("db", "restore-check", "bad.db")
    assert (code, "PROBLEM" in out) == (3, True)
