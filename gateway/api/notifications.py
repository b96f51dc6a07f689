"""Notifications from channels: the raw bytes, handed on; answered as that channel expects, after the commit.

The token in the path keeps strangers from making us verify signatures; trust comes from the signature (S11).
"""

from __future__ import annotations

import hmac
import secrets

from aiohttp import web

from adapters.channel import RawNotification
from gateway.api.framing import read_body
from gateway.api.problems import Code, Refused
from gateway.api.responses import Bare
from gateway.api.routes import Call
from gateway.api.state import PublicState
from gateway.operations import observe

NOTIFICATION_BYTES_MAX = 1024 * 1024

_NO_TOKEN = secrets.token_urlsafe(32)
"""Compared with where there is no such channel, so that both take the same time."""


class Notifications:
    """The handler of /notify."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def notify(self, call: Call) -> web.StreamResponse:
        """Take one in; 503 when too many are being taken in already: it comes again, and polling covers it (row 80)."""
        channel = call.path["channel"]
        self._check_token(channel, call.path["token"])
        doors = self._state.doors
        with self._state.intake.notification(channel, doors.notifications_max, doors.intake):
            return await self._take(call, channel)

    async def _take(self, call: Call, channel: str) -> web.StreamResponse:
        body = await read_body(call.request, NOTIFICATION_BYTES_MAX)
        reply = await observe.observe(self._state.services, channel, self._raw(call.request, body))
        made = Bare(status=reply.status, body=reply.body)
        for name, value in reply.headers:
            made.headers[name] = value
        return made

    def _check_token(self, channel: str, token: str) -> None:
        expected = self._state.notify_tokens.get(channel) or _NO_TOKEN
        if not hmac.compare_digest(token.encode(), expected.encode()) or expected is _NO_TOKEN:
            raise Refused(Code.NOT_FOUND)

    def _raw(self, request: web.Request, body: bytes) -> RawNotification:
        return RawNotification(
            method=request.method,
            target=request.raw_path,
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers),
            body=body,
            received_at=self._state.services.clock.now(),
        )
