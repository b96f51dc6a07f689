"""Deliver one due callback and record the try. What becomes of a callback never touches the payout (invariant 38)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog

from gateway.callbacks.endpoint import Endpoint
from gateway.callbacks.schedule import Again, Delivered, Parked, Verdict, decide
from gateway.callbacks.sender import Sent
from gateway.domain.audit import Act, Deed
from gateway.domain.errors import NotFound
from gateway.failpoints import Commit, Moment, Send, Unit, reached
from gateway.metrics.table import DELIVERIES, DeliveryResult
from gateway.operations.services import Services
from gateway.store.port import Callback, Delivery, Tx
from gateway.tracing.spans import Stage

log: structlog.stdlib.BoundLogger = structlog.get_logger()

UNKNOWN_ENDPOINT = "unknown_endpoint"
"""Why a callback is parked whose endpoint was taken out of the configuration."""
_NOWHERE = Sent(None, "not sent: the endpoint is not configured", None, 0)

_WORDS: dict[type[Verdict], tuple[str, DeliveryResult]] = {
    Delivered: ("callback.delivered", DeliveryResult.DELIVERED),
    Again: ("callback.failed", DeliveryResult.FAILED),
    Parked: ("callback.parked", DeliveryResult.PARKED),
}


class Sender(Protocol):
    """One signed POST; `gateway.callbacks.sender.CallbackSender`."""

    async def send(self, endpoint: Endpoint, message_id: str, body: bytes) -> Sent: ...


async def deliver(services: Services, sender: Sender, callback: Callback, jitter: Callable[[], float]) -> Callback:
    """Send a claimed callback once, judge the answer, record the try. Returns the callback as stored.

    A crash between the send and the record sends it again: the receiver knows it by its id (taxonomy row 60).
    """
    endpoint = _endpoint(services, callback)
    at = services.clock.now()
    if endpoint is None:
        sent, tried = _NOWHERE, callback
    else:
        reached(Send.CALLBACK, Moment.BEFORE_SEND)
        sent = await sender.send(endpoint, callback.id, callback.body)
        reached(Send.CALLBACK, Moment.AFTER_SEND)
        tried = replace(callback, tries=callback.tries + 1)
    now = services.clock.now()
    verdict = Parked(UNKNOWN_ENDPOINT) if endpoint is None else _judge(tried, sent, now, jitter())
    judged = settle(tried, verdict, now)
    delivery = Delivery(at, sent.status, _detail(sent, verdict), sent.duration_ms)
    stored = await services.store.run(Unit(Commit.CALLBACK_TRIED, lambda tx: _record(tx, judged, delivery)))
    result = _WORDS[type(verdict)][1]
    services.meter.add(DELIVERIES, result)
    services.spans.over(
        Stage.CALLBACK,
        stored.payout_id,
        at,
        now,
        failed=result is not DeliveryResult.DELIVERED,
        type=stored.type,
        result=result,
        status=sent.status,
    )
    _say(stored, verdict, delivery)
    return stored


async def redeliver(services: Services, payout_id: str, event_id: str, principal: str) -> tuple[Callback, ...]:
    """Make an event due again at every endpoint where it was delivered or parked. Returns all its callbacks.

    Raises:
        NotFound: the payout has no such event.
    """
    now = services.clock.now()

    def unit(tx: Tx) -> tuple[Callback, ...]:
        mine = [callback for callback in tx.callbacks(payout_id) if callback.id == event_id]
        if mine:
            tx.append_audit(Deed(now, principal, Act.CALLBACK_REDELIVERED, event_id, {"payout": payout_id}))
        return tuple(renew(tx, callback, now) for callback in mine)

    callbacks = await services.store.run(Unit(Commit.REDELIVERY, unit))
    if not callbacks:
        raise NotFound(event_id)
    services.wake_callbacks()
    log.warning("callback.redelivery_asked", payout=payout_id, event_id=event_id, by=principal)
    return callbacks


def settle(callback: Callback, verdict: Verdict, now: datetime) -> Callback:
    """The callback after a verdict: due again, delivered, or parked."""
    match verdict:
        case Delivered():
            return replace(callback, due_at=None, delivered_at=now)
        case Again(at):
            return replace(callback, due_at=at)
        case Parked():
            return replace(callback, due_at=None, parked_at=now)


def send_again(callback: Callback, now: datetime) -> Callback:
    """The callback from the start of its schedule: same id, same body, due now."""
    return replace(callback, tries=0, due_at=now, delivered_at=None, parked_at=None)


def _endpoint(services: Services, callback: Callback) -> Endpoint | None:
    endpoints = services.endpoints.get(callback.app, ())
    return next((endpoint for endpoint in endpoints if endpoint.id == callback.endpoint), None)


def _judge(callback: Callback, sent: Sent, now: datetime, jitter: float) -> Verdict:
    return decide(sent.status, callback.tries, sent.retry_after, callback.created_at, now, jitter)


def _detail(sent: Sent, verdict: Verdict) -> str:
    return f"{sent.detail}; parked: {verdict.reason}" if isinstance(verdict, Parked) else sent.detail


def _record(tx: Tx, judged: Callback, delivery: Delivery) -> Callback:
    """Write the try. Once delivered stays delivered, when two workers sent the same one (a claim that ran out)."""
    stored = next((found for found in tx.callbacks(judged.payout_id) if _same(found, judged)), judged)
    after = stored if stored.delivered_at is not None else judged
    tx.record_delivery(after, delivery)
    return after


def renew(tx: Tx, callback: Callback, now: datetime) -> Callback:
    """Make it due again where it was delivered or parked; one that is due anyway is left alone."""
    if callback.due_at is not None:
        return callback
    renewed = send_again(callback, now)
    tx.record_delivery(renewed, Delivery(now, None, "to be sent again, by request", 0))
    return renewed


def _same(one: Callback, other: Callback) -> bool:
    return (one.id, one.endpoint) == (other.id, other.endpoint)


def _say(callback: Callback, verdict: Verdict, delivery: Delivery) -> None:
    say = log.info if isinstance(verdict, Delivered) else log.warning
    say(
        _WORDS[type(verdict)][0],
        event_id=callback.id,
        app=callback.app,
        payout=callback.payout_id,
        endpoint=callback.endpoint,
        type=callback.type,
        tries=callback.tries,
        status=delivery.status,
        detail=delivery.detail,
        duration_ms=delivery.duration_ms,
    )
