"""The audit: every act of a person leaves a line in its own transaction, and the chain tells of any change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.cli.audit import audit as audit_command
from gateway.cli.exit import Exit
from gateway.domain.audit import Act, Deed, verify
from gateway.sealing import Sealer
from gateway.store.backup import audit_lines
from gateway.store.sqlite import SqliteStore
from tests.support.admin_api import PRINCIPALS, REQUESTS, AdminServer
from tests.support.scripted import ScriptedGateway, scripted_gateway


@dataclass
class Room:
    """Two people at a gateway that holds a payout."""

    admin: AdminServer
    gateway: ScriptedGateway
    payout_id: str
    ada: str
    bob: str

    async def acts(self) -> list[tuple[str, str, str]]:
        answer = await self.admin.send("GET", "/admin/v1/audit", token=self.ada)
        return [(each["actor"], each["act"], each["subject"]) for each in answer.json()["data"]]


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    gateway = scripted_gateway()
    payout = await gateway.accept()
    await gateway.pass_time(hours=24)
    admin = AdminServer(tmp_path, gateway.services)
    await admin.start()
    ada, bob = await admin.two()
    yield Room(admin, gateway, payout.id, ada, bob)
    await admin.stop()
    await gateway.store.close()


async def test_every_act_of_people_is_a_line(room: Room) -> None:
    """Who was added by whom, what was asked for, withdrawn, asked again and approved; and the chain holds."""
    ask = {"kind": "release", "payout_id": room.payout_id, "reason": "the channel is back"}
    first = (await room.admin.send("POST", REQUESTS, ask, token=room.ada)).json()["id"]
    await room.admin.send("POST", f"{REQUESTS}/{first}/withdraw", token=room.ada)
    second = (await room.admin.send("POST", REQUESTS, ask, token=room.ada)).json()["id"]
    await room.admin.send("POST", f"{REQUESTS}/{second}/approve", token=room.bob)
    await room.admin.send("DELETE", f"{PRINCIPALS}/bob", token=room.ada)
    people = [("first token", "principal.added", "ada"), ("person:ada", "principal.added", "bob")]
    assert await room.acts() == [
        *people,
        ("person:ada", "request.made", first),
        ("person:ada", "request.withdrawn", first),
        ("person:ada", "request.made", second),
        ("person:bob", "request.approved", second),
        ("person:ada", "principal.revoked", "bob"),
    ]
    lines = await room.gateway.store.read(lambda tx: tx.audit(0, 100))
    assert verify(lines).broken_at is None


async def test_what_was_refused_leaves_no_line(room: Room) -> None:
    """The line is part of the transaction: nothing was done, so nothing is told."""
    before = await room.acts()
    refused = await room.admin.send(
        "POST", REQUESTS, {"kind": "lift_freeze", "payout_id": room.payout_id, "reason": "x"}, token=room.ada
    )
    assert refused.status == 409
    assert await room.acts() == before


async def test_lines_come_from_where_the_caller_stands(room: Room) -> None:
    """`since` is the last line that is known."""
    answer = await room.admin.send("GET", "/admin/v1/audit?since=1", token=room.ada)
    assert [each["sequence"] for each in answer.json()["data"]] == [2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shipped = Path("config.toml").read_text(encoding="utf-8")
    (tmp_path / "config.toml").write_text(shipped, encoding="utf-8")
    return tmp_path


@pytest_asyncio.fixture
async def database(folder: Path) -> Path:
    """A gateway's folder whose database has three lines."""
    path = folder / "state" / "paymux.db"
    store = SqliteStore.open_file(path, Sealer([bytes(32)], lambda size: bytes(size)), "sandbox")
    for number in range(3):
        deed = Deed(datetime(2026, 1, 1, tzinfo=UTC), "person:ada", Act.OVERRIDE_SET, f"channel-{number}")
        await store.run(lambda tx, deed=deed: tx.append_audit(deed))
    await store.close()
    return path


def _verified(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = 0
    try:
        audit_command(["verify", "--json", "--config", str(path.parent.parent / "config.toml")])
    except SystemExit as end:
        code = int(end.code or 0)
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return code, told


@pytest.mark.parametrize(
    ("change", "broken_at"),
    [
        (None, None),
        ("UPDATE audit SET actor = 'person:eve' WHERE sequence = 2", 2),
        ("UPDATE audit SET detail = '{\"n\": 1}' WHERE sequence = 1", 1),
        ("DELETE FROM audit WHERE sequence = 2", 2),
    ],
)
def test_the_command_names_the_first_broken_line(
    database: Path, capsys: pytest.CaptureFixture[str], change: str | None, broken_at: int | None
) -> None:
    """Sound: exit code 0. Changed behind the gateway's back: 3, and where."""
    if change is not None:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(change)
    code, told = _verified(database, capsys)
    assert told["broken_at"] == broken_at
    assert code == (Exit.OK if broken_at is None else Exit.FOUND_PROBLEMS)


def test_pages_follow_each_other(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small a page is, each line comes once, in its order."""
    monkeypatch.setattr("gateway.store.backup.AUDIT_PAGE", 2)
    assert [line.sequence for line in audit_lines(database)] == [1, 2, 3]
