"""A test event to an endpoint, while its app waits for what comes back. Stored nowhere, tried once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.callbacks.body import ENDPOINT_TEST, body_about
from gateway.callbacks.endpoint import Endpoint
from gateway.callbacks.schedule import Delivered, decide
from gateway.callbacks.sender import Sent
from gateway.domain.endpoint import AppEndpoint
from gateway.failpoints import Moment, Send, reached
from gateway.operations.endpoints import get
from gateway.operations.recipients import sendable
from gateway.operations.services import Services

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TriedOut:
    """What was sent, when, and what came back."""

    event_id: str
    at: datetime
    sent: Sent
    taken: bool
    """It would count as delivered."""


async def try_out(services: Services, app: str, endpoint_id: str) -> TriedOut:
    """Sign and send an `endpoint.test`, also to a disabled endpoint; nothing is changed by what comes back.

    Raises:
        NotFound: the app has no such endpoint.
    """
    address, at = await get(services, app, endpoint_id), services.clock.now()
    endpoint: Endpoint = sendable(address, at) if isinstance(address, AppEndpoint) else address
    event_id = f"evt_{services.new_uuid().hex}"
    about = {"object": "callback_endpoint", "id": endpoint.id, "url": endpoint.url}
    body = body_about(event_id, ENDPOINT_TEST, 0, at, about, services.api_version)
    sender = services.sender
    reached(Send.CALLBACK, Moment.BEFORE_SEND)
    sent = await sender.send(endpoint, event_id, body)
    reached(Send.CALLBACK, Moment.AFTER_SEND)
    taken = isinstance(decide(sent.status, 1, None, at, at, 0.0), Delivered)
    log.info("endpoint.tried_out", app=app, endpoint=endpoint_id, event_id=event_id, status=sent.status)
    return TriedOut(event_id, at, sent, taken)
