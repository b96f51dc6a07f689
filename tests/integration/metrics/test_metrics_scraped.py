"""What Prometheus finds on the admin listener of a running gateway, also while the store does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import tomlkit
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import Gateway
from gateway.config.load import load
from gateway.config.mint import test_key_path as bearer_path
from gateway.demo.stage import Ports, free_ports, write_config
from gateway.domain.allowance import Allowances, Used
from gateway.domain.errors import StoreUnavailable
from gateway.domain.outcome import OutcomeKind
from gateway.metrics import scrape as scraping
from gateway.metrics import table
from gateway.metrics.meter import RegistryMeter
from gateway.metrics.scrape import BELIEVED_FOR_S, Scrape
from gateway.metrics.table import METRICS, Kind, Metric
from gateway.world import system_world
from tests.support.builders import an_answer
from tests.support.metered import metered_gateway
from tests.support.scripted import ScriptedGateway

ORDER = {
    "reference": "scraped-1",
    "amount": {"value": 500, "currency": "CNY"},
    "beneficiary": {"type": "bank_account", "account_number": "6222000000000001", "name": "张三"}
    | {"bank_code": "000200000002", "country": "CN"},
}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Ports]]:
    """A gateway in this process, with the mock alone."""
    ports = free_ports()
    path = write_config(tmp_path, ports)
    document: Any = tomlkit.parse(path.read_text(encoding="utf-8"))
    for name in ("wechat", "bank"):
        del document["channels"][name]
    document["channels"]["mock"]["limits"]["funding"] = 100_000
    document["gateway"]["health_listen"] = "127.0.0.1:0"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    gateway = await Gateway.open(load(path), system_world())
    await gateway.start()
    yield gateway, ports
    await gateway.stop()


async def test_a_running_gateway_shows_every_metric_and_no_id(running: tuple[Gateway, Ports]) -> None:
    """Every metric of the table is there, with its help; nothing of a payout, its app or its payee is."""
    gateway, ports = running
    token = bearer_path(gateway.config, "demo").read_text().strip()
    async with aiohttp.ClientSession() as session:
        created = await session.post(
            f"http://127.0.0.1:{ports.public}/v1/payouts", json=ORDER, headers={"Authorization": f"Bearer {token}"}
        )
        payout = (await created.json())["id"]
        hidden = await session.get(f"http://127.0.0.1:{ports.public}/metrics")
        shown = await session.get(f"http://127.0.0.1:{ports.admin}/metrics")
        text = await shown.text()
    assert (created.status, hidden.status, shown.status) == (201, 404, 200)
    assert shown.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP ")}
    assert told >= {metric.name for metric in METRICS}
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]

    def value(metric: Metric, *labels: str) -> float:
        wanted = dict(zip(metric.labels, labels, strict=True))
        return next(each.value for each in samples if each.name == metric.name and each.labels == wanted)

    assert value(table.PAYOUTS, "CNY", "accepted") == 1
    assert value(table.CHANNEL_STATE, "mock", "enabled") == 1
    assert value(table.HTTP_REQUESTS, "/v1/payouts", "POST", "201") == 1
    assert value(table.CONFIG_RELOAD_OK) == 1
    assert value(table.REQUESTS_INSIDE, "orders") == 0
    assert value(table.WORKER_PAYOUTS, "waiting") == 0
    assert value(table.CONFIG_INFO, gateway.config.sha256) == 1
    assert value(table.HTTP_REQUESTS, "none", "GET", "404") == 1
    assert value(table.CHANNEL_BALANCE, "mock", "CNY") in (100_000, 99_500)
    assert all(word not in text for word in (payout, "scraped-1", "demo", "6222000000000001"))


async def test_the_health_listener_says_whether_we_are_there_and_nothing_else(running: tuple[Gateway, Ports]) -> None:
    """Two paths, without the checks' detail; metrics and people are elsewhere."""
    gateway, _ = running
    (*_, probes) = gateway._listeners
    told: dict[str, tuple[int, object]] = {}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{probes.port}") as session:
        for path in ("/livez", "/readyz", "/readyz?verbose", "/metrics", "/admin/v1/holds", "/v1/payouts", "/docs"):
            answer = await session.get(path)
            told[path] = answer.status, await answer.json()
        assert {path: status for path, (status, _) in told.items()} == {
            "/livez": 200, "/readyz": 200, "/readyz?verbose": 400, "/metrics": 404, "/admin/v1/holds": 404,
            "/v1/payouts": 404, "/docs": 404,
        }  # fmt: skip
        assert told["/readyz"][1] == {"status": "ready", "draining": False}
        gateway.health.draining = True
        assert (await session.get("/readyz")).status == 503


def scraped(gateway: ScriptedGateway, meter: RegistryMeter) -> Scrape:
    return Scrape(meter, gateway, lambda: 0.25)


def gauges(scrape: Scrape, metric: Metric) -> dict[tuple[str, ...], float]:
    return {labels: float(value) for which, labels, value in scrape.readings() if which is metric}


async def test_what_waits_is_shown_with_its_age() -> None:
    """Payouts that have not ended, the worker's lag, the callbacks' backlog; ages grow between two looks."""
    gateway, meter = metered_gateway("alpha")
    gateway.channels["alpha"].submits.append(an_answer(OutcomeKind.PENDING))
    scrape = scraped(gateway, meter)
    await gateway.accept()
    gateway.clock.move(20)
    await scrape.exposition()
    assert gauges(scrape, table.PAYOUTS_IN_STATE)["processing",] == 1
    assert gauges(scrape, table.PAYOUT_OLDEST_AGE)["processing",] == 20
    assert gauges(scrape, table.CALLBACK_OLDEST) == {(): 20}
    assert gauges(scrape, table.WORKER_LAG) == {(): 0}
    gateway.clock.move(100)
    assert gauges(scrape, table.PAYOUT_OLDEST_AGE)["processing",] == 120
    assert gauges(scrape, table.LOOP_LAG) == {(): 0.25}
    assert gauges(scrape, table.HOLDS_OPEN) == {(): 0}
    await scrape.exposition()
    assert gauges(scrape, table.WORKER_LAG)[()] == 90


async def test_a_channel_shows_its_switch_its_breaker_and_its_funding() -> None:
    """One state each is 1; a balance only where there is one."""
    gateway, meter = metered_gateway("alpha", "beta")
    handles = dict(gateway.services.channels)
    handles["alpha"] = replace(handles["alpha"], allowances=Allowances(funding_minor=1_000))
    gateway.services = replace(gateway.services, channels=handles)
    scrape = scraped(gateway, meter)
    handles["alpha"].guard.admit()
    await scrape.exposition()
    assert {key for key, value in gauges(scrape, table.CHANNEL_STATE).items() if value} == {
        ("alpha", "enabled"),
        ("beta", "enabled"),
    }
    assert gauges(scrape, table.BREAKER_STATE)["alpha", "closed"] == 1
    assert gauges(scrape, table.CHANNEL_IN_FLIGHT) == {("alpha",): 1, ("beta",): 0}
    assert gauges(scrape, table.CHANNEL_BALANCE) == {("alpha", "CNY"): 1_000}
    usage = {"alpha": {("CNY", "funding"): Used(400, 1)}}
    assert scrape._look is not None
    scrape._look = replace(scrape._look, usage=usage)
    assert gauges(scrape, table.CHANNEL_BALANCE) == {("alpha", "CNY"): 600}


class _CountedReads:
    """The store, with its reads counted, and failing when told to."""

    def __init__(self, gateway: ScriptedGateway) -> None:
        self.store, self.clock = gateway.store, gateway.clock
        self.reads, self.takes_s, self.broken = 0, 0.0, False

    async def read(self, query: Any) -> Any:
        self.reads += 1
        self.clock.move(self.takes_s)
        if self.broken:
            raise StoreUnavailable("gone")
        return await self.store.read(query)


async def test_looking_never_takes_more_than_a_small_share_of_the_time() -> None:
    """A look is believed for a while, and for longer when it was slow, however often it is scraped."""
    gateway, meter = metered_gateway("alpha")
    reads = _CountedReads(gateway)
    gateway.services = replace(gateway.services, store=reads)  # type: ignore[arg-type]  # only reads are made
    scrape = scraped(gateway, meter)
    for _ in range(5):
        await scrape.exposition()
    assert reads.reads == 1
    reads.takes_s = 2.0
    gateway.clock.move(BELIEVED_FOR_S)
    await scrape.exposition()
    gateway.clock.move(2.0 / scraping.LOOK_SHARE - 1)
    await scrape.exposition()
    assert reads.reads == 2
    gateway.clock.move(1)
    await scrape.exposition()
    assert reads.reads == 3


async def test_a_store_that_fails_leaves_its_gauges_out_and_the_rest_in() -> None:
    """Absent is not zero: nobody is told that nothing waits."""
    gateway, meter = metered_gateway("alpha")
    reads = _CountedReads(gateway)
    gateway.services = replace(gateway.services, store=reads)  # type: ignore[arg-type]  # only reads are made
    scrape = scraped(gateway, meter)
    assert b"paymux_holds_open 0" in await scrape.exposition()
    reads.broken = True
    gateway.clock.move(BELIEVED_FOR_S)
    text = await scrape.exposition()
    assert b"paymux_holds_open" not in text
    assert b'paymux_channel_state{channel="alpha",state="enabled"} 1.0' in text
    reads.broken = False
    assert b"paymux_holds_open 0" in await scrape.exposition()


async def test_a_store_that_hangs_does_not_hang_the_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is told, and the same look is waited for by the next scrape."""
    gateway, meter = metered_gateway("alpha")
    answers = asyncio.Event()
    real = gateway.store

    class Hanging(_CountedReads):
        async def read(self, query: Any) -> Any:
            self.reads += 1
            await answers.wait()
            return await real.read(query)

    hanging = Hanging(gateway)
    gateway.services = replace(gateway.services, store=hanging)  # type: ignore[arg-type]  # only reads are made
    monkeypatch.setattr(scraping, "DEADLINE_S", 0.0)
    scrape = scraped(gateway, meter)
    assert b"paymux_holds_open" not in await scrape.exposition()
    assert b"paymux_channel_in_flight" in await scrape.exposition()
    assert hanging.reads == 1
    answers.set()
    monkeypatch.setattr(scraping, "DEADLINE_S", 10.0)
    assert b"paymux_holds_open 0" in await scrape.exposition()


def test_every_gauge_of_the_table_is_shown_by_somebody() -> None:
    """A gauge that nothing reads would be a lie in the documents."""
    source = Path(scraping.__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in source.glob("*.py") if path.name != "table.py")
    named = {name for name, value in vars(table).items() if isinstance(value, Metric) and value.kind is Kind.GAUGE}
    assert named
    assert sorted(name for name in named if f"table.{name}," not in text) == []
