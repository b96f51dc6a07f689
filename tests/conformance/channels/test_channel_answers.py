"""What a channel may say of an order, and what it must never be taken to have said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest
import structlog

from adapters.channel import NotificationRefused, Unsendable
from adapters.http import NoAnswer
from adapters.magic import Fate
from adapters.sandbox.faults import Fault
from gateway.domain.outcome import Absence, Answer, Finality, Heard, OutcomeKind, classify
from gateway.domain.payout import AttemptState, Prepared
from gateway.domain.states import SETTLED
from tests.support import wire
from tests.support.channel_drive import Drive
from tests.support.channel_kit import NAME, World, over_a_network
from tests.support.wire import OK, Line, blurting, peer, saying

K = OutcomeKind


@asynccontextmanager
async def out_of_reach(world: World) -> AsyncIterator[None]:
    """Nobody listens at the channel's address."""
    assert world.sandbox is not None
    await world.sandbox.set_listener(False)
    yield
    await world.sandbox.set_listener(True)


async def test_an_order_it_never_got_is_absent(world: World) -> None:
    """Asked about one it has never heard of, it says so, and that is no refusal."""
    answer = await world.channel.query(world.sent())
    assert (answer.heard, answer.kind) == (Heard.QUERY, K.ABSENT)
    assert answer.channel_payout_id is None


async def test_absent_never_becomes_rejected(world: World) -> None:
    """Of a transmission that got lost, "not found" proves nothing: the attempt stays unknown and is repeated."""
    assert world.channel.ground.absence is Absence.NEVER
    drive = Drive(world)
    drive.fold(Answer(Heard.SUBMIT, K.UNCLEAR), 1)
    for _ in range(5):
        await drive.ask()
        assert drive.attempt.state is AttemptState.UNKNOWN
        assert drive.attempt.repeat_due
    assert K.REJECTED not in drive.heard


@over_a_network
async def test_out_of_reach_is_proved_not_sent(world: World) -> None:
    """A refused connection: not sent, the channel's fault, nothing raised; and the same order goes out later."""
    drive = Drive(world, Fate.PAID_AT_ONCE)
    async with out_of_reach(world):
        answer = await world.submit(drive.sent)
        assert (answer.kind, answer.channel_fault) == (K.NOT_SENT, True)
        for said in (await world.channel.query(drive.sent), await world.channel.cancel(drive.sent)):
            assert (said.kind, said.channel_fault or said.heard is Heard.CANCEL) == (K.UNCLEAR, True)
    drive.fold(answer, 1)
    assert (drive.attempt.state, drive.attempt.transmissions) == (AttemptState.PLANNED, 0)
    assert world.entries() == []
    await drive.look()
    assert drive.attempt.state is AttemptState.SUCCEEDED
    assert world.paid_times(drive.order) == 1


CANCELLED_AT = (Fate.PAID_AT_ONCE, Fate.USUAL, Fate.NEVER_HEARD_OF_AGAIN, Fate.DROPPED_UNPAID)


async def test_the_answer_to_a_cancel_is_never_believed(world: World) -> None:
    """Of a paid order, a pending one, a lost one, one never sent: nothing it says settles anything; a question does."""
    drives = [Drive(world, fate) for fate in CANCELLED_AT]
    for drive in drives:
        await drive.transmit()
    for drive in (*drives, Drive(world)):
        before = drive.attempt.state
        answer = await world.channel.cancel(drive.sent)
        assert answer.heard is Heard.CANCEL
        assert classify(answer, 0, 1, drive.attempt.ground.absence).kind is K.UNCLEAR
        if before is not AttemptState.SENDING:
            drive.fold(answer)
            assert drive.attempt.state is before


async def test_bytes_that_are_no_order_are_answered(world: World) -> None:
    """A submit returns an answer whatever was stored, and nothing is booked by it."""
    sent = world.sent()
    for body in (b"", b"\x00", b"{}", b"<a/>", sent.prepared.body[:-1]):
        spoiled = replace(sent, prepared=Prepared(sent.prepared.target, body, sent.prepared.headers))
        answer = await world.submit(spoiled)
        assert answer.heard is Heard.SUBMIT
        assert answer.kind in (K.REJECTED, K.UNCLEAR)
    assert world.entries() == []


HEAD = b"HTTP/1.1 "
END = b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
HOSTILE: dict[str, wire.Play] = {
    "closed": wire.hanging_up,
    "reset": wire.resetting,
    "dropped": wire.dropping,
    "garbage": blurting(b"\x16\x03\x01\x00\xff\r\n\r\n"),
    "half an answer": blurting(OK[:40]),
    "unsigned": saying(OK),
    "endless": saying(HEAD + b"200 OK\r\n\r\n" + b"x" * 3_000_000),
    "compressed": saying(HEAD + b"200 OK\r\nContent-Encoding: gzip" + END),
    "nested": saying(HEAD + b"200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000),
    "not utf-8": saying(HEAD + b"200 OK\r\nX-Request-ID: \xff\xfe\r\nContent-Length: 2\r\n\r\n\xff\xfe"),
    **{f"status {status}": saying(HEAD + str(status).encode() + b" X" + END) for status in range(200, 600, 33)},
    **{f"status {status}": saying(HEAD + str(status).encode() + b" X" + END) for status in (201, 202, 400, 401, 403)},
    **{f"status {status}": saying(HEAD + str(status).encode() + b" X" + END) for status in (404, 409, 429, 500, 503)},
}


@over_a_network
async def test_submit_never_raises_whatever_the_peer_does(world: World) -> None:
    """Nothing on the line is an exception, a success, a refusal that is believed, or proof of "not sent"."""
    played: list[wire.Play] = []

    async def whatever(line: Line) -> None:
        await played[-1](line)

    async with peer(whatever) as made:
        channel = world.build(made.base)
        for name, play in HOSTILE.items():
            played.append(play)
            before = len(made.lines)
            sent = world.sent(channel=channel)
            answer = await channel.submit(channel.sign(sent))
            believed = classify(answer, 1, 1, channel.ground.absence)
            assert (answer.heard, believed.kind) == (Heard.SUBMIT, K.UNCLEAR), name
            assert len(made.lines) == before + 1, f"{name}: sent more than once"
            for said in (await channel.query(sent), await channel.cancel(sent)):
                assert classify(said, 0, 1, channel.ground.absence).kind is K.UNCLEAR, name


@over_a_network
async def test_no_fault_of_the_sandbox_is_believed(world: World) -> None:
    """Whatever the spoiled transmission came to, what we believe at the end is what the books say."""
    assert world.sandbox is not None
    for fault in sorted(Fault):
        drive = Drive(world, Fate.PAID_AT_ONCE)
        world.sandbox.faults.add(fault, 1, "POST")
        async with time_passing(world):
            await drive.transmit()
        # A probe is something that not every channel has; where there is none, the answer is as it should be.
        assert drive.attempt.state is AttemptState.UNKNOWN or fault is Fault.SIGNATURE_PROBE, fault
        await drive.through(4)
        assert drive.attempt.state is AttemptState.SUCCEEDED, fault
        assert world.paid_times(drive.order) == 1, fault


@asynccontextmanager
async def time_passing(world: World) -> AsyncIterator[None]:
    """Time passes as soon as somebody waits for it: a request that hangs on the sandbox's clock comes to its end."""

    async def pass_on() -> None:
        while True:
            world.clock.rung.clear()
            await world.clock.rung.wait()
            await world.clock.advance(120)

    passing = asyncio.ensure_future(pass_on())
    try:
        yield
    finally:
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)


async def test_nothing_private_is_in_what_people_read(world: World) -> None:
    """Details, codes, refusals and log lines name no account, no payee and no secret; the evidence no secret."""
    words: list[str] = []
    evidence: list[bytes] = []
    accounts: set[str] = set()
    with structlog.testing.capture_logs() as logged:
        for fate in world.subject.fates:
            drive = Drive(world, fate)
            accounts.add(drive.order.beneficiary.account)
            if fate is not Fate.SLOW:
                answers = [await world.submit(drive.sent), await world.channel.query(drive.sent)]
                answers.append(await world.channel.cancel(drive.sent))
                words += [f"{answer.detail} {answer.channel_code}" for answer in answers]
                evidence += [answer.raw for answer in answers]
        await world.live(60)
        words += [detail async for detail in _refused_notifications(world)]
        words += list(_refused_orders(world))
        words += [call.result.error for call in world.calls if isinstance(call.result, NoAnswer)]
    words += map(repr, logged)
    assert len(words) > 30
    private = [*accounts, NAME, *(secret.text() for secret in world.secrets)]
    assert [(word, hidden) for word in words for hidden in private if hidden in word] == []
    hidden_lines = [line for secret in world.secrets for line in secret.reveal().splitlines() if len(line) >= 16]
    assert [line for line in hidden_lines for raw in evidence if line in raw] == []


async def _refused_notifications(world: World) -> AsyncIterator[str]:
    for raw in world.received:
        with pytest.raises(NotificationRefused) as refused:
            await world.channel.read_notification(replace(raw, body=raw.body[:-1]))
        yield f"{refused.value} {refused.value.detail}"


def _refused_orders(world: World) -> list[str]:
    found = []
    for minor in (0, -1):
        with pytest.raises(Unsendable) as refused:
            world.sent(world.order(money=replace(world.money(), minor=minor)))
        found.append(f"{refused.value} {refused.value.detail}")
    return found


async def test_a_refusal_comes_with_its_reason(world: World) -> None:
    """A final refusal that is believed names a reason of ours and the channel's own code."""
    for fate, ending in world.subject.fates.items():
        if ending.state is AttemptState.REJECTED:
            drive = Drive(world, fate)
            await drive.transmit()
            await world.live(5)
            answer = await world.channel.query(drive.sent)
            assert answer.kind is K.REJECTED
            assert answer.finality in (Finality.FINAL, Finality.FINAL_ON_REPEAT)
            assert answer.reason is ending.reason
            assert answer.channel_code


async def test_a_verdict_is_given_again(world: World) -> None:
    """Asked twice of a settled order, it says the same twice."""
    for fate in (Fate.PAID_AT_ONCE, Fate.ACCOUNT_CLOSED):
        drive = Drive(world, fate)
        await drive.transmit()
        await drive.through(4)
        assert drive.attempt.state in SETTLED
        said = [(await world.channel.query(drive.sent)).kind for _ in range(3)]
        assert all(one is other for one, other in pairwise(said))
