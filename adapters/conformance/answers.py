"""What a channel may say of an order, and what it must never be taken to have said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import structlog

from adapters.conformance.drive import Drive
from adapters.conformance.notifications import refused as refused_notification
from adapters.conformance.orders import refused as refused_order
from adapters.conformance.promise import Promises
from adapters.conformance.world import NAME, World
from adapters.http import NoAnswer
from adapters.magic import Fate
from adapters.sandbox.faults import SIGNATURE_FAULTS, Fault
from gateway.domain.outcome import Absence, Answer, Finality, Heard, OutcomeKind, classify
from gateway.domain.payout import AttemptState, Prepared
from gateway.domain.states import SETTLED

K = OutcomeKind
promises = Promises()


@asynccontextmanager
async def out_of_reach(world: World) -> AsyncIterator[None]:
    """Nobody listens at the channel's address."""
    assert world.sandbox is not None
    await world.sandbox.set_listener(False)
    yield
    await world.sandbox.set_listener(True)


@promises
async def an_order_it_never_got_is_absent(world: World) -> None:
    """Asked about one it has never heard of, it says so, and that is no refusal."""
    answer = await world.channel.query(world.sent())
    assert (answer.heard, answer.kind) == (Heard.QUERY, K.ABSENT)
    assert answer.channel_payout_id is None


@promises
async def absent_never_becomes_rejected(world: World) -> None:
    """Of a transmission that got lost, "not found" proves nothing: the attempt stays unknown and is repeated."""
    assert world.channel.ground.absence is Absence.NEVER
    drive = Drive(world)
    drive.fold(Answer(Heard.SUBMIT, K.UNCLEAR), 1)
    for _ in range(5):
        await drive.ask()
        assert drive.attempt.state is AttemptState.UNKNOWN
        assert drive.attempt.repeat_due
    assert K.REJECTED not in drive.heard


@promises.over_a_network
async def out_of_reach_is_proved_not_sent(world: World) -> None:
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


@promises
async def the_answer_to_a_cancel_is_never_believed(world: World) -> None:
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


@promises
async def bytes_that_are_no_order_are_answered(world: World) -> None:
    """A submit returns an answer whatever was stored, and nothing is booked by it."""
    sent = world.sent()
    for body in (b"", b"\x00", b"{}", b"<a/>", sent.prepared.body[:-1]):
        spoiled = replace(sent, prepared=Prepared(sent.prepared.target, body, sent.prepared.headers))
        answer = await world.submit(spoiled)
        assert answer.heard is Heard.SUBMIT
        assert answer.kind in (K.REJECTED, K.UNCLEAR)
    assert world.entries() == []


@promises.over_a_network
async def no_fault_of_the_sandbox_is_believed(world: World) -> None:
    """Whatever the spoiled transmission came to, what we believe at the end is what the books say."""
    assert world.sandbox is not None
    for fault in sorted(Fault if world.subject.signs_answers else set(Fault) - SIGNATURE_FAULTS):
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


@promises
async def nothing_private_is_in_what_people_read(world: World) -> None:
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
        error = await refused_notification(world, replace(raw, body=raw.body[:-1]))
        assert error is not None
        yield f"{error} {error.detail}"


def _refused_orders(world: World) -> list[str]:
    found = []
    for minor in (0, -1):
        error = refused_order(world, world.order(money=replace(world.money(), minor=minor)))
        assert error is not None
        found.append(f"{error} {error.detail}")
    return found


@promises
async def a_refusal_comes_with_its_reason(world: World) -> None:
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


@promises
async def a_verdict_is_given_again(world: World) -> None:
    """Asked twice of a settled order, it says the same twice."""
    for fate in (Fate.PAID_AT_ONCE, Fate.ACCOUNT_CLOSED):
        drive = Drive(world, fate)
        await drive.transmit()
        await drive.through(4)
        assert drive.attempt.state in SETTLED
        said = [(await world.channel.query(drive.sent)).kind for _ in range(3)]
        assert all(one is other for one, other in pairwise(said))


KNOWN = (K.PENDING, K.SUCCEEDED, K.REJECTED, K.RETURNED)


@promises
async def an_order_of_a_life_we_forgot_is_found(world: World) -> None:
    """Asked with freshly prepared bytes and nothing the channel ever told us: it knows it (after a restore: R15)."""
    assert world.channel.capabilities.can_look_up
    for fate in (Fate.USUAL, Fate.PAID_LATER, Fate.NEVER_HEARD_OF_AGAIN):
        order = world.order(fate)
        await world.submit(world.sent(order))
        await world.live(30)
        anew = world.sent(order)
        assert anew.channel_payout_id is None
        assert (await world.channel.query(anew)).kind in KNOWN


@promises
async def an_order_with_other_content_is_found(world: World) -> None:
    """What a life that we forgot ordered under this id was of another amount. It is no verdict on what we ask about,
    and still the channel shows that it has an order under the id: nothing may be sent under it (R15)."""
    order = world.order(Fate.USUAL)
    await world.submit(world.sent(order))
    await world.live(30)
    other = replace(order, amount=replace(order.amount, minor=order.amount.minor + 1))
    answer = await world.channel.query(world.sent(other))
    assert answer.other_content or answer.kind in KNOWN
    assert not (answer.other_content and answer.kind in KNOWN)
