"""Accepted payouts that wait for a channel are bounded, of an app and in all; what is known is answered as ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.api.backlog import Backlog, BacklogLimits
from gateway.api.server import PUBLIC_STATE
from gateway.domain.errors import StoreUnavailable
from gateway.store.port import Tx
from tests.support.api_server import RIVAL, SHOP, ApiServer, make_server


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    made = make_server(tmp_path)
    await made.start()
    yield made
    await made.stop()


def bound(api: ApiServer, limits: BacklogLimits) -> None:
    in_force = api.app[PUBLIC_STATE].in_force
    in_force.snapshot = replace(in_force.snapshot, doors=replace(in_force.snapshot.doors, backlog=limits))


async def sent(api: ApiServer, *payout_ids: str) -> None:
    """A channel was found for them: the worker would do that."""

    def unit(tx: Tx) -> None:
        for payout_id in payout_ids:
            payout = tx.payout(payout_id)
            assert payout is not None
            tx.save(payout, payout, None)

    await api.services.store.run(unit)


async def test_an_app_may_have_so_many_waiting(api: ApiServer) -> None:
    """One more is told 429 with a time to come again and is not stored; its neighbour is served; room is noticed."""
    bound(api, BacklogLimits(apps={"shop": 2}))
    taken = [(await api.create(api.order())).json()["id"] for _ in range(2)]
    order = api.order()
    api.clock.move(2)
    with capture_logs() as logs:
        refused = await api.create(order)
    assert (refused.status, refused.json()["code"]) == (429, "quota_exceeded")
    assert "wait for a channel" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert [line for line in logs if line["event"] == "api.backlog_full"] == [
        {"event": "api.backlog_full", "log_level": "warning", "app": "shop", "waiting": 2, "in_all": 2}
    ]
    assert (await api.signed("GET", f"/v1/payouts/by-reference/{order['reference']}")).status == 404
    assert (await api.create(api.order(), by=RIVAL)).status == 201
    await sent(api, taken[0])
    api.clock.move(60)
    assert (await api.create(order)).status == 201


async def test_all_apps_together(api: ApiServer) -> None:
    """Beyond that it is 503, whoever asks."""
    bound(api, BacklogLimits(most=2))
    for by in (SHOP, RIVAL):
        assert (await api.create(api.order(), by=by)).status == 201
    for by in (SHOP, RIVAL):
        refused = await api.create(api.order(), by=by)
        assert (refused.status, refused.json()["code"]) == (503, "overloaded")
        assert "retry-after" in refused.headers


async def test_a_known_reference_passes(api: ApiServer) -> None:
    """Whoever repeats an order learns what became of it, however many wait."""
    bound(api, BacklogLimits(apps={"shop": 1}))
    order = api.order()
    first = await api.create(order)
    again = await api.create(order)
    assert (first.status, again.status) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert (await api.create({**order, "amount": {"value": 1, "currency": "CNY"}})).status == 409
    assert (await api.create(api.order())).status == 429


async def test_what_a_start_finds_counts(api: ApiServer) -> None:
    """The first order waits for a look: a restart is no way around the bound."""
    for _ in range(3):
        await api.create(api.order())
    fresh = Backlog()
    limits = BacklogLimits(apps={"shop": 3})
    assert await fresh.refusal(api.services, "shop", limits) is not None
    assert await fresh.refusal(api.services, "rival", limits) is None


async def test_looks_are_few(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """While there is room nobody asks the store again, and while there is none it is asked once a second."""
    reads, read = [], api.services.store.read

    async def counted(query: object) -> object:
        reads.append(query)
        return await read(query)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(api.services.store, "read", counted)
    backlog, limits = Backlog(), BacklogLimits(apps={"shop": 5})
    for _ in range(5):
        assert await backlog.refusal(api.services, "shop", limits) is None
        backlog.came("shop")
    assert len(reads) == 1
    assert await backlog.refusal(api.services, "shop", limits) is not None  # by what came: nothing of it is stored
    api.clock.move(2)
    assert await backlog.refusal(api.services, "shop", limits) is None
    assert len(reads) == 2


async def test_a_store_that_is_gone_takes_nobody_in(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not counted is not room."""

    async def gone(_query: object) -> object:
        raise StoreUnavailable("disk")

    monkeypatch.setattr(api.services.store, "read", gone)
    assert (await api.create(api.order())).status == 503
