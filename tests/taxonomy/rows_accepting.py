"""Rows 1 to 9: from the app's request to the first intent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.errors import CommitUnknown, ReferenceReused, StoreUnavailable
from gateway.domain.money import Money
from gateway.domain.outcome import Heard, OutcomeKind
from gateway.domain.reasons import StatusCode
from gateway.domain.status import Status, status, status_reason
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.advance import advance
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.scripted import MONEY
from tests.taxonomy import instead
from tests.taxonomy.register import row
from tests.taxonomy.stage import AFTER, BEFORE, a_gateway

K = OutcomeKind
REQUEST = PayoutRequest("acme", "order-1", MONEY, BENEFICIARY)
ACCEPT = "payout.accepted"


@row(
    1,
    "the client drops before our commit",
    "nothing is stored; the client says it again",
    instead.takes_a_repeat_for_new_money,
)
async def a_request_that_was_not_stored_is_said_again() -> None:
    """Nothing is stored and nothing is sent; the repeat is the first."""
    gateway, alpha, _, store = a_gateway()
    store.fails[ACCEPT].append((BEFORE, StoreUnavailable("gone")))
    with pytest.raises(StoreUnavailable):
        await accept(gateway.services, REQUEST)
    assert gateway.handed == []
    assert alpha.sent == []
    alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = await gateway.accept()
    assert (payout.reference, status(payout)) == ("order-1", Status.PAID)
    assert len(alpha.sent) == 1


@row(
    2,
    "a crash or cancel around the accept's commit",
    "the client says the same again",
    instead.takes_a_repeat_for_new_money,
)
async def a_request_that_was_stored_and_not_answered_is_one_payout() -> None:
    """Stored, and the client unsure: the repeat answers with the same payout, and the money is sent once."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.extend(an_answer(K.SUCCEEDED) for _ in range(2))
    first = (await accept(gateway.services, REQUEST)).payout
    again = await accept(gateway.services, REQUEST)
    await gateway.run_handed()
    assert (again.payout.id, again.replayed) == (first.id, True)
    assert len(alpha.sent) == 1


@row(
    3,
    "COMMIT fails and nobody knows",
    "the same insert again, on a fresh connection",
    instead.takes_an_unknown_commit_for_a_no,
)
async def an_unknown_commit_is_settled_by_the_same_insert() -> None:
    """It had happened, or it had not: the same insert again decides, and the client gets its 201."""
    for happened in (BEFORE, AFTER):
        gateway, alpha, _, store = a_gateway()
        alpha.submits.append(an_answer(K.SUCCEEDED))
        store.fails[ACCEPT].append((happened, CommitUnknown("link lost")))
        payout = await gateway.accept()
        assert status(payout) is Status.PAID
        assert len(alpha.sent) == 1


@row(4, "the same reference with other content", "409, nothing is changed", instead.takes_a_repeat_for_new_money)
async def other_content_is_refused() -> None:
    """The payout stays as it is, and nothing is sent for the other content."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.extend(an_answer(K.SUCCEEDED) for _ in range(2))
    payout = await gateway.accept()
    with pytest.raises(ReferenceReused):
        await gateway.accept(amount=Money(999, "CNY"))
    assert await gateway.payout(payout.id) == payout
    assert len(alpha.sent) == 1


@row(5, "the 201 is lost on its way", "the client asks or says it again", instead.takes_a_repeat_for_new_money)
async def a_lost_answer_is_answered_again() -> None:
    """The repeat is answered with the payout as it is now, paid or not."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.extend(an_answer(K.SUCCEEDED) for _ in range(2))
    await gateway.accept()
    again = await accept(gateway.services, REQUEST)
    assert again.replayed
    assert status(again.payout) is Status.PAID
    assert len(alpha.sent) == 1


@row(6, "a crash after the accept, before routing", "rescued and routed", instead.avoids_the_channel_after_a_crash)
async def an_accepted_payout_is_rescued() -> None:
    """Its lease runs out and the next look finds it: routed as if nothing had happened."""
    gateway, alpha, beta, _ = a_gateway()
    alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = (await accept(gateway.services, REQUEST)).payout
    gateway.handed.clear()
    assert await gateway.pass_time(seconds=30) == 0
    assert await gateway.pass_time(seconds=31) == 1
    after = await gateway.payout(payout.id)
    assert status(after) is Status.PAID
    assert (len(alpha.sent), len(beta.sent)) == (1, 0)


@row(7, "no channel fits", "it waits, up to its deadline; then it fails, with a reason", instead.gives_up_at_once)
async def no_channel_is_a_wait() -> None:
    """Closed channels are waited for; past the deadline, with nothing sent, it fails and says why."""
    gateway, _, _, _ = a_gateway()
    for handle in gateway.services.channels.values():
        handle.guard.stop()
    payout = await gateway.accept()
    await gateway.pass_time(hours=71)
    waiting = await gateway.payout(payout.id)
    reason = status_reason(waiting)
    assert status(waiting) is Status.ACCEPTED
    assert reason is not None
    assert reason.code is StatusCode.CHANNEL_UNAVAILABLE
    await gateway.pass_time(hours=2)
    assert status(await gateway.payout(payout.id)) is Status.FAILED


@row(8, "a crash before the intent's commit", "routed again", instead.avoids_the_channel_after_a_crash)
async def a_crash_before_the_intent_is_routed_again() -> None:
    """No intent, so nothing left: the next owner plans afresh, and the dead one's late write changes nothing."""
    gateway, alpha, beta, store = a_gateway()
    alpha.submits.extend(an_answer(K.SUCCEEDED) for _ in range(2))
    payout = (await accept(gateway.services, REQUEST)).payout
    stale, lease = gateway.handed.pop()
    store.fails["attempt.opened"].append((BEFORE, StoreUnavailable("crashed here")))
    with pytest.raises(StoreUnavailable):
        await advance(gateway.services, stale, lease)
    await gateway.pass_time(seconds=61)
    await advance(gateway.services, stale, lease)
    after = await gateway.payout(payout.id)
    assert [attempt.channel for attempt in after.attempts] == ["alpha"]
    assert (len(alpha.sent), len(beta.sent)) == (1, 0)


@row(
    9,
    "breaker, rate or limit refuses before the intent",
    "another channel, no attempt row",
    instead.takes_only_the_first_channel,
)
async def a_refusal_at_the_door_leaves_no_trace() -> None:
    """Refused before anything was stored: the next channel of the ranking carries it, as attempt 1."""
    gateway, alpha, beta, _ = a_gateway()
    gateway.services.channels["alpha"].guard.stop()
    payout = await gateway.accept()
    assert [attempt.channel for attempt in payout.attempts] == ["beta"]
    assert (alpha.sent, len(beta.sent)) == ([], 1)
    assert not any(each.answer.heard is Heard.SUBMIT and each.attempt != 1 for each in await gateway.evidence(payout))
    assert timedelta(0) <= payout.give_up_at - payout.created_at
