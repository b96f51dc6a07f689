"""The shared sandbox harness over real sockets: listeners, faults, notifications, keys."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from adapters.sandbox.books import BookEntry
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.control import control_app
from adapters.sandbox.faults import Fault, FaultQueue, Stage, play
from adapters.sandbox.keys import mint_folder, mint_tls, server_tls, write_private
from adapters.sandbox.notifier import Notifier, NotifyRules, Outgoing
from adapters.sandbox.server import SandboxServer
from gateway.clock import SystemClock
from tests.support.clock import FakeClock


class Toy:
    """The smallest sandbox there is: every request is work, counted."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.clock = SandboxClock(FakeClock())
        self.faults = FaultQueue()
        self.notifier = Notifier(session, self.clock, NotifyRules())
        self.worked = 0
        self.has_worked = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/v3/pay", self.pay)
        self.server = SandboxServer(app, control_app(self))

    async def pay(self, request: web.Request) -> web.StreamResponse:
        async def work(_fault: Fault | None) -> web.Response:
            self.worked += 1
            self.has_worked.set()
            return web.Response(body=b"x" * 1000)

        async def hang() -> None:
            await self.clock.sleep(60)

        stage = Stage(lambda status: web.json_response({}, status=status), hang)
        return await play(self.faults.take(request.method), request, work, stage)

    def books(self) -> list[BookEntry]:
        return [BookEntry("R", "C", 1, "CNY", "a", "SUCCESS", self.worked)]

    def scenario(self, order: Mapping[str, object]) -> object:
        return {"heard": order["word"]}

    async def set_listener(self, open_: bool) -> None:
        await (self.server.open_listener() if open_ else self.server.close_listener())


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def toy(session: aiohttp.ClientSession) -> AsyncIterator[Toy]:
    toy = Toy(session)
    await toy.server.start()
    yield toy
    await toy.notifier.stop()
    await toy.server.stop()


async def test_a_closed_listener_refuses_and_opens_again_on_the_same_port(
    toy: Toy, session: aiohttp.ClientSession
) -> None:
    """Closing refuses new connections and breaks kept ones; the control surface stays; opening brings the port back."""
    url = f"{toy.server.base_url}/v3/pay"
    async with session.post(url) as answer:
        assert answer.status == 200
        await answer.read()
    async with session.post(f"{toy.server.control_url}/listener", json={"open": False}) as answer:
        assert answer.status == 200
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.post(url)
    async with session.post(f"{toy.server.control_url}/listener", json={"open": True}) as answer:
        assert answer.status == 200
    async with session.post(url) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("fault", "status", "worked"),
    [
        (Fault.ERROR_500_BEFORE, 500, 0),
        (Fault.ERROR_500_AFTER, 500, 1),
        (Fault.BAD_GATEWAY_502, 502, 0),
        (Fault.TOO_MANY_429, 429, 0),
        (Fault.ACCEPTED_202, 202, 0),
        (Fault.DROP_BEFORE, None, 0),
        (Fault.DROP_AFTER, None, 1),
        (Fault.CUT_BODY, None, 1),
        (Fault.WRONG_KEY, 200, 1),
    ],
)
async def test_an_ordered_fault_is_played_once(
    toy: Toy, session: aiohttp.ClientSession, fault: Fault, status: int | None, worked: int
) -> None:
    """Each fault does what its name says, with or without the work, and the next request is served as usual."""
    url = f"{toy.server.base_url}/v3/pay"
    async with session.post(f"{toy.server.control_url}/faults", json={"fault": fault, "count": 1}) as answer:
        assert answer.status == 200
    if status is None:
        with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)):
            async with session.post(url) as answer:
                await answer.read()
    else:
        async with session.post(url) as answer:
            assert answer.status == status
    assert toy.worked == worked
    async with session.post(url) as answer:
        assert (answer.status, len(await answer.read())) == (200, 1000)


async def test_a_time_out_hangs_until_its_time_is_over(toy: Toy, session: aiohttp.ClientSession) -> None:
    """A hanging request ends when the clock is moved past its time, having done its work before."""
    toy.faults.add(Fault.TIMEOUT_AFTER, method="POST")
    call = asyncio.ensure_future(session.post(f"{toy.server.base_url}/v3/pay"))
    await toy.has_worked.wait()
    assert not call.done()
    async with session.post(f"{toy.server.control_url}/clock", json={"forward_s": 61}) as answer:
        assert answer.status == 200
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await call


async def test_faults_may_be_meant_for_one_method(toy: Toy) -> None:
    """A fault ordered for POST leaves GETs alone."""
    toy.faults.add(Fault.DROP_AFTER, 2, "POST")
    assert toy.faults.take("GET") is None
    assert [toy.faults.take("POST") for _ in range(3)] == [Fault.DROP_AFTER, Fault.DROP_AFTER, None]


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/faults", {"fault": "no such"}),
        ("/faults", {"fault": "drop_after", "count": 0}),
        ("/faults", {"fault": "drop_after", "count": True}),
        ("/listener", {}),
        ("/listener", {"open": 1}),
        ("/clock", {"forward_s": -1}),
        ("/clock", {"forward_s": "1"}),
        ("/notifications", {"unheard_of": 1}),
        ("/notifications", {"waits_s": 1}),
        ("/scenario", {}),
        ("/scenario", []),
    ],
)
async def test_the_control_surface_refuses_what_it_does_not_know(
    toy: Toy, session: aiohttp.ClientSession, path: str, order: object
) -> None:
    """A mistyped control order is answered 400 with a reason, never obeyed in part."""
    async with session.post(f"{toy.server.control_url}{path}", json=order) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]


async def test_the_control_surface_shows_books_and_takes_orders(toy: Toy, session: aiohttp.ClientSession) -> None:
    """Health, books, scenario and notification rules work over HTTP."""
    control = toy.server.control_url
    async with session.get(f"{control}/health") as answer:
        assert await answer.json() == {"status": "ok"}
    async with session.get(f"{control}/books") as answer:
        [row] = await answer.json()
    assert row == {
        "channel_reference": "R",
        "channel_payout_id": "C",
        "amount": 1,
        "currency": "CNY",
        "account": "a",
        "state": "SUCCESS",
        "paid_times": 0,
        "returned": 0,
    }
    async with session.post(f"{control}/scenario", json={"word": "x"}) as answer:
        assert await answer.json() == {"heard": "x"}
    async with session.post(f"{control}/notifications", json={"repeat": 2, "waits_s": [1, 2]}) as answer:
        assert answer.status == 200
    assert (toy.notifier.rules.repeat, toy.notifier.rules.waits_s) == (2, (1.0, 2.0))


class Receiver:
    """Takes notifications; the first `refuse` of them are answered 500."""

    def __init__(self, refuse: int = 0) -> None:
        self.bodies: list[bytes] = []
        self._refuse = refuse
        app = web.Application()
        app.router.add_post("/notify", self._take)
        self.server = SandboxServer(app, web.Application())

    async def _take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.Response(status=500 if len(self.bodies) <= self._refuse else 204)


async def _notified(rules: NotifyRules, refuse: int, *names: str) -> list[bytes]:
    """What a receiver hears when `names` are posted one after another; tries are numbered per name."""
    receiver = Receiver(refuse)
    await receiver.server.start()
    async with aiohttp.ClientSession() as session:
        notifier = Notifier(session, SystemClock(), rules)
        tries = dict.fromkeys(names, 0)

        def signer(name: str) -> Outgoing:
            tries[name] += 1
            return Outgoing(f"{receiver.server.base_url}/notify", (), f"{name}{tries[name]}".encode())

        for name in names:
            notifier.post(lambda name=name: signer(name))
        await notifier.drain()
    await receiver.server.stop()
    return receiver.bodies


async def test_a_notification_comes_again_until_it_is_taken_each_try_made_anew() -> None:
    """Two refusals, then taken: three tries, three signatures."""
    assert await _notified(NotifyRules(waits_s=(0.0, 0.0, 0.0)), 2, "a") == [b"a1", b"a2", b"a3"]


async def test_a_notification_is_given_up_when_its_waits_are_over() -> None:
    """A receiver that never takes it hears it once more than there are waits."""
    assert len(await _notified(NotifyRules(waits_s=(0.0, 0.0)), 99, "a")) == 3


async def test_notifications_may_be_repeated_reordered_or_kept_back() -> None:
    """Each rule does what it says."""
    assert await _notified(NotifyRules(repeat=2), 0, "a") == [b"a1", b"a2"]
    assert await _notified(NotifyRules(reorder=True, hold_s=0.2), 0, "a", "b") == [b"b1", b"a1"]
    assert await _notified(NotifyRules(never=True), 0, "a") == []


class TellingClock(FakeClock):
    """Tells when somebody falls asleep."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.slept.set()
        await super().sleep(seconds)


async def test_a_receiver_that_is_not_there_does_not_stop_the_notifier(session: aiohttp.ClientSession) -> None:
    """A refused connection is a failed try; `stop` gives up what is still waiting."""
    clock = TellingClock()
    notifier = Notifier(session, clock, NotifyRules(waits_s=(5.0,)))
    notifier.post(lambda: Outgoing("http://127.0.0.1:9/", (), b""))
    await clock.slept.wait()
    await notifier.stop()
    await notifier.drain()
    assert clock.sleepers == 0


async def test_moving_the_clock_wakes_its_sleepers() -> None:
    """A sleeper wakes when the control surface moves the clock past its time, and not before."""
    clock = SandboxClock(FakeClock())
    before = clock.now()
    sleeper = asyncio.ensure_future(clock.sleep(100))
    await asyncio.sleep(0)
    clock.forward(99)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not sleeper.done()
    clock.forward(1)
    await sleeper
    assert (clock.now() - before).total_seconds() == 100


def test_two_processes_minting_at_once_agree_on_one_set_of_keys(tmp_path: Path) -> None:
    """Whoever comes second uses what is there; files are private; nothing is left beside the folder."""
    folder = tmp_path / "deep" / "keys"
    contents = iter(range(100))

    def build(place: Path) -> None:
        write_private(place / "secret", str(next(contents)).encode())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: mint_folder(folder, build), range(16)))
    first = (folder / "secret").read_bytes()
    mint_folder(folder, build)
    assert (folder / "secret").read_bytes() == first
    assert (folder / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.parent.iterdir()] == ["keys"]


async def test_minted_certificates_carry_mutual_tls(tmp_path: Path) -> None:
    """With the minted CA and client certificate a client is let in; without a client certificate it is not."""
    mint_folder(tmp_path / "tls", mint_tls)
    folder = tmp_path / "tls"

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(body=json.dumps({}).encode())

    app = web.Application()
    app.router.add_get("/", hello)
    server = SandboxServer(app, web.Application(), tls=server_tls(folder, demand_client=True))
    await server.start()
    try:
        trusting = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(server.base_url, ssl=trusting)
            trusting.load_cert_chain(folder / "client_cert.pem", folder / "client_tls_key.pem")
            async with session.get(server.base_url, ssl=trusting) as answer:
                assert answer.status == 200
    finally:
        await server.stop()
