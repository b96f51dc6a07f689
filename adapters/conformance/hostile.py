"""A hostile channel: the adapter's own other side, and somebody on the line who loses, doubles and spoils answers.

What really happened is in the books. Whatever came of it on the way, at the end we believe what they say, and nobody
was paid twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from adapters.channel import Channel
from adapters.conformance.drive import Drive
from adapters.conformance.promise import Promises
from adapters.conformance.world import World
from adapters.http import ANSWER_MAX_BYTES, ChannelHttp, HttpAnswer, HttpxFactory, NoAnswer
from adapters.magic import Fate
from gateway.domain.outcome import OutcomeKind, classify
from gateway.domain.payout import AttemptState

promises = Promises()

Heard = HttpAnswer | NoAnswer
Pass = Callable[[], Awaitable[Heard]]
Play = Callable[[bytes, Pass], Awaitable[Heard]]
"""(the request's body, lets it through and returns the true answer) -> what the adapter hears."""

LOST = NoAnswer(sent=True, error="the answer was lost")
_PAGE = HttpAnswer(503, {"content-type": "text/html"}, b"<html><h1>503 Service Unavailable</h1></html>")
_STATUSES = (200, 201, 202, 204, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503)
_GARBAGE = (b"", b"{}", b"[]", b"null", b"<html/>", b"\xff\xfe\x00", b"{" * 2000)
_SECONDS_NOT_FOUND = 30


async def _honest(_body: bytes, through: Pass) -> Heard:
    return await through()


class Meddler(ChannelHttp):
    """The real client, with somebody between it and the channel who does what `play` says."""

    def __init__(self) -> None:
        self._inner = HttpxFactory(5.0, 5.0, 10.0)()
        self.play: Play = _honest
        self.bodies: list[bytes] = []
        """Of every request that came by."""

    async def send(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes = b"",
        max_bytes: int = ANSWER_MAX_BYTES,
    ) -> Heard:
        self.bodies.append(body)
        return await self.play(body, lambda: self._inner.send(method, url, headers, body, max_bytes))

    async def close(self) -> None:
        await self._inner.close()


async def _meddled(world: World) -> tuple[Channel, Meddler]:
    """A channel of its own, started over an honest line."""
    meddler = Meddler()
    channel = world.build(over=meddler)
    await channel.start()
    meddler.bodies.clear()
    return channel, meddler


async def _ends_paid_once(world: World, drive: Drive) -> None:
    await drive.through()
    assert drive.attempt.state is AttemptState.SUCCEEDED, drive.heard
    assert OutcomeKind.REJECTED not in drive.heard
    assert world.paid_times(drive.order) == 1


async def _lose(_body: bytes, through: Pass) -> Heard:
    await through()
    return LOST


@promises.over_a_network
async def the_answer_lost_after_it_accepted(world: World) -> None:
    """It is unknown, not failed: no answer is not a no. Asked about, it turns out paid, once."""
    channel, meddler = await _meddled(world)
    drive = Drive(world, channel=channel)
    meddler.play = _lose
    await drive.transmit()
    assert drive.attempt.state is AttemptState.UNKNOWN
    meddler.play = _honest
    await _ends_paid_once(world, drive)


@promises.over_a_network
async def a_submit_is_one_call(world: World) -> None:
    """The adapter repeats no submit by itself, whatever it hears: that is for the gateway, which counts them."""
    channel, meddler = await _meddled(world)

    async def page(_body: bytes, _through: Pass) -> Heard:
        return _PAGE

    for play in (_lose, page, _honest):
        drive = Drive(world, channel=channel)
        meddler.play, before = play, len(meddler.bodies)
        await drive.transmit()
        assert meddler.bodies[before:] == [drive.attempt.prepared.body]


@promises.over_a_network
async def an_order_that_arrives_twice(world: World) -> None:
    """Something on the line sends every transmission twice, and the channel answers twice: it is one payment."""
    channel, meddler = await _meddled(world)
    drive = Drive(world, channel=channel)

    async def twice(_body: bytes, through: Pass) -> Heard:
        await through()
        return await through()

    meddler.play = twice
    await drive.transmit()
    assert drive.attempt.state is not AttemptState.REJECTED
    meddler.play = _honest
    await _ends_paid_once(world, drive)


@promises.over_a_network
async def the_answer_to_another_order(world: World) -> None:
    """What the channel said of one order is not taken for what it says of the next."""
    channel, meddler = await _meddled(world)
    kept: list[Heard] = []

    async def keep(_body: bytes, through: Pass) -> Heard:
        kept.append(await through())
        return kept[-1]

    async def mix_up(_body: bytes, through: Pass) -> Heard:
        await through()
        return kept[-1]

    for ask in (False, True):
        meddler.play = keep
        other = Drive(world, Fate.PAID_AT_ONCE, channel)
        await other.transmit()
        if ask:
            await other.ask()
        meddler.play = _honest
        drive = Drive(world, Fate.NEVER_HEARD_OF_AGAIN, channel)
        if ask:
            await drive.transmit()
        meddler.play = mix_up
        answer = await (channel.query(drive.sent) if ask else drive.submit())
        assert answer.kind not in (OutcomeKind.SUCCEEDED, OutcomeKind.RETURNED)


@promises.over_a_network
async def a_5xx_after_it_accepted(world: World) -> None:
    """A page of some proxy says nothing of the order: unknown, asked about, paid once."""
    channel, meddler = await _meddled(world)
    drive = Drive(world, channel=channel)

    async def page(_body: bytes, through: Pass) -> Heard:
        await through()
        return _PAGE

    meddler.play = page
    await drive.transmit()
    assert drive.attempt.state is AttemptState.UNKNOWN
    await drive.ask()
    assert drive.attempt.state is AttemptState.UNKNOWN, "the same page in answer to a question"
    meddler.play = _honest
    await _ends_paid_once(world, drive)


@promises.over_a_network
async def not_found_for_30_s_and_then_found(world: World) -> None:
    """ "Not found" is no proof that it will not pay: an order can still be on its way."""
    channel, meddler = await _meddled(world)
    kept: list[Heard] = []

    async def keep(_body: bytes, through: Pass) -> Heard:
        kept.append(await through())
        return kept[-1]

    meddler.play = keep
    await channel.query(world.sent(channel=channel))
    drive = Drive(world, channel=channel)

    async def blind(body: bytes, through: Pass) -> Heard:
        return await _lose(body, through) if body == drive.attempt.prepared.body else kept[-1]

    meddler.play = blind
    await drive.transmit()
    for _ in range(_SECONDS_NOT_FOUND // 5):
        await drive.look()
        assert drive.attempt.state is AttemptState.UNKNOWN, drive.heard
        await world.clock.advance(5)
    meddler.play = _honest
    await _ends_paid_once(world, drive)


@promises.over_a_network
async def garbage_is_not_believed(world: World) -> None:
    """Any status with a body that says nothing: no success, no refusal, no absence that counts; nothing is raised."""
    channel, meddler = await _meddled(world)
    sent = world.sent(channel=channel)
    for status in _STATUSES:
        for body in _GARBAGE:
            spoiled = HttpAnswer(status, {"content-type": "application/json"}, body)

            async def say(_body: bytes, _through: Pass, spoiled: HttpAnswer = spoiled) -> Heard:
                return spoiled

            meddler.play = say
            answer = await channel.submit(channel.sign(sent))
            assert classify(answer, 1, 1, channel.ground.absence).kind is OutcomeKind.UNCLEAR, (status, body[:20])
            answer = await channel.query(sent)
            assert classify(answer, 0, 1, channel.ground.absence).kind is OutcomeKind.UNCLEAR, (status, body[:20])


@promises.over_a_network
async def an_answer_cut_in_half(world: World) -> None:
    """Half of a true answer is no answer."""
    channel, meddler = await _meddled(world)
    drive = Drive(world, Fate.PAID_AT_ONCE, channel)

    async def cut(_body: bytes, through: Pass) -> Heard:
        heard = await through()
        return replace(heard, body=heard.body[: len(heard.body) // 2]) if isinstance(heard, HttpAnswer) else heard

    meddler.play = cut
    await drive.transmit()
    assert drive.attempt.state is AttemptState.UNKNOWN
    await drive.ask()
    assert drive.attempt.state is AttemptState.UNKNOWN
    meddler.play = _honest
    await _ends_paid_once(world, drive)


@promises.over_a_network
async def another_amount_in_the_answer(world: World) -> None:
    """An echo that differs from our order is no success: it speaks of another payment, or of ours gone wrong."""
    channel, meddler = await _meddled(world)
    drive = Drive(world, Fate.PAID_AT_ONCE, channel)
    changed: list[bytes] = []  # stays empty where a channel does not say the amount in its answers

    async def falsify(_body: bytes, through: Pass) -> Heard:
        heard = await through()
        if isinstance(heard, HttpAnswer):
            false = _another_amount(heard.body, drive.order.amount.minor)
            changed.extend([heard.body] if false != heard.body else [])
            return replace(heard, body=false)
        return heard

    meddler.play = falsify
    for transmitted in (False, True):
        before = len(changed)
        answer = await (channel.query(drive.sent) if transmitted else drive.submit())
        believed = classify(answer, 0 if transmitted else 1, 1, channel.ground.absence).kind
        assert len(changed) == before or believed is not OutcomeKind.SUCCEEDED, f"taken for paid: {answer.kind}"


def _another_amount(body: bytes, minor: int) -> bytes:
    """The body with every spelling of the amount one unit higher."""
    for spell in ("{0}", "{1}.{2:02d}"):
        true, false = (spell.format(each, each // 100, each % 100).encode() for each in (minor, minor + 1))
        body = body.replace(true, false)
    return body
