"""Two people and a held payout, as an operator does it: the real server, the real commands, processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from gateway.demo.stage import Stage
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
LOST = "6222000000000005"
"""The connection breaks, and the bank never got it."""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


class Desk:
    """A running gateway whose patience ends before its channel is asked the first time; and its operators."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def open(self) -> None:
        document: Any = tomlkit.parse(self.stage.config.read_text())
        document["channels"]["mock"]["poll"] = ["3s", "6h"]
        document["channels"]["mock"]["timeouts"] = {"connect": "500ms", "read": "500ms", "total": "500ms"}
        document["holds"] = {"unknown_after": "1s"}
        self.stage.config.write_text(tomlkit.dumps(document))
        await self.stage.start_gateway()

    async def run(self, *words: str) -> Ended:
        """One command, as a process."""
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
        return Ended(process.returncode, out.decode(), err.decode())

    async def by(self, who: str, *words: str) -> Ended:
        return await self.run(*words, "--token-file", f"{who}.token")

    async def told(self, who: str, *words: str) -> dict[str, Any]:
        """What a command that succeeds says in JSON."""
        ended = await self.by(who, *words, "--json")
        assert ended.code == 0, ended.err
        answer: dict[str, Any] = json.loads(ended.out)
        return answer

    async def submit(self, reference: str, account: str) -> str:
        payee = {"type": "bank_account", "account_number": account, "name": "张三"}
        body = {
            "reference": reference,
            "amount": {"value": 5000, "currency": "CNY"},
            "beneficiary": {**payee, "bank_code": "000200000002", "country": "CN"},
        }
        url, headers = f"{self.stage.api}/payouts", self.stage.headers()
        async with self.stage.session.post(url, json=body, headers=headers) as response:
            assert response.status == 201
            return str((await response.json())["id"])

    async def payout(self, payout_id: str, verb: str = "") -> dict[str, Any]:
        """The payout as its app sees it, with its history; or after `verb`."""
        headers = self.stage.headers()
        if verb:
            async with self.stage.session.post(f"{self.stage.api}/payouts/{payout_id}/{verb}", headers=headers) as sent:
                assert sent.status in (200, 202)
        url = f"{self.stage.api}/payouts/{payout_id}?expand=attempts,timeline"
        async with self.stage.session.get(url, headers=headers) as response:
            told: dict[str, Any] = await response.json()
        return told

    async def until_held(self, payout_id: str) -> dict[str, Any]:
        """What the list of the held says of it, once it is there."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                held: list[dict[str, Any]] = (await self.told("ada", "hold", "ls"))["data"]
                found = [each for each in held if each["payout_id"] == payout_id]
                if found:
                    return found[0]

    async def two(self) -> None:
        """The first token's file, then the first two people."""
        assert (await self.run("admin", "add", "ada", "--token-file", "ada.token")).code == 0
        bob = ("bob", "--role", "approver", "--token-file", "bob.token")
        added = await self.run("admin", "add", *bob, "--using", "ada.token")
        assert added.code == 0, added.err

    async def resolve(self, who: str, payout_id: str, verdict: str) -> str:
        """The id of the request."""
        (self.stage.folder / "letter.txt").write_text("statement of 22 November, page 3")
        words = ("payout", "resolve", payout_id, verdict, "--evidence", "letter.txt", "--reason", "the statement")
        return str((await self.told(who, *words))["id"])


@pytest.fixture
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    # Not `tmp_path`: it is named after the test, and a log masks what begins like a test key, `test_`.
    async with Stage(tmp_path_factory.mktemp("desk")) as stage:
        opened = Desk(stage)
        await opened.open()
        yield opened


@pytest.mark.timeout(300)
async def test_two_people_end_what_nobody_can_tell(desk: Desk) -> None:
    """Held, never failed by itself; one person is not enough, a state that changed is looked at again, two decide."""
    first_token = desk.stage.folder / "state/first_admin_token"
    assert stat.S_IMODE(first_token.stat().st_mode) == 0o600
    token = first_token.read_text().strip()
    log = desk.stage.folder / "gateway.log"
    assert str(first_token) in log.read_text()
    assert token not in log.read_text()
    await desk.two()
    assert not first_token.exists()

    lost = await desk.submit("lost-1", LOST)
    held = await desk.until_held(lost)
    assert (held["status"], held["channel"], held["frozen"]) == ("processing", "mock", False)
    seen = await desk.payout(lost)
    assert (seen["status"], seen["under_review"], seen["attempts"][0]["state"]) == ("processing", True, "unknown")

    stale = await desk.resolve("ada", lost, "--not-paid")
    same = await desk.by("ada", "payout", "approve", stale)
    assert (same.code, "same_person" in same.err) == (1, True)
    await desk.payout(lost, "cancel")
    changed = await desk.by("bob", "payout", "approve", stale)
    assert (changed.code, "state_changed" in changed.err) == (1, True)
    assert (await desk.payout(lost))["status"] == "processing"

    anew = await desk.resolve("ada", lost, "--not-paid")
    assert (await desk.told("bob", "payout", "approve", anew))["approved_by"] == "person:bob"
    ended = await desk.payout(lost)
    assert ended["status"] in ("failed", "canceled")
    resolved = next(each for each in ended["timeline"] if each["type"] == "payout.resolved")
    assert (resolved["actor"], resolved["detail"]) == ("person", {"kind": "resolve_not_paid"})  # who and why is ours
    assert len(ended["attempts"]) == 1
    assert (await desk.told("ada", "hold", "ls"))["data"] == []

    text = log.read_text()
    for name in ("ada.token", "bob.token"):
        assert (desk.stage.folder / name).read_text().strip() not in text


@pytest.mark.timeout(300)
async def test_people_outlive_a_restart_and_a_stopped_gateway_is_unreachable(desk: Desk) -> None:
    """A start with an admin mints nothing; tokens stay good; with nobody listening commands end with 4."""
    await desk.two()
    await desk.stage.kill_gateway()
    assert (await desk.by("ada", "admin", "list")).code == 4
    await desk.stage.start_gateway()
    assert not (desk.stage.folder / "state/first_admin_token").exists()
    listed = await desk.told("bob", "admin", "list")
    assert [(each["name"], each["active"]) for each in listed["data"]] == [("ada", True), ("bob", True)]
    assert (await desk.by("ada", "admin", "revoke", "bob")).code == 0
    refused = await desk.by("bob", "admin", "list")
    assert (refused.code, refused.out) == (1, "")
    assert (await desk.run("admin", "add", "eve")).code == 2
