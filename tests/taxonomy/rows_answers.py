"""Rows 18 to 36: what a channel answers."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime

from adapters.channel import Order
from gateway.domain.hold import HoldCode
from gateway.domain.outcome import Answer, Finality, Heard, OutcomeKind
from gateway.domain.payout import AttemptState, Prepared
from gateway.domain.reasons import RejectReason
from gateway.domain.status import Status, status
from gateway.operations import learn
from gateway.store.lanes import Queued
from gateway.store.sqlite import MemoryStore
from tests.support.builders import an_answer
from tests.taxonomy import instead
from tests.taxonomy.register import row
from tests.taxonomy.stage import a_gateway, stays

K, A, F, R = OutcomeKind, AttemptState, Finality, RejectReason


async def _asked_and_paid(answer: Answer, state: AttemptState = A.UNKNOWN, *, alarm: bool | None = None) -> None:
    """One attempt, in `state`; kept as evidence; asked about; paid when the channel says so."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(answer)
    payout = await gateway.accept()
    stays(gateway, payout)
    assert payout.attempt(1).state is state
    (kept,) = await gateway.evidence(payout)
    assert (kept.answer.kind, alarm in (None, kept.answer.alarm)) == (answer.kind, True)
    alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.pass_time(minutes=1)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert status(after) is Status.PAID


async def _same_id_later(answer: Answer, not_before_s: int) -> None:
    """The same bytes under the same id, not before the channel's wish; nobody else is told anything."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.extend([answer, an_answer(K.SUCCEEDED)])
    payout = await gateway.accept()
    stays(gateway, payout)
    await gateway.pass_time(seconds=not_before_s - 1)
    assert len(alpha.sent) == 1
    await gateway.pass_time(seconds=2)
    first, second = alpha.sent
    assert (first.body, first.sent.order.channel_reference) == (second.body, second.sent.order.channel_reference)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert (after.attempt(1).transmissions, status(after)) == (2, Status.PAID)


@row(18, '200 with "accepted" or "processing"', "asked on schedule", instead.takes_it_for_a_no)
async def pending_is_asked_about() -> None:
    """The channel took it in: it is asked until it has decided."""
    await _asked_and_paid(an_answer(K.PENDING), A.PENDING)


@row(19, "200 with success", "settled", instead.takes_it_for_a_no)
async def success_settles() -> None:
    """Paid, told once, and nothing more is sent."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = await gateway.accept()
    stays(gateway, payout)
    assert status(payout) is Status.PAID
    assert (await gateway.callback_types(payout)).count("payout.paid") == 1


@row(20, "200 with a listed final failure", "another channel", instead.never_fails_over)
async def a_listed_refusal_fails_over() -> None:
    """Refused for good, sent once, the code is on the list: the next channel carries it."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(an_answer(K.REJECTED))
    payout = await gateway.accept()
    assert [attempt.state for attempt in payout.attempts] == [A.REJECTED, A.SUCCEEDED]


@row(
    21,
    "200 with an unlisted code, a wrong type, a missing field",
    "unknown: asked, and an alarm",
    instead.takes_it_for_a_no,
)
async def an_unlisted_code_is_unknown() -> None:
    """A code nobody has judged is not final, whatever it sounds like."""
    answer = an_answer(K.REJECTED, finality=F.UNKNOWN, reason=R.UNKNOWN, channel_code="NEW_CODE", alarm=True)
    await _asked_and_paid(answer, alarm=True)


@row(22, "an answer for another id, or with a bad signature", "kept, not believed: asked", instead.takes_it_for_a_no)
async def a_foreign_answer_is_evidence_only() -> None:
    """It says nothing about our order; it is kept for people."""
    await _asked_and_paid(an_answer(K.UNCLEAR, detail="not our order's id", alarm=True), alarm=True)


@row(23, "garbage, HTML, cut off, a bomb", "unknown: asked", instead.takes_it_for_a_no)
async def garbage_is_unknown() -> None:
    """What cannot be read says nothing."""
    await _asked_and_paid(an_answer(K.UNCLEAR, raw=b"<html>", channel_fault=True))


@row(24, "4xx without a body we know", "unknown: asked", instead.takes_it_for_a_no)
async def a_bare_4xx_is_unknown() -> None:
    """A proxy can invent a status: it is never proof."""
    await _asked_and_paid(an_answer(K.UNCLEAR, detail="HTTP 403", channel_code=None))


@row(25, "429, too often", "the same id later, as the channel wishes", instead.takes_it_for_a_no)
async def too_often_is_the_same_id_later() -> None:
    """Not taken in now, and not refused: the wish is kept, the id too."""
    await _same_id_later(
        an_answer(K.REJECTED, finality=F.RETRY_SAME_ID, reason=R.RATE_LIMITED, resend_after_s=600.0), 600
    )


@row(26, "5xx, SYSTEM_ERROR", "unknown: asked, then the same bytes", instead.takes_it_for_a_no)
async def a_server_error_is_asked_then_repeated() -> None:
    """It may have been done before the error: asked first; not there: the same bytes again."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.extend([an_answer(K.UNCLEAR, channel_fault=True), an_answer(K.SUCCEEDED)])
    alpha.queries.append(an_answer(K.ABSENT, Heard.QUERY))
    payout = await gateway.accept()
    stays(gateway, payout)
    await gateway.pass_time(minutes=1)
    assert (len(alpha.asked), len(alpha.sent)) == (1, 1)
    await gateway.pass_time(minutes=6)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert (len(alpha.sent), status(after)) == (2, Status.PAID)


@row(27, "balance too low", "the same number after a top-up, where the channel says so", instead.takes_it_for_a_no)
async def a_low_balance_keeps_its_number() -> None:
    """WeChat's rule: the same number again once there is money; another channel could pay beside it."""
    await _same_id_later(
        an_answer(K.REJECTED, finality=F.RETRY_SAME_ID, reason=R.INSUFFICIENT_FUNDS, resend_after_s=300.0), 300
    )


@row(28, '"duplicate" for a repeat', "it is there: asked", instead.takes_it_for_a_no)
async def a_duplicate_is_asked_about() -> None:
    """The refusal is of the repeat and says nothing of the first."""
    await _asked_and_paid(an_answer(K.UNCLEAR, reason=R.DUPLICATE, channel_code="ALREADY_EXISTS"))


@row(29, '"the same id with other content"', "held, and the channel is stopped", instead.takes_it_for_a_no)
async def other_content_under_our_id_is_held() -> None:
    """Our bytes changed: a bug. People look, and nothing more leaves by that channel."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(an_answer(K.REJECTED, finality=F.UNKNOWN, conflict=True))
    payout = await gateway.accept()
    stays(gateway, payout)
    assert payout.attempt(1).state is A.UNKNOWN
    assert payout.hold is not None
    assert payout.hold.code is HoldCode.CONTENT_CONFLICT
    other = await gateway.accept("order-2")
    assert [attempt.channel for attempt in other.attempts] == ["beta"]


@row(30, "the window for repeats is over", "only questions; held in the end", instead.takes_it_for_a_no)
async def past_the_window_it_is_only_asked() -> None:
    """Past it the id may be forgotten, and a repeat would be a second order."""
    gateway, alpha, _, _ = a_gateway()
    alpha.queries.extend(an_answer(K.ABSENT, Heard.QUERY) for _ in range(40))
    payout = await gateway.accept()
    gateway.clock.move(23 * 3600)
    for _ in range(20):
        await gateway.pass_time(minutes=10)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert len(alpha.sent) == 1
    assert after.hold is not None
    assert after.hold.code is HoldCode.OUTCOME_UNKNOWN


@row(31, 'a query says "not found"', "the same bytes again; never another channel", instead.takes_it_for_a_no)
async def not_found_is_not_a_no() -> None:
    """The channel may still be taking it in: the same bytes are the same order, another channel is not."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.extend([an_answer(K.UNCLEAR), an_answer(K.PENDING)])
    alpha.queries.append(an_answer(K.ABSENT, Heard.QUERY))
    payout = await gateway.accept()
    for _ in range(3):
        await gateway.pass_time(minutes=6)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert [signed.body for signed in alpha.sent] == [alpha.sent[0].body] * 2


@row(32, "a query says failed, with a final code", "another channel", instead.never_fails_over)
async def a_failure_by_query_fails_over() -> None:
    """Asked and told: refused for good. The next channel carries it."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(an_answer(K.PENDING))
    alpha.queries.append(an_answer(K.REJECTED, Heard.QUERY))
    payout = await gateway.accept()
    await gateway.pass_time(minutes=1)
    after = await gateway.payout(payout.id)
    assert [attempt.state for attempt in after.attempts] == [A.REJECTED, A.SUCCEEDED]


@row(
    33,
    "a query fails or contradicts itself",
    "asked again, ever less often; held in the end",
    instead.takes_it_for_a_no,
)
async def a_failing_query_is_asked_again() -> None:
    """Silence of the question is no answer to it."""
    gateway, alpha, _, _ = a_gateway()
    payout = await gateway.accept()
    for _ in range(25):
        await gateway.pass_time(hours=1)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert after.hold is not None
    assert len(alpha.asked) > 20


@row(
    34,
    "success arrives while we decide to fail over",
    "one version wins; the loser reads again",
    instead.ignores_versions,
)
async def success_beats_the_decision_to_fail_over() -> None:
    """The decision was made on a version that is no longer there: it changes nothing, and nothing is sent."""
    gateway, alpha, beta, store = a_gateway()
    alpha.submits.append(an_answer(K.REJECTED))
    real = beta.prepare
    inner = store.inner
    assert isinstance(inner, MemoryStore)

    def prepare(order: Order, now: datetime) -> Prepared:
        heard = learn.Heard(order.payout_id, 1, an_answer(K.SUCCEEDED, Heard.NOTIFICATION))
        done: Future[object] = Future()
        inner._committer.commit([Queued(lambda tx: learn.learn_in(gateway.services, tx, heard, None), done)])
        done.result()
        return real(order, now)

    beta.prepare = prepare  # type: ignore[method-assign]  # while the intent is being made, the news comes
    payout = await gateway.accept()
    stays(gateway, payout)
    assert payout.frozen
    assert len(await gateway.incidents(payout)) == 1


async def _late_success(beta_says: OutcomeKind) -> None:
    gateway, alpha, beta, _ = a_gateway()
    alpha.submits.append(an_answer(K.REJECTED))
    alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    beta.submits.clear()
    beta.submits.append(an_answer(beta_says))
    beta.queries.extend(an_answer(K.PENDING, Heard.QUERY) for _ in range(9))
    payout = await gateway.accept()
    for _ in range(11):
        await gateway.pass_time(minutes=1)
    after = await gateway.payout(payout.id)
    assert after.frozen
    assert after.attempt(1).state is A.REJECTED
    assert [incident.kind for incident in await gateway.incidents(after)] == ["contradiction"]
    assert any(each.attempt == 1 and each.answer.kind is K.SUCCEEDED for each in await gateway.evidence(after))
    assert len(after.attempts) == 2


@row(
    35, "late success after failover", "incident and freeze; the newer attempt is only asked about", instead.looks_away
)
async def a_late_success_is_found_and_never_folded() -> None:
    """The channel broke its word. Its attempt is followed up, so we hear of it even without a notification."""
    await _late_success(K.PENDING)


@row(36, "two successes", "an incident, with the proof of both", instead.looks_away)
async def two_successes_are_an_incident() -> None:
    """It happened outside of what we could prove; both answers are kept, and people are called."""
    await _late_success(K.SUCCEEDED)
