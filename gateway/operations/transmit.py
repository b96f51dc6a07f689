"""One transmission: from a committed intent to a folded answer. The most careful forty lines of the gateway.

The submit runs in a task of its own that nobody cancels. When the deadline passes, the attempt is unknown and the
worker goes on; the task goes on too, and whatever it still hears is folded like any other answer (R10).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import structlog

from adapters.channel import Signed
from gateway.domain.errors import StoreError
from gateway.domain.outcome import Answer, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import Payout
from gateway.failpoints import Moment, Send, reached
from gateway.metrics.table import CHANNEL_DURATION, Operation
from gateway.operations.learn import Heard, learn, learn_and_go_on
from gateway.operations.outside import Errand
from gateway.operations.services import ChannelHandle, Services
from gateway.store.records import Lease
from gateway.tracing.spans import Stage
from routing.guard import Permit, Verdict, verdict

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def transmit(
    services: Services, handle: ChannelHandle, payout: Payout, number: int, signed: Signed, permit: Permit, lease: Lease
) -> Payout | None:
    """Send, wait at most the deadline, fold; None when there is nothing more to do now, and the payout was let go of.
    The intent is committed; the permit is given back here."""
    transmission_no = payout.attempt(number).transmissions
    services.router.sent(payout, number)
    sent_at, sent_at_s = services.clock.now(), services.clock.monotonic()
    reached(Send.SUBMIT, Moment.BEFORE_SEND)
    task = services.background.spawn(handle.calls.through(handle.channel.submit, signed))

    def learn_late(done: asyncio.Task[Answer]) -> None:
        _learn_late(services, Heard(payout.id, number, answer_of(done), transmission_no))

    try:
        with services.outside.wait_for(handle.channel.name, Errand.ORDER, handle.policy.in_flight):
            await asyncio.wait({task}, timeout=handle.timeouts.total_s)
    except asyncio.CancelledError:
        # The worker is being stopped, the call is not: what it still hears is folded while the gateway drains (R10).
        permit.release(Verdict.NO_EVIDENCE)
        task.add_done_callback(learn_late)
        raise
    took_s = services.clock.monotonic() - sent_at_s
    services.meter.observe(CHANNEL_DURATION, took_s, handle.channel.name, Operation.SUBMIT)
    if task.done():
        reached(Send.SUBMIT, Moment.AFTER_SEND)
        answer = answer_of(task)
        permit.release(verdict(answer))
    else:
        permit.release(Verdict.CHANNEL_FAULT)
        answer = _no_answer("no answer within the deadline")
        task.add_done_callback(learn_late)
    services.spans.over(
        Stage.SEND,
        payout.id,
        sent_at,
        services.clock.now(),
        failed=answer.channel_fault,
        channel=handle.channel.name,
        attempt=number,
        transmission=transmission_no,
        said=answer.kind,
    )
    return await learn_and_go_on(services, Heard(payout.id, number, answer, transmission_no), lease)


def answer_of(task: asyncio.Task[Any]) -> Answer:
    """What the adapter returned; anything else it did is no answer (row 101)."""
    if task.cancelled():
        return _no_answer("the call was cancelled")
    error = task.exception()
    if error is not None:
        log.error("channel.adapter_raised", error=type(error).__name__, exc_info=error)
        return _no_answer(f"the adapter raised {type(error).__name__}", alarm=True)
    answer: object = task.result()
    if not isinstance(answer, Answer):
        return _no_answer(f"the adapter returned {type(answer).__name__}", alarm=True)
    return replace(answer, heard=How.SUBMIT)


def interrupted() -> Answer:
    """What is known of a send that a crash or a lost lease left behind: nothing."""
    return _no_answer("the send was interrupted", fault=False)


def _no_answer(detail: str, *, alarm: bool = False, fault: bool = True) -> Answer:
    return Answer(How.SUBMIT, OutcomeKind.UNCLEAR, detail=detail, alarm=alarm, channel_fault=fault)


def _learn_late(services: Services, heard: Heard) -> None:
    services.background.spawn(_late(services, heard))


async def _late(services: Services, heard: Heard) -> None:
    try:
        await learn(services, heard)
    except StoreError as error:
        # The row stays unknown and is asked about: nothing is lost but this shortcut.
        log.warning("attempt.late_answer_not_kept", payout=heard.payout_id, error=type(error).__name__)
