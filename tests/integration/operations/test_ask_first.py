"""Ask first (R15): after a restore every channel is asked for every id before a payout is sent, given up or ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.channel import Order, Sent, Unsendable
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.event import EventType
from gateway.domain.hold import HoldCode
from gateway.domain.identity import attempt_ids
from gateway.domain.outcome import Answer, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import AttemptState, Payout, Prepared
from gateway.domain.reasons import RejectReason
from gateway.domain.safety import Safety
from gateway.domain.status import Status, status
from gateway.domain.steps import StepPolicy
from gateway.operations.ask_first import LOOK_AGAIN_AFTER, LOOK_AGAIN_AT_MOST_AFTER, ordinals_max
from gateway.operations.plan import ROWS_MAX
from gateway.operations.quarantine import enter_in, grounds, leave
from gateway.operations.standing import write_safety
from tests.support.builders import an_answer
from tests.support.scripted import ScriptedChannel, ScriptedGateway, scripted_gateway

K = OutcomeKind
PAID = an_answer(K.SUCCEEDED)
NOT_SENT = an_answer(K.NOT_SENT, channel_fault=True)
ABSENT = an_answer(K.ABSENT, How.QUERY)
LOOK_S = LOOK_AGAIN_AFTER.total_seconds()
LATER_S = LOOK_AGAIN_AT_MOST_AFTER.total_seconds()
IDS = ordinals_max(StepPolicy().max_attempts)


def says(kind: OutcomeKind, **fields: object) -> Answer:
    return an_answer(kind, How.QUERY, **fields)


def knows_nothing(channel: ScriptedChannel, rounds: int = 1) -> None:
    """It says so for every id it is asked for."""
    channel.queries.extend([ABSENT] * (IDS * rounds))


def ids_on(channel: str, reference: str = "order-1") -> list[str]:
    wanted = range(1, IDS + 1)
    return [attempt_ids(b"identity", "acme", reference, channel, n).channel_reference for n in wanted]


def asked_of(channel: ScriptedChannel) -> list[str]:
    return [sent.order.channel_reference for sent in channel.asked]


async def make_careful(gateway: ScriptedGateway, channels: dict[str, str] | None = None) -> None:
    """A quarantine that was entered and left: the ask-first time has begun."""
    now, known = gateway.clock.now(), grounds(gateway.services.channels) | (channels or {})
    await gateway.store.run(lambda tx: enter_in(tx, "restored", now, known))
    await leave(gateway.services, now)


@pytest.fixture
async def gateway() -> ScriptedGateway:
    made = scripted_gateway()
    await make_careful(made)
    return made


async def hold_code(gateway: ScriptedGateway, payout: Payout) -> HoldCode:
    found = await gateway.payout(payout.id)
    assert status(found) is Status.HELD
    assert found.hold is not None
    assert found.attempts == ()
    return found.hold.code


# Asked, and nothing found --------------------------------------------------------------------------------------------


async def test_every_id_on_every_channel_is_asked_for_and_then_it_is_sent(gateway: ScriptedGateway) -> None:
    """All say that they know nothing: one order leaves, under the first id, after the last answer."""
    for channel in gateway.channels.values():
        knows_nothing(channel)
    gateway.channels["alpha"].submits.append(PAID)
    payout = await gateway.accept()
    assert status(payout) is Status.PAID
    for name, channel in gateway.channels.items():
        assert asked_of(channel) == ids_on(name)
    assert [s.sent.order.channel_reference for s in gateway.channels["alpha"].sent] == ids_on("alpha")[:1]


async def test_a_question_carries_the_whole_order_on_present_ground(gateway: ScriptedGateway) -> None:
    """A channel may need more than the id to be asked: it gets what it would get for a send."""
    await gateway.accept()
    channel = gateway.channels["alpha"]
    first = channel.asked[0]
    assert first.ground == channel.ground
    assert (first.order.amount.minor, first.order.reference) == (12345, "order-1")
    assert first.prepared.body.decode().startswith(first.order.channel_reference)


async def test_a_disabled_channel_is_asked_too() -> None:
    """It may have carried the payout before it was switched off."""
    gateway = scripted_gateway(policy=StepPolicy(disabled_channels=frozenset({"beta"})))
    await make_careful(gateway)
    gateway.channels["beta"].queries.append(says(K.PENDING))
    knows_nothing(gateway.channels["alpha"])
    assert await hold_code(gateway, await gateway.accept()) is HoldCode.FOUND_AT_CHANNEL


async def test_failing_over_asks_again_but_not_for_what_the_books_know(gateway: ScriptedGateway) -> None:
    """Every new attempt, first or later. The refused one's id is in the books and is followed up by itself."""
    for channel in gateway.channels.values():
        knows_nothing(channel, rounds=2)
    gateway.channels["alpha"].submits.append(an_answer(K.REJECTED))
    gateway.channels["beta"].submits.append(PAID)
    payout = await gateway.accept()
    assert [attempt.channel for attempt in payout.attempts] == ["alpha", "beta"]
    assert asked_of(gateway.channels["alpha"]) == ids_on("alpha") + ids_on("alpha")[1:]
    assert asked_of(gateway.channels["beta"]) == ids_on("beta") * 2


async def test_a_repeat_asks_the_others_first(gateway: ScriptedGateway) -> None:
    """The same id again is no new attempt, but in the lost time another channel may have paid: it is asked."""
    for channel in gateway.channels.values():
        knows_nothing(channel)
    payout = await gateway.accept()
    gateway.channels["alpha"].queries.append(ABSENT)
    await gateway.pass_time(seconds=30)
    asked = len(gateway.channels["beta"].asked)
    gateway.channels["alpha"].submits.append(PAID)
    for channel in gateway.channels.values():
        knows_nothing(channel)
    await gateway.pass_time(minutes=5)
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert len(gateway.channels["beta"].asked) > asked


async def test_a_repeat_of_what_another_channel_paid_is_held(gateway: ScriptedGateway) -> None:
    """The older copy wants the same bytes again; beta paid it in the time that was lost: nobody is sent anything."""
    for channel in gateway.channels.values():
        knows_nothing(channel)
    payout = await gateway.accept()
    gateway.channels["alpha"].queries.append(ABSENT)
    await gateway.pass_time(seconds=30)
    sent = len(gateway.channels["alpha"].sent)
    gateway.channels["alpha"].queries.extend([ABSENT] * 9)
    gateway.channels["beta"].queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    await gateway.pass_time(minutes=5)
    held = await gateway.payout(payout.id)
    assert held.hold is not None
    assert held.hold.code is HoldCode.FOUND_AT_CHANNEL
    assert len(gateway.channels["alpha"].sent) == sent


async def test_after_its_time_nobody_is_asked() -> None:
    """To the moment; then payouts go as ever."""
    gateway = scripted_gateway()
    await make_careful(gateway)
    gateway.clock.move(timedelta(days=30).total_seconds())
    gateway.channels["alpha"].submits.append(PAID)
    assert status(await gateway.accept()) is Status.PAID
    assert all(channel.asked == [] for channel in gateway.channels.values())


# Found ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [K.SUCCEEDED, K.PENDING, K.RETURNED, K.REJECTED], ids=str)
@pytest.mark.parametrize("ordinal", [1, IDS])
async def test_a_channel_that_knows_any_id_holds_the_payout(
    gateway: ScriptedGateway, kind: OutcomeKind, ordinal: int
) -> None:
    """Paid, under way, returned or refused; first id or last: people must look. Nothing is sent, by anyone."""
    knows_nothing(gateway.channels["alpha"])
    gateway.channels["beta"].queries.extend([ABSENT] * (ordinal - 1) + [says(kind, channel_code="CODE")])
    payout = await gateway.accept()
    assert await hold_code(gateway, payout) is HoldCode.FOUND_AT_CHANNEL
    (incident,) = await gateway.incidents(payout)
    assert incident.kind == "found_at_channel"
    assert incident.detail == f"beta knows {ids_on('beta')[ordinal - 1]}: {kind} (CODE)"
    await gateway.pass_time(days=20)
    assert all(channel.sent == [] for channel in gateway.channels.values())


async def test_an_order_with_other_content_holds_too(gateway: ScriptedGateway) -> None:
    """The app orders something else under a reference that was paid in the lost time. No answer of the channel will
    ever be clear: it is held at the first one."""
    knows_nothing(gateway.channels["alpha"])
    gateway.channels["beta"].queries.append(says(K.UNCLEAR, other_content=True))
    payout = await gateway.accept()
    assert await hold_code(gateway, payout) is HoldCode.FOUND_AT_CHANNEL
    (incident,) = await gateway.incidents(payout)
    assert incident.detail == f"beta knows {ids_on('beta')[0]}: an order with other content"
    await gateway.pass_time(days=20)
    assert all(channel.sent == [] for channel in gateway.channels.values())


async def test_what_is_found_outweighs_who_is_silent(gateway: ScriptedGateway) -> None:
    """One knows it, another gives no answer: held now, not when the other one is back."""
    gateway.channels["beta"].queries.append(says(K.SUCCEEDED))
    assert await hold_code(gateway, await gateway.accept()) is HoldCode.FOUND_AT_CHANNEL


async def test_a_released_one_asks_again(gateway: ScriptedGateway) -> None:
    """Two people taking the hold off does not open the way to a second payment."""
    knows_nothing(gateway.channels["alpha"])
    gateway.channels["beta"].queries.append(says(K.SUCCEEDED))
    payout = await gateway.accept()
    found = await gateway.payout(payout.id)
    released = replace(found, hold=None, retry_at=None)
    await gateway.store.run(lambda tx: tx.save(found, released, gateway.clock.now()))
    knows_nothing(gateway.channels["alpha"])
    gateway.channels["beta"].queries.append(says(K.SUCCEEDED))
    await gateway.pass_time(seconds=1)
    assert await hold_code(gateway, payout) is HoldCode.FOUND_AT_CHANNEL


async def test_a_planned_attempt_may_have_left_in_the_time_we_forgot() -> None:
    """The books call it never sent; its channel knows it: held, and not sent under that id or another."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.append(NOT_SENT)
    payout = await gateway.accept()
    assert payout.attempt(1).state is AttemptState.PLANNED
    await make_careful(gateway)
    alpha.queries.append(says(K.SUCCEEDED))
    await gateway.pass_time(seconds=10)
    assert asked_of(alpha) == ids_on("alpha")[:1]
    held = await gateway.payout(payout.id)
    assert held.hold is not None
    assert held.hold.code is HoldCode.FOUND_AT_CHANNEL
    await gateway.pass_time(days=4)
    assert status(await gateway.payout(payout.id)) is Status.HELD
    assert len(alpha.sent) == 1


# No answer -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [says(K.UNCLEAR), says(K.NOT_SENT), RuntimeError("adapter bug")],
    ids=["unclear", "not sent", "adapter bug"],
)
async def test_no_answer_waits_and_asks_again(gateway: ScriptedGateway, answer: Answer | Exception) -> None:
    """Not a no: nothing is sent while one channel is silent, and everybody is asked anew when it is back."""
    knows_nothing(gateway.channels["alpha"], rounds=2)
    beta = gateway.channels["beta"]
    script(beta, [answer])
    payout = await gateway.accept()
    assert payout.attempts == ()
    events = await gateway.store.read(lambda tx: tx.events(payout.id))
    assert [event.type for event in events] == [EventType.ACCEPTED, EventType.WAITING]
    knows_nothing(beta)
    gateway.channels["alpha"].submits.append(PAID)
    await gateway.pass_time(seconds=LOOK_S)
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert asked_of(gateway.channels["alpha"]) == ids_on("alpha") * 2


def script(channel: ScriptedChannel, first: list[Answer | Exception]) -> None:
    """Play `first`, raising what is to be raised; then as scripted."""
    usual = channel.query

    async def query(sent: Sent) -> Answer:
        if not first:
            return await usual(sent)
        answer = first.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    channel.query = query  # type: ignore[method-assign]  # this one plays another script


async def test_a_deadline_does_not_end_what_nobody_could_be_asked_about(gateway: ScriptedGateway) -> None:
    """Silent past `give_up_after`: it may have been paid, so it is not called failed; asked at last, it is."""
    payout = await gateway.accept()
    await gateway.pass_time(hours=73)
    assert await gateway.run() == 0
    assert status(await gateway.payout(payout.id)) is Status.ACCEPTED
    for channel in gateway.channels.values():
        knows_nothing(channel)
    await gateway.pass_time(seconds=LATER_S)
    assert status(await gateway.payout(payout.id)) is Status.FAILED
    assert all(channel.sent == [] for channel in gateway.channels.values())


async def test_what_nobody_can_say_is_left_to_people(gateway: ScriptedGateway) -> None:
    """A day beyond its own time, no clear answer yet: held, with what kept it waiting. Never ended, never forgotten."""
    payout = await gateway.accept()
    policy = gateway.services.steps
    limit = (await gateway.payout(payout.id)).give_up_at + policy.unknown_after
    await gateway.pass_time(seconds=(limit - gateway.clock.now()).total_seconds() - LATER_S)
    assert status(await gateway.payout(payout.id)) is Status.ACCEPTED
    await gateway.pass_time(seconds=2 * LATER_S)
    assert await hold_code(gateway, payout) is HoldCode.OUTCOME_UNKNOWN
    (incident,) = await gateway.incidents(payout)
    assert "gave no clear answer" in incident.detail
    assert all(channel.sent == [] for channel in gateway.channels.values())


async def test_who_was_put_off_is_still_asked_about_when_the_ask_first_time_is_over(gateway: ScriptedGateway) -> None:
    """Nobody has said yet that it was not paid in the lost time; who orders from now on is sent as ever."""
    payout = await gateway.accept()
    until = gateway.services.standing.now.ask_first_until
    assert until is not None
    await gateway.pass_time(seconds=(until - gateway.clock.now()).total_seconds())
    assert status(await gateway.payout(payout.id)) is Status.HELD
    assert all(channel.sent == [] for channel in gateway.channels.values())
    later = await gateway.accept("order-2")
    assert [attempt.transmissions for attempt in later.attempts] == [1]


async def test_asking_that_takes_too_long_is_no_answer() -> None:
    """Half a lease at most, so that nobody sends on a lease that has run out."""
    gateway = scripted_gateway("alpha")
    gateway.services = replace(gateway.services, lease_s=0.0)
    await make_careful(gateway)
    hanging = asyncio.Event()

    async def query(sent: Sent) -> Answer:
        await hanging.wait()
        return ABSENT

    gateway.channels["alpha"].query = query  # type: ignore[method-assign]  # one that never answers
    payout = await gateway.accept()
    assert payout.attempts == ()
    hanging.set()
    assert await gateway.services.background.drain(5) == 0


# Who cannot be asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [{"gone": "bank x 1"}, {"alpha": "scripted elsewhere alpha"}], ids=["gone", "moved"])
async def test_a_channel_that_is_no_longer_there_holds(known: dict[str, str]) -> None:
    """Removed, or pointing at another account: nobody can say what it did, so people must."""
    gateway = scripted_gateway()
    await make_careful(gateway)
    safety = gateway.services.standing.now
    changed = Safety(ask_first_until=safety.ask_first_until, channels={**safety.channels, **known})
    await gateway.store.run(lambda tx: write_safety(tx, changed))
    for channel in gateway.channels.values():
        knows_nothing(channel, rounds=2)
    payout = await gateway.accept()
    assert await hold_code(gateway, payout) is HoldCode.CHANNEL_REMOVED
    (incident,) = await gateway.incidents(payout)
    assert next(iter(known)) in incident.detail


async def test_a_channel_that_cannot_be_asked_by_our_id_holds(gateway: ScriptedGateway) -> None:
    """Its "not found" would mean nothing."""
    beta = gateway.channels["beta"]
    beta.capabilities = replace(beta.capabilities, can_look_up=False)
    assert await hold_code(gateway, await gateway.accept()) is HoldCode.CHANNEL_REMOVED
    assert beta.asked == []


async def test_a_channel_for_other_payees_is_left_alone(gateway: ScriptedGateway) -> None:
    """One that never carries this kind of payee, or this currency, did not get it; though it cannot be asked."""
    beta = gateway.channels["beta"]
    other = frozenset({BeneficiaryKind.WECHAT})
    beta.capabilities = replace(beta.capabilities, can_look_up=False, kinds=other)
    knows_nothing(gateway.channels["alpha"])
    gateway.channels["alpha"].submits.append(PAID)
    assert status(await gateway.accept()) is Status.PAID
    assert beta.asked == []


async def test_an_order_the_channel_cannot_express_now_is_held(gateway: ScriptedGateway) -> None:
    """Under older settings it may have been expressed, and sent: what cannot be asked about is for people."""
    gateway.channels["beta"].unsendable = "no such characters"
    knows_nothing(gateway.channels["alpha"])
    held = await gateway.accept()
    assert held.hold is not None
    assert held.hold.code is HoldCode.CHANNEL_REMOVED
    assert gateway.channels["alpha"].sent == []


async def test_a_channel_that_is_not_ready_is_waited_for(gateway: ScriptedGateway) -> None:
    """It cannot make an order now; that says nothing of what it made before."""
    beta = gateway.channels["beta"]
    usual = beta.prepare

    def prepare(order: Order, now: object) -> Prepared:
        raise Unsendable(RejectReason.CHANNEL_UNAVAILABLE, "no key yet")

    beta.prepare = prepare  # type: ignore[method-assign,assignment]  # for a while
    knows_nothing(gateway.channels["alpha"], rounds=2)
    payout = await gateway.accept()
    assert payout.attempts == ()
    beta.prepare = usual  # type: ignore[method-assign]  # ready again
    knows_nothing(beta)
    gateway.channels["alpha"].submits.append(PAID)
    await gateway.pass_time(seconds=LOOK_S)
    assert status(await gateway.payout(payout.id)) is Status.PAID


@pytest.mark.parametrize("names", [("alpha",), ("alpha", "beta"), ("alpha", "beta", "gamma")], ids=len)
async def test_the_ids_asked_for_cover_attempts_that_never_left(names: tuple[str, ...]) -> None:
    """An outage of every channel, in which attempts that never left take numbers: none is beyond those asked for."""
    gateway = scripted_gateway(*names)
    for channel in gateway.channels.values():
        channel.submits.extend([NOT_SENT] * 60)
    payout = await gateway.accept()
    for _ in range(60):
        await gateway.pass_time(seconds=10)
    gateway.channels["alpha"].submits.clear()
    gateway.channels["alpha"].submits.append(an_answer(K.REJECTED))
    for _ in range(60):
        await gateway.pass_time(seconds=10)
    attempts = (await gateway.payout(payout.id)).attempts
    assert max(attempt.ordinal for attempt in attempts) <= IDS
    assert sum(len(channel.sent) for channel in gateway.channels.values()) > ROWS_MAX


def test_a_larger_number_of_attempts_asks_for_more_ids() -> None:
    """At least as many as may be heard of."""
    assert ordinals_max(10) == 10
