"""One table of everything that can go wrong on a line, played to the bare client and to the real channels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.http import HttpAnswer, NoAnswer
from gateway.domain.outcome import Heard, OutcomeKind
from tests.support.channel_kit import World, key_room, opened
from tests.support.wire import OK, peer, saying
from tests.support.wire_origins import CHANNELS, channel_over, known_as, origin_port
from tests.support.wire_table import AROUND, BEFORE_THE_HEAD, TABLE, Origin, Place, Reach, Row, Verdict, Where

pytestmark = pytest.mark.usefixtures("under")

__all__ = ["key_room"]

ORDER = b'{"pay":"once"}'
K = OutcomeKind


@pytest_asyncio.fixture(params=sorted(CHANNELS), scope="module", loop_scope="module")
async def world(request: pytest.FixtureRequest, key_room: Path) -> AsyncIterator[World]:
    async with opened(CHANNELS[request.param], key_room) as made:
        yield made


def test_the_table_draws_one_line() -> None:
    """Not sent: exactly what broke before the head of a request. And the table is the whole list of what can break."""
    for name, row in TABLE.items():
        assert (row.verdict is Verdict.NOT_SENT) == (row.where in BEFORE_THE_HEAD), name
        assert row.for_channels is row.verdict or (row.verdict, row.for_channels) == (
            Verdict.ANSWER,
            Verdict.UNKNOWN,
        ), f"{name}: a channel may believe less than its client, never more"
    assert {row.where for row in TABLE.values()} == set(Where)


def check_reached(name: str, row: Row, reach: Reach, origin: Origin) -> None:
    """Never twice; and "not sent" means that nobody heard a word of it."""
    assert reach.connections <= 1, f"{name}: the order was sent {reach.connections} times"
    assert origin.whole_requests <= 1, name
    if row.verdict is Verdict.NOT_SENT:
        assert b"POST" not in reach.heard, name
        assert origin.whole_requests == 0, name
    else:
        assert reach.connections == 1, name


def either(verdict: Verdict, name: str, under: str, answered: bool) -> Verdict:
    """What the table says; where it leaves that open, what was found."""
    if name not in AROUND or under != "aiohttp":
        return verdict
    return Verdict.ANSWER if answered else Verdict.UNKNOWN


@pytest.mark.parametrize("name", TABLE)
async def test_what_the_client_makes_of_it(name: str, under: str, tmp_path: Path) -> None:
    """A whole answer is one; of the rest, what provably never left is "not sent", and all else counts as sent."""
    row = TABLE[name]
    async with peer(saying(OK)) as far:
        origin = Origin(far.port)
        async with row.opens(Place(origin, tmp_path)) as reach:
            found = await reach.http.send("POST", f"{reach.base}/orders", (), ORDER)
            check_reached(name, row, reach, origin)
    match either(row.verdict, name, under, isinstance(found, HttpAnswer)):
        case Verdict.ANSWER:
            assert isinstance(found, HttpAnswer), found
            assert b"hello".startswith(found.body) or found.status == 500 or name == "a byte of the body changed"
        case verdict:
            assert isinstance(found, NoAnswer), found
            assert found.sent is (verdict is Verdict.UNKNOWN), found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", TABLE)
async def test_what_a_channel_makes_of_it(name: str, under: str, world: World, tmp_path: Path) -> None:
    """The channel adds one thing: an answer that is not signed as it should be is none. Its fault, and sent once."""
    row = TABLE[name]
    origin = Origin(origin_port(world))
    place = Place(origin, tmp_path, lambda base: known_as(world, base))
    async with row.opens(place) as reach:
        channel = channel_over(world, reach.base, reach.http)
        order = world.order()
        sent = world.sent(order, channel)
        answer = await channel.submit(channel.sign(sent))
        check_reached(name, row, reach, origin)
    assert answer.heard is Heard.SUBMIT
    match either(row.for_channels, name, under, answer.kind is not K.UNCLEAR):
        case Verdict.ANSWER:
            assert answer.kind in (K.PENDING, K.SUCCEEDED), answer
        case Verdict.UNKNOWN:
            assert answer.kind is K.UNCLEAR, answer
        case Verdict.NOT_SENT:
            assert (answer.kind, answer.channel_fault) == (K.NOT_SENT, row.where is not Where.POOL), answer
            assert world.entries(order) == []
