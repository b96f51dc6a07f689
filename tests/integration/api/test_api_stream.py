"""GET /v1/payouts/{id}/stream: every line once and in order, from wherever the client left off, to the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from gateway.admission.limits import IntakeLimits
from gateway.api.replies import EventReply, PayoutReply
from gateway.api.server import PUBLIC_STATE
from gateway.api.state import Doors
from gateway.api.stream import LASTS_S, LOOK_EVERY_S, PING_EVERY_S
from gateway.domain.event import EventType
from gateway.operations.cancel import cancel
from gateway.operations.record import record
from gateway.store.port import Tx
from tests.support.api_server import READER, RIVAL, SHOP, ApiServer, Signer, http
from tests.support.patience import PATIENCE_S


async def order(api: ApiServer) -> str:
    made: str = (await api.create(api.order())).json()["id"]
    return made


class Listener:
    """An open stream: its blocks, as an EventSource sees them."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.reader = reader
        self.head = b""

    async def begin(self) -> int:
        """The status."""
        self.head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        return int(self.head.split()[1])

    async def block(self) -> dict[str, str]:
        """The next block; empty at the end. Chunks are one block each here, since each is written by itself."""
        size = int(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), PATIENCE_S), 16)
        chunk = (await self.reader.readexactly(size + 2))[:-2].decode()
        if not chunk:
            return {}
        assert chunk.endswith("\n\n")
        return {name: value for name, _, value in (line.partition(": ") for line in chunk.strip().split("\n"))}

    async def over(self) -> None:
        """Nothing more comes, and the connection is closed."""
        assert await self.block() == {}
        assert await asyncio.wait_for(self.reader.read(), PATIENCE_S) == b""


@asynccontextmanager
async def stream(
    api: ApiServer, payout: str, query: str = "", last: str | None = None, by: Signer = READER
) -> AsyncIterator[Listener]:
    target = f"/v1/payouts/{payout}/stream{query}"
    headers = api.auth("GET", target, by=by) | ({} if last is None else {"Last-Event-ID": last})
    reader, writer = await api.connect()
    writer.write(http("GET", target, b"", headers))
    try:
        yield Listener(reader)
    finally:
        writer.close()


async def look(api: ApiServer, seconds: float = LOOK_EVERY_S) -> None:
    """Let the open stream look once more: it is waited for until it waits itself, then time passes."""
    while not api.clock.sleepers:  # noqa: ASYNC110 - the clock is ours, and has no signal for it
        await asyncio.sleep(0)  # its last look is in the store's hands, or on the wire
    await api.clock.advance(seconds)


async def waiting(api: ApiServer, payout_id: str) -> None:
    """A change of the payout that ends nothing."""

    def unit(tx: Tx) -> None:
        payout = tx.payout(payout_id)
        assert payout is not None
        record(api.services, tx, payout, payout, EventType.WAITING, api.clock.now())

    await api.store.run(unit)


def line(block: dict[str, str]) -> tuple[str, str]:
    """Id and type, of a block whose data is as published."""
    data: dict[str, Any] = json.loads(block["data"])
    EventReply.model_validate(data)
    assert (str(data["sequence"]), data["type"]) == (block["id"], block["event"])
    return block["id"], block["event"]


async def test_lines_come_as_they_happen_and_the_end_ends_it(api: ApiServer) -> None:
    """What was, what happens, and the payout as it ended; then the server closes."""
    payout = await order(api)
    async with stream(api, payout) as listener:
        assert await listener.begin() == 200
        assert b"Content-Type: text/event-stream; charset=utf-8\r\n" in listener.head
        assert b"\r\nServer:" not in listener.head
        assert line(await listener.block()) == ("1", "payout.accepted")
        await waiting(api, payout)
        await look(api)
        assert line(await listener.block()) == ("2", "payout.waiting")
        await cancel(api.services, "shop", payout)
        await look(api)
        assert line(await listener.block()) == ("3", "payout.cancel_requested")
        end = await listener.block()
        assert end["event"] == "end"
        assert "id" not in end
        PayoutReply.model_validate(json.loads(end["data"]))
        assert json.loads(end["data"])["status"] == "canceled"
        await listener.over()


async def test_it_resumes_after_the_last_line_that_was_seen(api: ApiServer) -> None:
    """By the header that an EventSource sends, which goes before the query that it was begun with."""
    payout = await order(api)
    await waiting(api, payout)
    await cancel(api.services, "shop", payout)
    for query, last, wanted in (
        ("", None, ["1", "2", "3"]),
        ("?since=1", None, ["2", "3"]),
        ("", "2", ["3"]),
        ("?since=0", "2", ["3"]),
    ):
        async with stream(api, payout, query, last) as listener:
            assert await listener.begin() == 200
            assert [(await listener.block())["id"] for _ in wanted] == wanted
            assert (await listener.block())["event"] == "end"
    seen_all = await api.signed("GET", f"/v1/payouts/{payout}/stream?since={10**40}")
    assert seen_all.status == 204
    async with stream(api, payout, last="3") as listener:
        assert await listener.begin() == 204


async def test_a_sign_of_life_while_nothing_happens(api: ApiServer) -> None:
    """A comment every 15 seconds, so that nobody between takes the connection for dead; and an end by its age."""
    payout = await order(api)
    async with stream(api, payout) as listener:
        await listener.begin()
        await listener.block()
        await look(api, PING_EVERY_S)
        await look(api)
        assert await listener.block() == {"": "ping"}
        await look(api, LASTS_S)
        while block := await listener.block():
            assert block == {"": "ping"}


async def test_refused_before_it_begins(api: ApiServer) -> None:
    """A stranger, another app, a line that is none: an ordinary answer, and no stream."""
    payout = await order(api)
    target = f"/v1/payouts/{payout}/stream"
    assert (await api.send("GET", target)).status == 401
    assert (await api.signed("GET", target, by=RIVAL)).json()["code"] == "not_found"
    assert (await api.signed("GET", target + "?since=x")).codes() == {"?since": "bad_value"}
    refused = await api.signed("GET", target, headers={"Last-Event-ID": "x"})
    assert (refused.status, refused.codes()) == (400, {"": "bad_value"})


async def test_so_many_at_once(api: ApiServer) -> None:
    """Streams have places of their own: they take none from reads, one too many is told so, and a closed tab gives its
    place back at the next look.
    """
    state = api.app[PUBLIC_STATE]
    doors = Doors(intake=IntakeLimits(reads=1, streams=1, pause_s=0.0))
    state.in_force.snapshot = replace(state.in_force.snapshot, doors=doors)
    payout = await order(api)
    async with stream(api, payout, by=SHOP) as listener:
        assert await listener.begin() == 200
        assert state.intake.inside["streams"] == 1
        refused = await api.signed("GET", f"/v1/payouts/{payout}/stream")
        assert (refused.status, refused.json()["code"]) == (503, "overloaded")
        assert (await api.signed("GET", f"/v1/payouts/{payout}")).status == 200
    while state.intake.inside["streams"]:
        await look(api)
    async with stream(api, payout) as listener:
        assert await listener.begin() == 200


async def test_a_stop_ends_every_stream(api: ApiServer) -> None:
    """Nobody has to be waited for: the client comes again, to another node."""
    payout = await order(api)
    async with stream(api, payout) as listener:
        await listener.begin()
        await listener.block()
        assert api.listener is not None
        await asyncio.wait_for(api.listener.stop(), PATIENCE_S)
        await listener.over()
