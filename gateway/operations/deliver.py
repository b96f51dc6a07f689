"""Deliver one due callback and record the try. What becomes of a callback never touches the payout (invariant 38)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.callbacks.endpoint import Endpoint
from gateway.callbacks.schedule import Again, Delivered, Parked, Verdict, decide
from gateway.callbacks.sender import Sent
from gateway.domain.audit import Act, Deed
from gateway.domain.endpoint import AppEndpoint
from gateway.domain.errors import NotFound
from gateway.failpoints import Commit, Moment, Send, Unit, reached
from gateway.metrics.table import DELIVERIES, DeliveryResult
from gateway.operations.failing import note_try, says_something
from gateway.operations.recipients import configured, sendable
from gateway.operations.services import Sender, Services
from gateway.store.port import Tx
from gateway.store.records import Callback, Delivery
from gateway.tracing.spans import Stage

log: structlog.stdlib.BoundLogger = structlog.get_logger()

UNKNOWN_ENDPOINT = "unknown_endpoint"
"""Why a callback is parked whose endpoint was deleted, or taken out of the configuration."""
DISABLED_ENDPOINT = "disabled_endpoint"
_UNSENT = {
    UNKNOWN_ENDPOINT: Sent(None, "not sent: the endpoint is not configured", None, 0),
    DISABLED_ENDPOINT: Sent(None, "not sent: the endpoint is disabled", None, 0),
}

_WORDS: dict[type[Verdict], tuple[str, DeliveryResult]] = {
    Delivered: ("callback.delivered", DeliveryResult.DELIVERED),
    Again: ("callback.failed", DeliveryResult.FAILED),
    Parked: ("callback.parked", DeliveryResult.PARKED),
}


async def deliver(services: Services, sender: Sender, callback: Callback, jitter: Callable[[], float]) -> Callback:
    """Send a claimed callback once, judge the answer, record the try. Returns the callback as stored.

    A crash between the send and the record sends it again: the receiver knows it by its id (taxonomy row 60).
    """
    endpoint, made = await _endpoint(services, callback)
    at = services.clock.now()
    if endpoint is None or endpoint.disabled:
        why = UNKNOWN_ENDPOINT if endpoint is None else DISABLED_ENDPOINT
        sent, tried = _UNSENT[why], callback
    else:
        why = None
        reached(Send.CALLBACK, Moment.BEFORE_SEND)
        sent = await sender.send(endpoint, callback.id, callback.body)
        reached(Send.CALLBACK, Moment.AFTER_SEND)
        tried = replace(callback, tries=callback.tries + 1)
    now = services.clock.now()
    verdict = _judge(tried, sent, now, jitter()) if why is None else Parked(why)
    judged = settle(tried, verdict, now)
    delivery = Delivery(at, sent.status, _detail(sent, verdict), sent.duration_ms)
    noteworthy = made is not None and why is None and says_something(made, verdict, now)

    def unit(tx: Tx) -> Callback:
        recorded = _record(tx, judged, delivery)
        if noteworthy:
            note_try(services, tx, judged, verdict, now)
        return recorded

    stored = await services.store.run(Unit(Commit.CALLBACK_TRIED, unit))
    if noteworthy:
        services.wake_callbacks()
    result = _WORDS[type(verdict)][1]
    services.meter.add(DELIVERIES, result)
    services.spans.over(
        Stage.CALLBACK,
        stored.payout_id or stored.id,
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


async def _endpoint(services: Services, callback: Callback) -> tuple[Endpoint | None, AppEndpoint | None]:
    """Where it goes, and that address as its app made it, if it did: asked afresh, so that a deleted one gets nothing
    more from any node, and a new key signs at once.
    """
    found = configured(services, callback.app, callback.endpoint)
    if found is not None:
        return found, None
    made = await services.store.read(lambda tx: tx.endpoint(callback.app, callback.endpoint))
    return (None, None) if made is None else (sendable(made, services.clock.now()), made)


def _judge(callback: Callback, sent: Sent, now: datetime, jitter: float) -> Verdict:
    return decide(sent.status, callback.tries, sent.retry_after, callback.created_at, now, jitter)


def _detail(sent: Sent, verdict: Verdict) -> str:
    return f"{sent.detail}; parked: {verdict.reason}" if isinstance(verdict, Parked) else sent.detail


def _record(tx: Tx, judged: Callback, delivery: Delivery) -> Callback:
    """Write the try. Once delivered stays delivered, when two workers sent the same one (a claim that ran out)."""
    stored = next((found for found in tx.event(judged.shard, judged.id) if _same(found, judged)), judged)
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
