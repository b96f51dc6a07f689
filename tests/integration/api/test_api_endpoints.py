"""Callback endpoints over the wire: an app says where it is told, and nothing that it was to be told is ever lost."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.api.endpoint_schemas import (
    EndpointDeliveryPage,
    EndpointList,
    EndpointReply,
    NewEndpointReply,
    RecoveredReply,
    TriedOutReply,
)
from gateway.callbacks.sender import Sent
from gateway.callbacks.signing import BadSignature, Verified, sign, verify
from gateway.domain.errors import CommitUnknown
from gateway.operations.deliver import deliver
from gateway.operations.endpoints import ENDPOINTS_MAX
from gateway.store.records import Callback
from tests.support.api_server import READER, RIVAL, SHOP, WRITER, Answered, ApiServer, Signer, make_server

PATH = "/v1/callback_endpoints"
URL = "https://shop.example/paid?from=paymux"
GONE = Sent(410, "HTTP 410", None, 5)
FAULT = Sent(500, "HTTP 500", None, 5)


async def ask(
    api: ApiServer, method: str, target: str, body: object = None, *, by: Signer = SHOP, key: str | None = None
) -> Answered:
    headers = {} if key is None else {"Idempotency-Key": key}
    text = b"" if body is None else json.dumps(body).encode()
    return await api.signed(method, PATH + target, text, by=by, headers=headers)


async def make(api: ApiServer, url: str = URL, **fields: object) -> dict[str, Any]:
    answer = await ask(api, "POST", "", {"url": url, **fields})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.json()
    NewEndpointReply.model_validate(made)
    return made


async def callbacks_of(api: ApiServer, endpoint: str) -> list[Callback]:
    """What there is for it, the oldest first."""
    return list(await api.store.read(lambda tx: tx.endpoint_callbacks("shop", endpoint, None, None, 1000)))[::-1]


async def deliver_all(api: ApiServer, endpoint: str) -> None:
    """One try of everything that is due there."""
    for callback in await callbacks_of(api, endpoint):
        if callback.due_at is not None:
            await deliver(api.services, api.upstream, callback, lambda: 0.5)


async def verified(api: ApiServer, secret: str, public_keys: tuple[Ed25519PublicKey, ...] = ()) -> Verified:
    """The newest thing sent, checked as a receiver does. Raises `BadSignature`."""
    endpoint, message_id, body = api.upstream.sent[-1]
    headers = sign(endpoint, message_id, api.clock.now(), body)
    return verify(headers, body, api.clock.now(), (secret,) if secret else (), public_keys)


async def test_an_endpoint_is_made_read_listed_and_deleted(api: ApiServer) -> None:
    """The secret stands in the first answer and in no other; the one of the configuration is shown, without its own."""
    made = await make(api, events=["payout.paid", "payout.failed"])
    assert made["secret"].startswith("whsec_")
    assert (made["url"], made["source"], made["status"]) == (URL, "api", "enabled")
    assert made["events"] == ["payout.failed", "payout.paid"]
    assert [each["kind"] for each in made["keys"]] == ["v1"]
    read = await ask(api, "GET", f"/{made['id']}", by=READER)
    EndpointReply.model_validate(read.json())
    assert read.json() == {name: value for name, value in made.items() if name != "secret"}
    listed = await ask(api, "GET", "", by=READER)
    EndpointList.model_validate(listed.json())
    configured, own = listed.json()["data"]
    assert own == read.json()
    assert (configured["id"], configured["source"], configured["created_at"]) == ("ep_1", "configuration", None)
    for answer in (read, listed):
        assert b"whsec_" not in answer.body
    assert (await ask(api, "DELETE", f"/{made['id']}")).status == 204
    for method in ("GET", "DELETE"):
        assert (await ask(api, method, f"/{made['id']}")).json()["code"] == "not_found"


async def test_it_is_told_from_the_answer_on(api: ApiServer) -> None:
    """What it wants, once it is there; and nothing more once it is deleted: what was due is parked, and kept."""
    paid_only, everything = await make(api, events=["payout.paid"]), await make(api, URL + "&all=1")
    await api.create(api.order())
    assert await callbacks_of(api, paid_only["id"]) == []
    (told,) = await callbacks_of(api, everything["id"])
    assert (told.type, told.due_at) == ("payout.accepted", api.clock.now())
    await ask(api, "DELETE", f"/{everything['id']}")
    await api.create(api.order())
    await deliver_all(api, everything["id"])
    (kept,) = await callbacks_of(api, everything["id"])
    assert (kept.id, kept.tries, kept.parked_at) == (told.id, 0, api.clock.now())
    assert api.upstream.sent == []


async def test_every_fault_is_named_at_once(api: ApiServer) -> None:
    """Where it is, and what is wrong with it; nothing is made."""
    body = {"url": "http://10.0.0.1/", "events": ["payout.paid", "paid"], "keys": [], "secret": "whsec_mine"}
    refused = await ask(api, "POST", "", body)
    assert (refused.status, refused.codes()) == (
        400,
        {"/url": "refused_target", "/events/1": "unknown_value", "/keys": "too_few", "/secret": "unknown_field"},
    )
    assert b"10.0.0.1" not in refused.body
    assert len((await ask(api, "GET", "")).json()["data"]) == 1


OURS: tuple[object, ...] = (
        "http://169.254.169.254/latest", "https://[::ffff:127.0.0.1]/", "https://100.64.0.1/", "http://2130706433/",
        "http://0x7f.1/", "http://127.1/", "https://①②⑦.⓪.⓪.①/", "https://user:pw@shop.example/", "ftp://shop.example/",
        "https://shop.example:6379/", "https://shop.example:25/", "https://Shop.example/", "https://shop.example/#x",
        "file:///etc/passwd", "https://64:ff9b::7f00:1/", "https://shop.example/" + "x" * 2048, "", 7, None,
)  # fmt: skip
"""Private, disguised, ambiguous or not HTTP (hostile inputs 51 to 56)."""


async def test_an_address_of_ours_is_refused(api: ApiServer) -> None:
    """400 at registration, for each of them, at the URL and nowhere else."""
    for url in OURS:
        refused = await ask(api, "POST", "", {"url": url})
        assert (refused.status, list(refused.codes())) == (400, ["/url"]), url


async def test_live_mode_takes_https_only(api: ApiServer, tmp_path: Path) -> None:
    """Nor its own machine, which the sandbox may call."""
    live = make_server(tmp_path / "live", sandbox=False)
    await live.start()
    for url, why in (("http://shop.example/", "https only"), ("https://127.0.0.1/", "loopback")):
        refused = await ask(live, "POST", "", {"url": url})
        assert (refused.status, why in refused.json()["errors"][0]["detail"]) == (400, True)
    assert (await make(live))["status"] == "enabled"
    await live.stop()
    assert (await make(api, "http://127.0.0.1:8090/x"))["status"] == "enabled"


async def test_only_a_key_that_may_say_where_callbacks_go(api: ApiServer) -> None:
    """Reading takes `query`; everything that changes or sends takes `callbacks`; a foreign endpoint is not there."""
    made = await make(api)
    window = {"since": "2026-01-01T00:00:00Z"}
    changing = [
        ("POST", "", {"url": URL}), ("DELETE", f"/{made['id']}", None), ("POST", f"/{made['id']}/test", None),
        ("POST", f"/{made['id']}/rotate_secret", {}), ("POST", f"/{made['id']}/recover", window),
    ]  # fmt: skip
    for method, target, body in changing:
        for by in (READER, WRITER):
            assert (await ask(api, method, target, body, by=by)).json()["code"] == "scope_missing"
    reading = [("GET", f"/{made['id']}", None), ("GET", f"/{made['id']}/deliveries", None)]
    for method, target, body in (*changing[1:], *reading):
        assert (await ask(api, method, target, body, by=RIVAL)).json()["code"] == "not_found"
    assert (await ask(api, "GET", "", by=RIVAL)).json()["data"] == []


async def test_what_the_operator_configured_is_read_only(api: ApiServer) -> None:
    """It cannot be deleted, nor get other keys here, nor be made a second time."""
    for method, target, body in (("DELETE", "/ep_1", None), ("POST", "/ep_1/rotate_secret", {})):
        refused = await ask(api, method, target, body)
        assert (refused.status, refused.codes()) == (409, {"": "configured"})
    again = await ask(api, "POST", "", {"url": "http://127.0.0.1:9/"})
    assert (again.status, again.codes()) == (409, {"": "same_url"})
    assert (await ask(api, "POST", "/ep_1/test")).json()["delivered"] is True


async def test_each_url_once_and_so_many_at_most(api: ApiServer) -> None:
    """409 for a second one there, and for one too many; a rival has its own."""
    await make(api)
    assert (await ask(api, "POST", "", {"url": URL})).codes() == {"": "same_url"}
    assert (await ask(api, "POST", "", {"url": URL}, by=RIVAL)).status == 201
    for number in range(1, ENDPOINTS_MAX):
        await make(api, f"{URL}&number={number}")
    full = await ask(api, "POST", "", {"url": f"{URL}&one=more"})
    assert (full.status, full.codes()) == (409, {"": "too_many"})
    assert len((await ask(api, "GET", "")).json()["data"]) == ENDPOINTS_MAX + 1


async def test_a_lost_answer_is_had_again(api: ApiServer) -> None:
    """Under its `Idempotency-Key` the same call makes one endpoint and shows its secret; another one is refused."""
    first = await ask(api, "POST", "", {"url": URL}, key="make-1")
    again = await ask(api, "POST", "", {"url": URL}, key="make-1")
    assert (first.status, again.status, again.headers["idempotent-replayed"]) == (201, 200, "true")
    assert first.json() == again.json()
    other = await ask(api, "POST", "", {"url": URL + "&other"}, key="make-1")
    assert (other.status, other.json()["code"]) == (409, "idempotency_key_reused")
    api.clock.move(1)
    target = f"/{first.json()['id']}/rotate_secret"
    rotated = await ask(api, "POST", target, {}, key="rotate-1")
    replayed = await ask(api, "POST", target, {}, key="rotate-1")
    assert (replayed.headers["idempotent-replayed"], replayed.json()) == ("true", rotated.json())
    assert len(rotated.json()["keys"]) == 2
    late = await ask(api, "POST", "", {"url": URL}, key="make-1")
    assert (late.status, late.json()["secret"]) == (200, None)


async def test_a_commit_that_nobody_knows_of_makes_one(api: ApiServer) -> None:
    """The unit is said again; whichever commit happened, the app has one endpoint and its secret."""
    api.store.run_errors = [None, CommitUnknown("lost")]  # the first unit is the signature's nonce
    made = await make(api)
    api.store.run_errors = [None, CommitUnknown("lost")]
    rotated = (await ask(api, "POST", f"/{made['id']}/rotate_secret", {})).json()
    assert len(rotated["keys"]) == 2
    assert rotated["secret"] != made["secret"]


async def test_two_keys_sign_while_one_replaces_the_other(api: ApiServer) -> None:
    """During the overlap either secret verifies; after it only the new one, and no answer has shown it since."""
    made = await make(api, keys=["v1", "v1a"])
    old_public = next(each["public_key"] for each in made["keys"] if each["public_key"])
    await ask(api, "POST", f"/{made['id']}/test")
    await verified(api, made["secret"])
    api.clock.move(10)
    rotated = (await ask(api, "POST", f"/{made['id']}/rotate_secret", {"overlap_s": 3600})).json()
    NewEndpointReply.model_validate(rotated)
    assert rotated["secret"] != made["secret"]
    assert [(each["kind"], each["expires_at"] is None) for each in rotated["keys"]] == [
        ("v1", True), ("v1a", True), ("v1", False), ("v1a", False)
    ]  # fmt: skip
    await ask(api, "POST", f"/{made['id']}/test")
    for secret in (made["secret"], rotated["secret"]):
        await verified(api, secret)
    for public in (old_public, rotated["keys"][1]["public_key"]):
        await verified(api, "", (_public(public),))
    api.clock.move(3600)
    await ask(api, "POST", f"/{made['id']}/test")
    await verified(api, rotated["secret"])
    with pytest.raises(BadSignature):
        await verified(api, made["secret"])
    with pytest.raises(BadSignature):
        await verified(api, "", (_public(old_public),))
    read = await ask(api, "GET", f"/{made['id']}")
    assert len(read.json()["keys"]) == 2
    assert rotated["secret"].encode() not in read.body


def _public(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(b64decode(text.removeprefix("whpk_")))


async def test_a_stolen_secret_is_taken_out_of_use_at_once(api: ApiServer) -> None:
    """An overlap of nothing; and too many rotations in a row are refused, so that no key in use is lost."""
    made = await make(api)
    rotated = (await ask(api, "POST", f"/{made['id']}/rotate_secret", {"overlap_s": 0})).json()
    assert len(rotated["keys"]) == 1
    await ask(api, "POST", f"/{made['id']}/test")
    with pytest.raises(BadSignature):
        await verified(api, made["secret"])
    statuses = [(await ask(api, "POST", f"/{made['id']}/rotate_secret", {})).status for _ in range(4)]
    assert statuses == [200, 200, 200, 409]
    api.clock.move(timedelta(days=1).total_seconds())
    assert (await ask(api, "POST", f"/{made['id']}/rotate_secret", {})).status == 200


async def test_a_test_event_tells_what_came_back(api: ApiServer) -> None:
    """Signed, of its own type, sent once and stored nowhere; the answer's status and time, and nothing it said."""
    made = await make(api, events=["payout.paid"])
    api.upstream.answers = [Sent(503, "HTTP 503", timedelta(seconds=9), 41)]
    tried = await ask(api, "POST", f"/{made['id']}/test")
    TriedOutReply.model_validate(tried.json())
    assert tried.json() | {"event_id": ""} == {
        "event_id": "",
        "sent_at": tried.json()["sent_at"],
        "delivered": False,
        "status": 503,
        "detail": "HTTP 503",
        "duration_ms": 41,
    }
    endpoint, message_id, body = api.upstream.sent[-1]
    event = json.loads(body)
    assert (endpoint.url, message_id, event["id"], event["type"]) == (URL, event["id"], event["id"], "endpoint.test")
    assert event["data"]["object"]["id"] == made["id"]
    assert (await api.signed("GET", "/v1/events")).json()["data"] == []
    assert (await ask(api, "POST", f"/{made['id']}/test")).json()["delivered"] is True
    assert (await ask(api, "GET", f"/{made['id']}")).json()["failing_since"] is None


async def test_one_test_at_a_time(api: ApiServer) -> None:
    """While one hangs, the next is told to wait: whoever tests must not use up what callbacks go by."""
    made, hung, let_go = await make(api), asyncio.Event(), asyncio.Event()

    async def hangs(*_: object) -> Sent:
        hung.set()
        await let_go.wait()
        return Sent(None, "no answer in time", None, 15000)

    api.upstream.send = hangs  # type: ignore[method-assign,assignment]  # a receiver that does not answer
    first = asyncio.create_task(ask(api, "POST", f"/{made['id']}/test"))
    await hung.wait()
    second = await ask(api, "POST", f"/{made['id']}/test")
    assert (second.status, second.json()["code"], second.headers["retry-after"]) == (429, "quota_exceeded", "5")
    let_go.set()
    assert (await first).json()["status"] is None


async def test_gone_disables_it_and_nothing_is_lost(api: ApiServer) -> None:
    """410: it is disabled and the app's others are told; what comes meanwhile is parked. A recovery of the window
    enables it and sends everything once."""
    made, other = await make(api), await make(api, URL + "&other")
    for _ in range(2):
        await api.create(api.order())
    api.upstream.answers = [GONE]
    await deliver_all(api, made["id"])
    assert len(api.upstream.sent) == 1
    shown = (await ask(api, "GET", f"/{made['id']}")).json()
    EndpointReply.model_validate(shown)
    assert (shown["status"], shown["disabled_for"], shown["disabled_at"] is not None) == ("disabled", "gone", True)
    await api.create(api.order())
    for_it = await callbacks_of(api, made["id"])
    assert [(each.due_at, each.parked_at is not None) for each in for_it] == [(None, True)] * 4
    (told,) = [each for each in await callbacks_of(api, other["id"]) if each.type == "endpoint.disabled"]
    assert (told.payout_id, told.due_at) == (None, api.clock.now())
    about = json.loads(told.body)["data"]["object"]
    assert (about["object"], about["id"], about["disabled_for"]) == ("callback_endpoint", made["id"], "gone")
    events = (await api.signed("GET", "/v1/events?type=endpoint.disabled")).json()["data"]
    assert [each["id"] for each in events] == [told.id]
    done = await ask(api, "POST", f"/{made['id']}/recover", {"since": "2020-01-01T00:00:00Z"})
    assert (done.status, done.json()) == (202, {"due": 4, "has_more": False, "next_cursor": None})
    assert (await ask(api, "GET", f"/{made['id']}")).json()["status"] == "enabled"
    await deliver_all(api, made["id"])
    assert all(each.delivered_at is not None for each in await callbacks_of(api, made["id"]))
    again = await api.signed("POST", f"/v1/events/{told.id}/redeliver")
    assert (again.status, {each["status"] for each in again.json()["callbacks"]}) == (202, {"due"})


async def test_an_endpoint_that_takes_nothing_for_days_is_disabled(api: ApiServer) -> None:
    """After five days without one success; one success in between begins the time anew."""
    made = await make(api)
    await api.create(api.order())

    async def one_try(answer: Sent) -> dict[str, Any]:
        (callback,) = [each for each in await callbacks_of(api, made["id"]) if each.type == "payout.accepted"]
        api.upstream.answers = [answer]
        await deliver(api.services, api.upstream, replace(callback, tries=0), lambda: 0.5)
        shown: dict[str, Any] = (await ask(api, "GET", f"/{made['id']}")).json()
        return shown

    first = await one_try(FAULT)
    assert (first["status"], first["failing_since"] is not None) == ("enabled", True)
    api.clock.move(timedelta(days=4).total_seconds())
    assert (await one_try(FAULT))["failing_since"] == first["failing_since"]
    assert (await one_try(Sent(204, "HTTP 204", None, 1)))["failing_since"] is None
    await one_try(FAULT)
    api.clock.move(timedelta(days=4, hours=23).total_seconds())
    assert (await one_try(FAULT))["status"] == "enabled"
    api.clock.move(timedelta(hours=1).total_seconds())
    dead = await one_try(FAULT)
    assert (dead["status"], dead["disabled_for"]) == ("disabled", "dead")


async def test_a_new_endpoint_gets_what_a_deleted_one_missed(api: ApiServer) -> None:
    """The events are the app's: same id, same body, whatever address they went to before; delivered ones only when
    they are asked for, and those of another time not at all."""
    old = await make(api)
    since = api.clock.now()
    first = (await api.create(api.order())).json()["id"]
    await deliver_all(api, old["id"])
    api.clock.move(60)
    await api.create(api.order())
    until = api.clock.now() + timedelta(seconds=1)
    await ask(api, "DELETE", f"/{old['id']}")
    api.clock.move(60)
    await api.create(api.order())
    new = await make(api)
    window = {"since": since.isoformat(), "until": until.isoformat()}
    done = await ask(api, "POST", f"/{new['id']}/recover", window)
    RecoveredReply.model_validate(done.json())
    assert done.json()["due"] == 2
    had, got = await callbacks_of(api, old["id"]), await callbacks_of(api, new["id"])
    assert [(each.id, each.body, each.created_at) for each in got] == [
        (each.id, each.body, each.created_at) for each in had
    ]
    assert got[0].payout_id == first
    assert (await ask(api, "POST", f"/{new['id']}/recover", window)).json()["due"] == 0
    await deliver_all(api, new["id"])
    assert (await ask(api, "POST", f"/{new['id']}/recover", window)).json()["due"] == 0
    assert (await ask(api, "POST", f"/{new['id']}/recover", {**window, "which": "all"})).json()["due"] == 2


async def test_a_long_window_is_recovered_in_steps(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step says where the next begins; together they are the window, each event once. The cursor is of this
    window and this endpoint."""
    monkeypatch.setattr("gateway.operations.recovery.AT_ONCE", 4)
    monkeypatch.setattr("gateway.operations.recovery.PAGE", 2)
    for _ in range(7):
        await api.create(api.order())
    made, other = await make(api), await make(api, URL + "&other")
    body, steps = {"since": "2020-01-01T00:00:00Z", "which": "all"}, []
    while True:
        answer = (await ask(api, "POST", f"/{made['id']}/recover", body)).json()
        steps.append(answer["due"])
        if not answer["has_more"]:
            break
        body["cursor"] = answer["next_cursor"]
    assert (steps, len(await callbacks_of(api, made["id"]))) == ([4, 3], 7)
    for target, changed in ((made["id"], {"since": "2021-01-01T00:00:00Z"}), (other["id"], {})):
        refused = await ask(api, "POST", f"/{target}/recover", body | changed)
        assert (refused.status, refused.codes()) == (400, {"/cursor": "bad_cursor"})


async def test_deliveries_show_what_was_sent_word_for_word(api: ApiServer) -> None:
    """Newest first, with every try; by how they stand; in pages whose cursor is of this list."""
    made = await make(api)
    for _ in range(3):
        await api.create(api.order())
    api.upstream.answers = [FAULT]
    first, *_ = await callbacks_of(api, made["id"])
    await deliver(api.services, api.upstream, first, lambda: 0.5)
    page = await ask(api, "GET", f"/{made['id']}/deliveries", by=READER)
    EndpointDeliveryPage.model_validate(page.json())
    *_, oldest = page.json()["data"]
    assert oldest["body"].encode() == first.body == api.upstream.sent[-1][2]
    assert [(each["status"], each["detail"], each["duration_ms"]) for each in oldest["tries"]] == [(500, "HTTP 500", 5)]
    assert (oldest["event_id"], oldest["status"], oldest["due_at"] is not None) == (first.id, "due", True)
    await deliver_all(api, made["id"])
    assert (await ask(api, "GET", f"/{made['id']}/deliveries?status=due")).json()["data"] == []
    done = (await ask(api, "GET", f"/{made['id']}/deliveries?status=delivered&limit=2")).json()
    assert (len(done["data"]), done["has_more"]) == (2, True)
    rest = f"/{made['id']}/deliveries?status=delivered&limit=2&cursor={done['next_cursor']}"
    last = (await ask(api, "GET", rest)).json()
    assert [each["event_id"] for each in last["data"]] == [first.id]
    assert (await ask(api, "GET", rest.replace("delivered", "parked"))).codes() == {"?cursor": "bad_cursor"}
    assert (await ask(api, "GET", f"/{made['id']}/deliveries?status=lost")).codes() == {"?status": "bad_value"}
    assert len((await ask(api, "GET", "/ep_1/deliveries")).json()["data"]) == 3
