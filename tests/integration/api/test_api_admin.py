"""The admin listener: alive, ready, draining; and a stop that cuts nobody off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.api import health as health_module
from gateway.api.health import Finding
from gateway.store.port import Tx
from tests.support.admin_api import AdminServer
from tests.support.api_server import Answered, ApiServer, http
from tests.support.patience import PATIENCE_S


class Admin(AdminServer):
    """A running admin listener whose one check answers `finding`."""

    async def get(self, target: str, version: str = "1.1") -> Answered:
        return await self.raw(http("GET", target, b"", {}).replace(b"HTTP/1.1", f"HTTP/{version}".encode()))


@pytest_asyncio.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    made = Admin(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_ready(admin: Admin, version: str) -> None:
    """A node whose checks pass is ready; probes over HTTP/1.0 are heard here."""
    answer = await admin.get("/readyz", version)
    assert (answer.status, answer.json()) == (200, {"status": "ready", "draining": False})


async def test_verbose(admin: Admin) -> None:
    """Detail is shown when asked for."""
    answer = await admin.get("/readyz?verbose")
    assert answer.json()["checks"] == [{"name": "store", "ok": True, "detail": "3 ms"}]


async def test_not_ready(admin: Admin) -> None:
    """A failing check makes it not ready; it stays alive."""
    admin.finding = Finding(False, "no disk")
    answer = await admin.get("/readyz?verbose=1")
    assert (answer.status, answer.json()["status"]) == (503, "not_ready")
    assert answer.json()["checks"][0]["detail"] == "no disk"
    assert (await admin.get("/livez")).status == 200


async def test_draining(admin: Admin) -> None:
    """On its way out a node says 503, while its checks still pass."""
    admin.health.draining = True
    answer = await admin.get("/readyz")
    assert (answer.status, answer.json()) == (503, {"status": "not_ready", "draining": True})


async def test_check_that_hangs_or_breaks(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither hides the other findings, nor hangs the probe."""
    monkeypatch.setattr(health_module, "CHECK_DEADLINE_S", 0.01)

    async def hangs() -> Finding:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def breaks() -> Finding:
        raise RuntimeError("secret text")

    admin.health.checks = {"hangs": hangs, "breaks": breaks, "store": admin.check}
    answer = await admin.get("/readyz?verbose=1")
    assert answer.status == 503
    assert [(each["name"], each["ok"]) for each in answer.json()["checks"]] == [
        ("hangs", False),
        ("breaks", False),
        ("store", True),
    ]
    assert b"secret text" not in answer.body


async def test_nothing_else(admin: Admin) -> None:
    """Money routes are not here, and what is not here is a problem."""
    answer = await admin.get("/v1/payouts")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_stop_lets_requests_end(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A create that is under way when the listener stops is answered, and its payout is stored."""
    began, go_on = asyncio.Event(), asyncio.Event()
    run = api.store.store.run

    async def held(unit: object) -> object:
        began.set()
        await go_on.wait()
        return await run(unit)  # type: ignore[arg-type]  # the unit as it came

    monkeypatch.setattr(api.store.store, "run", held)
    creating = asyncio.create_task(api.create(api.order("stopping")))
    await began.wait()
    assert api.listener is not None
    stopping = asyncio.create_task(api.listener.stop())
    await asyncio.sleep(0)
    go_on.set()
    assert (await creating).status == 201
    await stopping
    with pytest.raises(OSError):
        await api.connect()


async def test_client_that_hangs_up_cancels_nothing(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """R10: the order of a client that went away after sending it is stored all the same."""
    began, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    run = api.store.store.run
    units = 0

    async def held(unit: object) -> object:
        nonlocal units
        units += 1
        began.set()
        await go_on.wait()
        result = await run(unit)  # type: ignore[arg-type]  # the unit as it came
        if units == 2:
            done.set()
        return result

    monkeypatch.setattr(api.store.store, "run", held)
    order = json.dumps(api.order("hung-up")).encode()
    _, writer = await api.connect()
    writer.write(http("POST", "/v1/payouts", order, api.auth("POST", "/v1/payouts", order)))
    await began.wait()
    writer.transport.abort()
    go_on.set()
    async with asyncio.timeout(PATIENCE_S):
        await done.wait()
    monkeypatch.undo()

    def known(tx: Tx) -> object:
        return tx.reference("shop", "hung-up")

    assert await api.store.run(known) is not None
