"""Rows 49 to 64: breakers, configuration, leases, clocks, restores, callbacks, people."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import channels
from gateway.callbacks.sender import Sent as Tried
from gateway.config.errors import ConfigError
from gateway.domain.errors import StoreUnavailable
from gateway.domain.hold import HoldCode
from gateway.domain.outcome import Heard, OutcomeKind
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.review import Ask, RequestKind
from gateway.domain.status import Status, status
from gateway.domain.steps import StepPolicy
from gateway.operations import quarantine
from gateway.operations.cancel import cancel
from gateway.operations.deliver import deliver
from gateway.operations.review import approve, make_request
from gateway.store.high_water import HighWater, MarkRead
from gateway.store.records import Callback, LiveGround
from tests.support.builders import an_answer
from tests.support.callbacks import StubSender
from tests.support.config_files import CHANNEL, load_text
from tests.taxonomy import instead
from tests.taxonomy.register import row
from tests.taxonomy.stage import BEFORE, FailingStore, a_gateway, hanging, stays

K, A = OutcomeKind, AttemptState


@row(49, "the breaker opens with attempts under way", "they go on; questions are never refused", instead.fails_over)
async def an_open_breaker_touches_nothing_under_way() -> None:
    """Its answer is still folded and its channel still asked; only new orders go elsewhere."""
    gateway, alpha, beta, _ = a_gateway()
    payout = await gateway.accept("under-way")
    for number in range(9):
        await gateway.accept(f"order-{number}")
    assert gateway.services.channels["alpha"].guard.live().breaker_open
    assert beta.sent != []
    alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    asked = len(alpha.asked)
    await gateway.pass_time(seconds=31)
    after = await gateway.payout(payout.id)
    assert [attempt.channel for attempt in after.attempts] == ["alpha"]
    assert len(alpha.asked) > asked
    assert status(after) is Status.PAID


@row(
    50,
    "the half-open breaker's trial",
    "one order is the trial; the others go elsewhere",
    instead.lets_everybody_through,
)
async def one_order_is_the_trial() -> None:
    """Half-open, one real order is under way; the next takes the other channel rather than being a second trial."""
    gateway, alpha, beta, _ = a_gateway()
    for number in range(5):
        await gateway.accept(f"trip-{number}")
    gateway.clock.move(21)
    sent = len(alpha.sent)
    async with hanging(gateway, an_answer(K.SUCCEEDED)):
        other = await gateway.accept("order-9")
        assert (len(alpha.sent), len(beta.sent)) == (sent + 1, 1)
        assert [attempt.channel for attempt in other.attempts] == ["beta"]


@row(
    51,
    "a channel is switched off with attempts under way",
    "nothing new is sent there; asked to the end",
    instead.fails_over,
)
async def a_disabled_channel_is_still_asked() -> None:
    """No repeat and no new order, but questions go on until it is known."""
    gateway, alpha, _, _ = a_gateway()
    alpha.queries.extend([an_answer(K.ABSENT, Heard.QUERY), an_answer(K.SUCCEEDED, Heard.QUERY)])
    payout = await gateway.accept()
    gateway.services = replace(gateway.services, steps=StepPolicy(disabled_channels=frozenset({"alpha"})))
    await gateway.pass_time(minutes=1)
    await gateway.pass_time(minutes=6)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert (len(alpha.sent), len(alpha.asked), status(after)) == (1, 2, Status.PAID)


def _ground(**changes: object) -> LiveGround:
    ground = LiveGround("alpha", "scripted", "memory:", "alpha", "same_resource", ("k",), 3)
    return replace(ground, **changes)  # type: ignore[arg-type]  # field names are the caller's business


def _start_is_refused(ground: LiveGround, words: str) -> None:
    gateway, _, _, _ = a_gateway()
    with tempfile.TemporaryDirectory() as folder:
        config = load_text(Path(folder), f"version = 1\n[gateway]\n{CHANNEL}")
        channels.check_grounds(config, gateway.services.channels, [_ground()])
        with pytest.raises(ConfigError) as refused:
            channels.check_grounds(config, gateway.services.channels, [ground])
    assert words in str(refused.value)
    assert "3 live attempts" in str(refused.value)


@row(52, "a channel is removed with live attempts", "the start is refused, with their number", instead.orphans_attempts)
async def a_channel_with_live_attempts_stays() -> None:
    """They could not be asked about any more: drain it first."""
    _start_is_refused(_ground(channel="gamma"), "draining")


@row(
    53,
    "credentials are changed with attempts under way",
    "the old key stays until they are followed",
    instead.orphans_attempts,
)
async def a_pinned_key_stays() -> None:
    """An attempt pins the key it was sent under; a start without that key is refused."""
    _start_is_refused(_ground(key_ids=("old",)), "key old removed")


@row(
    54,
    "the adapter is upgraded with attempts under way",
    "older bytes are asked about, not repeated",
    instead.repeats_foreign_bytes,
)
async def older_bytes_are_not_repeated() -> None:
    """Stored bytes belong to the adapter that wrote them: another version only asks."""
    gateway, alpha, _, _ = a_gateway()
    alpha.queries.append(an_answer(K.ABSENT, Heard.QUERY))
    payout = await gateway.accept()
    await gateway.pass_time(minutes=1)
    alpha.version = "2"
    await gateway.pass_time(minutes=6)
    stays(gateway, await gateway.payout(payout.id))
    assert (len(alpha.sent), len(alpha.asked)) == (1, 2)


@row(55, "the lease is lost while sending", "evidence only, but success counts; the new owner asks", instead.fails_over)
async def a_lost_lease_keeps_evidence_only() -> None:
    """A refusal that the old owner heard is kept and not judged, and the new owner asks. Money that moved counts."""
    for late in (an_answer(K.REJECTED), an_answer(K.SUCCEEDED)):
        gateway, alpha, _, _ = a_gateway()
        async with hanging(gateway, late) as (payout, task):
            await gateway.pass_time(seconds=61)
            alpha.release.set()
            await task
            paid = late.kind is K.SUCCEEDED
            kept = [each for each in await gateway.evidence(payout) if each.answer.kind is late.kind]
            assert [each.judged for each in kept] == [paid]
            assert (await gateway.payout(payout.id)).attempt(1).state is (A.SUCCEEDED if paid else A.UNKNOWN)
            alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
            await gateway.pass_time(minutes=6)
            after = await gateway.payout(payout.id)
            stays(gateway, after)
            assert status(after) is Status.PAID


@row(56, "a node is paused between intent and send", "not sent on too old a lease; asked about", instead.fails_over)
async def a_paused_node_does_not_send() -> None:
    """Less of the lease is left than a call may take: nothing leaves, and the attempt is asked about."""
    gateway, alpha, _, store = a_gateway()
    store.during["attempt.opened"] = lambda: gateway.clock.move(59)
    payout = await gateway.accept()
    assert alpha.sent == []
    await gateway.pass_time(seconds=61)
    await gateway.pass_time(seconds=61)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert after.attempt(1).was_unknown
    assert alpha.asked != []


@row(57, "clocks jump", "timers early or late; nothing is sent for it", instead.fails_over)
async def a_jumping_clock_sends_nothing() -> None:
    """An hour forward, an hour back, frozen: one attempt, asked sooner or later."""
    gateway, alpha, _, _ = a_gateway()
    payout = await gateway.accept()
    for step_s in (3600, -3600, 0, 3600, -3600):
        gateway.clock.step_wall(step_s)
        await gateway.run()
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert after.attempt(1).state is A.UNKNOWN
    assert len(alpha.sent) == 1


@row(
    58,
    "the store comes back with its tail lost",
    "quarantine: nothing is sent until people looked",
    instead.trusts_a_restored_store,
)
async def an_older_store_is_quarantined() -> None:
    """It ends before the high-water file does: accepted payouts wait, and no channel is sent anything."""
    gateway, alpha, _, store = a_gateway()
    grounds = quarantine.grounds(gateway.services.channels)
    mark = MarkRead(HighWater(10**6, "lineage", clean=True, channels=grounds))
    start = quarantine.Start(mark, grounds, forced=False, lineage="lineage", at=gateway.clock.now())
    await store.run(lambda tx: quarantine.start_in(tx, start))
    await store.read(gateway.services.standing.look)
    alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = await gateway.accept()
    await gateway.pass_time(hours=1)
    assert status(await gateway.payout(payout.id)) is Status.ACCEPTED
    assert alpha.sent == []


async def _a_callback(payout: Payout, store: FailingStore) -> Callback:
    return (await store.read(lambda tx: tx.callbacks(payout.id)))[0]


@row(59, "a callback gets no answer, 5xx, a time-out", "the same event again", instead.gives_a_callback_up)
async def a_callback_is_tried_again() -> None:
    """Same id, same bytes, later; the payout does not change for it."""
    gateway, alpha, _, store = a_gateway()
    alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = await gateway.accept()
    first = await _a_callback(payout, store)
    sender = StubSender([Tried(None, "no answer", None, 1), Tried(204, "HTTP 204", None, 1)])
    again = await deliver(gateway.services, sender, first, lambda: 0.5)
    assert again.due_at is not None
    done = await deliver(gateway.services, sender, again, lambda: 0.5)
    assert done.delivered_at is not None
    assert len({(sent[1], sent[2]) for sent in sender.sent}) == 1
    assert await gateway.payout(payout.id) == payout


@row(
    60,
    "a callback's 2xx, then our crash",
    "sent again; the receiver knows it by its id",
    instead.counts_a_claim_as_delivered,
)
async def an_unrecorded_delivery_is_sent_again() -> None:
    """Taken in hand is not delivered: what nobody recorded comes due again."""
    gateway, alpha, _, store = a_gateway()
    alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = await gateway.accept()
    now = gateway.clock.now()
    store.fails["callback"].append((BEFORE, StoreUnavailable("crashed here")))
    claim = await store.run(lambda tx: tx.claim_callbacks(now, now + timedelta(seconds=30), 1, frozenset()))
    with pytest.raises(StoreUnavailable):
        await deliver(gateway.services, StubSender([Tried(204, "HTTP 204", None, 1)]), claim[0], lambda: 0.5)
    gateway.clock.move(31)
    later = gateway.clock.now()
    again = await store.run(lambda tx: tx.claim_callbacks(later, later, 9, frozenset()))
    assert claim[0].id in [callback.id for callback in again]
    assert {callback.payout_id for callback in again} == {payout.id}


@row(
    61, "an endpoint is dead for days", "parked and kept; the payout is as it is", instead.forgets_undelivered_callbacks
)
async def a_dead_endpoint_loses_nothing() -> None:
    """After the last try it is kept as undelivered, to be sent again by hand."""
    gateway, alpha, _, store = a_gateway()
    alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = await gateway.accept()
    callback = await _a_callback(payout, store)
    while callback.due_at is not None:
        gateway.clock.move(max((callback.due_at - gateway.clock.now()).total_seconds(), 0.0))
        sender = StubSender([Tried(500, "HTTP 500", None, 1)])
        callback = await deliver(gateway.services, sender, callback, lambda: 0.5)
    assert (callback.delivered_at, callback.parked_at is not None) == (None, True)
    assert await gateway.payout(payout.id) == payout


@row(
    62,
    "an operator forces success or failure",
    "two people, a reason, evidence; nothing new is sent",
    instead.plans_after_a_resolution,
)
async def a_resolution_opens_no_attempt() -> None:
    """Not paid, say two people: it ends failed, and no other channel is tried."""
    gateway, _, _, _ = a_gateway()
    payout = await gateway.accept()
    await gateway.pass_time(minutes=10)
    ask = Ask(RequestKind.RESOLVE_NOT_PAID, payout.id, "the statement does not have it", b"statement")
    request = await make_request(gateway.services, "person:ann", ask)
    await approve(gateway.services, "person:bob", request.id)
    for _ in range(3):
        await gateway.pass_time(minutes=10)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert status(after) is Status.FAILED


@row(63, "the app cancels", "a wish: canceled only when every attempt is proved rejected", instead.fails_over)
async def a_cancel_is_a_wish() -> None:
    """Sent already: the channel is asked to drop it, and only a proved refusal makes it canceled."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(an_answer(K.PENDING))
    alpha.queries.extend([an_answer(K.PENDING, Heard.QUERY), an_answer(K.REJECTED, Heard.QUERY)])
    payout = await gateway.accept()
    wished = await cancel(gateway.services, "acme", payout.id)
    assert status(wished) is Status.PROCESSING
    await gateway.run()
    assert status(await gateway.payout(payout.id)) is Status.PROCESSING
    await gateway.pass_time(minutes=6)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert status(after) is Status.CANCELED


@row(64, "a payout crashes its worker again and again", "after three crashes it is held", instead.fails_over)
async def a_poison_payout_is_held() -> None:
    """Nobody works on it any more; the others go on, and people look."""
    gateway, alpha, _, store = a_gateway()
    alpha.submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    for _ in range(3):
        gateway.clock.move(3600)
        now = gateway.clock.now()
        await store.run(lambda tx, now=now: tx.claim("dead", now, 60.0, 9))
    await gateway.pass_time(hours=1)
    held = await gateway.payout(payout.id)
    stays(gateway, held)
    assert held.hold is not None
    assert held.hold.code is HoldCode.CRASHED
