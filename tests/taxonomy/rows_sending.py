"""Rows 10 to 17: between the intent and the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from adapters.http import HttpxFactory, NoAnswer
from gateway.domain.errors import StoreUnavailable
from gateway.domain.outcome import Answer, Heard, OutcomeKind
from gateway.domain.payout import AttemptState
from gateway.domain.status import Status, status
from tests.support.builders import an_answer
from tests.taxonomy import instead
from tests.taxonomy.register import row
from tests.taxonomy.stage import BEFORE, a_gateway, hanging, killed, stays

K, A = OutcomeKind, AttemptState
TCP, HEAD, BODY = (
    "connection.connect_tcp.started",
    "http11.send_request_headers.started",
    "http11.send_request_body.started",
)
Trace = Callable[[str, dict[str, Any]], Awaitable[None]]


class _Breaks(httpx.AsyncBaseTransport):
    """Fires what a real connection fires, then breaks."""

    def __init__(self, error: Exception, *events: str) -> None:
        self._error, self._events = error, events

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        trace: Trace = request.extensions["trace"]
        for event in self._events:
            await trace(event, {})
        raise self._error


async def broken(error: Exception, *events: str) -> Answer:
    """What an adapter makes of a call that breaks like this: the one rule all of them share (R3)."""
    http = HttpxFactory(1, 1, 1, transport=_Breaks(error, *events))()
    result = await http.send("POST", "http://127.0.0.1:1/", (), b"{}")
    await http.close()
    assert isinstance(result, NoAnswer)
    kind = K.UNCLEAR if result.sent else K.NOT_SENT
    return an_answer(kind, detail=result.error, channel_fault=not result.local)


async def _unknown_and_asked(answer: Answer) -> None:
    """The attempt is unknown, the channel is asked, nobody else is told anything; what it says then counts."""
    gateway, alpha, _, _ = a_gateway()
    alpha.submits.append(answer)
    payout = await gateway.accept()
    stays(gateway, payout)
    assert payout.attempt(1).state is A.UNKNOWN
    alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.pass_time(minutes=1)
    after = await gateway.payout(payout.id)
    stays(gateway, after)
    assert status(after) is Status.PAID


async def _not_sent(answer: Answer) -> None:
    """Proved never to have left: another channel carries it, and alpha's attempt counts no transmission."""
    gateway, alpha, beta, _ = a_gateway()
    alpha.submits.append(answer)
    payout = await gateway.accept()
    assert [(attempt.channel, attempt.transmissions) for attempt in payout.attempts] == [("alpha", 0), ("beta", 1)]
    assert len(beta.sent) == 1
    assert status(payout) is Status.PAID


@row(10, "a crash after the intent, before the send", "unknown: asked, or the same bytes again", instead.fails_over)
async def a_crash_after_the_intent_is_unknown() -> None:
    """We cannot tell whether it left: after a restart it is unknown, is never called unsent, and is asked about."""
    gateway, alpha, _, _ = a_gateway()
    async with hanging(gateway, an_answer(K.UNCLEAR)) as (payout, task):
        await killed(task)
        alpha.queries.append(an_answer(K.PENDING, Heard.QUERY))
        await gateway.pass_time(seconds=61)
        await gateway.pass_time(seconds=61)
        after = await gateway.payout(payout.id)
        stays(gateway, after)
        assert after.attempt(1).was_unknown
        assert len(alpha.asked) == 1


@row(11, "refused, DNS or TLS failure, with proof", "not sent: another channel", instead.takes_only_the_first_channel)
async def a_refused_connection_was_not_sent() -> None:
    """The trace shows a connection that never came about: nothing of the request's head was written."""
    await _not_sent(await broken(httpx.ConnectError("refused"), TCP))


@row(12, "connect time-out without proof", "unknown: asked", instead.takes_it_for_a_no)
async def a_time_out_without_proof_is_unknown() -> None:
    """The same exception as in row 11, from a transport that says nothing: the class of an error proves nothing."""
    await _unknown_and_asked(await broken(httpx.ConnectTimeout("slow")))


@row(
    13,
    "our own pool is exhausted, with proof",
    "another channel, or this one later",
    instead.takes_only_the_first_channel,
)
async def an_exhausted_pool_was_not_sent() -> None:
    """It never got a connection: not sent, and no fault of the channel's."""
    answer = await broken(httpx.PoolTimeout("full"), TCP)
    assert not answer.channel_fault
    await _not_sent(answer)


@row(14, "cut while the body is being sent", "unknown: asked", instead.takes_it_for_a_no)
async def a_cut_in_the_body_is_unknown() -> None:
    """The channel may act on a body that arrived whole; ours to know it is not."""
    await _unknown_and_asked(await broken(httpx.WriteError("cut"), TCP, HEAD, BODY))


@row(15, "closed or reset after the whole request", "unknown: asked", instead.takes_it_for_a_no)
async def a_reset_after_the_request_is_unknown() -> None:
    """The order is there, the answer is not."""
    await _unknown_and_asked(await broken(httpx.RemoteProtocolError("closed"), TCP, HEAD, BODY))


@row(16, "time-out", "unknown: asked; another channel only when refused for good", instead.takes_it_for_a_no)
async def a_time_out_is_unknown() -> None:
    """The channel may pay later. The incumbents' mistake: a time-out is not a no."""
    await _unknown_and_asked(await broken(httpx.ReadTimeout("slow"), TCP, HEAD, BODY))


@row(
    17,
    "the task is cancelled, or we are stopped, during the call",
    "read in the background, else asked",
    instead.fails_over,
)
async def a_stop_during_the_call_loses_nothing() -> None:
    """The call is not cancelled with its worker: its late answer is folded, and if it cannot be, it is asked about."""
    for kept in (True, False):
        gateway, alpha, _, store = a_gateway()
        async with hanging(gateway, an_answer(K.SUCCEEDED)) as (payout, task):
            await killed(task)
            if not kept:
                store.fails["submit"].append((BEFORE, StoreUnavailable("gone")))
            alpha.release.set()
            await gateway.services.background.drain(1.0)
            assert (status(await gateway.payout(payout.id)) is Status.PAID) is kept
            alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
            await gateway.pass_time(seconds=61)
            await gateway.pass_time(seconds=61)
            after = await gateway.payout(payout.id)
            stays(gateway, after)
            assert (len(alpha.sent), len(alpha.asked), status(after)) == (1, int(not kept), Status.PAID)
