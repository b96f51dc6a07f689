"""Personal data is planted in every text of every call, and looked for wherever it must not be.

A gateway with all three channels, as the demo has it. Every field of the published document is planted: once with a
value that is taken, once with one that is refused. Then what the gateway wrote and said is searched.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from gateway.config.load import load
from gateway.config.resolve import resolve_secrets
from gateway.demo.stage import Stage
from gateway.domain.beneficiary import mask, mask_name
from gateway.domain.payout import Payout
from gateway.domain.view import timestamp
from gateway.sealing import Sealer
from gateway.store.backup import backup
from gateway.store.looking import looked_into, reads_of
from tests.support.planted import Garden, Place, string_fields

OWN = "the app's own words, given back to it"
FOUND_BY = "an id: what apps, people and channels find it by"
ALLOWED: Mapping[str, Mapping[Place, str]] = {
    "reference": dict.fromkeys((Place.ANSWERS, Place.CALLBACKS, Place.PEOPLE, Place.FILES), FOUND_BY),
    "metadata": {Place.ANSWERS: OWN, Place.CALLBACKS: OWN},
    "description": {Place.ANSWERS: OWN},
    "purpose": {Place.ANSWERS: OWN, Place.CALLBACKS: OWN},
    "tier": {Place.ANSWERS: OWN},
    "url": {Place.ANSWERS: OWN, Place.CALLBACKS: OWN},
    "X-Request-Id": {Place.ANSWERS: OWN, Place.LOGS: "an id: what an app and we find one call by"},
    "key of a body": {Place.ANSWERS: "which field it was that is not known"},
}
"""Where a field may turn up whole, and why; anything else must not. A field that is not here may turn up nowhere."""

NOT_PERSONAL: Mapping[str, str] = {
    "country": "of a bank", "bank_code": "of a bank", "send_at": "a time", "send_by": "a time", "since": "a time",
    "until": "a time", "created_gte": "a time", "created_lt": "a time", "cursor": "ours, signed",
    "quote_id": "ours, signed", "id": "ours", "payout_id": "ours", "event_id": "ours", "endpoint_id": "ours",
    "batch_id": "ours", "beneficiary_id": "ours", "channel": "a name of the configuration",
    "preference": "a name of the configuration", "-": "likewise: a channel", "token": "the channel's own",
    "code": "a word of ours",
}  # fmt: skip
"""Fields that name no person. They are planted too, where they refuse it."""
PLANTED = frozenset({"openid", "name", "account_number", "purpose", "description", "*", "url", "Idempotency-Key"}) | {
    "reference", "text", "account_id", "device_id", "ip", "tier",
}  # fmt: skip

Said = tuple[Place, bytes]


@dataclass
class Desk:
    """Everything that is called, and everything that was said."""

    stage: Stage
    garden: Garden = field(default_factory=Garden)
    said: list[Said] = field(default_factory=list)
    hook: str = ""
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, want: int = 0
    ) -> Any:
        """One call of the app; its answer is kept whole, headers and all."""
        url = path if path.startswith("http") else f"{self.stage.api}{path}"
        named = {**self.stage.headers(), **(headers or {})}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if data is not None:
            named.setdefault("Content-Type", "application/json")
        async with self.stage.session.request(method, url, data=data, headers=named) as response:
            text = await response.read()
            heads = "".join(f"{name}: {value}\n" for name, value in response.headers.items())
            self.said.append((Place.ANSWERS, heads.encode() + text))
            self.calls[f"{response.status // 100}xx"] += 1
            assert response.status < 500, text
            assert not want or response.status == want, (path, text)
            return json.loads(text) if "json" in response.headers.get("Content-Type", "") and text else None

    # Requests --------------------------------------------------------------------------------------------------------

    def reference(self) -> str:
        return self.garden.text("reference")

    def bank(self, ending: str = "0001") -> dict[str, Any]:
        number, name = self.garden.account(ending), self.garden.name()
        return {
            "type": "bank_account", "account_number": number, "name": name, "bank_code": "000200000002",
            "country": "CN",
        }  # fmt: skip

    def wechat(self, ending: str = "0001") -> dict[str, Any]:
        return {"type": "wechat", "openid": self.garden.openid(ending), "name": self.garden.name()}

    def payer(self) -> dict[str, str]:
        user, device = self.garden.user("account_id"), self.garden.user("device_id")
        return {"account_id": user, "tier": self.garden.text("tier"), "device_id": device, "ip": self.garden.address()}

    def order(self, beneficiary: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "reference": self.reference(),
            "amount": {"value": 12_345, "currency": "CNY"},
            "beneficiary": beneficiary,
            "purpose": self.garden.text("purpose"),
            "description": self.garden.text("description"),
            "metadata": {"user": self.garden.text("metadata")},
            "payer": self.payer(),
            **more,
        }

    async def until(self, path: str, done: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(120):
            while not done(found := await self.call("GET", path, want=200)):
                await asyncio.sleep(0.1)
        return found

    async def ended(self, payout_id: str) -> Any:
        final = {"paid", "failed", "canceled", "returned"}
        return await self.until(f"/payouts/{payout_id}", lambda found: found["status"] in final)


@pytest_asyncio.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr("gateway.demo.stage._READY_S", 90.0)  # five processes, and the keys of two banks
    async with Stage(tmp_path) as stage:
        await stage.start_all()
        made = Desk(stage)

        async def take(request: web.Request) -> web.Response:
            heads = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
            made.said.append((Place.CALLBACKS, heads.encode() + await request.read()))
            return web.Response()

        app = web.Application()
        app.router.add_route("*", "/{any:.*}", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.hook = site.name
        yield made
        await runner.cleanup()


# What is called -----------------------------------------------------------------------------------------------------


async def ordered(desk: Desk) -> None:
    """Payouts of every fate, alone, again, canceled, retried; and every look at them."""
    made = []
    for to in [
        make(ending) for ending in ("0001", "0002", "0003", "0006", "0008") for make in (desk.bank, desk.wechat)
    ]:
        placed = await desk.call("POST", "/payouts", desk.order(to), want=201)
        made.append(placed)
    order = desk.order(desk.bank("0004"), preference="fastest", send_by="2099-01-01T00:00:00Z")
    await desk.call("POST", "/payouts", order, want=201)
    await desk.call("POST", "/payouts", order, want=200)
    await desk.call("POST", "/payouts", {**order, "description": desk.garden.text("description")}, want=409)
    later = await desk.call("POST", "/payouts", desk.order(desk.bank(), send_at=in_an_hour()), want=201)
    await desk.call("POST", f"/payouts/{later['id']}/cancel", want=200)
    failed = [each for each in made if (await desk.ended(each["id"]))["status"] == "failed"]
    assert failed
    again = {"reference": desk.reference(), "beneficiary": desk.bank()}
    retried = await desk.call("POST", f"/payouts/{failed[0]['id']}/retry", again, want=201)
    await desk.ended(retried["id"])
    for payout in (made[0], retried):
        for what in ("", "?expand=attempts,timeline", "/attempts", "/timeline", "/decision"):
            await desk.call("GET", f"/payouts/{payout['id']}{what}", want=200)
        await desk.call("GET", f"/payouts/by-reference/{payout['reference']}", want=200)
        await desk.call("GET", f"/payouts?reference={payout['reference']}", want=200)
    await desk.call("GET", f"/payouts/{made[0]['id']}/stream", want=200)
    for number in range(2):
        await desk.call("POST", f"/sandbox/payouts/{made[number]['id']}/transition", {"to": "returned"})


async def saved(desk: Desk) -> None:
    """Beneficiaries that are kept, used, listed and let go."""
    for beneficiary in (desk.bank(), desk.wechat()):
        keyed = {"Idempotency-Key": desk.garden.text("Idempotency-Key")}
        kept = await desk.call("POST", "/beneficiaries", {"beneficiary": beneficiary}, headers=keyed, want=201)
        await desk.call("POST", "/beneficiaries", {"beneficiary": beneficiary}, headers=keyed)
        named = {"type": "saved", "id": kept["id"]}
        asked = {"amount": {"value": 100, "currency": "CNY"}, "beneficiary": named}
        quote = await desk.call("POST", "/quotes", asked, want=201)
        order = {**desk.order(named), "amount": asked["amount"], "quote_id": quote["id"]}
        await desk.ended((await desk.call("POST", "/payouts", order, want=201))["id"])
        await desk.call("GET", f"/beneficiaries/{kept['id']}", want=200)
    await desk.call("GET", "/beneficiaries", want=200)
    await desk.call("DELETE", f"/beneficiaries/{kept['id']}", want=204)


async def batched(desk: Desk) -> None:
    """Batches of both forms, with items that are taken and one that is not; and one that is refused whole."""
    first = desk.order(desk.bank())
    again = {**desk.order(desk.wechat()), "reference": first["reference"]}
    whole = {"reference": desk.reference(), "items": [first, desk.order(desk.wechat()), again]}
    unlike = {"reference": desk.reference(), "items": [desk.order({**desk.bank(), "country": "XX!"})]}
    await desk.call("POST", "/batches", unlike, want=400)
    orders = [desk.order(desk.bank()), {**desk.order(desk.bank()), "purpose": "\u0007"}]
    path, csv = f"/batches?reference={desk.reference()}", {"Content-Type": "text/csv"}
    made = [
        await desk.call("POST", "/batches", whole, want=202),
        await desk.call("POST", path, in_csv(orders), headers=csv, want=202),
    ]
    for batch in made:
        ended = await desk.until(f"/batches/{batch['id']}", lambda found: found["status"] == "completed")
        assert ended
        await desk.call("GET", f"/batches/{batch['id']}/items", want=200)


def in_csv(orders: list[dict[str, Any]]) -> bytes:
    """The same orders as rows."""
    rows = [
        {
            "reference": each["reference"],
            "amount": each["amount"]["value"],
            "currency": each["amount"]["currency"],
            **each["beneficiary"],
            "purpose": each["purpose"],
            "description": each["description"],
            "metadata.user": each["metadata"]["user"],
            **{f"payer_{name}": value for name, value in each["payer"].items()},
        }
        for each in orders
    ]
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    return "\n".join(lines).encode()


async def told(desk: Desk) -> None:
    """Events, and everything about endpoints."""
    keyed = {"Idempotency-Key": desk.garden.text("Idempotency-Key")}
    url = {"url": f"{desk.hook}/hook?user={desk.garden.text('url')}"}
    endpoint = await desk.call("POST", "/callback_endpoints", url, headers=keyed, want=201)
    path = f"/callback_endpoints/{endpoint['id']}"
    await desk.call("POST", f"{path}/test", want=200)
    keyed = {"Idempotency-Key": desk.garden.text("Idempotency-Key")}
    await desk.call("POST", f"{path}/rotate_secret", {}, headers=keyed)
    for what in ("/callback_endpoints", path):
        await desk.call("GET", what, want=200)
    paid = await desk.call("POST", "/payouts", desk.order(desk.bank()), want=201)
    await desk.ended(paid["id"])
    events = await desk.until(f"/events?payout_id={paid['id']}", lambda found: len(found["data"]) >= 3)
    for event in events["data"]:
        await desk.call("GET", f"/events/{event['id']}", want=200)
        await desk.call("POST", f"/events/{event['id']}/redeliver", want=202)
    await desk.call("POST", f"{path}/recover", {"since": "2020-01-01T00:00:00Z"})
    await desk.until(f"{path}/deliveries", lambda found: len(found["data"]) >= 3)


async def looked(desk: Desk) -> None:
    """What takes nothing personal, and must not give any either."""
    for path in ("/payouts", "/events", "/channels", "/payouts?expand=attempts,timeline"):
        await desk.call("GET", path, want=200)
    root = desk.stage.api.removesuffix("/v1")
    for path in ("/docs", "/openapi.json", "/problems/not_found"):
        await desk.call("GET", f"{root}{path}", want=200)
    await desk.call("GET", "/payouts", headers={"X-Request-Id": desk.garden.text("X-Request-Id")}, want=200)


async def by_people(desk: Desk) -> None:
    """All that people are shown: one payout whole, lists, what waits, the audit; metrics and probes too."""
    admin, session = desk.stage.admin, desk.stage.session
    first = {"Authorization": f"Bearer {(desk.stage.folder / 'state/first_admin_token').read_text().strip()}"}
    asked = {"name": "ada", "role": "admin"}
    async with session.post(f"{admin}/admin/v1/principals", json=asked, headers=first) as response:
        ada = {"Authorization": f"Bearer {(await response.json())['token']}"}
    found = await desk.call("GET", "/payouts?limit=100", want=200)
    paths = [f"/admin/v1/payouts/{each['id']}" for each in found["data"]]
    paths += ["/admin/v1/apps/demo/payouts?limit=100", "/admin/v1/holds", "/admin/v1/callbacks/parked", "/metrics"]
    paths += ["/admin/v1/audit", "/admin/v1/channels", "/readyz?verbose", "/admin/v1/requests"]
    for path in paths:
        async with session.get(admin + path, headers=ada) as response:
            assert response.status == 200, path
            desk.said.append((Place.PEOPLE, await response.read()))
    account = next(each.value for each in desk.garden.planted if each.field == "account_number")
    wanted = {"type": "bank_account", "account": account}
    async with session.post(f"{admin}/admin/v1/payouts/search", json=wanted, headers=ada) as response:
        text = await response.read()
        assert len(json.loads(text)["data"]) == 1
        desk.said.append((Place.PEOPLE, text))


async def refused(desk: Desk) -> None:
    """Every field once with what it does not take, and a field that there is not: nothing of it is repeated."""
    document = await desk.call("GET", f"{desk.stage.api.removesuffix('/v1')}/openapi.json", want=200)
    paths = {
        operation["operationId"]: (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    root = desk.stage.api.removesuffix("/v1")
    for name, where in string_fields(document):
        method, path = paths[name]
        bad = desk.garden.text(f"refused {where.rpartition('/')[2]}")
        headers: dict[str, str] = {}
        body: Any = None
        query = ""
        kind, _, what = where.partition(":")
        if kind == "path":
            path = path.replace(f"{{{what}}}", f"~{bad}")
        elif kind == "query":
            query = f"?{what}=~{bad}"
        elif kind == "header":
            headers[what] = f"{bad} \u00e9"
        elif where == "text":
            body, headers["Content-Type"] = bad.encode(), "text/csv"
        else:
            body = _with(where, f"{bad}\u0007")
        filled = path.replace("{", "").replace("}", "")
        await desk.call(method, f"{root}{filled}{query}", body, headers=headers)
        if body is not None and where != "text":
            await desk.call(method, f"{root}{filled}", {desk.garden.text("key of a body"): bad})
    await desk.call("POST", "/payouts", b'{"reference": "' + desk.garden.text("torn").encode())
    forged = desk.garden.text("notification").encode()
    await desk.call("POST", f"{root}/notify/wechat/{desk.garden.text('token')}", forged)


def _with(path: str, value: str) -> Any:
    """A body with that value at a path, and nothing else."""
    made: Any = value
    for part in reversed(path.strip("/").split("/")):
        made = [made] if part == "-" else {"user" if part == "*" else part: made}
    return made


def in_an_hour() -> str:
    return timestamp(datetime.now(UTC) + timedelta(hours=1))


CALLED: tuple[Callable[[Desk], Awaitable[None]], ...] = (told, ordered, saved, batched, looked, refused, by_people)

# Where it is looked for ---------------------------------------------------------------------------------------------

THEIRS = ("mock.book", "sandbox", "wechat.log", "bank.log", "app.log")
"""The banks' and the app's own: books, keys, logs."""


def written(folder: Path) -> dict[str, bytes]:
    """Every file that the gateway wrote, by its name. An archive joins by being made here, as the backup is."""
    backup(folder / "state/paymux.db", folder / "state/backup.db", datetime.now(UTC))
    ours = (path for path in folder.rglob("*") if path.is_file() and not set(THEIRS) & set(path.parts))
    return {str(path.relative_to(folder)): path.read_bytes() for path in ours}


def found(desk: Desk, files: Mapping[str, bytes]) -> dict[tuple[str, Place], str]:
    """Which field turned up in which place, with an example."""
    everything = [(place, "", data) for place, data in desk.said]
    everything += [(Place.LOGS if name.endswith(".log") else Place.FILES, name, data) for name, data in files.items()]
    return {
        (each.field, place): f"{name} {each.value}"
        for place, name, data in everything
        for each in desk.garden.found_in(data)
    }


@pytest.mark.timeout(400)
async def test_what_is_personal_is_nowhere_but_where_it_is_allowed(desk: Desk) -> None:
    """In no file, no log, no callback, no answer. A text that is new in the published document is to be decided on."""
    document = await desk.call("GET", f"{desk.stage.api.removesuffix('/v1')}/openapi.json", want=200)
    names = {where.rpartition("/")[2].rpartition(":")[2] for _, where in string_fields(document)}
    assert names - PLANTED - NOT_PERSONAL.keys() == set()
    for called in CALLED:
        await called(desk)
    running = written(desk.stage.folder)
    assert len(running["state/paymux.db-wal"]) + len(running["state/paymux.db"]) > 100_000
    # Neither more nor less: a row of the table that nothing needs, or a search that finds nothing, would show.
    allowed = {(name, place) for name, places in ALLOWED.items() for place in places}
    seen = found(desk, running)
    assert {each: example for each, example in seen.items() if each not in allowed} == {}
    assert allowed - seen.keys() == set()
    await desk.stage._end(desk.stage.parts.pop("gateway"))
    (desk.stage.folder / "state/backup.db").unlink()
    assert found(desk, written(desk.stage.folder)).keys() <= allowed
    assert_planted(desk)


@pytest.mark.parametrize("spelled", [str, repr, json.dumps, lambda text: text.encode().hex()])
def test_the_search_finds_it_however_it_is_written(spelled: Callable[[str], str]) -> None:
    """As it is, quoted, in hexadecimal; in base64 wherever it begins; and not what a mask leaves."""
    garden = Garden()
    for text in (garden.account(), garden.name(), garden.openid(), garden.text("description")):
        (found,) = garden.found_in(b"before " + spelled(text).encode() + b" after")
        assert found.value == text
        for before in range(4):
            assert [each.value for each in garden.found_in(b64encode(b"." * before + text.encode() + b"!"))] == [text]
    assert list(garden.found_in(f"{mask(garden.account())} {mask_name(garden.name())}".encode())) == []


def assert_planted(desk: Desk) -> None:
    """It is all there, sealed, for whoever has the key; calls were answered; the app was told."""
    config = load(desk.stage.config)
    with looked_into(config.database_path) as connection:
        tx = reads_of(connection, Sealer(resolve_secrets(config).sealing_keys(), bytes))
        ids = [row[0] for row in connection.exec_driver_sql("SELECT id FROM payouts")]
        payouts = [payout for payout in map(tx.payout, ids) if payout is not None]
        evidence = [each for payout in payouts for each in tx.evidence(payout.id)]
    opened = " ".join(f"{_personal(each)} {each.description} {each.purpose} {each.metadata}" for each in payouts)
    for name in ("account_number", "openid", "name", "description", "purpose", "metadata", "account_id", "ip"):
        values = [each.value for each in desk.garden.planted if each.field == name]
        assert sum(value in opened for value in values) > len(values) // 2, name
    assert any(each.answer.raw for each in evidence)
    callbacks = [data for place, data in desk.said if place is Place.CALLBACKS]
    assert len(callbacks) > 20
    assert desk.calls["2xx"] > 100
    assert desk.calls["4xx"] > 50


def _personal(payout: Payout) -> str:
    return f"{asdict(payout.beneficiary)} {payout.payer and asdict(payout.payer)}"
