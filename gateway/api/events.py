"""The calls about events: what callbacks push can be pulled, and sent once more."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from gateway.api import cursor
from gateway.api.endpoint_schemas import stand_of
from gateway.api.keys import Scope
from gateway.api.problems import Code
from gateway.api.query import EVENT_PARAMS, LIMIT_DEFAULT
from gateway.api.replies import Reply, Timestamp
from gateway.api.responses import as_json
from gateway.api.routes import Answer, Call, Route
from gateway.api.state import PublicState
from gateway.domain.status import Status
from gateway.domain.view import Json, timestamp
from gateway.operations import events
from gateway.operations.endpoints import listed
from gateway.operations.events import Told
from gateway.store.app_events import CallbackStand, EventFilter
from gateway.store.records import Callback

LIST = "events"
"""What a cursor of this list is signed for."""


class CallbackReply(Reply):
    """How it stands with one address."""

    endpoint: str
    url: str | None
    """Null when the address was deleted, or is no longer configured."""
    status: CallbackStand
    tries: int
    due_at: Timestamp | None
    delivered_at: Timestamp | None
    parked_at: Timestamp | None


class EventDataReply(Reply):
    object: dict[str, Any]
    """What it is about, as it was then: a payout, masked, unless the type says otherwise."""


class AppEventReply(Reply):
    """One event, as it was or will be pushed, and how far it has come."""

    id: str
    type: str
    timestamp: Timestamp
    sequence: int
    """Counts the events about this object."""
    api_version: str
    corrects: Status | SkipJsonSchema[None] = Field(default_factory=lambda: None)
    """The final status that this event takes back; absent otherwise."""
    data: EventDataReply
    callbacks: list[CallbackReply]


class AppEventPage(Reply):
    """Newest first."""

    data: list[AppEventReply]
    has_more: bool
    next_cursor: str | None


class Events:
    """Handlers of /v1/events. Each passes the caller's app on: a foreign event is not there."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def page(self, call: Call) -> web.StreamResponse:
        wanted, key, given = _wanted(call), self._state.cursor_key, call.one("cursor")
        bound = _bound(wanted)
        before = cursor.open_text(key, call.app, bound, given) if isinstance(given, str) else None
        limit = call.one("limit")
        size = limit if isinstance(limit, int) else LIMIT_DEFAULT
        found, has_more = await events.page(self._state.services, call.app, wanted, before, size)
        following = cursor.sign_text(key, call.app, bound, found[-1][0].id) if has_more else None
        urls = await self._urls(call.app)
        data = [app_event_view(told, urls) for told in found]
        return as_json({"data": data, "has_more": has_more, "next_cursor": following})

    async def get(self, call: Call) -> web.StreamResponse:
        return as_json(await self._view(await events.get(self._state.services, call.app, call.path["event_id"])))

    async def redeliver(self, call: Call) -> web.StreamResponse:
        told = await events.redeliver(self._state.services, call.app, call.path["event_id"])
        return as_json(await self._view(told), 202)

    async def _view(self, told: Told) -> Json:
        return app_event_view(told, await self._urls(told[0].app))

    async def _urls(self, app: str) -> dict[str, str]:
        return {endpoint.id: endpoint.url for endpoint in await listed(self._state.services, app)}


def app_event_view(told: Told, urls: dict[str, str]) -> Json:
    """The event's own body, made once and stored, with where it went."""
    body: Json = json.loads(told[0].body)
    return {**body, "callbacks": [_callback_view(callback, urls.get(callback.endpoint)) for callback in told]}


def _callback_view(callback: Callback, url: str | None) -> Json:
    due, delivered, parked = callback.due_at, callback.delivered_at, callback.parked_at
    return {
        "endpoint": callback.endpoint,
        "url": url,
        "status": str(stand_of(callback)),
        "tries": callback.tries,
        "due_at": None if due is None else timestamp(due),
        "delivered_at": None if delivered is None else timestamp(delivered),
        "parked_at": None if parked is None else timestamp(parked),
    }


def _wanted(call: Call) -> EventFilter:
    payout, since, until = call.one("payout_id"), call.one("created_gte"), call.one("created_lt")
    return EventFilter(
        types=frozenset(str(each) for each in call.query.get("type", ())),
        payout_id=payout if isinstance(payout, str) else None,
        created_gte=since if isinstance(since, datetime) else None,
        created_lt=until if isinstance(until, datetime) else None,
    )


def _bound(wanted: EventFilter) -> list[object]:
    return [
        LIST,
        sorted(wanted.types),
        wanted.payout_id,
        wanted.created_gte and wanted.created_gte.isoformat(),
        wanted.created_lt and wanted.created_lt.isoformat(),
    ]


def event_routes(events: Events) -> tuple[Route, ...]:
    """What an app pulls, and asks to be pushed again."""
    not_found = frozenset({Code.NOT_FOUND, Code.INVALID_REQUEST})
    return (
        Route(
            "GET",
            "/v1/events",
            Scope.QUERY,
            "listEvents",
            "What callbacks told your addresses, or will tell them, newest first",
            events.page,
            (Answer(200, "A page of events", AppEventPage),),
            frozenset({Code.INVALID_REQUEST}),
            query=EVENT_PARAMS,
        ),
        Route(
            "GET",
            "/v1/events/{event_id}",
            Scope.QUERY,
            "getEvent",
            "Read an event, and how far it has come",
            events.get,
            (Answer(200, "The event", AppEventReply),),
            not_found,
        ),
        Route(
            "POST",
            "/v1/events/{event_id}/redeliver",
            Scope.SUBMIT,
            "redeliverEvent",
            "Have an event sent once more, to every address that it went to",
            events.redeliver,
            (Answer(202, "It is due; the same id and body go again", AppEventReply),),
            not_found | {Code.COMMIT_UNKNOWN},
        ),
    )
