"""The door of the admin API: every way of not being somebody is the same 401."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import structlog
from aiohttp import web

from gateway import log as gateway_log
from gateway.api.admin.auth import PersonDoor, is_loopback
from gateway.api.admin.desk import Desk
from gateway.api.admin.handlers import People, Reviews
from gateway.api.admin.keys import SealingKeys, key_routes
from gateway.api.admin.panel import Switches, panel_routes
from gateway.api.admin.parked import Parked, parked_routes
from gateway.api.admin.personal import Personal, personal_routes
from gateway.api.admin.rights import RIGHTS
from gateway.api.admin.routes import desk_routes, people_routes, review_routes
from gateway.api.backoff import BURST
from gateway.api.dispatch import Dispatcher
from gateway.api.problems import Code, Refused
from gateway.api.routes import Access, Route, RouteTable
from gateway.domain.principal import FIRST_TOKEN_FILE, Bearer, digest
from gateway.domain.review import RequestKind
from gateway.domain.role import MAY, Right, Role
from gateway.redact import redact
from tests.support.admin_api import PRINCIPALS, REQUESTS, AdminServer


class Anything:
    """Stands for the handlers: the table only names them."""

    def __getattr__(self, name: str) -> str:
        return name


PANEL = panel_routes(cast(Switches, Anything()))
ROUTES = (
    *people_routes(cast(People, Anything())),
    *review_routes(cast(Reviews, Anything())),
    *desk_routes(cast(Desk, Anything())),
    *parked_routes(cast(Parked, Anything())),
    *key_routes(cast(SealingKeys, Anything())),
    *personal_routes(cast(Personal, Anything())),
    *PANEL,
)
NAMED = {
    "person": "bob",
    "request_id": "rq_1",
    "payout_id": "po_" + "a" * 29,
    "app": "acme",
    "reference": "order-1",
    "event_id": "evt_1",
    "channel": "alpha",
}
SERVED = ROUTES[: -len(PANEL)]
EVERY = [(route.method, route.path.format(**NAMED)) for route in SERVED]
"""The panel's are only there where a gateway can be tended: they go through the same door."""


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the gateway's own log writes, redacted as it writes it."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    gateway_log.configure(stream=stream)
    yield stream
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_every_route_needs_a_person() -> None:
    """S5: none is public, and only adding somebody takes the first token."""
    assert {route.access for route in ROUTES} == {Access.PERSON, Access.FIRST}
    assert [route.path for route in ROUTES if route.access is Access.FIRST] == [PRINCIPALS]
    with pytest.raises(ValueError, match="person"):
        Dispatcher(RouteTable(ROUTES), None)


@pytest.mark.parametrize(("method", "target"), EVERY)
async def test_a_stranger_is_told_nothing(admin: AdminServer, method: str, target: str) -> None:
    """No token, on each route: 401, before a byte of the body is looked at."""
    answer = await admin.send(method, target, b"{not json" if method == "POST" else None)
    assert (answer.status, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


def pmx(filler: str) -> str:
    return "Bearer pmx_" + filler * 43


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer pmx_",
        pmx("A"),
        pmx("A").lower(),
        pmx("A") + "A",
        pmx("A") + "=",
        pmx("é"),
        "Basic " + base64.b64encode(b"ada:pmx_x").decode(),
        "Bearer test_Kc0mVnWxJ3qPzR7t",
        'PAYMUX-HMAC-SHA256 key_id="a",timestamp="1767225600",nonce="Zm9vYmFyYmF6cXV4MDE",signature="AA"',
    ],
)
async def test_one_401(admin: AdminServer, authorization: str) -> None:
    """Malformed, foreign or unknown: the answers differ in nothing but the request's id."""
    await admin.two()
    answer = await admin.send("GET", PRINCIPALS, headers={"Authorization": authorization})
    usual = await admin.send("GET", PRINCIPALS)
    assert answer.status == 401
    assert without_id(answer.json()) == without_id(usual.json())


def without_id(problem: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in problem.items() if name != "request_id"}


async def test_every_ended_token_is_the_same_401(admin: AdminServer) -> None:
    """Renewed, revoked, unconfirmed and used first tokens: nobody learns that there ever was one."""
    first = await admin.mint_first()
    ada = await admin.add("ada", first)
    bob = await admin.add("bob", ada)
    carol = await admin.add("carol", ada)
    newer = (await admin.send("POST", "/admin/v1/token", {}, token=ada)).json()["token"]
    await admin.send("DELETE", f"{PRINCIPALS}/bob", token=newer)
    usual = await admin.send("GET", PRINCIPALS)
    for token in (first, ada, bob, carol):
        answer = await admin.send("GET", PRINCIPALS, token=token)
        assert (answer.status, without_id(answer.json())) == (401, without_id(usual.json()))
    assert (await admin.send("GET", PRINCIPALS, token=newer)).status == 200


async def test_a_token_is_not_taken_twice(admin: AdminServer) -> None:
    """Two headers could be two people for two readers."""
    ada, _ = await admin.two()
    request = f"GET {PRINCIPALS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    twice = f"Authorization: Bearer {ada}\r\n" * 2
    assert (await admin.raw(f"{request}{twice}\r\n".encode())).json()["code"] == "duplicate_header"


async def test_who_keeps_failing_waits_and_who_proves_does_not(admin: AdminServer) -> None:
    """After a burst 429 with Retry-After; a right token from the same address is served all the same."""
    ada, _ = await admin.two()
    statuses = [(await admin.send("GET", PRINCIPALS, token="pmx_" + "A" * 43)).status for _ in range(BURST + 1)]
    assert statuses == [401] * BURST + [429]
    noisy = await admin.send("GET", PRINCIPALS)
    assert (noisy.status, "retry-after" in noisy.headers) == (429, True)
    assert (await admin.send("GET", PRINCIPALS, token=ada)).status == 200


async def test_the_log_says_why_and_never_the_token(admin: AdminServer, logged: io.StringIO) -> None:
    """The reason is for us; who acted is named; a token is nowhere."""
    ada, bob = await admin.two()
    await admin.send("GET", PRINCIPALS, token="pmx_" + "Q" * 43)
    await admin.send("GET", PRINCIPALS, token=ada)
    await admin.send("DELETE", f"{PRINCIPALS}/bob", token=ada)
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    by_event = {line["event"]: line for line in lines}
    assert by_event["admin.unauthorized"]["reason"] == "unknown_token"
    assert (by_event["admin.revoked"]["person"], by_event["admin.revoked"]["by"]) == ("bob", "ada")
    assert {line.get("person") for line in lines if line["event"] == "api.request"} == {"first token", "ada", None}
    assert "path" in by_event["admin.first_token"]
    for secret in (ada, bob, "Q" * 43):
        assert secret.removeprefix("pmx_") not in logged.getvalue()


def test_the_path_of_the_first_token_is_readable_in_the_log() -> None:
    """It is the one thing that a person who starts a gateway must find there."""
    path = Path("/var/lib/paymux/state") / FIRST_TOKEN_FILE
    assert redact({"event": "admin.first_token", "path": path})["path"] == str(path)


async def test_probes_need_no_token(admin: AdminServer) -> None:
    """Health is open, with or without a header."""
    for headers in ({}, {"Authorization": "nonsense"}):
        assert (await admin.send("GET", "/livez", headers=headers)).status == 200
        assert (await admin.send("GET", "/readyz", headers=headers)).status == 200


async def test_nothing_of_this_is_on_the_public_listener(admin: AdminServer) -> None:
    """Apps and channels cannot even knock."""
    ada, _ = await admin.two()
    await admin.api.start()
    try:
        for method, target in EVERY:
            answer = await admin.api.send(method, target, headers={"Authorization": f"Bearer {ada}"})
            assert answer.status == 404
    finally:
        assert admin.api.listener is not None
        await admin.api.listener.stop()


class Heard:
    """A request as the door sees it."""

    def __init__(self, token: str, remote: str, *, secure: bool) -> None:
        self.headers = {"Authorization": f"Bearer {token}"}
        self.remote = remote
        self.secure = secure


PAGE = next(route for route in ROUTES if route.name == "listPrincipals")


@pytest.mark.parametrize(
    ("remote", "secure", "welcome"),
    [
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("10.0.0.7", True, True),
        ("10.0.0.7", False, False),
        ("::ffff:10.0.0.7", False, False),
        ("", False, False),
    ],
)
async def test_no_token_is_taken_in_the_clear(admin: AdminServer, remote: str, secure: bool, welcome: bool) -> None:
    """Over the loopback or TLS; a right token that came by plain http over a network is refused like a wrong one."""
    ada, _ = await admin.two()
    request = cast(web.Request, Heard(ada, remote, secure=secure))
    door = PersonDoor(admin)
    if welcome:
        assert await door(request, cast(Route, PAGE)) == Bearer("ada", digest(ada), Role.ADMIN)
        return
    with pytest.raises(Refused) as refused:
        await door(request, cast(Route, PAGE))
    assert refused.value.code is Code.UNAUTHORIZED


def test_loopback() -> None:
    """Only addresses of this machine; a name is none."""
    assert [is_loopback(each) for each in ("127.8.9.1", "::1%lo", "localhost", "10.0.0.1", "fe80::1")] == [
        True,
        True,
        False,
        False,
        False,
    ]


async def test_a_large_body_is_refused_with_and_without_a_token(admin: AdminServer) -> None:
    """Evidence has 1 MiB; a stranger's large body is not even read."""
    ada, _ = await admin.two()
    big = b'{"kind": "release", "reason": "' + b"x" * (1500 * 1024) + b'"}'
    assert (await admin.send("POST", REQUESTS, big, token=ada)).status == 413
    assert (await admin.send("POST", PRINCIPALS, b"x" * (65 * 1024), token=ada)).status == 413


def test_every_call_takes_a_right() -> None:
    """What is not in the table nobody could call, and what is no call has no row."""
    assert {route.name for route in ROUTES if route.access in (Access.PERSON, Access.FIRST)} == set(RIGHTS)


@pytest.mark.parametrize("role", sorted(Role))
async def test_a_role_is_held_to_its_rights(admin: AdminServer, role: Role) -> None:
    """Whatever its row does not have is a 403, and looking is not."""
    ada, bob = await admin.two()
    token = await admin.add("carol", ada, role=str(role))
    await admin.send("POST", f"{PRINCIPALS}/carol/confirm", token=bob)
    assert (await admin.send("GET", REQUESTS, token=token)).status == 200
    adds = await admin.send("POST", PRINCIPALS, {"name": "dave"}, token=token)
    assert adds.status == (201 if Right.PEOPLE in MAY[role] else 403)
    asks = await admin.send("POST", REQUESTS, {"kind": "leave_quarantine", "reason": "x"}, token=token)
    assert asks.status == (409 if Right.ASK in MAY[role] else 403)
    approves = await admin.send("POST", f"{REQUESTS}/rq_x/approve", token=token)
    assert approves.status == (404 if Right.APPROVE in MAY[role] else 403)


def test_operations_lists_every_call_of_the_admin_api() -> None:
    """Method and path of each route, and no route that is not served; and every kind of request."""
    page = (Path(__file__).parents[3] / "docs/operations.md").read_text(encoding="utf-8")
    section = page.partition("### The admin API")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `([A-Z]+ /[^`]+)` \|", section, re.MULTILINE)
    assert sorted(told) == sorted(f"{route.method} {route.path}" for route in ROUTES)
    kinds = page.partition("### What takes two")[2].partition("\n### ")[0]
    assert set(re.findall(r"\| `([a-z_]+)` \|", kinds)) == {str(kind) for kind in RequestKind}
