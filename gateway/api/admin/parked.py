"""The calls about callbacks that were given up, over all payouts."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import StringConstraints

from gateway.api.admin.desk import told_view
from gateway.api.admin.handlers import principal_of
from gateway.api.admin.views import Json
from gateway.api.instant import instant
from gateway.api.problems import Code
from gateway.api.query import QueryParam, matching
from gateway.api.reading import Body, read
from gateway.api.responses import as_json
from gateway.api.routes import Access, Answer, Call, Route
from gateway.api.words import Instant
from gateway.domain.view import timestamp
from gateway.operations.parked import parked, redeliver_parked
from gateway.operations.services import Current
from gateway.store.parked import ParkedWindow

_APP = r"^[a-z][a-z0-9_-]{0,31}$"
_ENDPOINT = r"^ep_[0-9a-z]{1,32}$"
_TEXT: Json = {"type": "string"}
_MOMENT: Json = {**_TEXT, "format": "date-time"}

WINDOW = (
    QueryParam("app", "Only this app's.", {**_TEXT, "pattern": _APP}, matching(_APP)),
    QueryParam("endpoint", "Only those for this endpoint.", {**_TEXT, "pattern": _ENDPOINT}, matching(_ENDPOINT)),
    QueryParam("since", "Parked at this time or later.", _MOMENT, instant),
    QueryParam("until", "Parked before this time; now if nothing is said.", _MOMENT, instant),
)


class Redeliver(Body):
    """Which parked callbacks are to be sent again: whose, for which endpoint, parked from when and until when."""

    app: Annotated[str, StringConstraints(pattern=_APP)] | None = None
    endpoint: Annotated[str, StringConstraints(pattern=_ENDPOINT)] | None = None
    since: Instant | None = None
    until: Instant | None = None


class Parked:
    """The handlers."""

    def __init__(self, current: Current) -> None:
        self._current = current

    async def page(self, call: Call) -> web.StreamResponse:
        given: dict[str, Any] = {name: call.one(name) for name in ("app", "endpoint", "since", "until")}
        found = await parked(self._current.services, self._window(Redeliver.model_construct(**given)))
        data = [
            {"payout_id": told.callback.payout_id, "app": told.callback.app} | told_view(told) for told in found.told
        ]
        return as_json({"data": data, "has_more": found.has_more})

    async def redeliver(self, call: Call) -> web.StreamResponse:
        """202: so many are due now. With `has_more`, the same with this `until` goes on."""
        window = self._window(read(Redeliver, call.body))
        due, has_more = await redeliver_parked(self._current.services, window, principal_of(call))
        return as_json({"due": due, "has_more": has_more, "until": timestamp(window.until)}, 202)

    def _window(self, wanted: Redeliver) -> ParkedWindow:
        now = self._current.services.clock.now()
        return ParkedWindow(min(wanted.until or now, now), wanted.since, wanted.app, wanted.endpoint)


def parked_routes(parked: Parked) -> tuple[Route, ...]:
    """What was given up."""
    return (
        Route(
            "GET",
            "/admin/v1/callbacks/parked",
            Access.PERSON,
            "listParkedCallbacks",
            "Callbacks that were given up, the longest parked first",
            parked.page,
            (Answer(200, "Up to a hundred of them, with their tries"),),
            frozenset({Code.INVALID_REQUEST}),
            query=WINDOW,
        ),
        Route(
            "POST",
            "/admin/v1/callbacks/parked/redeliver",
            Access.PERSON,
            "redeliverParkedCallbacks",
            "Send callbacks again that were given up, a hundred at a time",
            parked.redeliver,
            (Answer(202, "Due now, the longest parked first"),),
            frozenset({Code.INVALID_JSON, Code.INVALID_REQUEST, Code.COMMIT_UNKNOWN}),
            body=Redeliver,
        ),
    )
