"""A channel's signed answer, and the handshake before it, broken off at every place; every other time with a reset."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.channel import Channel, Signed
from adapters.http import HttpAnswer, NoAnswer
from gateway.domain.outcome import OutcomeKind
from tests.support import wire, wire_tls
from tests.support.channel_kit import World, key_room, opened
from tests.support.wire import OK, Cut, Line, peer, saying, through
from tests.support.wire_origins import CHANNELS, channel_over, known_as, origin_port
from tests.support.wire_table import Origin

pytestmark = pytest.mark.usefixtures("under")

__all__ = ["key_room"]

K = OutcomeKind


@pytest.fixture(params=sorted(CHANNELS))
async def world(request: pytest.FixtureRequest, key_room: Path) -> AsyncIterator[World]:
    async with opened(CHANNELS[request.param], key_room) as made:
        yield made


async def recorded(world: World, base: str) -> tuple[Channel, Signed, bytes]:
    """An order, signed once, and the sandbox's true answer to these very bytes."""
    origin, answers = Origin(origin_port(world)), []

    async def play(line: Line) -> None:
        answers.append(await origin.exchange(await line.request()))
        await line.say(answers[-1])

    async with peer(play) as recorder:
        known_as(world, base)
        channel = channel_over(world, base, wire.client())
        signed = channel.sign(world.sent(channel=channel))
        http = wire.client()
        url = signed.url.replace(base, recorder.base)
        assert isinstance(await http.send(signed.method, url, signed.headers, signed.body), HttpAnswer)
        await http.close()
    return channel, signed, answers[0]


async def test_a_signed_answer_cut_after_any_byte_is_none(world: World) -> None:
    """The first n bytes of a channel's true answer, for every n: unclear. All of it: what the bank said."""
    said = b""

    async def play(line: Line) -> None:
        await line.request()
        await line.say(said)
        if len(said) % 2 and len(said) < len(answer):
            line.reset()

    async with peer(play) as made:
        channel, signed, answer = await recorded(world, made.base)
        wrong = []
        for length in range(len(answer)):
            said = answer[:length]
            found = await channel.submit(signed)
            if (found.kind, found.channel_fault) != (K.UNCLEAR, True):
                wrong.append((length, found))
        assert wrong == []
        said = answer
        assert (await channel.submit(signed)).kind in (K.PENDING, K.SUCCEEDED)
        assert len(made.lines) == len(answer) + 1 > 300, "no order was sent twice"
        assert sum(entry.paid_times for entry in world.entries()) <= 1


async def test_a_signed_answer_with_any_byte_changed_is_none_or_the_same(world: World) -> None:
    """A bit turned anywhere: the channel says unclear, or, where the byte means nothing, what the bank said."""
    said = b""

    async def play(line: Line) -> None:
        await line.request()
        await line.say(said)

    async with peer(play) as made:
        channel, signed, answer = await recorded(world, made.base)
        said = answer
        truth = await channel.submit(signed)
        believed = 0
        for at in range(0, len(answer), 3):
            said = answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]
            found = await channel.submit(signed)
            same = (found.kind, found.channel_payout_id) == (truth.kind, truth.channel_payout_id)
            believed += same
            assert same or found.kind is K.UNCLEAR, (at, said)
        assert truth.kind in (K.PENDING, K.SUCCEEDED)
        assert believed < len(answer) / 6, "what counts is signed"


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side whose handshakes are all equally long, and a client that believes it."""
    return wire_tls.serving(wire_tls.authority(), tmp_path, even=True), wire_tls.trusting(wire_tls.authority())


async def test_a_handshake_cut_in_what_the_peer_says(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Until the peer has proved who it is nothing of the order leaves; from there on it counts as sent."""
    serving, trusting = tls
    cut, sent = Cut(), []
    async with peer(saying(OK), serving) as origin, peer(through(origin, cut)) as proxy:
        http = wire.client(tls=trusting)
        url = proxy.url.replace("http:", "https:")
        for cut.answer_bytes in range(0, 5000, 7):
            cut.reset = not cut.reset
            found = await http.send("POST", url, (), b"an order")
            if isinstance(found, HttpAnswer):
                break
            sent.append(found.sent)
            if not found.sent:
                assert not any(line.heard for line in origin.lines), (cut.answer_bytes, found)
        await http.close()
    border = sent.index(True)
    assert border * 7 > 1000, "a handshake with a certificate is longer than that"
    assert all(sent[border:]), "once sent, always sent"


async def test_a_handshake_cut_after_any_byte_of_ours(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """The peer never gets our greeting whole, or we never get its: nothing of the order can have left."""
    serving, trusting = tls
    cut = Cut()
    async with peer(wire.listening) as deaf:
        http = wire.client(tls=trusting, connect_s=0.2)
        await http.send("POST", deaf.url.replace("http:", "https:"), (), b"an order")
        greeting = len(deaf.lines[0].heard)
        await http.close()
    async with peer(saying(OK), serving) as origin, peer(through(origin, cut)) as proxy:
        http = wire.client(tls=trusting)
        for cut.request_bytes in range(1, greeting + 1):
            cut.reset = not cut.reset
            found = await http.send("POST", proxy.url.replace("http:", "https:"), (), b"an order")
            assert isinstance(found, NoAnswer)
            assert not found.sent, (cut.request_bytes, found)
        await http.close()
        assert greeting > 200
        assert len(proxy.lines) == greeting
        assert origin.lines == [], "nobody got through the handshake"
