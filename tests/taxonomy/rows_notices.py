"""Rows 37 to 48: what channels tell us unasked, and what our disk makes of it."""

from __future__ import annotations

from gateway.domain.errors import StoreUnavailable
from gateway.domain.hold import HoldCode
from gateway.domain.money import Money
from gateway.domain.outcome import Heard, OutcomeKind
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.status import Status, status
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.scripted import ScriptedChannel, ScriptedGateway
from tests.taxonomy import instead
from tests.taxonomy.register import row
from tests.taxonomy.stage import BEFORE, FailingStore, a_gateway, hanging, killed, notice, stays, told

K, A = OutcomeKind, AttemptState


async def a_pending_payout() -> tuple[ScriptedGateway, ScriptedChannel, FailingStore, Payout]:
    gateway, alpha, _, store = a_gateway()
    alpha.submits.append(an_answer(K.PENDING))
    return gateway, alpha, store, await gateway.accept()


@row(
    37,
    "the notification comes before the submit's answer",
    "applied to the attempt it names",
    instead.takes_it_for_a_no,
)
async def an_early_notification_counts() -> None:
    """It names our id, so it is ours; the answer that comes after it changes nothing."""
    gateway, alpha, _, _ = a_gateway()
    async with hanging(gateway, an_answer(K.PENDING)) as (payout, task):
        assert await told(gateway, "E1", "paid", notice(payout, K.SUCCEEDED)) == 200
        assert status(await gateway.payout(payout.id)) is Status.PAID
        alpha.release.set()
        await task
        after = await gateway.payout(payout.id)
        stays(gateway, after)
        assert status(after) is Status.PAID
        assert not after.frozen


@row(38, "the same notification again", "acknowledged, nothing changes", instead.folds_every_copy)
async def a_copy_changes_nothing() -> None:
    """Twenty copies are one: one piece of evidence, one change, twenty acknowledgements."""
    gateway, _, _, payout = await a_pending_payout()
    before = len(await gateway.evidence(payout))
    for _ in range(20):
        assert await told(gateway, "E1", "paid", notice(payout, K.SUCCEEDED)) == 200
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert len(await gateway.evidence(payout)) == before + 1


@row(39, "the same event id, another state", "the first verdict stands: asked", instead.takes_it_for_a_no)
async def another_state_under_the_same_event_id_is_asked_about() -> None:
    """Kept, not believed; the channel is asked, and agrees with the first."""
    gateway, alpha, _, payout = await a_pending_payout()
    gateway.channels["beta"].submits.clear()
    assert await told(gateway, "E1", "paid", notice(payout, K.SUCCEEDED)) == 200
    assert await told(gateway, "E1", "failed", notice(payout, K.REJECTED)) == 200
    alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.run()
    after = await gateway.payout(payout.id)
    assert len(alpha.asked) == 1
    assert (status(after), after.frozen) == (Status.PAID, False)


@row(
    40,
    "failed after success, or success after failed, by notification",
    "never overwritten: asked, or frozen",
    instead.takes_it_for_a_no,
)
async def a_contradicting_notification_overwrites_nothing() -> None:
    """A failure after success only makes us ask; a success after a refusal freezes and calls people."""
    gateway, alpha, _, payout = await a_pending_payout()
    assert await told(gateway, "E1", "paid", notice(payout, K.SUCCEEDED)) == 200
    assert await told(gateway, "E2", "failed", notice(payout, K.REJECTED)) == 200
    alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.run()
    after = await gateway.payout(payout.id)
    assert (status(after), after.frozen, after.attempt(1).state) == (Status.PAID, False, A.SUCCEEDED)
    alpha.submits.append(an_answer(K.REJECTED))
    other = await gateway.accept("order-2")
    await told(gateway, "E3", "late", notice(other, K.SUCCEEDED))
    frozen = await gateway.payout(other.id)
    assert (frozen.frozen, frozen.attempt(1).state) == (True, A.REJECTED)


@row(41, "a notification for nobody", "kept; 404, so that it comes again", instead.acknowledges_whatever_comes)
async def an_orphan_comes_again() -> None:
    """It may be faster than our own commit, or ours from before a restore: not lost, and counted when it fits."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(an_answer(K.PENDING))
    other = await a_pending_payout()
    about = notice(other[3], K.SUCCEEDED)
    assert await told(gateway, "E1", "paid", about) == 404
    payout = await gateway.accept()
    assert await told(gateway, "E1", "paid", about) == 200
    assert status(await gateway.payout(payout.id)) is Status.PAID


@row(
    42, "forged, replayed, another amount or currency", "refused, or kept and not believed", instead.believes_any_amount
)
async def a_wrong_amount_changes_nothing() -> None:
    """One fen more, another currency, another payee: evidence with an alarm, and the payout stays as it is."""
    gateway, _, _, payout = await a_pending_payout()
    wrong = [
        {"amount": Money(12346, "CNY")},
        {"amount": Money(12345, "USD")},
        {"amount": Money(12345, "CNY"), "account": BENEFICIARY.account_number[::-1]},
    ]
    for number, fields in enumerate(wrong):
        assert await told(gateway, f"E{number}", f"wrong {number}", notice(payout, K.SUCCEEDED, **fields)) == 200
    assert (await gateway.payout(payout.id)).attempt(1).state is A.PENDING
    assert [each.judged for each in await gateway.evidence(payout)][-3:] == [False] * 3


@row(
    43,
    "a crash before the notification's commit",
    "not acknowledged: it comes again, or we ask",
    instead.acknowledges_whatever_comes,
)
async def an_unstored_notification_is_not_acknowledged() -> None:
    """503, and nothing changed; the channel's next try counts, once."""
    gateway, _, store, payout = await a_pending_payout()
    store.fails["notification"].append((BEFORE, StoreUnavailable("gone")))
    assert await told(gateway, "E1", "paid", notice(payout, K.SUCCEEDED)) == 503
    assert (await gateway.payout(payout.id)).attempt(1).state is A.PENDING
    assert await told(gateway, "E1", "paid", notice(payout, K.SUCCEEDED)) == 200
    assert status(await gateway.payout(payout.id)) is Status.PAID


@row(44, "the money comes back after success", "returned, told; never sent again", instead.pays_again)
async def a_return_is_no_failure() -> None:
    """Paid, then returned: the app hears both, and nobody sends it a second time."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = await gateway.accept()
    await told(gateway, "E1", "back", notice(payout, K.RETURNED))
    for _ in range(3):
        await gateway.pass_time(hours=80)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert status(after) is Status.RETURNED
    assert (await gateway.callback_types(after))[-2:] == ["payout.paid", "payout.returned"]


@row(45, "a part comes back", "returned with its amount; held when it does not add up", instead.takes_it_for_a_no)
async def a_partial_return_keeps_its_amount() -> None:
    """The amount that came back is told; a second one is for people."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = await gateway.accept()
    await told(gateway, "E1", "part", notice(payout, K.RETURNED, returned=Money(5000, "CNY")))
    after = await gateway.payout(payout.id)
    assert (status(after), after.attempt(1).returned, after.hold) == (Status.RETURNED, Money(5000, "CNY"), None)
    await told(gateway, "E2", "rest", notice(payout, K.RETURNED, returned=Money(7345, "CNY")))
    held = await gateway.payout(payout.id)
    stays(gateway, held)
    assert held.hold is not None
    assert held.hold.code is HoldCode.RETURN_MISMATCH


@row(46, "the channel reverses it while processing", "asked; then another channel", instead.folds_a_notified_failure)
async def a_reversal_is_confirmed_first() -> None:
    """A failure by notification moves nothing; the query's answer does."""
    gateway, alpha, beta, _ = a_gateway()
    alpha.submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    await told(gateway, "E1", "reversed", notice(payout, K.REJECTED))
    assert (await gateway.payout(payout.id)).attempt(1).state is A.PENDING
    assert beta.sent == []
    alpha.queries.append(an_answer(K.REJECTED, Heard.QUERY))
    await gateway.run()
    after = await gateway.payout(payout.id)
    assert len(alpha.asked) == 1
    assert [attempt.state for attempt in after.attempts] == [A.REJECTED, A.SUCCEEDED]


@row(47, "our commit fails after the channel said yes", "unknown after the restart: asked", instead.fails_over)
async def an_answer_we_could_not_keep_is_asked_for() -> None:
    """The channel knows, our disk does not: the attempt is still *sending*, becomes unknown, and is asked about."""
    gateway, alpha, _, store = a_gateway()
    async with hanging(gateway, an_answer(K.SUCCEEDED)) as (payout, task):
        store.fails["submit"].append((BEFORE, StoreUnavailable("disk full")))
        alpha.release.set()
        while not task.done():
            await gateway.clock.sleep(0)
        await killed(task)
        assert (await gateway.payout(payout.id)).attempt(1).state is A.SENDING
        alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
        await gateway.pass_time(seconds=61)
        await gateway.pass_time(seconds=61)
        after = await gateway.payout(payout.id)
        stays(gateway, after)
        assert status(after) is Status.PAID


@row(48, "a state without its event, or the reverse", "cannot be: one transaction", instead.drops_events)
async def each_change_has_its_event() -> None:
    """Every change left exactly one line, numbered without a gap, and the payout knows the last."""
    gateway, _, _, payout = await a_pending_payout()
    await told(gateway, "E1", "paid", notice(payout, K.SUCCEEDED))
    after = await gateway.payout(payout.id)
    events = await gateway.store.read(lambda tx: tx.events(payout.id))
    assert [event.sequence for event in events] == list(range(1, after.last_event + 1))
    assert len(events) == 4
