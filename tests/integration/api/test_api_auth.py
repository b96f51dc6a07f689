"""docs/reliability.md 4, rows 61-71: who is calling is proved over raw bytes, and every failure looks the same."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import http_parser

from gateway.api.backoff import BURST
from gateway.api.keys import KeyRing, bearer_record
from gateway.api.server import PUBLIC_STATE, InForce, Snapshot, public_app, start_listener
from tests.support.api_server import (
    ALL_SCOPES,
    CURSOR_KEY,
    EXPIRED,
    FUTURE,
    RIVAL,
    SHOP,
    SHOP_ED,
    TEST_KEY,
    Answered,
    ApiServer,
    Signer,
    basic,
    make_server,
)

shared = pytest.mark.asyncio(loop_scope="module")

LIST = "/v1/payouts"
ID = {"X-Request-Id": "same-id"}


async def refused_body(api: ApiServer) -> bytes:
    """What every failure is answered with."""
    answer = await api.send("GET", LIST, headers=ID)
    assert (answer.status, answer.json()["code"]) == (401, "unauthorized")
    return answer.body


def broken(api: ApiServer, old: str, new: str, **how: object) -> str:
    """A right header with one part replaced."""
    right = api.auth("GET", LIST, **how)["Authorization"]  # type: ignore[arg-type]  # the keywords of auth()
    wrong = right.replace(old, new, 1)
    assert wrong != right
    return wrong


def signature(header: str) -> str:
    return header.partition('signature="')[2].rstrip('"')


@shared
@pytest.mark.parametrize("by", [SHOP, SHOP_ED], ids=["hmac", "ed25519"])
async def test_signed(shared_api: ApiServer, by: Signer) -> None:
    """Both algorithms let their app in, and a body and a query are part of what is signed."""
    assert (await shared_api.create(shared_api.order(), by=by)).status == 201
    assert (await shared_api.signed("GET", f"{LIST}?limit=1&status=accepted", by=by)).status == 200


@pytest.mark.parametrize("by", [SHOP, SHOP_ED], ids=["hmac", "ed25519"])
async def test_every_failure_is_the_same(api: ApiServer, by: Signer) -> None:
    """Rows 61-69: the same status, body and headers, whatever was wrong."""
    right = api.auth("GET", LIST, by=by)["Authorization"]
    given = signature(right)
    scheme = right.partition(" ")[0]
    now_s = int(api.clock.now().timestamp())

    def stamped(timestamp: str) -> str:
        return broken(api, f'timestamp="{now_s}"', f'timestamp="{timestamp}"', by=by)

    headers = {
        "none": "",
        "scheme only": scheme,
        "basic": basic("shop-1", "x"),
        "unknown bearer": "Bearer test_nobody",
        "bearer of a signing key": f"Bearer {SHOP.secret.decode()}",
        "no signature": right.replace(given, ""),
        "short signature": right.replace(given, given[:-8]),
        "long signature": right.replace(given, given + "AAAA"),
        "not base64": right.replace(given, "*" + given[1:]),
        "url-safe alphabet": right.replace(given, "-_" + given[2:]),
        "hex": right.replace(given, "ab" * 32),
        "flipped bit": right.replace(given, ("A" if given[0] != "A" else "B") + given[1:]),
        "other case": right.replace(given, given.swapcase()),
        "non-canonical end": right.replace(given, given.rstrip("=")),
        "non-ASCII signature": right.replace(given, "é" + given[1:]),
        "non-ASCII key id": right.replace(by.record.id, "shöp"),
        "unknown key": right.replace(by.record.id, "nobody"),
        "another app's key": right.replace(by.record.id, RIVAL.record.id),
        "the app's other key": right.replace(by.record.id, (SHOP_ED if by is SHOP else SHOP).record.id),
        "algorithm none": right.replace(scheme, "PAYMUX-NONE"),
        "lower-case scheme": right.replace(scheme, scheme.lower()),
        "the other algorithm": right.replace(scheme, "PAYMUX-ED25519" if by is SHOP else "PAYMUX-HMAC-SHA256"),
        "parameter twice": f'{right},nonce="{secrets.token_hex(16)}"',
        "parameter missing": right.replace('nonce="', 'ounce="'),
        "short nonce": right.replace('nonce="', 'nonce="x",once="'),
        "late": api.auth("GET", LIST, by=by, at_s=-301)["Authorization"],
        "early": api.auth("GET", LIST, by=by, at_s=301)["Authorization"],
        "changed timestamp": stamped(str(now_s + 1)),
        "negative timestamp": stamped(f"-{now_s}"),
        "float timestamp": stamped(f"{now_s}.0"),
        "20 digits": stamped(f"{now_s:020d}"),
        "milliseconds": stamped(f"{now_s}000"),
        "another method": api.auth("POST", LIST, by=by)["Authorization"],
        "another path": api.auth("GET", f"{LIST}/x", by=by)["Authorization"],
        "another query": api.auth("GET", f"{LIST}?limit=1", by=by)["Authorization"],
        "another body": api.auth("GET", LIST, b"{}", by=by)["Authorization"],
        "trailing space": right + " x",
    }
    expected = await refused_body(api)
    for name, header in headers.items():
        answer = await api.send("GET", LIST, headers={**ID, "Authorization": header})
        assert (answer.status, answer.body) == (401, expected), name
        assert answer.headers["www-authenticate"] == "PAYMUX-ED25519, PAYMUX-HMAC-SHA256", name
    assert (await api.send("GET", LIST, headers={"Authorization": right})).status == 200


@shared
@pytest.mark.parametrize("at_s", [-300, 300])
async def test_edges_of_the_window(shared_api: ApiServer, at_s: int) -> None:
    """Row 65: 300 seconds off is still in."""
    assert (await shared_api.send("GET", LIST, headers=shared_api.auth("GET", LIST, at_s=at_s))).status == 200


@shared
async def test_nonce_once(shared_api: ApiServer) -> None:
    """Row 66: a captured request cannot be sent again, by whatever change of its case; a key's nonces are its own."""
    headers = shared_api.auth("GET", LIST, nonce="nonce-of-a-captured-request")
    assert (await shared_api.send("GET", LIST, headers=headers)).status == 200
    replay = await shared_api.send("GET", LIST, headers={**headers, **ID})
    assert (replay.status, replay.body) == (401, await refused_body(shared_api))
    other = shared_api.auth("GET", LIST, by=SHOP_ED, nonce="nonce-of-a-captured-request")
    assert (await shared_api.send("GET", LIST, headers=other)).status == 200


@shared
async def test_wrong_signature_uses_no_nonce(shared_api: ApiServer) -> None:
    """Row 70: nobody can use up an app's nonces without its key."""
    headers = shared_api.auth("GET", LIST, nonce="nonce-seen-by-somebody")
    given = signature(headers["Authorization"])
    forged = headers["Authorization"].replace(given, given[1:-1] + "A=")
    assert (await shared_api.send("GET", LIST, headers={"Authorization": forged})).status == 401
    assert (await shared_api.send("GET", LIST, headers=headers)).status == 200


@shared
async def test_body_as_sent(shared_api: ApiServer) -> None:
    """Row 64: a body that was parsed and written again is another body."""
    order = shared_api.order()
    compact, spaced = (json.dumps(order, separators=separators).encode() for separators in [(",", ":"), (", ", ": ")])
    headers = shared_api.auth("POST", LIST, compact)
    assert (await shared_api.send("POST", LIST, spaced, headers)).status == 401
    assert (await shared_api.send("POST", LIST, compact, headers)).status == 201


@shared
@pytest.mark.parametrize("by", [EXPIRED, FUTURE], ids=["expired", "not yet valid"])
async def test_validity(shared_api: ApiServer, by: Signer) -> None:
    """A key outside its time is no key."""
    answer = await shared_api.signed("GET", LIST, by=by, headers=ID)
    assert (answer.status, answer.body) == (401, await refused_body(shared_api))


@shared
async def test_not_parsed_before_proved(shared_api: ApiServer) -> None:
    """S1: what is wrong with a body is told only to who signed it."""
    answer = await shared_api.send("POST", LIST, b"{", {"Content-Type": "application/json", **ID})
    assert (answer.status, answer.body) == (401, await refused_body(shared_api))


@shared
async def test_faults_of_the_query_are_not_told_to_strangers(shared_api: ApiServer) -> None:
    """S1: nor what is wrong with a query."""
    assert (await shared_api.send("GET", f"{LIST}?nonsense=1")).status == 401


@shared
async def test_bearer(shared_api: ApiServer) -> None:
    """In the sandbox a test key as it is lets its app in: the quickstart is one curl."""
    bearer = {"Authorization": f"Bearer {TEST_KEY.decode()}"}
    assert (await shared_api.send("GET", LIST, headers=bearer)).status == 200
    order = json.dumps(shared_api.order()).encode()
    made = await shared_api.send("POST", LIST, order, {**bearer, "Content-Type": "application/json"})
    assert made.status == 201


async def test_no_bearer_in_live_mode(tmp_path: Path) -> None:
    """R21: in live mode the bearer path is off, and not documented."""
    server = make_server(tmp_path)
    keys = KeyRing([SHOP.record, bearer_record("test", "shop", TEST_KEY, ALL_SCOPES)])
    in_force = InForce(Snapshot(server.services, keys))
    server.app = public_app(in_force, sandbox=False, cursor_key=CURSOR_KEY)
    await server.start()
    try:
        answer = await server.send("GET", LIST, headers={"Authorization": f"Bearer {TEST_KEY.decode()}"})
        assert answer.status == 401
        assert (await server.signed("GET", LIST)).status == 200
        assert "testKey" not in (await server.send("GET", "/openapi.json")).json()["components"]["securitySchemes"]
    finally:
        await server.stop()


async def test_noise_is_answered_with_less_work(api: ApiServer) -> None:
    """Row 70: who keeps failing under one key id is told to wait. Who has the key is served, whatever was forged."""

    async def forge(by: Signer = SHOP) -> Answered:
        return await api.send("GET", LIST, headers={"Authorization": broken(api, 'nonce="', 'nonce="x', by=by)})

    for _ in range(BURST):
        assert (await forge()).status == 401
    noisy = await forge()
    assert (noisy.status, noisy.json()["code"]) == (429, "rate_limited")
    assert noisy.headers["retry-after"] == "5"
    assert (await api.signed("GET", LIST)).status == 200
    assert (await forge(SHOP_ED)).status == 401
    assert (await api.send("GET", LIST, headers={"Authorization": "Bearer x"})).status == 401
    api.clock.move(5)
    assert (await forge()).status == 401


async def test_reload_revokes_at_once(api: ApiServer) -> None:
    """Row 68: a key ring without the key, set on the running server, refuses its next request."""
    assert (await api.signed("GET", LIST)).status == 200
    in_force = api.app[PUBLIC_STATE].in_force
    in_force.snapshot = replace(in_force.snapshot, keys=KeyRing([RIVAL.record]))
    assert (await api.signed("GET", LIST)).status == 401
    assert (await api.signed("GET", LIST, by=RIVAL)).status == 200


async def test_python_parser_is_refused(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """S8: without the C parser nothing is served."""
    monkeypatch.setattr(http_parser, "HttpRequestParser", http_parser.HttpRequestParserPy)
    with pytest.raises(RuntimeError, match="C parser"):
        await start_listener(api.app, "127.0.0.1", 0)


async def test_port_in_use(api: ApiServer) -> None:
    """A listener that cannot bind says so and leaves nothing open."""
    assert api.listener is not None
    app = public_app(InForce(Snapshot(api.services, KeyRing([]))), sandbox=True, cursor_key=CURSOR_KEY)
    with pytest.raises(OSError, match="in use"):
        await start_listener(app, "127.0.0.1", api.listener.port)
