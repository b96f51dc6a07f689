"""Rows 61 to 71: who is calling. Every failure is one 401, and who makes noise keeps nobody else out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.api.backoff import ADDRESS_BURST, BURST
from gateway.api.keys import KeyRing
from gateway.api.server import InForce, Snapshot, public_app
from tests.hostile.support import Target, allowed_from
from tests.support.api_server import CURSOR_KEY, READER, RIVAL, SHOP, SHOP_ED, ApiServer, Signer, http
from tests.support.hostile import ACCOUNT, NAME, SECRET, Case, Ears

LIST = "/v1/payouts"

Forge = Callable[[ApiServer], dict[str, str]]


def changed(old: str, new: str, **how: object) -> Forge:
    """A right header with one part replaced."""

    def forge(api: ApiServer) -> dict[str, str]:
        right = api.auth("GET", LIST, **how)["Authorization"]  # type: ignore[arg-type]  # the keywords of auth()
        assert old in right
        return {"Authorization": right.replace(old, new, 1)}

    return forge


def cut(edit: Callable[[str], str]) -> Forge:
    """A right header whose signature is edited."""

    def forge(api: ApiServer) -> dict[str, str]:
        head, mark, signature = api.auth("GET", LIST)["Authorization"].rstrip('"').partition('signature="')
        return {"Authorization": f'{head}{mark}{edit(signature)}"'}

    return forge


def stamped(edit: Callable[[str], str]) -> Forge:
    def forge(api: ApiServer) -> dict[str, str]:
        now = str(int(api.clock.now().timestamp()))
        return changed(f'timestamp="{now}"', f'timestamp="{edit(now)}"')(api)

    return forge


def of(method: str, target: str, body: bytes = b"", by: Signer = SHOP, at_s: int = 0) -> Forge:
    """Rightly signed, for something else."""

    def forge(api: ApiServer) -> dict[str, str]:
        return {"Authorization": api.auth(method, target, body, by=by, at_s=at_s)["Authorization"]}

    return forge


FORGED: dict[str, Forge] = {
    "row_61_none": lambda _api: {},
    "row_61_short": cut(lambda signature: signature[:-8]),
    "row_61_long": cut(lambda signature: signature + "AAAA"),
    "row_61_not_base64": cut(lambda signature: "*" + signature[1:]),
    "row_61_other_case": cut(str.swapcase),
    "row_61_secret_as_bearer": lambda _api: {"Authorization": f"Bearer {SECRET}"},
    "row_62_not_ascii": cut(lambda signature: "é" + signature[1:]),
    "row_63_other_method": of("POST", LIST),
    "row_63_other_path": of("GET", f"{LIST}/x"),
    "row_63_other_query": of("GET", f"{LIST}?limit=1"),
    "row_63_other_key": changed('key_id="shop-1"', 'key_id="shop-2"'),
    "row_63_other_app": changed('key_id="shop-1"', f'key_id="{RIVAL.record.id}"'),
    "row_64_other_body": of("GET", LIST, b"{}"),
    "row_65_late": of("GET", LIST, at_s=-301),
    "row_65_early": of("GET", LIST, at_s=301),
    "row_65_negative": stamped(lambda now: f"-{now}"),
    "row_65_fraction": stamped(lambda now: f"{now}.0"),
    "row_65_20_digits": stamped(lambda now: now.rjust(20, "0")),
    "row_65_milliseconds": stamped(lambda now: f"{now}000"),
    "row_67_unknown_key": changed('key_id="shop-1"', f'key_id="{SECRET[:32]}"'),
    "row_69_algorithm_none": changed("PAYMUX-HMAC-SHA256", "PAYMUX-NONE"),
    "row_69_other_algorithm": changed("PAYMUX-HMAC-SHA256", "PAYMUX-ED25519"),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", FORGED)
async def test_forged(shared_target: Target, ears: Ears, name: str) -> None:
    """The same 401, byte for byte; the reason is in the log and nowhere else."""
    same_id = {"X-Request-Id": "same-id"}
    bare = await shared_target.react(Case(http("GET", LIST, b"", same_id), 401, "unauthorized"))
    forged = await shared_target.react(
        Case(lambda api: http("GET", LIST, b"", {**same_id, **FORGED[name](api)}), 401, "unauthorized")
    )
    assert forged.body == bare.body
    assert [event["reason"] for event in ears.events() if event["event"] == "api.unauthorized"]


async def test_row_64_a_body_written_again(target: Target) -> None:
    """The bytes are signed, not what they mean."""
    order = target.api.order(description=SECRET)
    compact, spaced = (json.dumps(order, separators=each).encode() for each in ((",", ":"), (", ", ": ")))
    headers = target.api.auth("POST", LIST, compact)
    await target.react(Case(http("POST", LIST, spaced, headers), 401, "unauthorized"))


async def test_row_66_a_nonce_again(target: Target) -> None:
    """A captured request is refused like any other forgery, and orders nothing."""
    body = json.dumps(target.api.order(description=SECRET)).encode()
    headers = target.api.auth("POST", LIST, body)
    assert (await target.api.send("POST", LIST, body, headers)).status == 201
    await target.react(Case(http("POST", LIST, body, headers), 401, "unauthorized"))


async def test_row_68_a_revoked_key(target: Target) -> None:
    """Refused from the next request on."""
    await serve_with(target, KeyRing([RIVAL.record]))
    await target.react(Case(lambda api: http("GET", LIST, b"", api.auth("GET", LIST)), 401, "unauthorized"))


async def test_row_70_noise(target: Target, ears: Ears) -> None:
    """Who forges under one key id, or under one after another, is told to wait, and soon writes no more log; the app
    whose name is misused is served all the while, and so is its neighbour at the same address."""
    statuses = []
    for number in range(2 * ADDRESS_BURST):
        forged = FORGED["row_63_other_method"](target.api)["Authorization"]
        if number >= 2 * BURST:
            forged = forged.replace("shop-1", f"invented-{number}")
        statuses.append((await target.api.send("GET", LIST, headers={"Authorization": forged})).status)
        if number % 100 == 0:
            assert (await target.api.signed("GET", LIST)).status == 200
            assert (await target.api.signed("GET", LIST, by=RIVAL)).status == 200
    assert statuses[:BURST] == [401] * BURST
    assert statuses[BURST : 2 * BURST] == [429] * BURST
    assert set(statuses[-50:]) == {429}
    assert statuses.count(401) <= ADDRESS_BURST
    told = [event for event in ears.events() if event["event"] == "api.unauthorized"]
    assert len(told) == statuses.count(401)


async def serve_with(target: Target, keys: KeyRing) -> None:
    """The same API with other keys."""
    assert target.api.listener is not None
    await target.api.listener.stop()
    in_force = InForce(Snapshot(target.api.services, keys))
    target.api.app = public_app(in_force, sandbox=True, cursor_key=CURSOR_KEY)
    await target.api.start()


async def test_row_71_the_right_key_in_the_wrong_place(target: Target) -> None:
    """403 for a key kept to other addresses, for an app that is switched off, for a scope that is not there. Only who
    proves to hold the key is told so."""
    away, off = allowed_from(SHOP.record, "198.51.100.0/24"), replace(RIVAL.record, enabled=False)
    here = allowed_from(SHOP_ED.record, "127.0.0.0/8", "::1/128")
    await serve_with(target, KeyRing([away, off, here, READER.record]))
    body = json.dumps(target.api.order(description=f"{ACCOUNT} {NAME}")).encode()

    def order(by: Signer, status: int, code: str) -> Case:
        return Case(lambda api: http("POST", LIST, body, api.auth("POST", LIST, body, by=by)), status, code)

    await target.react(order(SHOP, 403, "forbidden"))
    await target.react(order(RIVAL, 403, "forbidden"))
    await target.react(order(READER, 403, "scope_missing"))
    forged = Case(lambda api: http("GET", LIST, b"", FORGED["row_61_short"](api)), 401, "unauthorized")
    await target.react(forged)
    assert (await target.api.signed("POST", LIST, body, by=SHOP_ED)).status == 201
