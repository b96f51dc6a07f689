"""Two people (R20): what one asks for and another one approves, and what neither can have."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.api.payouts import event_view
from gateway.domain.errors import NotFound, RequestRefused
from gateway.domain.event import EventType
from gateway.domain.outcome import Heard, OutcomeKind
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.review import Ask, RequestKind
from gateway.domain.status import Status, status
from gateway.operations import learn
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.review import approve, held, make_request, open_requests, withdraw
from gateway.worker.payouts import PayoutWorker
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.scripted import HANG, MONEY, ScriptedGateway, scripted_gateway

K, A, R = OutcomeKind, AttemptState, RequestKind
ANN, BOB = "person:ann", "person:bob"


def ask(kind: RequestKind, payout: Payout, evidence: bytes | None = b"statement line 7") -> Ask:
    return Ask(kind, payout.id, "the statement says so", evidence)


async def a_held_payout() -> tuple[ScriptedGateway, Payout]:
    gateway = scripted_gateway()
    payout = await gateway.accept()
    await gateway.pass_time(hours=24)
    return gateway, await gateway.payout(payout.id)


async def a_frozen_payout() -> tuple[ScriptedGateway, Payout]:
    """Refused for good by both channels, told as failed; then the first says that it paid."""
    gateway = scripted_gateway()
    for channel in gateway.channels.values():
        channel.submits.append(an_answer(K.REJECTED))
    payout = await gateway.accept()
    gateway.channels["alpha"].queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.pass_time(minutes=10)
    frozen = await gateway.payout(payout.id)
    assert frozen.frozen
    return gateway, frozen


async def refused(gateway: ScriptedGateway, person: str, what: Ask) -> str:
    with pytest.raises(RequestRefused) as caught:
        await make_request(gateway.services, person, what)
    return caught.value.code


async def not_approved(gateway: ScriptedGateway, person: str, request_id: str) -> str:
    with pytest.raises(RequestRefused) as caught:
        await approve(gateway.services, person, request_id)
    return caught.value.code


@pytest.mark.parametrize(("kind", "expected"), [(R.RESOLVE_PAID, Status.PAID), (R.RESOLVE_NOT_PAID, Status.FAILED)])
async def test_two_people_end_what_nobody_could_tell(kind: RequestKind, expected: Status) -> None:
    """R12, R20: asked by one, done by the other; no attempt is opened by it, and the event names both."""
    gateway, payout = await a_held_payout()
    request = await make_request(gateway.services, ANN, ask(kind, payout))
    assert status(await gateway.payout(payout.id)) is Status.PROCESSING
    assert [each.id for each in await open_requests(gateway.services)] == [request.id]
    done = await approve(gateway.services, BOB, request.id)
    assert (done.made_by, done.approved_by) == (ANN, BOB)
    after = await gateway.payout(payout.id)
    assert status(after) is expected
    assert after.hold is None
    await gateway.pass_time(hours=100)
    assert len((await gateway.payout(payout.id)).attempts) == 1
    events = await gateway.store.read(lambda tx: tx.events(payout.id))
    (resolved,) = [event for event in events if event.type is EventType.RESOLVED]
    assert (resolved.actor, resolved.detail["made_by"], resolved.detail["request"]) == (BOB, ANN, request.id)
    assert (await gateway.callback_types(after))[-1] == f"payout.{expected}"


async def test_nobody_approves_their_own_request() -> None:
    """I39: two distinct principals; a request is approved once, and not after it was withdrawn."""
    gateway, payout = await a_held_payout()
    request = await make_request(gateway.services, ANN, ask(R.RESOLVE_PAID, payout))
    assert await not_approved(gateway, ANN, request.id) == "same_person"
    await withdraw(gateway.services, BOB, request.id)
    assert await not_approved(gateway, BOB, request.id) == "not_open"
    second = await make_request(gateway.services, ANN, ask(R.RESOLVE_PAID, payout))
    await approve(gateway.services, BOB, second.id)
    assert await not_approved(gateway, BOB, second.id) == "not_open"
    with pytest.raises(NotFound):
        await approve(gateway.services, BOB, "rq_aaa00000000000000000000000000")


async def test_an_approval_is_for_the_state_it_was_asked_on() -> None:
    """The state hash: what happened between asking and approving is looked at again by people, not overrun."""
    gateway, payout = await a_held_payout()
    request = await make_request(gateway.services, ANN, ask(R.RESOLVE_NOT_PAID, payout))
    gateway.channels["alpha"].queries.append(an_answer(K.PENDING, Heard.QUERY))
    await gateway.pass_time(hours=1)
    assert await not_approved(gateway, BOB, request.id) == "channel_says_pending"
    other = await make_request(gateway.services, ANN, ask(R.RESOLVE_PAID, payout))
    gateway.channels["alpha"].queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.pass_time(hours=1)
    assert await not_approved(gateway, BOB, other.id) == "already_final"


async def test_a_changed_state_refuses_an_approval() -> None:
    """What may still be granted is not granted on a state nobody looked at: here the hold came off in between."""
    gateway, payout = await a_held_payout()
    paid = await make_request(gateway.services, ANN, ask(R.RESOLVE_PAID, payout))
    release = await make_request(gateway.services, ANN, ask(R.RELEASE, payout))
    await approve(gateway.services, BOB, release.id)
    assert await not_approved(gateway, BOB, paid.id) == "state_changed"


async def test_an_approval_comes_within_a_day() -> None:
    """A request that nobody approved in 24 hours is over, and is not listed."""
    gateway, payout = await a_held_payout()
    request = await make_request(gateway.services, ANN, ask(R.RESOLVE_PAID, payout))
    gateway.clock.move(timedelta(hours=24).total_seconds())
    assert await open_requests(gateway.services) == []
    assert await not_approved(gateway, BOB, request.id) == "expired"


async def test_what_cannot_be_asked_for() -> None:
    """Each refusal has its code: no evidence, not held, not frozen, the channel says pending, already final."""
    gateway, payout = await a_held_payout()
    assert await refused(gateway, ANN, ask(R.RESOLVE_PAID, payout, None)) == "evidence_missing"
    assert await refused(gateway, ANN, Ask(R.RELEASE, None, "?")) == "payout_id"
    assert await refused(gateway, ANN, ask(R.LEAVE_QUARANTINE, payout)) == "payout_id"
    assert await refused(gateway, ANN, ask(R.LIFT_FREEZE, payout)) == "not_frozen"
    gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED))
    done = await gateway.accept("order-2")
    assert await refused(gateway, ANN, ask(R.RESOLVE_NOT_PAID, done)) == "already_final"
    assert await refused(gateway, ANN, ask(R.RELEASE, done)) == "not_held"
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    pending = await gateway.accept("order-3")
    assert await refused(gateway, ANN, ask(R.RESOLVE_NOT_PAID, pending)) == "channel_says_pending"
    with pytest.raises(NotFound):
        await make_request(gateway.services, ANN, Ask(R.RELEASE, "nonsense", "?"))


async def test_a_disputed_failure_is_corrected_to_paid() -> None:
    """R8: two people make a failed payout paid; the app hears it with a higher sequence, saying what it corrects."""
    gateway, payout = await a_frozen_payout()
    assert status(payout) is Status.FAILED
    assert [each.payout.id for each in await held(gateway.services)] == [payout.id]
    assert await refused(gateway, ANN, ask(R.LIFT_FREEZE, payout)) == "channel_says_paid"
    request = await make_request(gateway.services, ANN, ask(R.RESOLVE_PAID, payout))
    await approve(gateway.services, BOB, request.id)
    after = await gateway.payout(payout.id)
    assert (status(after), after.frozen) == (Status.PAID, False)
    callbacks = await gateway.store.read(lambda tx: tx.callbacks(payout.id))
    assert [callback.type for callback in callbacks][-3:] == ["payout.failed", "payout.disputed", "payout.paid"]
    assert b'"corrects":"failed"' in callbacks[-1].body
    assert await held(gateway.services) == []


async def test_a_resolution_that_was_wrong_is_found() -> None:
    """After "not paid" the channel is still followed up; its success freezes the payout and the app hears of it."""
    gateway, payout = await a_held_payout()
    request = await make_request(gateway.services, ANN, ask(R.RESOLVE_NOT_PAID, payout))
    await approve(gateway.services, BOB, request.id)
    gateway.channels["alpha"].queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.pass_time(minutes=10)
    after = await gateway.payout(payout.id)
    assert after.frozen
    assert (await gateway.callback_types(after))[-1] == "payout.disputed"


async def test_a_lifted_freeze_lets_the_payout_go_on() -> None:
    """A contradiction without money in it (pending after refused): lifted by two, the payout goes on by itself."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.REJECTED))
    gateway.channels["beta"].submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    gateway.channels["alpha"].queries.append(an_answer(K.PENDING, Heard.QUERY))
    gateway.channels["beta"].queries.extend(an_answer(K.PENDING, Heard.QUERY) for _ in range(50))
    for _ in range(20):
        await gateway.pass_time(minutes=1)
    frozen = await gateway.payout(payout.id)
    assert frozen.frozen
    request = await make_request(gateway.services, ANN, ask(R.LIFT_FREEZE, frozen))
    await approve(gateway.services, BOB, request.id)
    gateway.channels["beta"].queries.clear()
    gateway.channels["beta"].queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.run()
    after = await gateway.payout(payout.id)
    assert (status(after), after.frozen) == (Status.PAID, False)
    assert await held(gateway.services) == []


async def test_a_release_starts_patience_anew() -> None:
    """Released by two: it is asked about again at once, and held again only after another `unknown_after`."""
    gateway, payout = await a_held_payout()
    request = await make_request(gateway.services, ANN, ask(R.RELEASE, payout))
    await approve(gateway.services, BOB, request.id)
    await gateway.run()
    assert (await gateway.payout(payout.id)).hold is None
    await gateway.pass_time(hours=23)
    assert (await gateway.payout(payout.id)).hold is None
    await gateway.pass_time(hours=1)
    assert (await gateway.payout(payout.id)).hold is not None


async def test_the_app_hears_that_people_decided_not_who() -> None:
    """Names and words of our people are for us: the app's timeline says `person` and what was done."""
    gateway, payout = await a_held_payout()
    request = await make_request(gateway.services, ANN, ask(R.RESOLVE_PAID, payout))
    await approve(gateway.services, BOB, request.id)
    events = await gateway.store.read(lambda tx: tx.events(payout.id))
    told = event_view(events[-1])
    assert (told["actor"], told["detail"]) == ("person", {"kind": "resolve_paid"})


async def test_nobody_resolves_what_is_on_the_wire() -> None:
    """Moments after a transmission its call may still arrive: no resolution until it cannot be running any more."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    assert await refused(gateway, ANN, ask(R.RESOLVE_NOT_PAID, payout)) == "being_sent"
    gateway.clock.move(600)
    await make_request(gateway.services, ANN, ask(R.RESOLVE_NOT_PAID, payout))


async def test_news_ends_a_request() -> None:
    """A second contradiction, or evidence of money, that nobody had looked at when it was asked for."""
    gateway, payout = await a_frozen_payout()
    request = await make_request(gateway.services, ANN, ask(R.RESOLVE_NOT_PAID, payout))
    heard = learn.Heard(payout.id, 2, an_answer(K.SUCCEEDED, Heard.NOTIFICATION))
    await learn.learn(gateway.services, heard)
    assert await not_approved(gateway, BOB, request.id) == "state_changed"


async def test_the_same_news_after_a_resolution_freezes_again() -> None:
    """R14: people said "not paid", the channel says paid once more: frozen, disputed, told; one incident for both."""
    gateway, payout = await a_frozen_payout()
    request = await make_request(gateway.services, ANN, ask(R.RESOLVE_NOT_PAID, payout))
    await approve(gateway.services, BOB, request.id)
    assert not (await gateway.payout(payout.id)).frozen
    await learn.learn(gateway.services, learn.Heard(payout.id, 1, an_answer(K.SUCCEEDED, Heard.NOTIFICATION)))
    again = await gateway.payout(payout.id)
    assert again.frozen
    assert (await gateway.callback_types(again))[-1] == "payout.disputed"
    assert [each.payout.id for each in await held(gateway.services)] == [payout.id]
    assert len(await gateway.incidents(again)) == 1


async def test_money_comes_back_after_a_correction() -> None:
    """R11: the attempt that people found paid is the one whose return is told."""
    gateway, payout = await a_frozen_payout()
    request = await make_request(gateway.services, ANN, ask(R.RESOLVE_PAID, payout))
    await approve(gateway.services, BOB, request.id)
    await learn.learn(gateway.services, learn.Heard(payout.id, 1, an_answer(K.RETURNED, Heard.NOTIFICATION)))
    after = await gateway.payout(payout.id)
    assert (status(after), after.frozen) == (Status.RETURNED, False)


async def test_paid_here_while_another_may_still_pay_is_not_booked() -> None:
    """One channel says it paid, another attempt is live: "paid" would be booked on the wrong one."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.REJECTED))
    gateway.channels["beta"].submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    await learn.learn(gateway.services, learn.Heard(payout.id, 1, an_answer(K.SUCCEEDED, Heard.NOTIFICATION)))
    assert await refused(gateway, ANN, ask(R.RESOLVE_PAID, payout)) == "may_pay_twice"


async def test_an_orderly_stop_is_no_crash() -> None:
    """What a stopping worker still holds it lets go of: three stops hold nothing (row 64)."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.extend([HANG, an_answer(K.PENDING)])
    worker = PayoutWorker(4, 10.0)
    worker.attach(gateway)
    await accept(gateway.services, PayoutRequest("acme", "order-1", MONEY, BENEFICIARY))
    worker.hand_over(*gateway.handed.pop())
    await gateway.channels["alpha"].called.wait()
    assert await worker.stop(0.0) == 1
    now = gateway.clock.now()
    ((found, _),) = await gateway.store.run(lambda tx: tx.claim("next", now, 60.0, 9))
    assert found.crashes == 0
    gateway.channels["alpha"].release.set()
    await gateway.services.background.drain(1.0)
