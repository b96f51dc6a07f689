"""The call that rotates the sealing key, a page at a time."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import StringConstraints

from gateway.api.admin.handlers import bearer_of, principal_of
from gateway.api.problems import Code, Fault, Refused
from gateway.api.reading import Body, read
from gateway.api.responses import as_json
from gateway.api.routes import Access, Answer, Call, Route
from gateway.operations.keys import rotate
from gateway.operations.principals import still_may
from gateway.operations.services import Current
from gateway.sealing import SealBroken
from gateway.store.resealing import Bookmark


class RotateKeys(Body):
    """Where to go on: the `after` of the answer before; nothing to begin."""

    after: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None


class SealingKeys:
    """The handler."""

    def __init__(self, current: Current) -> None:
        self._current = current

    async def rotate(self, call: Call) -> web.StreamResponse:
        """200: one page is done; with `after`, the same call with it goes on."""
        wanted, services = read(RotateKeys, call.body), self._current.services
        after = _bookmark(wanted.after)
        try:
            done = await rotate(services, after, principal_of(call), still_may(services, bearer_of(call)))
        except SealBroken:
            detail = "something is sealed under a key that the configuration does not have, or is not whole"
            faults = [Fault("", "sealed_elsewhere", detail)]
            raise Refused(Code.REQUEST_REFUSED, faults=faults) from None
        told = {"object": "key_rotation", "data_keys": done.data_keys, "values": done.values}
        return as_json(told | {"after": None if done.after is None else done.after.text()})


def _bookmark(text: str | None) -> Bookmark | None:
    try:
        return None if text is None else Bookmark.of(text)
    except ValueError as error:
        raise Refused(Code.INVALID_REQUEST, faults=[Fault("/after", "bad_format", str(error))]) from None


def key_routes(keys: SealingKeys) -> tuple[Route, ...]:
    """What is done to keys."""
    return (
        Route(
            "POST",
            "/admin/v1/keys/rotate",
            Access.PERSON,
            "rotateKeys",
            "Bring what is sealed under another sealing key under the first one, a page at a time",
            keys.rotate,
            (Answer(200, "What the page came to, and where to go on"),),
            frozenset({Code.INVALID_JSON, Code.INVALID_REQUEST, Code.REQUEST_REFUSED, Code.COMMIT_UNKNOWN}),
            body=RotateKeys,
        ),
    )
