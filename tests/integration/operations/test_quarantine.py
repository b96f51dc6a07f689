"""Quarantine (R15): into it by comparison or by hand, nothing sent in it, out of it once everything was asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.errors import RequestRefused, StaleWrite, StoreUnavailable
from gateway.domain.event import EventType
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import AttemptState
from gateway.domain.reasons import StatusCode
from gateway.domain.safety import Safety
from gateway.domain.status import Status, status, status_reason
from gateway.operations.ask_first import LOOK_AGAIN_AFTER, LOOK_AGAIN_AT_MOST_AFTER, ordinals_max
from gateway.operations.cancel import cancel
from gateway.operations.quarantine import Start, enter_in, grounds, leave, leave_in, start_in
from gateway.operations.standing import read_safety
from gateway.store.high_water import BACKUP, HighWater, MarkRead
from tests.support.builders import NOW, an_answer
from tests.support.scripted import ScriptedGateway, scripted_gateway

K = OutcomeKind
PAID = an_answer(K.SUCCEEDED)
NOT_SENT = an_answer(K.NOT_SENT, channel_fault=True)
LOOK_S = LOOK_AGAIN_AFTER.total_seconds()
LATER_S = LOOK_AGAIN_AT_MOST_AFTER.total_seconds()


async def enter(gateway: ScriptedGateway, channels: Mapping[str, str] | None = None) -> Safety:
    """As a start does, and the node knows."""
    known = grounds(gateway.services.channels) if channels is None else channels
    now = gateway.clock.now()
    safety = await gateway.store.run(lambda tx: enter_in(tx, "the test says so", now, known))
    await gateway.store.read(gateway.services.standing.look)
    return safety


async def start(gateway: ScriptedGateway, mark: MarkRead, *, forced: bool = False, lineage: str = "new") -> Safety:
    begun = Start(mark, grounds(gateway.services.channels), forced, lineage, gateway.clock.now())
    safety, _ = await gateway.store.run(lambda tx: start_in(tx, begun))
    await gateway.store.read(gateway.services.standing.look)
    return safety


async def event_types(gateway: ScriptedGateway, payout_id: str) -> list[EventType]:
    return [event.type for event in await gateway.store.read(lambda tx: tx.events(payout_id))]


# Starting ------------------------------------------------------------------------------------------------------------


async def test_a_first_start_is_calm_and_begins_a_history() -> None:
    """An empty store without a file: nothing to be careful about."""
    gateway = scripted_gateway()
    safety = await start(gateway, MarkRead())
    assert safety.calm(NOW)
    assert set(safety.channels) == {"alpha", "beta"}
    assert await gateway.store.read(lambda tx: tx.meta("lineage")) == "new"


async def test_a_store_behind_its_file_begins_in_quarantine_and_a_new_history() -> None:
    """T19: fewer events than the file says. The next start, on the new file, stays in it without being told again."""
    gateway = scripted_gateway()
    await start(gateway, MarkRead())
    await gateway.accept()
    events = await gateway.store.read(lambda tx: tx.high_water())
    ahead = HighWater(events + 1, "new", clean=False, channels={"gone": "bank x 1"})
    safety = await start(gateway, MarkRead(ahead), lineage="newer")
    assert safety.quarantined_at == NOW
    assert "older copy" in safety.why
    assert set(safety.channels) == {"alpha", "beta", "gone"}
    assert await gateway.store.read(lambda tx: tx.meta("lineage")) == "newer"
    gateway.clock.move(60)
    again = await start(gateway, MarkRead(HighWater(events, "newer", clean=False)))
    assert (again.quarantined_at, again.why) == (NOW, safety.why)


async def test_a_store_level_with_its_file_goes_on() -> None:
    """A crash leaves the file a little behind, never ahead: no quarantine after each crash."""
    gateway = scripted_gateway()
    await start(gateway, MarkRead())
    await gateway.accept()
    assert (await start(gateway, MarkRead(HighWater(0, "new", clean=False)))).calm(NOW)


async def test_a_start_can_be_told_to_be_careful() -> None:
    """`serve --quarantine`: whatever the file says."""
    gateway = scripted_gateway()
    assert (await start(gateway, MarkRead(), forced=True)).quarantined


async def test_a_copy_says_so_once() -> None:
    """The mark of `db backup` begins the quarantine and is gone after it: leaving it is for good."""
    gateway = scripted_gateway()
    await start(gateway, MarkRead())
    await gateway.store.run(lambda tx: tx.set_meta(BACKUP, "then"))
    assert (await start(gateway, MarkRead(HighWater(0, "new", clean=False)))).quarantined
    await leave(gateway.services, gateway.clock.now())
    assert await gateway.store.read(lambda tx: tx.meta(BACKUP)) is None
    assert not (await start(gateway, MarkRead(HighWater(0, "new", clean=False)))).quarantined


# In it ---------------------------------------------------------------------------------------------------------------


async def test_a_new_payout_is_accepted_and_not_sent() -> None:
    """R18: the app has its 201, the channel has nothing, for days; the payout says why it waits, once."""
    gateway = scripted_gateway()
    await enter(gateway)
    payout = await gateway.accept()
    for _ in range(5):
        await gateway.pass_time(hours=12)
    payout = await gateway.payout(payout.id)
    assert status(payout) is Status.ACCEPTED
    reason = status_reason(payout)
    assert reason is not None
    assert reason.code is StatusCode.CHANNEL_UNAVAILABLE
    assert all(channel.sent == [] for channel in gateway.channels.values())
    assert await event_types(gateway, payout.id) == [EventType.ACCEPTED, EventType.WAITING]


async def test_no_deadline_ends_a_payout_in_quarantine() -> None:
    """It may have been paid in the time we forgot: it is not called failed, and it is looked at ever more rarely."""
    gateway = scripted_gateway()
    await enter(gateway)
    payout = await gateway.accept()
    await gateway.pass_time(hours=73)
    assert await gateway.run() == 0
    assert await gateway.pass_time(seconds=LOOK_S) == 0
    assert await gateway.pass_time(seconds=LATER_S - LOOK_S) == 1
    assert await gateway.run() == 0
    assert status(await gateway.payout(payout.id)) is Status.ACCEPTED


async def test_open_attempts_are_asked_about_at_once_and_never_repeated() -> None:
    """Queries go on, and are due now whatever the schedule said; the repeat that was due is a question instead."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    payout = await gateway.accept()
    alpha.queries.append(an_answer(K.ABSENT, How.QUERY))
    await gateway.pass_time(seconds=30)
    assert (await gateway.payout(payout.id)).attempt(1).repeat_due
    await enter(gateway)
    asked = len(alpha.asked)
    assert await gateway.run() == 1
    assert (len(alpha.asked), len(alpha.sent)) == (asked + 1, 1)
    for _ in range(5):
        await gateway.pass_time(hours=1)
    assert len(alpha.sent) == 1
    alpha.queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    await gateway.pass_time(hours=1)
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_a_refusal_is_not_followed_by_another_channel() -> None:
    """What is heard is folded; the failover waits. A refusal of the order, that is: one of a transmission proves
    nothing here, for who knows how often the order was sent in the lost time (R13)."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    await enter(gateway)
    gateway.channels["alpha"].queries.append(an_answer(K.REJECTED, How.QUERY))
    await gateway.run()
    assert (await gateway.payout(payout.id)).attempt(1).state is AttemptState.UNKNOWN
    of_the_order = an_answer(K.REJECTED, How.QUERY, finality=Finality.FINAL_ON_REPEAT)
    gateway.channels["alpha"].queries.append(of_the_order)
    gateway.clock.move(300)
    await gateway.run()
    payout = await gateway.payout(payout.id)
    assert payout.attempt(1).state is AttemptState.REJECTED
    assert len(payout.attempts) == 1
    assert gateway.channels["beta"].sent == []


async def test_a_planned_attempt_is_neither_sent_nor_given_up() -> None:
    """In the time we forgot it may have left us: "planned" is what an older copy believes."""
    gateway = scripted_gateway("alpha")
    gateway.channels["alpha"].submits.append(NOT_SENT)
    payout = await gateway.accept()
    assert payout.attempt(1).state is AttemptState.PLANNED
    await enter(gateway)
    await gateway.pass_time(hours=80)
    assert (await gateway.payout(payout.id)).attempt(1).state is AttemptState.PLANNED
    assert len(gateway.channels["alpha"].sent) == 1


async def test_follow_ups_go_on() -> None:
    """R17 in quarantine: a late success of a rejected attempt is still looked for, though the payout only waits."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.REJECTED))
    gateway.channels["beta"].submits.append(NOT_SENT)
    payout = await gateway.accept()
    await enter(gateway)
    for _ in range(5):
        await gateway.pass_time(minutes=10)
    assert len(gateway.channels["alpha"].asked) == 1
    await gateway.pass_time(hours=80)
    await gateway.pass_time(seconds=LOOK_S)
    assert len(gateway.channels["alpha"].asked) >= 2
    assert payout.attempt(1).state is AttemptState.REJECTED


async def test_an_intent_decided_before_the_quarantine_is_not_committed_in_it() -> None:
    """The intent's own transaction looks again: a node that does not know yet sends nothing."""
    gateway = scripted_gateway()
    now = gateway.clock.now()
    await gateway.store.run(lambda tx: enter_in(tx, "behind its back", now, {}))
    assert not gateway.services.standing.now.quarantined
    payout = await gateway.accept()
    assert gateway.services.standing.now.quarantined
    assert payout.attempts == ()
    assert gateway.channels["alpha"].sent == []


async def test_a_wish_to_cancel_asks_first() -> None:
    """Ended at once only when every channel says that it knows nothing; without an answer nothing is recorded."""
    gateway = scripted_gateway("alpha")
    await enter(gateway)
    payout = await gateway.accept()
    with pytest.raises(StoreUnavailable):
        await cancel(gateway.services, "acme", payout.id)
    assert (await gateway.payout(payout.id)).cancel_requested_at is None
    gateway.channels["alpha"].queries.extend([an_answer(K.ABSENT, How.QUERY)] * 7)
    canceled = await cancel(gateway.services, "acme", payout.id)
    assert status(canceled) is Status.CANCELED


async def test_a_wish_to_cancel_what_was_paid_is_not_granted() -> None:
    """The channel knows it: held, with the wish on record, and never called canceled."""
    gateway = scripted_gateway("alpha")
    await enter(gateway)
    payout = await gateway.accept()
    gateway.channels["alpha"].queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    wished = await cancel(gateway.services, "acme", payout.id)
    assert status(wished) is Status.HELD
    assert wished.cancel_requested_at is not None


# Out of it -----------------------------------------------------------------------------------------------------------


async def test_it_is_not_left_before_open_attempts_were_asked_about() -> None:
    """Refused with their number; attempts sent before it count, answers from before it do not."""
    gateway = scripted_gateway()
    await gateway.accept("order-1")
    await gateway.accept("order-2")
    await gateway.pass_time(minutes=1)
    await enter(gateway)
    with pytest.raises(RequestRefused, match="2 live attempts") as refused:
        await leave(gateway.services, gateway.clock.now())
    assert refused.value.code == "not_reconciled"
    assert await gateway.pass_time(seconds=1) == 2
    await leave(gateway.services, gateway.clock.now())
    assert gateway.services.standing.now.asks_first(gateway.clock.now())


async def test_there_must_be_one_to_leave() -> None:
    """Refused by code, nothing changed."""
    gateway = scripted_gateway()
    with pytest.raises(RequestRefused) as refused:
        await leave(gateway.services, gateway.clock.now())
    assert refused.value.code == "not_quarantined"


async def test_leaving_begins_the_ask_first_time_and_is_durable() -> None:
    """`ask_first_for` from the moment of leaving, and no start forgets it."""
    gateway = scripted_gateway()
    await enter(gateway)
    await gateway.pass_time(days=2)
    left_at = gateway.clock.now()
    services = replace(gateway.services, ask_first_for=timedelta(days=3))
    await leave(services, left_at)
    safety = await start(gateway, MarkRead(), lineage="l")
    assert safety.ask_first_until == left_at + timedelta(days=3)
    assert await gateway.store.read(read_safety) == safety


async def test_a_node_that_was_not_told_notices() -> None:
    """Two people leave it through another node, or another transaction: what waits here finds out and goes on."""
    gateway = scripted_gateway("alpha")
    await enter(gateway)
    payout = await gateway.accept()

    at = gateway.clock.now()
    await gateway.store.run(lambda tx: leave_in(tx, at, timedelta(days=1)))
    assert gateway.services.standing.now.quarantined
    alpha = gateway.channels["alpha"]
    alpha.queries.extend([an_answer(K.ABSENT, How.QUERY)] * ordinals_max(gateway.services.steps.max_attempts))
    alpha.submits.append(PAID)
    await gateway.pass_time(seconds=LOOK_S)
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_a_belief_that_is_old_changes_nothing() -> None:
    """`Standing.still` refuses whatever was decided under another value than the stored one."""
    gateway = scripted_gateway()
    seen = gateway.services.standing.now
    await enter(gateway)
    with pytest.raises(StaleWrite):
        await gateway.store.run(lambda tx: gateway.services.standing.still(tx, seen))
    now = gateway.services.standing.now
    await gateway.store.run(lambda tx: gateway.services.standing.still(tx, now))
