"""The simulated network and a real socket say the same of every way in which a request or its answer can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from adapters.channel import Timeouts
from adapters.http import ChannelHttp, HttpAnswer, HttpxFactory, NoAnswer
from gateway.simulation.messages import Answered, Asked
from gateway.simulation.transport import LeanFactory, Transport
from gateway.simulation.trip import Connect, Fire, Patience, Trip, travel
from tests.support.wire import OK, Cut, client, dropping, free_port, hanging_up, listening, peer, saying, through

BODY = b'{"amount": 1234}'
HEADERS = (("Content-Type", "application/json"), ("X-Signature", "abc"))
ANSWER = Answered(200, (("Content-Type", "text/plain"), ("Content-Length", "5")), b"hello")

Verdict = tuple[str, object, object]


def verdict(result: HttpAnswer | NoAnswer) -> Verdict:
    """What the gateway goes by: whether it was sent, or what was answered."""
    if isinstance(result, NoAnswer):
        return ("no answer", result.sent, result.local)
    return ("answer", result.status, result.body)


class Simulated:
    """A channel's client over one simulated trip; what arrived is written down."""

    def __init__(self, trip: Trip, *, lean: bool, answer: Answered | None = ANSWER) -> None:
        self.arrivals: list[bool] = []
        self.asked: list[Asked] = []
        self._trip = trip
        self._answer = answer
        self._tasks: list[asyncio.Task[None]] = []
        timeouts = Timeouts(0.05, 0.05, 5.0)
        transport = Transport(self.exchange)
        self.client: ChannelHttp = (
            LeanFactory(self.exchange, timeouts)() if lean else HttpxFactory(0.05, 0.05, 5.0, 16, transport)()
        )

    async def exchange(self, asked: Asked, fire: Fire, patience: Patience) -> Answered:
        self.asked.append(asked)
        return await travel(self._trip, asked, self._serve, fire, patience, self._spawn, self.arrivals.append)

    async def _serve(self, _asked: Asked) -> Answered | None:
        return self._answer

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def send(self, url: str = "http://127.0.0.1:34567/orders") -> Verdict:
        found = verdict(await self.client.send("POST", url, HEADERS, BODY))
        await asyncio.gather(*self._tasks)
        await self.client.close()
        return found


async def real(url: str, *, read_s: float = 5.0) -> Verdict:
    http = client(read_s=read_s)
    try:
        return verdict(await http.send("POST", url, HEADERS, BODY))
    finally:
        await http.close()


async def simulated(lean: bool, answer: Answered | None = ANSWER, **trip: Any) -> Verdict:
    return await Simulated(Trip(there_s=0.0, back_s=0.0, **trip), lean=lean, answer=answer).send()


@pytest.mark.parametrize("lean", [False, True])
async def test_whole_messages_are_as_long_as_on_the_wire(lean: bool) -> None:
    """Cutting at byte n means the same byte: both clients write as many, and the answer has as many."""
    assert ANSWER.head() + ANSWER.body == OK
    async with peer(saying(OK)) as origin:
        assert await real(origin.url) == ("answer", 200, b"hello")
        heard = bytes(origin.lines[0].heard)
        world = Simulated(Trip(there_s=0.0, back_s=0.0), lean=lean)
        assert await world.send(origin.url) == ("answer", 200, b"hello")
    (asked,) = world.asked
    assert asked.size == len(asked.head() + asked.body)
    assert sorted(heard.lower().split(b"\r\n")) == sorted((asked.head() + asked.body).lower().split(b"\r\n"))
    assert asked.size == len(heard)


async def test_every_cut_of_the_request_is_classified_as_on_a_socket() -> None:
    """After n bytes of the request, for every n: sent, and no answer, on the socket and in both simulated forms."""
    async with peer(saying(OK)) as origin:
        await real(origin.url)
        length = len(origin.lines[0].heard)
        cut = Cut()
        async with peer(through(origin, cut)) as proxy:
            for cut.request_bytes in range(length):
                expected = await real(proxy.url)
                for lean in (False, True):
                    got = await simulated(lean, request_bytes=cut.request_bytes)
                    assert got == expected == ("no answer", True, False), cut.request_bytes
    assert length > 150, "there was something to cut"


async def test_every_cut_of_the_answer_is_classified_as_on_a_socket() -> None:
    """After n bytes of the answer, for every n up to all of them."""
    verdicts = set()
    async with peer(saying(OK)) as origin:
        cut = Cut()
        async with peer(through(origin, cut)) as proxy:
            for number in range(len(OK) + 1):
                cut.answer_bytes = max(number, 1)
                expected = await real(proxy.url)
                for lean in (False, True):
                    assert await simulated(lean, answer_bytes=cut.answer_bytes) == expected, number
                verdicts.add(expected)
    assert verdicts == {("no answer", True, False), ("answer", 200, b"hello")}


@pytest.mark.parametrize("lean", [False, True])
async def test_only_a_refused_connection_is_proved_not_sent(lean: bool) -> None:
    """Refused: not sent. Accepted and closed, closed after the request, silence: sent, as far as anyone can know."""
    assert await real(f"http://127.0.0.1:{free_port()}/orders") == ("no answer", False, False)
    assert await simulated(lean, connect=Connect.REFUSED) == ("no answer", False, False)
    assert await simulated(lean, connect=Connect.SILENT) == ("no answer", False, False)
    for play, trip in ((hanging_up, {"request_bytes": 0}), (dropping, {})):
        async with peer(play) as origin:
            expected = await real(origin.url)
        assert await simulated(lean, answer=None, **trip) == expected == ("no answer", True, False)
    async with peer(listening) as origin:
        expected = await real(origin.url, read_s=0.05)
    assert await simulated(lean, answer_bytes=0, silent=True) == expected == ("no answer", True, False)


@pytest.mark.parametrize("lean", [False, True])
async def test_a_cut_request_arrives_in_part_and_a_doubled_one_once_for_the_auditor(lean: bool) -> None:
    """What reached the other side is told exactly once, with whether it was whole."""
    for trip, told in (
        (Trip(there_s=0.0, request_bytes=0), []),
        (Trip(there_s=0.0, request_bytes=1), [False]),
        (Trip(there_s=0.0, back_s=0.0, request_bytes=10_000), [True]),
        (Trip(there_s=0.0, back_s=0.0, twice_after_s=0.0, second_answers=True), [True]),
        (Trip(connect=Connect.REFUSED, there_s=0.0), []),
    ):
        world = Simulated(trip, lean=lean)
        await world.send()
        assert world.arrivals == told, trip
