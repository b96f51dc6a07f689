"""Callback endpoints as they are asked for and shown. A secret stands only in the answer that made it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from gateway.api.reading import Body
from gateway.api.replies import Reply, Timestamp
from gateway.api.words import Instant, each_once
from gateway.callbacks.body import EVENT_TYPES
from gateway.callbacks.endpoint import Endpoint
from gateway.callbacks.signing import public_key
from gateway.callbacks.target import URL_PATTERN, RefusedTarget, check_url
from gateway.domain.endpoint import AppEndpoint, DisabledFor, KeyKind
from gateway.domain.view import Json, timestamp
from gateway.operations.desk import Told
from gateway.operations.endpoints import Address
from gateway.store.app_events import CallbackStand
from gateway.store.records import Callback

URL_MAX = 2048
OVERLAP_S_MAX = 7 * 24 * 3600
OVERLAP_S = 24 * 3600
CURSOR_PATTERN = r"^[A-Za-z0-9_-]{1,256}$"

LIVE = "live"
"""What a body is read by: whether only the public internet may be called."""


def _target(url: str, info: ValidationInfo) -> str:
    try:
        check_url(url, live=bool((info.context or {}).get(LIVE)))
    except RefusedTarget as error:
        raise PydanticCustomError("refused_target", "refused", {"why": str(error)}) from None
    return url


def _event(event_type: str) -> str:
    if event_type not in EVENT_TYPES:
        raise PydanticCustomError("unknown_event", "not a type of event")
    return event_type


EventType = Annotated[str, Field(json_schema_extra={"enum": sorted(EVENT_TYPES)}), AfterValidator(_event)]
KeyWord = Literal["v1", "v1a"]


def _a_secret() -> list[KeyWord]:
    return ["v1"]


_ONCE = Field(json_schema_extra={"uniqueItems": True})


class CreateEndpoint(Body):
    """Where callbacks shall go. Its URL and events stay as they are; make another one, then delete this."""

    url: Annotated[str, StringConstraints(pattern=URL_PATTERN, max_length=URL_MAX), AfterValidator(_target)]
    events: Annotated[list[EventType], Field(max_length=len(EVENT_TYPES)), _ONCE, AfterValidator(each_once)] = Field(
        default_factory=list
    )
    """Empty: all."""
    keys: Annotated[list[KeyWord], Field(min_length=1, max_length=2), _ONCE, AfterValidator(each_once)] = Field(
        default_factory=_a_secret
    )
    """What to sign with: `v1` is HMAC-SHA256 under a shared secret, `v1a` Ed25519."""

    def kinds(self) -> list[KeyKind]:
        return [KeyKind(each) for each in self.keys]


class RotateSecret(Body):
    """New keys, beside which the present ones go on signing for a while."""

    overlap_s: Annotated[int, Field(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S

    @property
    def overlap(self) -> timedelta:
        return timedelta(seconds=self.overlap_s)


class RecoverEvents(Body):
    """A window of events to be sent to the endpoint: made at `since` or later, and before `until`."""

    since: Instant
    until: Instant | None = None
    which: Literal["undelivered", "all"] = "undelivered"
    cursor: Annotated[str, StringConstraints(pattern=CURSOR_PATTERN)] | None = None
    """`next_cursor` of the answer before, with the same window."""


class EndpointKeyReply(Reply):
    """A key that callbacks are signed with."""

    kind: KeyKind
    public_key: str | None
    """Of `v1a`: `whpk_` and base64. Null for `v1`, whose secret is shown once."""
    created_at: Timestamp | None
    expires_at: Timestamp | None
    """Null: it is in use until it is rotated."""


class EndpointReply(Reply):
    """An address of yours."""

    object: Literal["callback_endpoint"]
    id: str
    url: str
    source: Literal["api", "configuration"]
    """What stands in the operator's configuration is read-only here."""
    events: list[str]
    """Empty: all."""
    status: Literal["enabled", "disabled"]
    disabled_for: DisabledFor | None
    disabled_at: Timestamp | None
    failing_since: Timestamp | None
    """Since when nothing was taken; null while it does well, and for one of the configuration."""
    keys: list[EndpointKeyReply]
    """In use; the newest first."""
    created_at: Timestamp | None


class NewEndpointReply(EndpointReply):
    """The endpoint, with what is shown this once."""

    secret: str | None
    """The `whsec_…` of the newest `v1` key; null where there is none, or where a repeat came too late for it."""


class EndpointList(Reply):
    data: list[EndpointReply]


class TriedOutReply(Reply):
    """What came back from a test event. Of the answer's content nothing is told."""

    event_id: str
    sent_at: Timestamp
    delivered: bool
    """It would have counted as delivered."""
    status: int | None
    """The HTTP status; null: there was no answer."""
    detail: str
    duration_ms: int


class RecoveredReply(Reply):
    """So many events were made due. While `has_more` is true, ask again with the cursor."""

    due: int
    has_more: bool
    next_cursor: str | None


class TryReply(Reply):
    at: Timestamp
    status: int | None
    detail: str
    duration_ms: int


class EndpointDeliveryReply(Reply):
    """One event, as this endpoint was or will be sent it."""

    event_id: str
    type: str
    status: CallbackStand
    created_at: Timestamp
    due_at: Timestamp | None
    delivered_at: Timestamp | None
    parked_at: Timestamp | None
    body: str
    """The very text that is signed and sent."""
    tries: list[TryReply]


class EndpointDeliveryPage(Reply):
    """Newest event first."""

    data: list[EndpointDeliveryReply]
    has_more: bool
    next_cursor: str | None


def endpoint_view(address: Address, now: datetime) -> Json:
    """The callback_endpoint object of docs/api.md, with the keys that sign at `now`."""
    made = address if isinstance(address, AppEndpoint) else None
    return {
        "object": "callback_endpoint",
        "id": address.id,
        "url": address.url,
        "source": "configuration" if made is None else "api",
        "events": sorted(address.events),
        "status": "disabled" if address.disabled else "enabled",
        "disabled_for": None if made is None or made.disabled_for is None else str(made.disabled_for),
        "disabled_at": None if made is None else _at(made.disabled_at),
        "failing_since": None if made is None else _at(made.failing_since),
        "keys": _configured_keys(address) if isinstance(address, Endpoint) else _keys(address, now),
        "created_at": None if made is None else timestamp(made.created_at),
    }


def _keys(endpoint: AppEndpoint, now: datetime) -> list[Json]:
    return [_key(key.kind, key.material, key.created_at, key.expires_at) for key in endpoint.keys_at(now)]


def _configured_keys(endpoint: Endpoint) -> list[Json]:
    kinds = {KeyKind.HMAC_SHA256: endpoint.secrets, KeyKind.ED25519: endpoint.signing_keys}
    return [_key(kind, secret.reveal()) for kind, secrets in kinds.items() for secret in secrets]


def _key(
    kind: KeyKind, material: bytes, created_at: datetime | None = None, expires_at: datetime | None = None
) -> Json:
    return {
        "kind": str(kind),
        "public_key": public_key(material) if kind is KeyKind.ED25519 else None,
        "created_at": _at(created_at),
        "expires_at": _at(expires_at),
    }


def delivery_view(told: Told) -> Json:
    """One callback with its tries."""
    callback = told.callback
    return {
        "event_id": callback.id,
        "type": callback.type,
        "status": str(stand_of(callback)),
        "created_at": timestamp(callback.created_at),
        "due_at": _at(callback.due_at),
        "delivered_at": _at(callback.delivered_at),
        "parked_at": _at(callback.parked_at),
        "body": callback.body.decode(),
        "tries": [
            {
                "at": timestamp(each.at),
                "status": each.status,
                "detail": each.detail,
                "duration_ms": each.duration_ms,
            }
            for each in told.deliveries
        ],
    }


def stand_of(callback: Callback) -> CallbackStand:
    """How far it has come."""
    if callback.due_at is not None:
        return CallbackStand.DUE
    return CallbackStand.DELIVERED if callback.delivered_at is not None else CallbackStand.PARKED


def _at(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)
