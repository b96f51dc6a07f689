"""What two people do, over the wire: ask, list, approve, withdraw; and the payouts that wait for them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.domain.event import EventType
from gateway.domain.hold import HOLDS, HoldCode
from gateway.domain.payout import Payout
from gateway.domain.review import EVIDENCE_BYTES_MAX, NEEDS_EVIDENCE, RequestKind
from gateway.domain.status import Status, status
from tests.support.admin_api import PRINCIPALS, REQUESTS, AdminServer
from tests.support.api_server import Answered
from tests.support.scripted import ScriptedGateway, scripted_gateway

LETTER = b"%PDF-1.7 the bank's letter \x00\xff"
EVIDENCE = base64.b64encode(LETTER).decode()


@dataclass
class Desk:
    """Ada and Bob, at a gateway whose one payout the channel never answered and which is held."""

    admin: AdminServer
    gateway: ScriptedGateway
    payout: Payout
    ada: str
    bob: str

    async def ask(self, token: str, kind: str = "resolve_not_paid", **fields: object) -> Answered:
        evidence = {"evidence": EVIDENCE} if kind.startswith("resolve") else {}
        body = {"kind": kind, "payout_id": self.payout.id, "reason": "the bank's letter", **evidence, **fields}
        given = {name: value for name, value in body.items() if value is not None}
        return await self.admin.send("POST", REQUESTS, given, token=token)

    async def asked(self, token: str, kind: str = "resolve_not_paid") -> dict[str, Any]:
        answer = await self.ask(token, kind)
        assert answer.status == 201, answer.body
        told: dict[str, Any] = answer.json()
        return told

    async def act(self, token: str, request_id: str, verb: str = "approve") -> Answered:
        return await self.admin.send("POST", f"{REQUESTS}/{request_id}/{verb}", token=token)

    async def open(self) -> list[str]:
        answer = await self.admin.send("GET", REQUESTS, token=self.ada)
        return [each["id"] for each in answer.json()["data"]]

    async def stored(self) -> Payout:
        return await self.gateway.payout(self.payout.id)


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    gateway = scripted_gateway()
    payout = await gateway.accept()
    await gateway.pass_time(hours=24)
    admin = AdminServer(tmp_path, gateway.services)
    await admin.start()
    ada, bob = await admin.two()
    yield Desk(admin, gateway, await gateway.payout(payout.id), ada, bob)
    await admin.stop()
    await gateway.store.close()


async def test_two_people_resolve_a_held_payout(desk: Desk) -> None:
    """One asks and nothing happens; the other approves and the payout has ended, both named in its history."""
    made = await desk.asked(desk.ada)
    assert made["made_by"] == "person:ada"
    assert made["evidence_sha256"] == hashlib.sha256(LETTER).hexdigest()
    assert status(await desk.stored()) is Status.PROCESSING
    assert await desk.open() == [made["id"]]
    done = await desk.act(desk.bob, made["id"])
    assert (done.status, done.json()["approved_by"]) == (200, "person:bob")
    assert status(await desk.stored()) is Status.FAILED
    assert await desk.open() == []
    events = await desk.gateway.store.read(lambda tx: tx.events(desk.payout.id))
    assert (events[-1].type, events[-1].actor, events[-1].detail["made_by"]) == (
        EventType.RESOLVED,
        "person:bob",
        "person:ada",
    )


async def test_paid_is_the_other_way(desk: Desk) -> None:
    """The same two people, the other finding."""
    made = await desk.asked(desk.bob, "resolve_paid")
    assert (await desk.act(desk.ada, made["id"])).status == 200
    assert status(await desk.stored()) is Status.PAID


async def test_the_same_person_is_one_person(desk: Desk) -> None:
    """R20: with the same token, with a renewed one, and after asking in vain it still waits."""
    made = await desk.asked(desk.ada)
    first = await desk.act(desk.ada, made["id"])
    assert (first.status, first.json()["code"], first.codes()) == (409, "request_refused", {"": "same_person"})
    renewed = (await desk.admin.send("POST", "/admin/v1/token", {}, token=desk.ada)).json()["token"]
    assert (await desk.act(renewed, made["id"])).codes() == {"": "same_person"}
    desk.ada = renewed
    assert await desk.open() == [made["id"]]
    assert status(await desk.stored()) is Status.PROCESSING


async def test_somebody_added_by_the_maker_cannot_approve(desk: Desk) -> None:
    """A third person that nobody else has confirmed is nobody."""
    made = await desk.asked(desk.ada)
    puppet = await desk.admin.add("puppet", desk.ada)
    assert (await desk.act(puppet, made["id"])).status == 401
    assert status(await desk.stored()) is Status.PROCESSING


async def test_a_state_that_changed_must_be_looked_at_again(desk: Desk) -> None:
    """Between asking and approving the payout was released by others: the old request no longer fits."""
    stale = await desk.asked(desk.ada)
    released = await desk.asked(desk.ada, "release")
    assert (await desk.act(desk.bob, released["id"])).status == 200
    refused = await desk.act(desk.bob, stale["id"])
    assert refused.status == 409
    assert refused.codes()[""] in ("state_changed", "not_held")
    assert status(await desk.stored()) is Status.PROCESSING


async def test_a_request_is_approved_once(desk: Desk) -> None:
    """Approved or withdrawn, it is no longer open to anybody."""
    made = await desk.asked(desk.ada)
    assert (await desk.act(desk.bob, made["id"])).status == 200
    assert (await desk.act(desk.bob, made["id"])).codes() == {"": "not_open"}
    assert (await desk.act(desk.ada, made["id"], "withdraw")).codes() == {"": "not_open"}


async def test_withdrawn(desk: Desk) -> None:
    """Taken back, it cannot be approved, and nothing has happened."""
    made = await desk.asked(desk.ada)
    withdrawn = await desk.act(desk.ada, made["id"], "withdraw")
    assert (withdrawn.status, bool(withdrawn.json()["withdrawn_at"])) == (200, True)
    assert (await desk.act(desk.bob, made["id"])).codes() == {"": "not_open"}
    assert await desk.open() == []
    assert status(await desk.stored()) is Status.PROCESSING


async def test_an_approval_that_nobody_gave_in_time(desk: Desk) -> None:
    """After a day it is no longer listed and no longer approved."""
    made = await desk.asked(desk.ada)
    desk.gateway.clock.move(24 * 3600)
    assert await desk.open() == []
    assert (await desk.act(desk.bob, made["id"])).codes() == {"": "expired"}


@pytest.mark.parametrize("verb", ["approve", "withdraw"])
async def test_no_such_request(desk: Desk, verb: str) -> None:
    """404, whatever it is called."""
    for unknown in ("rq_x", "rq_" + "a" * 29, "po_1", desk.payout.id):
        assert (await desk.act(desk.ada, unknown, verb)).status == 404


@pytest.mark.parametrize("kind", sorted(RequestKind))
async def test_every_kind_can_be_asked_for(desk: Desk, kind: RequestKind) -> None:
    """Each is read and judged by its rule: on record, or refused with that rule's name."""
    about = {"payout_id": None} if kind is RequestKind.LEAVE_QUARANTINE else {}
    answer = await desk.ask(desk.ada, str(kind), **about)
    expected = {
        RequestKind.REJECT: "attempt_open",
        RequestKind.LIFT_FREEZE: "not_frozen",
        RequestKind.LEAVE_QUARANTINE: "not_quarantined",
    }
    if kind in expected:
        assert (answer.status, answer.codes()) == (409, {"": expected[kind]})
    else:
        assert (answer.status, answer.json()["kind"]) == (201, str(kind))


@pytest.mark.parametrize(
    ("kind", "fields", "codes"),
    [
        ("resolve_paid", {"evidence": None}, {"/evidence": "missing"}),
        ("resolve_not_paid", {"evidence": None, "payout_id": None}, {"/evidence": "missing", "/payout_id": "missing"}),
        ("resolve_paid", {"evidence": ""}, {"/evidence": "out_of_range"}),
        ("resolve_paid", {"evidence": "not base64"}, {"/evidence": "bad_format"}),
        ("resolve_paid", {"evidence": "QQ"}, {"/evidence": "bad_format"}),
        ("release", {"payout_id": None}, {"/payout_id": "missing"}),
        ("release", {"payout_id": "po_1"}, {"/payout_id": "bad_format"}),
        ("release", {"reason": None}, {"/reason": "missing"}),
        ("release", {"reason": "  "}, {"/reason": "bad_format"}),
        ("release", {"reason": "x" * 501}, {"/reason": "too_long"}),
        ("release", {"reason": "a\u0000b"}, {"/reason": "forbidden_character"}),
        ("leave_quarantine", {}, {"/payout_id": "unknown_field"}),
        ("pay_again", {}, {"/kind": "invalid"}),
        ("release", {"approved_by": "person:bob"}, {"/approved_by": "unknown_field"}),
    ],
)
async def test_faults_of_a_request(desk: Desk, kind: str, fields: dict[str, object], codes: dict[str, str]) -> None:
    """400 with every fault at its place, and nothing on record."""
    answer = await desk.ask(desk.ada, kind, **fields)
    assert (answer.status, answer.codes()) == (400, codes)
    assert await desk.open() == []


async def test_the_most_evidence_there_may_be(desk: Desk) -> None:
    """One mebibyte is taken, a byte more is a fault."""
    largest = base64.b64encode(bytes(EVIDENCE_BYTES_MAX)).decode()
    assert (await desk.ask(desk.ada, evidence=largest)).status == 201
    more = base64.b64encode(bytes(EVIDENCE_BYTES_MAX + 1)).decode()
    answer = await desk.ask(desk.ada, evidence=more)
    assert (answer.status, answer.codes()) == (400, {"/evidence": "out_of_range"})


def test_what_needs_evidence_is_what_resolves() -> None:
    """The rule the reader of requests goes by is the domain's."""
    assert {RequestKind.RESOLVE_PAID, RequestKind.RESOLVE_NOT_PAID} == NEEDS_EVIDENCE


async def test_an_unknown_payout(desk: Desk) -> None:
    """A well-formed id of nothing is 404."""
    other = desk.payout.id[:-1] + ("a" if desk.payout.id[-1] != "a" else "b")
    assert (await desk.ask(desk.ada, "release", payout_id=other)).status == 404


async def test_holds_are_listed_the_oldest_first(desk: Desk) -> None:
    """Held and frozen, with reason and age; the beneficiary is not shown."""
    second = await desk.gateway.accept("order-2")
    await desk.gateway.pass_time(hours=24)
    answer = await desk.admin.send("GET", "/admin/v1/holds", token=desk.bob)
    told = answer.json()["data"]
    text = HOLDS[HoldCode.OUTCOME_UNKNOWN].text
    assert [each["payout_id"] for each in told] == [desk.payout.id, second.id]
    assert [(each["why"], each["frozen"], each["channel"]) for each in told] == [(text, False, "alpha")] * 2
    assert [each["age_s"] for each in told] == [24 * 3600, 0]
    assert told[0]["amount"] == {"value": desk.payout.amount.minor, "currency": "CNY"}
    assert desk.payout.beneficiary.name is not None
    assert desk.payout.beneficiary.name not in answer.body.decode()


async def test_nothing_held(tmp_path: Path) -> None:
    """An empty list, and an empty list of requests."""
    admin = AdminServer(tmp_path)
    await admin.start()
    ada, _ = await admin.two()
    for target in ("/admin/v1/holds", REQUESTS):
        assert (await admin.send("GET", target, token=ada)).json() == {"data": []}
    await admin.stop()


async def test_who_was_revoked_cannot_finish(desk: Desk) -> None:
    """What Bob asked for before he was revoked stays on record; he himself can do nothing more."""
    made = await desk.asked(desk.bob)
    assert (await desk.admin.send("DELETE", f"{PRINCIPALS}/bob", token=desk.ada)).status == 200
    assert (await desk.act(desk.bob, made["id"], "withdraw")).status == 401
    assert await desk.open() == [made["id"]]
