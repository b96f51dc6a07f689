"""What the try of a callback says of its endpoint: that it fails, or is gone. Then it is disabled, and the app's other
endpoints are told; whatever is for it from then on is kept as parked.

Of endpoints that apps made. One of the configuration is the operator's: its callbacks are parked one by one.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from gateway.callbacks.body import ENDPOINT_DISABLED, body_about
from gateway.callbacks.schedule import GONE, Delivered, Parked, Verdict
from gateway.domain.endpoint import AppEndpoint
from gateway.domain.view import Json, timestamp
from gateway.operations.announce import addressed
from gateway.operations.recipients import recipients
from gateway.operations.services import Services
from gateway.store.port import Tx
from gateway.store.records import Callback

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def says_something(endpoint: AppEndpoint, verdict: Verdict, now: datetime) -> bool:
    """Whether it is another one after a try that came to that."""
    return _after(endpoint, verdict, now) is not endpoint


def note_try(services: Services, tx: Tx, callback: Callback, verdict: Verdict, now: datetime) -> None:
    """Note down on the endpoint what the try of its `callback` came to."""
    before = tx.endpoint(callback.app, callback.endpoint)
    after = None if before is None else _after(before, verdict, now)
    if after is None or after is before:
        return
    tx.save_endpoint(after, standing=after.disabled)
    if after.disabled:
        _tell(services, tx, after, callback.shard, now)
        log.error("endpoint.disabled", app=after.app, endpoint=after.id, why=str(after.disabled_for))


def _after(endpoint: AppEndpoint, verdict: Verdict, now: datetime) -> AppEndpoint:
    gone = isinstance(verdict, Parked) and verdict.reason == GONE
    return endpoint.after_try(taken=isinstance(verdict, Delivered), gone=gone, now=now)


def _tell(services: Services, tx: Tx, endpoint: AppEndpoint, shard: int, now: datetime) -> None:
    """`endpoint.disabled`, to every other one that wants it; and, parked, to itself, so that it can be pulled. It lies
    where the callback lies that brought it about, so that the unit stays in one shard.
    """
    event_id = f"evt_{services.new_uuid().hex}"
    body = body_about(
        event_id, ENDPOINT_DISABLED, endpoint.sequence, now, disabled_view(endpoint), services.api_version
    )
    event = Callback(
        event_id, shard, None, endpoint.app, "", ENDPOINT_DISABLED, endpoint.sequence, body, now, due_at=now
    )
    others = [each for each in recipients(services, tx, endpoint.app) if each.id != endpoint.id]
    wanting = [each for each in others if each.wants(ENDPOINT_DISABLED)]
    for each in (*wanting, endpoint):
        tx.enqueue_callback(addressed(event, each))


def disabled_view(endpoint: AppEndpoint) -> Json:
    """The endpoint as the event shows it."""
    assert endpoint.disabled_at is not None  # noqa: S101 - it was just disabled
    return {
        "object": "callback_endpoint",
        "id": endpoint.id,
        "url": endpoint.url,
        "status": "disabled",
        "disabled_for": str(endpoint.disabled_for),
        "disabled_at": timestamp(endpoint.disabled_at),
        "failing_since": None if endpoint.failing_since is None else timestamp(endpoint.failing_since),
    }
