"""The handlers of the admin API: thin, over the operations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from gateway.api.admin import views
from gateway.api.admin.bodies import AddPerson, RenewToken, expiry, read_ask
from gateway.api.reading import read
from gateway.api.responses import as_json
from gateway.api.routes import Call
from gateway.domain.principal import Bearer, actor
from gateway.operations import principals, review
from gateway.operations.first_token import forget_first_token
from gateway.operations.services import Current, Services


class People:
    """Who may act."""

    def __init__(self, current: Current, random_bytes: Callable[[int], bytes], first_token: Path) -> None:
        self._current = current
        self._random_bytes = random_bytes
        self._first_token = first_token

    @property
    def _services(self) -> Services:
        return self._current.services

    async def page(self, call: Call) -> web.StreamResponse:
        now = self._services.clock.now()
        return as_json({"data": [views.listed_view(each, now) for each in await principals.everybody(self._services)]})

    async def add(self, call: Call) -> web.StreamResponse:
        wanted, by = read(AddPerson, call.body), bearer_of(call)
        expires_at = expiry(wanted.expires_in_days, self._services.clock.now())
        issued = await principals.add(self._services, self._random_bytes, by, wanted.name, wanted.role, expires_at)
        if by.name is None:
            forget_first_token(self._first_token)
        return as_json(views.issued_view(issued), 201)

    async def confirm(self, call: Call) -> web.StreamResponse:
        person = await principals.confirm(self._services, bearer_of(call), call.path["person"])
        return as_json(views.principal_view(person))

    async def revoke(self, call: Call) -> web.StreamResponse:
        person = await principals.revoke(self._services, bearer_of(call), call.path["person"])
        return as_json(views.principal_view(person))

    async def renew(self, call: Call) -> web.StreamResponse:
        wanted = read(RenewToken, call.body)
        expires_at = expiry(wanted.expires_in_days, self._services.clock.now())
        issued = await principals.renew(self._services, self._random_bytes, bearer_of(call), expires_at)
        return as_json(views.issued_view(issued), 201)


class Reviews:
    """What two people do."""

    def __init__(self, current: Current) -> None:
        self._current = current

    @property
    def _services(self) -> Services:
        return self._current.services

    async def page(self, call: Call) -> web.StreamResponse:
        return as_json({"data": [views.request_view(each) for each in await review.open_requests(self._services)]})

    async def make(self, call: Call) -> web.StreamResponse:
        made = await review.make_request(self._services, principal_of(call), read_ask(call.body), self._still_may(call))
        return as_json(views.request_view(made), 201)

    async def approve(self, call: Call) -> web.StreamResponse:
        wanted = call.path["request_id"]
        done = await review.approve(self._services, principal_of(call), wanted, self._still_may(call))
        return as_json(views.request_view(done))

    async def withdraw(self, call: Call) -> web.StreamResponse:
        wanted = call.path["request_id"]
        back = await review.withdraw(self._services, principal_of(call), wanted, self._still_may(call))
        return as_json(views.request_view(back))

    def _still_may(self, call: Call) -> review.StillMay:
        """A body may trickle in for seconds after its head was let in."""
        return principals.still_may(self._services, bearer_of(call))

    async def holds(self, call: Call) -> web.StreamResponse:
        now = self._services.clock.now()
        held = sorted(await review.held(self._services), key=lambda each: (each.since, each.payout.id))
        return as_json({"data": [views.held_view(each, now) for each in held]})


def bearer_of(call: Call) -> Bearer:
    """Whose token it was."""
    if call.bearer is None:
        raise LookupError("this route was served without a person")
    return call.bearer


def principal_of(call: Call) -> str:
    """Who the history will name."""
    name = bearer_of(call).name
    if name is None:
        raise LookupError("this route was served to the first token")
    return actor(name)
