"""Orders turned away from their bytes: the same words as by the usual way, and a connection that goes on after them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.admission.commit_wait import Pressure
from gateway.api import gate
from gateway.api.intake import Intake
from tests.support.api_server import Answered, http, make_server, parse_answer
from tests.support.crowd import AT_ONCE, Crowd
from tests.support.patience import PATIENCE_S

FULL = Pressure(queued=900, wait_s=2.5)


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[Crowd]:
    made = Crowd(make_server(tmp_path))
    await made.api.start()
    yield made
    await made.api.stop()


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[bytes | None]:
    """What the gate answered, in order: None for what it let go on."""
    seen: list[bytes | None] = []
    look = gate.Gate.look

    def watched(self: gate.Gate, head: bytes) -> gate.TurnedAway | None:
        turned = look(self, head)
        seen.append(None if turned is None else turned.answer)
        return turned

    monkeypatch.setattr(gate.Gate, "look", watched)
    return seen


def order_bytes(crowd: Crowd, **headers: str) -> bytes:
    body = json.dumps(crowd.api.order()).encode()
    return http("POST", "/v1/payouts", body, {**crowd.api.auth("POST", "/v1/payouts", body), **headers})


async def read_answer(reader: asyncio.StreamReader) -> Answered:
    async with asyncio.timeout(PATIENCE_S):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return parse_answer(head + await reader.readexactly(length))


async def test_the_gate_says_what_the_usual_way_says(crowd: Crowd, looked: list[bytes | None]) -> None:
    """Status, words and headers are the same but for the time; the caller's request id is kept, and it is counted."""
    crowd.pressure = FULL
    mine = {"X-Request-Id": "mine-1"}
    usual = await crowd.api.raw(order_bytes(crowd, **mine))
    early = await crowd.api.raw(order_bytes(crowd, **mine))
    assert looked[0] is None
    assert looked[1] is not None
    assert (early.status, early.body) == (usual.status, usual.body) == (503, usual.body)
    assert {name: value for name, value in usual.headers.items() if name != "date"} == early.headers
    assert early.headers["retry-after"] == "3"
    assert early.headers["x-request-id"] == "mine-1"
    assert crowd.intake.turned_away == {"orders": 2}
    assert crowd.intake.paused == 0


async def test_its_connection_goes_on_with_the_next_request(crowd: Crowd, looked: list[bytes | None]) -> None:
    """Two orders are turned away on one connection; when there is room again, the third on it is taken in."""
    crowd.pressure = FULL
    reader, writer = await crowd.api.connect()
    keep = {"Connection": "keep-alive"}
    for _ in range(3):
        writer.write(order_bytes(crowd, **keep))
        assert (await read_answer(reader)).status == 503
    crowd.pressure = Pressure()
    crowd.api.clock.move(gate.SAME_FOR_S)
    writer.write(order_bytes(crowd, **keep))
    assert (await read_answer(reader)).status == 201
    assert [answer is None for answer in looked] == [True, False, False, True]
    writer.close()


async def test_who_was_served_before_is_turned_away_as_early(crowd: Crowd, looked: list[bytes | None]) -> None:
    """In a flood most connections have had an order served. aiohttp calls with no bytes when it is ready for more: that
    is no part of a request."""
    reader, writer = await crowd.api.connect()
    keep = {"Connection": "keep-alive"}
    statuses = []
    for pressure in (Pressure(), FULL, FULL, Pressure(), FULL, FULL):
        crowd.pressure = pressure
        crowd.api.clock.move(gate.SAME_FOR_S)
        writer.write(order_bytes(crowd, **keep))
        statuses.append((await read_answer(reader)).status)
    writer.close()
    assert statuses == [201, 503, 503, 201, 503, 503]
    assert [answer is None for answer in looked] == [True, True, False, True, False, False]


async def test_what_is_not_one_plain_request_goes_the_usual_way(crowd: Crowd, looked: list[bytes | None]) -> None:
    """A body that comes later, and two requests at once, are refused by the application, each once; the gate does not
    look at that connection again."""
    crowd.pressure = FULL
    await crowd.api.raw(order_bytes(crowd))
    looked.clear()
    one, other = order_bytes(crowd, Connection="keep-alive"), order_bytes(crowd)
    reader, writer = await crowd.api.connect()
    writer.write(one + other)
    answers = [await read_answer(reader) for _ in range(2)]
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()
    assert [answer.status for answer in answers] == [503, 503]
    assert looked == []
    assert crowd.intake.turned_away == {"orders": 3}


async def test_reads_are_not_its_business(crowd: Crowd, looked: list[bytes | None]) -> None:
    """While orders are turned away, a read is served."""
    crowd.pressure = FULL
    for _ in range(2):
        await crowd.api.raw(order_bytes(crowd))
    assert (await crowd.api.signed("GET", "/v1/payouts")).status == 200
    assert looked[-1] is None


async def test_beyond_the_places_for_those_held_back_it_hangs_up(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is held back; the next finds no place and gets no answer. When the listener ends, the place is given back."""
    crowd.pressure = FULL
    await crowd.api.raw(order_bytes(crowd))
    crowd.limit(replace(AT_ONCE, paused=1, pause_s=600.0))
    held_back, hold_back = asyncio.Event(), Intake.hold_back

    def watched(self: Intake, *what: Any) -> bool:
        held_back.set()
        return hold_back(self, *what)

    monkeypatch.setattr(Intake, "hold_back", watched)
    _, waiting = await crowd.api.connect()
    waiting.write(order_bytes(crowd))
    async with asyncio.timeout(PATIENCE_S):
        await held_back.wait()
    assert crowd.intake.paused == 1
    assert await crowd.api.raw_bytes(order_bytes(crowd)) == b""
    assert crowd.api.listener is not None
    await crowd.api.listener.stop()
    assert (crowd.intake.paused, crowd.intake.turned_away) == (0, {"orders": 3})
    await crowd.api.start()
    waiting.close()


def test_orders_are_turned_away_on_uvloop_too(tmp_path: Path, looked: list[bytes | None]) -> None:
    """`serve` runs on uvloop, whose connections are of classes of its own: they are answered, and go on."""

    async def play() -> list[int]:
        crowd = Crowd(make_server(tmp_path))
        await crowd.api.start()
        crowd.pressure = FULL
        reader, writer = await crowd.api.connect()
        statuses = []
        for _ in range(3):
            writer.write(order_bytes(crowd, Connection="keep-alive"))
            statuses.append((await read_answer(reader)).status)
        writer.close()
        await crowd.api.stop()
        return statuses

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(play()) == [503, 503, 503]
    assert [answer is None for answer in looked] == [True, False, False]
