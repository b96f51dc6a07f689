"""`paymux archive`: on both stores, said in words and in JSON, with the exit codes of every command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from gateway.archive import manifest
from gateway.cli import archive as command
from gateway.cli.exit import Exit
from gateway.config.config import Config
from gateway.config.load import load
from gateway.config.mint import mint_sandbox_secrets
from gateway.config.resolve import resolve_secrets
from gateway.database import OpenStore, open_store
from gateway.domain import changes
from gateway.domain.event import Event, EventType
from gateway.domain.payout import Payout
from gateway.domain.reasons import StatusCode
from gateway.domain.status import StatusReason
from gateway.sealing import Sealer
from gateway.store.port import Tx
from gateway.store.records import Reference
from gateway.world import system_world
from tests.support import postgres
from tests.support.builders import a_payout
from tests.support.config_files import write
from tests.support.live_gateway import FILE

VARIABLE = "PAYMUX_TEST_DATABASE"
LONG_AGO = datetime.now(UTC) - timedelta(days=200)


@pytest.fixture(params=["sqlite", "postgres"])
def config(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A sandbox's configuration, on a file or on a server."""
    if request.param == "sqlite":
        yield write(tmp_path, FILE)
        return
    with postgres.fresh_database() as url:
        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        monkeypatch.setenv(VARIABLE, address)
        yield write(tmp_path, FILE.replace("[gateway]\n", f'[gateway]\ndatabase = "env:{VARIABLE}"\n'))


def opened(config: Config) -> OpenStore:
    secrets, world = resolve_secrets(config), system_world()
    sealer = Sealer(secrets.sealing_keys(), world.random_bytes, config.gateway.cipher)
    store, wakes = open_store(config, secrets.postgres, sealer, world)
    wakes.close()
    return store


def ended(reference: str, at: datetime) -> Callable[[Tx], Payout]:
    """A payout that was never sent, and has ended then."""
    fresh = replace(a_payout(reference), created_at=at, give_up_at=at)

    def unit(tx: Tx) -> Payout:
        tx.insert(fresh, Reference(fresh.id, b"mark"), None)
        tx.append_event(fresh, Event(1, at, EventType.ACCEPTED, "app:acme"))
        return tx.save(fresh, changes.close(fresh, StatusReason(StatusCode.EXPIRED), at), None)

    return unit


@contextmanager
def at_work(store: OpenStore | None) -> Iterator[None]:
    """A gateway holds the database meanwhile."""
    yield
    if store is not None:
        asyncio.run(store.close())


async def fill(config: Config) -> None:
    mint_sandbox_secrets(config)
    store = opened(config)
    for number in range(3):
        await store.run(ended(f"order-{number}", LONG_AGO))
    await store.run(ended("young", datetime.now(UTC)))
    await store.close()


def test_they_are_moved_and_verified(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of JSON each; what stays is counted by its reason; said again there is nothing to do."""
    loaded = load(config)
    asyncio.run(fill(loaded))
    folder = tmp_path / "archives"
    with at_work(opened(loaded)) if loaded.on_postgres else nullcontext():
        command.run(folder, config=config, json=True)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["moved"], told["stay"]) == (3, {})
    (made,) = told["archives"]
    assert manifest.read(folder / made["name"]).sha256 == made["manifest_sha256"]
    command.verify(folder, json=True)
    checked = json.loads(capsys.readouterr().out)
    assert checked == {"archives": [{"name": made["name"], "payouts": 3, "problems": []}], "unfinished": []}
    command.run(folder, config=config)
    assert capsys.readouterr().out.splitlines()[-1].startswith("0 payouts moved")
    command.verify(folder / made["name"])
    assert capsys.readouterr().out == f"{made['name']}: 3 payouts\n"


def test_a_file_is_its_gateways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On SQLite it is refused while the gateway runs, with the reason, and nothing is made."""
    config = write(tmp_path, FILE)
    loaded = load(config)
    asyncio.run(fill(loaded))
    with at_work(opened(loaded)), pytest.raises(SystemExit) as refused:
        command.run(tmp_path / "archives", config=config)
    assert refused.value.code == Exit.FAILED
    assert "no gateway works on it" in capsys.readouterr().err
    assert list((tmp_path / "archives").iterdir()) == []


def test_never_sooner_than_half_a_year(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Less is for a sandbox, where it is said twice; never for a live gateway."""
    config = write(tmp_path, FILE)
    asyncio.run(fill(load(config)))
    with pytest.raises(SystemExit) as refused:
        command.run(tmp_path / "archives", older_than="90d", config=config)
    assert refused.value.code == Exit.FAILED
    assert "at least 180d" in capsys.readouterr().err
    live = create_autospec(Config, instance=True, sandbox=False)
    with pytest.raises(command.ArchiveRefused):
        command._age("179d", live, force=True)
    assert command._age("180d", live, force=False) == timedelta(days=180)
    command.run(tmp_path / "archives", older_than="90d", force=True, config=config)
    assert capsys.readouterr().out.splitlines()[-1].startswith("3 payouts moved")


@pytest.mark.parametrize("older_than", ["soon", "0d", "3000d"])
def test_an_age_is_a_duration(tmp_path: Path, capsys: pytest.CaptureFixture[str], older_than: str) -> None:
    """Anything else is refused in words."""
    config = write(tmp_path, FILE)
    with pytest.raises(SystemExit) as refused:
        command.run(tmp_path / "archives", older_than=older_than, config=config)
    assert refused.value.code == Exit.FAILED
    assert "--older-than" in capsys.readouterr().err


def test_a_damaged_archive_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, and which file of which archive; what was never finished is named beside it."""
    config = write(tmp_path, FILE)
    asyncio.run(fill(load(config)))
    folder = tmp_path / "archives"
    command.run(folder, config=config, json=True)
    name = json.loads(capsys.readouterr().out.splitlines()[-1])["archives"][0]["name"]
    (folder / "paymux-x.partial").mkdir()
    with (folder / name / "events.csv.gz").open("ab") as file:
        file.write(b"more")
    with pytest.raises(SystemExit) as found:
        command.verify(folder)
    assert found.value.code == Exit.FOUND_PROBLEMS
    told = capsys.readouterr().out
    assert f"PROBLEM: {name}: events.csv.gz: it is not the file that was written" in told
    assert "paymux-x.partial: never finished" in told


def test_a_database_of_another_version_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is upgraded by whoever means to, not in passing."""
    config = write(tmp_path, FILE)
    with pytest.raises(SystemExit) as refused:
        command.run(tmp_path / "archives", config=config)
    assert refused.value.code == Exit.FAILED
    assert capsys.readouterr().err
    assert not load(config).database_path.exists()
