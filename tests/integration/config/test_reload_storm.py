"""A thousand changes of the configuration under load: nobody ever sees a part of one, and no payout is lost."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from random import Random

import pytest

from adapters.mock.book import Book
from gateway.config.errors import ConfigError
from gateway.domain.errors import RequestRefused
from gateway.domain.status import FINAL
from gateway.operations.panel import Outcome, Wanted
from tests.support.live_gateway import LiveGateway, live_gateway

TOGGLES = 1000
ORDER_EVERY = 4
ORDERS = TOGGLES // ORDER_EVERY
CHANNEL = """
[channels.{name}]
adapter = "mock"
state = "{state}"
weight = {weight}
currencies = ["CNY"]
methods = ["bank_account"]
limits = {{ rps = 10000, in_flight = {in_flight}, max = {most} }}
fees = [{{ kind = "flat", currency = "CNY", amount = {fee} }}]
settings = {{ book = "bank.book", usual_s = 0.0, return_s = 0.0, slow_s = 0.0 }}
"""
BROKEN = ("version = 1\n[gateway\n", "", 'version = 1\n[gateway]\nlisten = "127.0.0.1:18099"\n')


def a_file(dice: Random) -> str:
    """Any configuration whose parts say the same number, `most`; now and then one that must be refused."""
    if dice.random() < 0.1:
        return dice.choice(BROKEN)
    most = dice.randrange(1_000_000, 2_000_000)
    names = ["alpha", *(name for name in ("beta", "gamma") if dice.random() < 0.7)]
    tables = [
        CHANNEL.format(
            name=name,
            state="enabled" if name == "alpha" else dice.choice(["enabled", "draining", "disabled"]),
            weight=dice.choice([0, 50, 100]),
            in_flight=dice.choice([20, 20, 20, 40]),
            most=most,
            fee=dice.randrange(1, 300),
        )
        for name in names
    ]
    listen = '[gateway]\nlisten = "127.0.0.1:0"\nadmin_listen = "127.0.0.1:0"\n'
    return f"version = 1\n{listen}{''.join(tables)}[apps.demo]\nmax_amount = {{ CNY = {most} }}\n"


def assert_whole(live: LiveGateway) -> None:
    """Doors and channels of what is in force are of one and the same file."""
    snapshot = live.gateway.in_force.snapshot
    most = snapshot.doors.max_amounts["demo"]["CNY"]
    assert {handle.policy.max_minor for handle in snapshot.services.channels.values()} == {most}
    assert set(snapshot.notify_tokens) == set(snapshot.services.channels)


async def toggles(live: LiveGateway, dice: Random) -> dict[str, int]:
    """Change the file, reload, hold a channel back, let it go, with an order now and then; how often what went well."""
    did = {"reloaded": 0, "refused": 0, "overrides": 0}
    for number in range(TOGGLES):
        if number % ORDER_EVERY == 0:
            await live.accept(f"order-{number}")
        if dice.random() < 0.2:
            did["overrides"] += await override(live, dice)
            continue
        (live.write if dice.random() < 0.5 else live.rename_over)(a_file(dice))
        try:
            did["reloaded"] += (await live.gateway.reloader.reload("file")).outcome is Outcome.RELOADED
        except ConfigError:
            did["refused"] += 1
        assert_whole(live)
    return did


async def override(live: LiveGateway, dice: Random) -> bool:
    name = dice.choice(sorted(live.gateway.services.channels))
    if dice.random() < 0.5:
        await live.gateway.panel.lift(name, "person:ada", lambda _tx: None)
        return True
    state = dice.choice(["draining", "disabled"])
    try:
        await live.gateway.panel.set(Wanted(name, state, None, "storm", "person:ada", None), lambda _tx: None)
    except RequestRefused:
        return False
    return True


@pytest.mark.timeout(300)
async def test_a_storm(tmp_path: Path) -> None:
    """Every payout ends paid, once by the bank's own book, though channels came and went under it."""
    dice = Random(7)
    first = a_file(Random(1))
    async with live_gateway(tmp_path, first) as live:
        await live.gateway.start()
        did = await toggles(live, dice)
        assert did["reloaded"] > TOGGLES / 3
        assert did["refused"] > TOGGLES / 20
        assert did["overrides"] > TOGGLES / 20
        for name in list(live.gateway.services.channels):
            await live.gateway.panel.lift(name, "person:ada", lambda _tx: None)
        live.write(re.sub(r'state = "\w+"', 'state = "enabled"', first))
        await settled(live)
        assert await live.gateway.services.store.read(lambda tx: tx.counts()) == {"paid": ORDERS}
    book = Book(tmp_path / "bank.book")
    with book.open():
        paid = [order.paid_times for order in book.orders()]
    book.close()
    assert (len(paid), set(paid)) == (ORDERS, {1})


async def settled(live: LiveGateway) -> None:
    """Everything is final. Channels that still have live attempts cannot go yet: that is asked again."""
    final = {str(status) for status in FINAL}
    async with asyncio.timeout(120):
        while set(await live.gateway.services.store.read(lambda tx: tx.counts())) - final:
            with contextlib.suppress(ConfigError):
                await live.gateway.reloader.reload("file")
            await asyncio.sleep(0.1)
