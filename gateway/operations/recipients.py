"""Whom an app's events are told: the endpoints of the configuration, and those that it made itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.callbacks.endpoint import Endpoint
from gateway.domain.endpoint import AppEndpoint, KeyKind
from gateway.operations.announce import Recipient
from gateway.operations.services import Services
from gateway.secret import Secret
from gateway.store.port import ReadTx


def recipients(services: Services, tx: ReadTx, app: str) -> Sequence[Recipient]:
    """All of the app's, asked inside the unit that tells them something: one that was made before is not forgotten."""
    configured: Sequence[Recipient] = services.endpoints.get(app, ())
    made: Sequence[Recipient] = tx.endpoints(app)
    return (*configured, *made) if made else configured


def configured(services: Services, app: str, endpoint_id: str) -> Endpoint | None:
    """The endpoint of that id, if it stands in the configuration."""
    return next((each for each in services.endpoints.get(app, ()) if each.id == endpoint_id), None)


def sendable(endpoint: AppEndpoint, now: datetime) -> Endpoint:
    """One that an app made, with the keys that sign at this moment."""
    keys = endpoint.keys_at(now)
    return Endpoint(
        id=endpoint.id,
        app=endpoint.app,
        url=endpoint.url,
        secrets=tuple(Secret(key.material) for key in keys if key.kind is KeyKind.HMAC_SHA256),
        signing_keys=tuple(Secret(key.material) for key in keys if key.kind is KeyKind.ED25519),
        events=endpoint.events,
        disabled=endpoint.disabled,
    )
