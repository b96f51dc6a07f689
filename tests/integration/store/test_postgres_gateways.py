"""Whole gateways on one PostgreSQL: they share the work, wake each other, and the commands find the same database."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from gateway.app import Gateway
from gateway.cli import audit, db, doctor, explain
from gateway.cli.exit import Exit
from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.database import place_of
from gateway.domain.audit import Act, Deed
from gateway.domain.errors import StoreUnavailable
from gateway.operations import nodes
from gateway.operations.nodes import Node
from gateway.operations.panel import Outcome, Wanted
from gateway.store.migrate import head
from gateway.store.records import Duty
from gateway.world import system_world
from routing.policy import ChannelState
from tests.support import postgres
from tests.support.builders import NOW
from tests.support.config_files import write
from tests.support.live_gateway import FILE, LiveGateway

VARIABLE = "PAYMUX_TEST_DATABASE"
PATIENT = '[worker]\nrescue_every = "1h"\n'
"""Whatever is done in time was not found by looking for it now and then."""
SHARED = FILE.replace("[gateway]\n", f'[gateway]\ndatabase = "env:{VARIABLE}"\n') + PATIENT


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[URL]:
    with postgres.fresh_database() as fresh:
        monkeypatch.setenv(VARIABLE, address_of(fresh))
        yield fresh


def address_of(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@asynccontextmanager
async def node(folder: Path, url: URL, name: str) -> AsyncIterator[LiveGateway]:
    """A gateway at work, with the keys of the first one."""
    own = folder / name
    if name != "one":
        shutil.copytree(folder / "one" / "state" / "keys", own / "state" / "keys")
    own.mkdir(exist_ok=True)
    config = load(write(own, SHARED), {VARIABLE: address_of(url)})
    opened = await Gateway.open(config, replace(system_world(), node=name))
    await opened.start()
    try:
        yield LiveGateway(own, opened)
    finally:
        await opened.stop()


async def until_paid(live: LiveGateway, number: int) -> None:
    """Come back when so many are."""
    while (await live.gateway.services.store.read(lambda tx: tx.counts())).get("paid") != number:
        pass


async def until_alpha(live: LiveGateway, state: ChannelState) -> None:
    """Come back when the channel is so."""
    while live.gateway.services.channels["alpha"].policy.state is not state:
        await live.gateway.services.store.read(lambda tx: None)


async def test_two_gateways_share_the_work(tmp_path: Path, url: URL) -> None:
    """Payouts ordered at both are all paid, each by one attempt, sent once; the second begins no quarantine."""
    async with node(tmp_path, url, "one") as one, node(tmp_path, url, "two") as two:
        assert not two.gateway.services.standing.now.quarantined
        ids = [(await each.accept(f"{n}")).id for n, each in enumerate([one, two] * 8)]
        await until_paid(two, 16)
        found = [await one.gateway.services.store.read(lambda tx, i=each: tx.payout(i)) for each in ids]
        attempts = [attempt for payout in found if payout is not None for attempt in payout.attempts]
        assert [attempt.transmissions for attempt in attempts] == [1] * 16


async def test_a_replay_at_the_other_gateway_is_the_same_payout(tmp_path: Path, url: URL) -> None:
    """An app that repeats its order at another node hears of the payout that there is (T8)."""
    async with node(tmp_path, url, "one") as one, node(tmp_path, url, "two") as two:
        assert (await one.accept("same")).id == (await two.accept("same")).id


async def test_what_becomes_due_at_one_wakes_the_other(tmp_path: Path, url: URL) -> None:
    """A gateway that can take nothing more leaves it to another at once, not when that one happens to look."""
    async with node(tmp_path, url, "one") as one, node(tmp_path, url, "two") as two:
        await one.gateway._workers.payouts.stop(1.0)
        for number in range(3):
            await one.accept(f"left-{number}")
            await until_paid(two, number + 1)


async def test_an_override_reaches_the_other_gateway_at_once(tmp_path: Path, url: URL) -> None:
    """Set on one node, in force on both; lifted on the other, gone from both."""
    async with node(tmp_path, url, "one") as one, node(tmp_path, url, "two") as two:
        drain = Wanted("alpha", "draining", None, "it answers slowly", "person:ada", None)
        await one.gateway.panel.set(drain, lambda _tx: None)
        await until_alpha(two, ChannelState.DRAINING)
        await two.gateway.panel.lift("alpha", "person:ada", lambda _tx: None)
        await until_alpha(one, ChannelState.ENABLED)


async def test_a_gateway_that_runs_another_file_is_shown(tmp_path: Path, url: URL) -> None:
    """By name, to people and to the metrics of the others; not any more when it has left."""

    async def say(live: LiveGateway) -> None:
        await nodes.say(live.gateway.services, live.gateway.nodes, live.gateway.reloads.state.sha256)

    async with node(tmp_path, url, "one") as one:
        async with node(tmp_path, url, "two") as two:
            two.write(SHARED.replace("amount = 200", "amount = 300"))
            assert (await two.gateway.reloader.reload("person:ada")).outcome is Outcome.RELOADED
            for each in (two, one, two, one):
                await say(each)
            ours, theirs = one.gateway.config.sha256, two.gateway.config.sha256
            assert ours != theirs
            assert one.gateway.panel.nodes() == (Node("one", ours), Node("two", theirs))
        await say(one)
        assert one.gateway.panel.nodes() == (Node("one", ours),)


async def test_what_is_done_once_for_all_is_done_by_one(url: URL) -> None:
    """The same one, until its session ends; then another that asks."""
    one, two = postgres.open_store(url), postgres.open_store(url)
    for _ in range(2):
        assert await one.run(lambda tx: tx.lead(Duty.ALARM))
        assert not await two.run(lambda tx: tx.lead(Duty.ALARM))
    assert await two.run(lambda tx: tx.lead(Duty.RETRIES))
    await one.close()
    while not await two.run(lambda tx: tx.lead(Duty.ALARM)):
        pass
    await two.close()


def said(command: Callable[..., None], capsys: pytest.CaptureFixture[str], **options: Any) -> Any:
    command(**options, json=True)
    return json.loads(capsys.readouterr().out)


async def test_the_commands_look_into_the_same_database(
    tmp_path: Path, url: URL, capsys: pytest.CaptureFixture[str]
) -> None:
    """Check, audit, doctor and explain work as on a file, beside a gateway that runs."""
    async with node(tmp_path, url, "one") as one:
        await one.accept("looked-at")
        await until_paid(one, 1)
        await one.gateway.services.store.run(lambda tx: tx.append_audit(Deed(NOW, "person:ada", Act.REQUEST_MADE, "x")))
        capsys.readouterr()
        config = one.path
        assert said(db.upgrade, capsys, config=config) == {"before": head(), "after": head()}
        checked = said(db.check, capsys, config=config)
        assert (checked["problems"], checked["payouts"]) == ([], {"paid": 1})
        assert said(audit.verify, capsys, config=config)["broken_at"] is None
        assert said(explain.explain, capsys, amount="10", currency="CNY", beneficiary="bank_account", config=config)
        with suppress(SystemExit):  # whatever else it finds on this machine
            doctor.doctor(config=config)
        assert f"schema {head()}" in capsys.readouterr().out


@pytest.mark.parametrize("command", [db.backup, db.restore_check])
def test_copies_are_not_ours_to_make(
    tmp_path: Path, url: URL, capsys: pytest.CaptureFixture[str], command: Callable[..., None]
) -> None:
    """A copy of one moment that leaves out what other nodes do would be a trap: the refusal says what to use."""
    with pytest.raises(SystemExit) as refused:
        command(tmp_path / "copy.db", config=write(tmp_path, SHARED))
    assert refused.value.code == Exit.FAILED
    assert "pg_dump" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["env:NOT_SET", "env:BROKEN"])
def test_an_address_that_is_missing_or_none_is_a_fault_of_the_file(tmp_path: Path, named: str) -> None:
    """At its line, without the password that may stand in it."""
    text = SHARED.replace(f"env:{VARIABLE}", named)
    config = load(write(tmp_path, text), {"BROKEN": "postgresql://u:secret@host"})
    with pytest.raises(ConfigError, match=r"gateway\.database") as refused:
        place_of(config)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_not_there_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, and no password."""
    text = SHARED.replace(f"env:{VARIABLE}", "postgresql://paymux@/nowhere?host=/nonexistent")
    with pytest.raises(SystemExit) as refused:
        db.upgrade(config=write(tmp_path, text))
    assert refused.value.code == Exit.FAILED
    assert "PostgreSQL" in capsys.readouterr().err
    with pytest.raises(StoreUnavailable):
        postgres.open_store(postgres.server().set(database="paymux_nowhere"))
