"""The client against a real gateway on a real socket: every call, lost answers, pages, callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from paymux_client import AsyncClient, CallbackEvent, Client, HmacKey, NoAnswer, Refused, Retries, calls, verify
from paymux_client.models import Amount, BankAccount, CreatePayout, Payout, ProblemCode, Status
from tests.support.live_gateway import FILE, LiveGateway, live_gateway
from tests.support.patience import PATIENCE_S

KEY = HmacKey("demo-1", b"a shared secret of 32 characters")
KEYS = '\nkeys = [{ id = "demo-1", algorithm = "hmac-sha256", secret = "file:demo.secret" }]\n'
FINAL = {Status.PAID, Status.FAILED, Status.CANCELED, Status.RETURNED}


def order(reference: str, ending: str = "0001", minor: int = 12500) -> CreatePayout:
    account = BankAccount(account_number=f"622202000000{ending}", name="张三", bank_code="102100099996", country="CN")
    return CreatePayout(reference=reference, amount=Amount(value=minor, currency="CNY"), beneficiary=account)


class LosesAnswers(httpx.AsyncHTTPTransport):
    """The real transport; of the first requests the answers are lost after the gateway gave them."""

    def __init__(self, losing: int) -> None:
        super().__init__()
        self.losing = losing
        self.sent: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.method)
        answer = await super().handle_async_request(request)
        if len(self.sent) <= self.losing:
            await answer.aread()
            await answer.aclose()
            raise httpx.ReadError("the answer was lost")
        return answer


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveGateway]:
    (tmp_path / "demo.secret").write_bytes(KEY.secret)
    (tmp_path / "demo.secret").chmod(0o600)
    async with live_gateway(tmp_path, FILE + KEYS) as opened:
        await opened.gateway.start()
        yield opened


def url(live: LiveGateway) -> str:
    return f"http://127.0.0.1:{live.gateway._listeners[0].port}"


async def ended(client: AsyncClient, payout: Payout) -> Payout:
    async with asyncio.timeout(PATIENCE_S):
        while payout.status not in FINAL:
            await asyncio.sleep(0.02)
            payout = await client.get_payout(payout.id)
    return payout


async def test_a_payout_from_order_to_end(live: LiveGateway) -> None:
    """Every call of the API, as an app makes them."""
    async with AsyncClient(url(live), KEY) as client:
        paid = await ended(client, await client.create_payout(order("w-1")))
        failed = await ended(client, await client.create_payout(order("w-2", "0003")))
        assert (paid.status, paid.extra) == (Status.PAID, {})
        assert failed.status_reason is not None
        assert (failed.status, failed.status_reason.code) == (Status.FAILED, "account_closed")
        found = await client.get_payout_by_reference("w-1", expand=["attempts", "timeline"])
        assert found.attempts == (await client.list_attempts(paid.id)).data
        assert found.timeline == (await client.list_timeline(paid.id)).data
        decision = (await client.explain_payout(paid.id, lang="zh")).data[0]
        assert (decision.channel, bool(decision.words)) == ("alpha", True)
        with pytest.raises(Refused) as refused:
            await client.cancel_payout(paid.id)
        assert refused.value.code is ProblemCode.NOT_CANCELABLE
        assert (await client.get_problem("not_cancelable")).fix
        document = await client.openapi()
        assert isinstance(document, dict)
        assert document["openapi"] == "3.1.0"
        assert "<html" in await client.docs()


async def test_a_lost_answer_is_asked_for_again(live: LiveGateway) -> None:
    """The gateway stored the first try; three more are the same order, and the app gets its one payout."""
    transport = LosesAnswers(losing=3)
    async with httpx.AsyncClient(transport=transport) as http:
        client = AsyncClient(url(live), KEY, http=http, retries=Retries(base_s=0.001))
        payout = await client.create_payout(order("w-lost"))
        assert transport.sent == ["POST"] * 4
        assert [each.id for each in (await client.list_payouts()).data] == [payout.id]
        gives_up = AsyncClient(url(live), KEY, http=http, retries=Retries(tries=1))
        transport.losing = len(transport.sent) + 1
        with pytest.raises(NoAnswer) as lost:
            await gives_up.create_payout(order("w-lost-too"))
        assert lost.value.may_be_stored
        assert (await client.get_payout_by_reference("w-lost-too")).reference == "w-lost-too"


async def test_the_same_reference_for_other_content_is_refused(live: LiveGateway) -> None:
    """And nothing is changed by it."""
    async with AsyncClient(url(live), KEY) as client:
        await client.create_payout(order("w-1"))
        with pytest.raises(Refused) as refused:
            await client.create_payout(order("w-1", minor=12501))
        assert (refused.value.status, refused.value.code) == (409, ProblemCode.REFERENCE_REUSED)
        assert refused.value.request_id
        assert not refused.value.may_be_stored
        assert (await client.get_payout_by_reference("w-1")).amount.value == 12500


async def test_pages_are_walked(live: LiveGateway) -> None:
    """Every payout once, whatever the size of a page; filters are sent as the gateway reads them."""
    async with AsyncClient(url(live), KEY) as client:
        made = [(await client.create_payout(order(f"w-{number}"))).id for number in range(5)]
        listed = [one.id async for one in client.each(calls.list_payouts(limit=2))]
        assert (sorted(listed), len(listed)) == (sorted(made), 5)
        since = datetime(2020, 1, 1, tzinfo=UTC)
        known: Sequence[Status] = list(Status)
        filtered = await client.list_payouts(status=known, currency="CNY", created_gte=since, expand=["attempts"])
        assert len(filtered.data) == 5
        assert not (await client.list_payouts(created_lt=since)).data


async def test_the_blocking_client_does_the_same(live: LiveGateway) -> None:
    """In a thread, as in an app that knows no asyncio."""

    def use() -> tuple[list[str], str]:
        with Client(url(live) + "/", KEY) as client:
            for number in range(3):
                client.create_payout(order(f"w-{number}"))
            references = [payout.reference for payout in client.each(calls.list_payouts(limit=1))]
            return references, client.get_payout_by_reference("w-0").reference

    assert await asyncio.to_thread(use) == (["w-2", "w-1", "w-0"], "w-0")


async def test_who_is_not_known_is_told_so_once(live: LiveGateway) -> None:
    """A wrong key is a fault of ours: nothing is repeated, and nothing can be stored."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with AsyncClient(url(live), HmacKey("demo-1", b"x" * 32), sleep=sleep) as client:
        with pytest.raises(Refused) as refused:
            await client.create_payout(order("w-1"))
    assert (refused.value.status, refused.value.may_be_stored, waited) == (401, False, [])


async def test_a_gateway_that_is_not_there(unused_tcp_port: int) -> None:
    """All tries, the pauses between them, and the cause."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with AsyncClient(f"http://127.0.0.1:{unused_tcp_port}", KEY, sleep=sleep) as client:
        with pytest.raises(NoAnswer) as lost:
            await client.get_payout_by_reference("w-1")
    assert len(waited) == Retries().tries - 1
    assert isinstance(lost.value.__cause__, httpx.ConnectError)


async def test_its_callbacks_are_verified(tmp_path: Path) -> None:
    """What the gateway sends is taken by `verify`, with the secret that it minted, in the order of `sequence`."""
    heard: list[CallbackEvent] = []
    paid = asyncio.Event()
    numbers = count()

    async def take(request: web.Request) -> web.Response:
        if next(numbers) == 0:
            return web.Response(status=503)
        secret = (tmp_path / "state" / "keys" / "app-demo.callback_secret").read_text().strip()
        heard.append(verify(request.headers, await request.read(), secrets=[secret]))
        if heard[-1].type == "payout.paid":
            paid.set()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/callbacks", take)
    async with TestServer(app) as server:
        text = FILE + f'callbacks = [{{ url = "{server.make_url("/callbacks")}" }}]\n'
        async with live_gateway(tmp_path, text) as live:
            await live.gateway.start()
            payout = await live.accept("w-1")
            async with asyncio.timeout(PATIENCE_S):
                await paid.wait()
    newest = max(heard, key=lambda event: event.sequence)
    assert (newest.payout.id, newest.payout.status) == (payout.id, Status.PAID)
