"""Order fields beside money and beneficiary: which channels may carry it, and on whose behalf it is paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.api.replies import PayoutReply
from gateway.domain.payer import Payer
from gateway.domain.terms import ChannelChoice
from tests.support.api_server import ApiServer

PAYER = {"account_id": "user-4711-0815", "tier": "gold", "device_id": "A1B2-C3D4-E5F6", "ip": "203.0.113.77"}
CHANNELS = {"allow": ["ear"]}


async def test_the_payer_is_kept_sealed_and_shown_masked(api: ApiServer, tmp_path: Path) -> None:
    """Enough to recognise stands in the answer; nothing of it in a callback, nor in the database's files."""
    answer = await api.create(api.order(payer=PAYER))
    shown = answer.json()
    PayoutReply.model_validate(shown)
    assert (answer.status, shown["payer"]["tier"], shown["payer"]["ip"]) == (201, "gold", "203.0.*.*")
    told = await api.store.read(lambda tx: tx.callbacks(shown["id"]))
    stored = await api.store.read(lambda tx: tx.payout(shown["id"]))
    assert stored is not None
    assert stored.payer == Payer(**PAYER)
    files = _all_bytes(tmp_path)
    for secret in (PAYER["account_id"], PAYER["device_id"], PAYER["ip"]):
        for place in (answer.body, files, *(each.body for each in told)):
            assert secret.encode() not in place
    assert b'"payer"' not in told[0].body


def _all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_the_choice_of_channels_is_kept_and_shown(api: ApiServer) -> None:
    """Sorted; an empty one is none."""
    shown = (await api.create(api.order(channels={"allow": ["ear"], "deny": []}))).json()
    PayoutReply.model_validate(shown)
    assert shown["channels"] == {"allow": ["ear"], "deny": []}
    stored = await api.store.read(lambda tx: tx.payout(shown["id"]))
    assert stored is not None
    assert stored.terms.channels == ChannelChoice(frozenset({"ear"}))
    empty = (await api.create(api.order(channels={"allow": [], "deny": []}))).json()
    assert empty["channels"] is None


@pytest.mark.parametrize(
    ("field", "same", "other"),
    [
        ("payer", PAYER, {**PAYER, "tier": "silver"}),
        ("payer", PAYER, {**PAYER, "ip": "203.0.113.78"}),
        ("payer", {**PAYER, "ip": "2001:DB8:0:0::1"}, None),
        ("channels", {"allow": ["ear"]}, {"deny": ["ear"]}),
        ("channels", {"deny": ["ear"]}, None),
    ],
)
async def test_they_belong_to_what_an_order_is_known_by(api: ApiServer, field: str, same: Any, other: Any) -> None:
    """The same again is the same payout; with another one, or without, it is refused and nothing is changed."""
    order = api.order("once", **{field: same})
    first = await api.create(order)
    again = await api.create(order)
    assert (first.status, again.status, again.json()) == (201, 200, first.json())
    changed = {**order, field: other} if other is not None else {key: order[key] for key in order if key != field}
    refused = await api.create(changed)
    assert (refused.status, refused.json()["code"]) == (409, "reference_reused")
    assert (await api.create(order)).json() == first.json()


async def test_one_address_in_two_spellings_is_one(api: ApiServer) -> None:
    """An IPv6 address counts in its usual form; a list of channels as a set."""
    spelt: dict[str, list[dict[str, object]]] = {
        "payer": [{**PAYER, "ip": "2001:db8::1"}, {**PAYER, "ip": "2001:0DB8:0000::0001"}],
        "channels": [{"allow": ["ear"], "deny": []}, {"allow": ["ear"]}],
    }
    for field, spellings in spelt.items():
        answers = [await api.create(api.order(f"spelt-{field}", **{field: each})) for each in spellings]
        assert [answer.status for answer in answers] == [201, 200]


async def test_faults_are_named_at_once(api: ApiServer) -> None:
    """Each with its pointer; no value is repeated."""
    payer = {"account_id": " x", "tier": "not a word", "device_id": "", "ip": "203.0.113.300", "age": 7}
    refused = await api.create(api.order(payer=payer, channels={"allow": ["ear", "ear"], "only": []}))
    assert (refused.status, refused.codes()) == (
        400,
        {
            "/payer/account_id": "surrounding_space",
            "/payer/tier": "bad_format",
            "/payer/device_id": "too_short",
            "/payer/ip": "bad_format",
            "/payer/age": "unknown_field",
            "/channels/allow": "duplicate",
            "/channels/only": "unknown_field",
        },
    )
    assert b"203.0.113.300" not in refused.body
    wish = {"allow": ["ear", "nose"], "deny": ["ear", "mouth"]}
    refused = await api.create(api.order(channels=wish, preference="there-is-none"))
    assert (refused.status, refused.codes()) == (
        400,
        {
            "/channels/allow/1": "unknown_value",
            "/channels/deny/0": "contradiction",
            "/channels/deny/1": "unknown_value",
            "/preference": "unknown_value",
        },
    )


@pytest.mark.parametrize("ip", ["fe80::1%eth0", "203.0.113.07", "0x7f.1", "localhost", "1" * 46, ""])
async def test_what_is_no_address_is_refused(api: ApiServer, ip: str) -> None:
    """In no spelling that two programs could read differently."""
    refused = await api.create(api.order(payer={**PAYER, "ip": ip}))
    assert (refused.status, list(refused.codes())) == (400, ["/payer/ip"])


async def test_a_retry_is_of_the_same_payer_by_the_same_channels(api: ApiServer) -> None:
    """What the app said of the first one holds for the second."""
    first = await api.failed(payer=PAYER, channels=CHANNELS)
    again = await api.signed("POST", f"/v1/payouts/{first}/retry", b'{"reference": "again"}')
    second = again.json()["id"]
    one, two = await api.store.read(lambda tx: (tx.payout(first), tx.payout(second)))
    assert one is not None
    assert two is not None
    assert (two.payer, two.terms.channels) == (one.payer, one.terms.channels) == (
        Payer(**PAYER),
        ChannelChoice(frozenset({"ear"})),
    )  # fmt: skip


async def test_payouts_are_listed_by_their_metadata(api: ApiServer) -> None:
    """Every pair must fit, and the cursor is of these pairs only."""
    said = [{"user": str(number % 2), "shop": "über"} for number in range(4)]
    ids = []
    for each in said:
        ids.append((await api.create(api.order(metadata=each))).json()["id"])
        api.clock.move(1)

    async def listed(query: str) -> list[str]:
        answer = await api.signed("GET", f"/v1/payouts?{query}")
        assert answer.status == 200, answer.body
        return [each["id"] for each in answer.json()["data"]]

    assert await listed("metadata[user]=1") == [ids[3], ids[1]]
    assert await listed("metadata%5Buser%5D=1&metadata[shop]=%C3%BCber") == [ids[3], ids[1]]
    assert await listed("metadata[user]=1&metadata[shop]=other") == []
    first = (await api.signed("GET", "/v1/payouts?metadata[user]=0&limit=1")).json()
    assert (first["has_more"], [each["id"] for each in first["data"]]) == (True, [ids[2]])
    assert await listed(f"metadata[user]=0&limit=1&cursor={first['next_cursor']}") == [ids[0]]
    elsewhere = await api.signed("GET", f"/v1/payouts?metadata[user]=1&cursor={first['next_cursor']}")
    assert elsewhere.codes() == {"?cursor": "bad_cursor"}
    twice = await api.signed("GET", "/v1/payouts?metadata[user]=1&metadata[user]=2&metadata[a%20b]=1")
    assert twice.codes() == {"?metadata[user]": "duplicate_parameter", "?metadata": "bad_key"}
