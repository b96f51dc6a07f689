"""The calls about callback endpoints: where callbacks go, with which keys, what went there, and sending it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from aiohttp import hdrs, web

from gateway.api import cursor
from gateway.api.endpoint_schemas import (
    LIVE,
    CreateEndpoint,
    EndpointDeliveryPage,
    EndpointList,
    EndpointReply,
    NewEndpointReply,
    RecoveredReply,
    RecoverEvents,
    RotateSecret,
    TriedOutReply,
    delivery_view,
    endpoint_view,
)
from gateway.api.idempotency import idempotency_key
from gateway.api.keys import Scope
from gateway.api.problems import Code, Fault, Refused
from gateway.api.query import DELIVERY_PARAMS, LIMIT_DEFAULT
from gateway.api.reading import read as read_body
from gateway.api.responses import Bare, as_json
from gateway.api.routes import Answer, Call, Route
from gateway.api.state import PublicState
from gateway.domain.endpoint import KeyKind
from gateway.domain.view import Json, timestamp
from gateway.operations import endpoints, recovery
from gateway.operations.endpoints import Made, Wanted
from gateway.operations.recovery import Position, Wish
from gateway.operations.trying_out import try_out
from gateway.store.app_events import CallbackStand

DELIVERIES, RECOVERY = "deliveries", "recovery"
"""What cursors are signed for."""
TESTS_MAX = 8
"""So many tests are under way at most: who waits for one that hangs must not hold up callbacks."""
JUST_NOW = timedelta(microseconds=1)
"""A window without an end holds what was made in this moment, too."""
_AGAIN = (("Retry-After", "5"),)
_REPLAYED = {"Idempotent-Replayed": "true"}


class Endpoints:
    """Handlers of /v1/callback_endpoints. Each passes the caller's app on: a foreign endpoint is not there."""

    def __init__(self, state: PublicState) -> None:
        self._state = state
        self._tested: set[tuple[str, str]] = set()

    async def create(self, call: Call) -> web.StreamResponse:
        """201 with the new one and its secret; 200 for a repeat under the same key."""
        body = read_body(CreateEndpoint, call.body, {LIVE: not self._state.sandbox})
        wanted = Wanted(call.app, body.url, frozenset(body.events), body.kinds())
        made = await endpoints.create(self._state.services, wanted, idempotency_key(call.request))
        if made.known:
            fresh = all(key.created_at == made.endpoint.created_at for key in made.endpoint.keys)
            return as_json(self._shown_once(made, fresh=fresh), 200, _REPLAYED)
        return as_json(self._shown_once(made), 201, {"Location": f"/v1/callback_endpoints/{made.endpoint.id}"})

    async def page(self, call: Call) -> web.StreamResponse:
        found = await endpoints.listed(self._state.services, call.app)
        return as_json({"data": [endpoint_view(each, self._now()) for each in found]})

    async def get(self, call: Call) -> web.StreamResponse:
        found = await endpoints.get(self._state.services, call.app, call.path["endpoint_id"])
        return as_json(endpoint_view(found, self._now()))

    async def delete(self, call: Call) -> web.StreamResponse:
        await endpoints.delete(self._state.services, call.app, call.path["endpoint_id"])
        return Bare(status=204, headers={hdrs.CACHE_CONTROL: "no-store"})

    async def rotate(self, call: Call) -> web.StreamResponse:
        body, services = read_body(RotateSecret, call.body), self._state.services
        key = idempotency_key(call.request)
        made = await endpoints.rotate(services, call.app, call.path["endpoint_id"], body.overlap, key)
        return as_json(self._shown_once(made), 200, _REPLAYED if made.known else {})

    async def test(self, call: Call) -> web.StreamResponse:
        with self._alone(call.app, call.path["endpoint_id"]):
            tried = await try_out(self._state.services, call.app, call.path["endpoint_id"])
        return as_json(
            {
                "event_id": tried.event_id,
                "sent_at": timestamp(tried.at),
                "delivered": tried.taken,
                "status": tried.sent.status,
                "detail": tried.sent.detail,
                "duration_ms": tried.sent.duration_ms,
            }
        )

    async def recover(self, call: Call) -> web.StreamResponse:
        """A thousand events at a time."""
        body, endpoint_id = read_body(RecoverEvents, call.body), call.path["endpoint_id"]
        until = None if body.until is None else body.until.isoformat()
        bound = [RECOVERY, endpoint_id, body.since.isoformat(), until, body.which]
        after = None if body.cursor is None else self._position(call.app, bound, body.cursor)
        wish = Wish(body.since, body.until or self._now() + JUST_NOW, body.which == "all", after)
        done = await recovery.recover(self._state.services, call.app, endpoint_id, wish)
        following = None
        if done.after is not None:
            at, event_id = done.after
            following = cursor.sign_text(self._state.cursor_key, call.app, bound, f"{at.isoformat()}|{event_id}")
        return as_json({"due": done.due, "has_more": following is not None, "next_cursor": following}, 202)

    def _position(self, app: str, bound: Sequence[object], given: str) -> Position:
        try:
            at, _, event_id = cursor.open_text(self._state.cursor_key, app, bound, given).partition("|")
        except Refused as refused:
            faults = [Fault("/cursor", fault.code, fault.detail) for fault in refused.faults]
            raise Refused(refused.code, faults=faults) from None
        return datetime.fromisoformat(at), event_id

    async def deliveries(self, call: Call) -> web.StreamResponse:
        endpoint_id, stand, given = call.path["endpoint_id"], call.one("status"), call.one("cursor")
        wanted, limit = stand if isinstance(stand, CallbackStand) else None, call.one("limit")
        key, bound = self._state.cursor_key, [DELIVERIES, endpoint_id, wanted and str(wanted)]
        before = cursor.open_text(key, call.app, bound, given) if isinstance(given, str) else None
        size = limit if isinstance(limit, int) else LIMIT_DEFAULT
        services = self._state.services
        told, has_more = await recovery.deliveries(services, call.app, endpoint_id, wanted, before, size)
        following = cursor.sign_text(key, call.app, bound, told[-1].callback.id) if has_more else None
        return as_json({"data": [*map(delivery_view, told)], "has_more": has_more, "next_cursor": following})

    def _shown_once(self, made: Made, *, fresh: bool = True) -> Json:
        """With the newest secret, if this call made it."""
        newest = next((key for key in made.endpoint.keys if key.kind is KeyKind.HMAC_SHA256), None)
        secret = newest.material.decode() if newest is not None and fresh else None
        return {**endpoint_view(made.endpoint, self._now()), "secret": secret}

    @contextmanager
    def _alone(self, app: str, endpoint_id: str) -> Iterator[None]:
        """One test of an endpoint at a time, and few in all. Raises `Refused`."""
        mark = (app, endpoint_id)
        if mark in self._tested or len(self._tested) >= TESTS_MAX:
            raise Refused(Code.QUOTA_EXCEEDED, "as many tests as may be are under way", headers=_AGAIN)
        self._tested.add(mark)
        try:
            yield
        finally:
            self._tested.discard(mark)

    def _now(self) -> datetime:
        return self._state.services.clock.now()


_PATH = "/v1/callback_endpoints"
_ONE = f"{_PATH}/{{endpoint_id}}"
_READ = frozenset({Code.INVALID_REQUEST, Code.NOT_FOUND})
_CHANGED = _READ | {Code.ENDPOINT_REFUSED, Code.COMMIT_UNKNOWN}
_ASKED = _CHANGED | {Code.INVALID_JSON, Code.IDEMPOTENCY_KEY_REUSED}


def endpoint_routes(calls: Endpoints) -> tuple[Route, ...]:
    """What an app says of where it is told, and what it asks of that."""
    return (
        Route(
            "POST",
            _PATH,
            Scope.CALLBACKS,
            "createCallbackEndpoint",
            "Have callbacks sent to a URL; its secret is shown this once",
            calls.create,
            (
                Answer(201, "It is told of everything from now on", NewEndpointReply, headers={"Location": "Its path"}),
                Answer(200, "The same call was made before", NewEndpointReply, headers=_REPLAYED),
            ),
            _ASKED,
            body=CreateEndpoint,
            idempotent=True,
        ),
        Route(
            "GET",
            _PATH,
            Scope.QUERY,
            "listCallbackEndpoints",
            "Where callbacks go: what the operator configured, then what you made",
            calls.page,
            (Answer(200, "All of them", EndpointList),),
            frozenset({Code.INVALID_REQUEST}),
        ),
        Route(
            "GET",
            _ONE,
            Scope.QUERY,
            "getCallbackEndpoint",
            "Read a callback endpoint, and how it does",
            calls.get,
            (Answer(200, "The endpoint", EndpointReply),),
            _READ,
        ),
        Route(
            "DELETE",
            _ONE,
            Scope.CALLBACKS,
            "deleteCallbackEndpoint",
            "Send nothing there any more; what was not delivered can be sent to another endpoint",
            calls.delete,
            (Answer(204, "It is gone, and its keys with it"),),
            _CHANGED,
        ),
        Route(
            "POST",
            f"{_ONE}/test",
            Scope.CALLBACKS,
            "testCallbackEndpoint",
            "Send a signed test event, and see what comes back",
            calls.test,
            (Answer(200, "What came back", TriedOutReply),),
            _READ,
        ),
        Route(
            "POST",
            f"{_ONE}/rotate_secret",
            Scope.CALLBACKS,
            "rotateCallbackSecret",
            "Sign with new keys, and for a while with the old ones beside; the new secret is shown this once",
            calls.rotate,
            (Answer(200, "The endpoint with its new secret", NewEndpointReply, headers=_REPLAYED),),
            _ASKED,
            body=RotateSecret,
            idempotent=True,
        ),
        Route(
            "POST",
            f"{_ONE}/recover",
            Scope.CALLBACKS,
            "recoverEvents",
            "Have a window of events sent there, also those that only went elsewhere; enables a disabled one",
            calls.recover,
            (Answer(202, "So many are due", RecoveredReply),),
            _READ | {Code.INVALID_JSON, Code.COMMIT_UNKNOWN},
            body=RecoverEvents,
        ),
        Route(
            "GET",
            f"{_ONE}/deliveries",
            Scope.QUERY,
            "listDeliveries",
            "What was and will be sent there, word for word, with every try",
            calls.deliveries,
            (Answer(200, "A page of events, newest first", EndpointDeliveryPage),),
            _READ,
            query=DELIVERY_PARAMS,
        ),
    )
