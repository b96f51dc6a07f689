"""The documentation is served, true and self-contained; every refusal is a problem that it explains."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import jsonschema
import pytest
from openapi_spec_validator import validate

from gateway.api.problems import PROBLEMS, Code
from gateway.domain.errors import CommitUnknown, StoreUnavailable
from tests.support.api_server import NOTIFY_TOKEN, RIVAL, WRITER, Answered, ApiServer

BODIES: dict[str, dict[str, object]] = {
    "createQuote": {"amount": {"value": 1, "currency": "CNY"}, "method": "wechat"},
    "retryPayout": {"reference": "once-more"},
    "steerPayout": {"to": "paid"},
    "createBeneficiary": {"beneficiary": {"type": "wechat", "openid": "oDOCUMENTED0199"}},
    "createCallbackEndpoint": {"url": "https://shop.example/documented"},
    "rotateCallbackSecret": {},
    "recoverEvents": {"since": "2026-01-01T00:00:00Z"},
}
"""Of operations that want something else than an order."""


async def openapi(api: ApiServer) -> dict[str, object]:
    answer = await api.send("GET", "/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    document: dict[str, object] = answer.json()
    return document


async def test_openapi_is_valid(api: ApiServer) -> None:
    """The document is valid OpenAPI 3.1, as somebody else's validator sees it."""
    document = await openapi(api)
    assert document["openapi"] == "3.1.0"
    validate(document)


def schema_of(document: dict, operation: dict, answer: Answered) -> dict | None:
    """The schema the document promises for this answer; raises KeyError when it promises none."""
    promised = operation["responses"][str(answer.status)]
    if answer.status == 204:
        assert (answer.body, "content" in promised) == (b"", False)
        return None
    media_type = answer.headers["content-type"].partition(";")[0]
    content = promised.get("content")
    if content is None or "*/*" in content:
        return None
    return {**content[media_type]["schema"], "components": document["components"]}


PAYEES = [{"type": "wechat", "openid": f"oDOCUMENTED020{number}"} for number in range(2)]


async def made_by(api: ApiServer, what: str, body: dict[str, object]) -> str:
    """The id of what a call makes."""
    answer = await api.signed("POST", f"/v1/{what}", json.dumps(body).encode())
    assert answer.status < 300, answer.body
    made: str = answer.json()["id"]
    return made


async def test_every_route_is_answered_as_promised(api: ApiServer) -> None:
    """Each operation of the document is called, and each answer is one of its own, with a body of its schema."""
    made = (await api.create(api.order("documented"))).json()
    values = {
        "payout_id": made["id"],
        "reference": "documented",
        "channel": "ear",
        "token": NOTIFY_TOKEN,
        "code": "not_found",
        "event_id": (await api.signed("GET", "/v1/events")).json()["data"][0]["id"],
    }
    item = {**api.order("in-a-batch"), "metadata": {}}
    bodies = BODIES | {"createBatch": {"reference": "documented", "items": [item]}}
    kept = [await made_by(api, "beneficiaries", {"beneficiary": payee}) for payee in PAYEES]
    told = [await made_by(api, "callback_endpoints", {"url": f"https://shop.example/{name}"}) for name in "ab"]
    values |= {"beneficiary_id": kept[0], "endpoint_id": told[0]}
    values["batch_id"] = await made_by(api, "batches", {"reference": "earlier", "items": [api.order("earlier")]})
    special = {
        "retryPayout": {"payout_id": await api.failed()},
        "steerPayout": {"payout_id": await api.sent()},
        "deleteBeneficiary": {"beneficiary_id": kept[1]},
        "deleteCallbackEndpoint": {"endpoint_id": told[1]},
    }
    document = await openapi(api)
    called = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            sent = bodies.get(operation["operationId"], api.order())
            body = json.dumps(sent).encode() if "requestBody" in operation else b""
            target = path.format(**values | special.get(operation["operationId"], {}))
            answer = await (api.signed if operation["security"] else api.send)(method.upper(), target, body)
            called += 1
            if path.startswith("/notify/"):
                assert answer.status == 418  # the ear's own answer
                continue
            assert answer.status < 300, (path, answer.body)
            schema = schema_of(document, operation, answer) if path != "/problems/{code}" else None
            if schema is not None and answer.headers["content-type"] == "application/json":
                jsonschema.validate(answer.json(), schema)
            stranger = await api.send(method.upper(), target, body)
            assert (stranger.status == 401 or stranger.status == 415) == bool(operation["security"]), path
    assert called == 36


async def test_problems_are_as_promised(api: ApiServer) -> None:
    """Each refusal that can be provoked here has the status, code and schema that the document promises."""
    document = await openapi(api)
    made = (await api.create(api.order("problematic"))).json()
    create, cancel = "/v1/payouts", "/v1/payouts/{payout_id}/cancel"
    order = json.dumps(api.order()).encode()
    big = order.ljust(70_000)
    auth = api.auth("POST", create, order)
    target = f"/v1/payouts/{made['id']}/cancel"
    other = json.dumps(api.order("problematic", purpose="x")).encode()
    seen: dict[str, Answered] = {}

    def keep(path: str, answer: Answered) -> None:
        operation = document["paths"][path]["post"]
        jsonschema.validate(answer.json(), schema_of(document, operation, answer))
        assert answer.json()["status"] == answer.status
        seen[answer.json()["code"]] = answer

    keep(create, await api.send("POST", create, order, {**auth, "Upgrade": "x"}))
    keep(create, await api.raw(b"POST /v1/payouts HTTP/1.1\r\nHost: a\r\nX-Nonce: 1\r\nX-Nonce: 1\r\n\r\n"))
    keep(create, await api.signed("POST", create, b"{"))
    keep(create, await api.signed("POST", create, b"{}"))
    keep(create, await api.send("POST", create, order, {"Content-Type": "application/json"}))
    keep(cancel, await api.signed("POST", target, by=WRITER))
    keep(cancel, await api.signed("POST", target, by=RIVAL))
    keep(create, await api.signed("PUT", create))
    keep(create, await api.signed("POST", create, other))
    keep(create, await api.signed("POST", create, big))
    keep(create, await api.signed("POST", create, order, headers={"Content-Encoding": "gzip"}))
    api.store.run_errors = [None, CommitUnknown(""), CommitUnknown("")]
    keep(create, await api.signed("POST", create, order))
    api.store.run_errors = [StoreUnavailable("")]
    keep(create, await api.signed("POST", create, order))
    api.store.run_errors = [ZeroDivisionError()]
    keep(create, await api.signed("POST", create, order))
    elsewhere = {
        "request_timeout",  # test_api_framing
        "not_cancelable",  # test_api_payouts
        "quote_expired",  # test_api_quotes
        "not_retryable",  # test_api_retry
        "endpoint_refused",  # test_api_endpoints
        "idempotency_key_reused",  # test_api_beneficiaries
        "payout_archived",  # test_api_archived
        "transition_refused",  # test_api_steering
        "rate_limited",  # test_api_auth
        "quota_exceeded",  # test_api_intake
        "overloaded",  # test_api_intake
        "forbidden",  # tests/hostile/test_hostile_callers.py
        "request_refused",  # the admin listener's
        "role_missing",  # likewise
    }
    assert seen.keys() | elsewhere == set(Code)


@pytest.mark.parametrize("code", list(Code))
async def test_problem_pages(api: ApiServer, code: Code) -> None:
    """The `type` of every problem is answered with cause and fix: a page, or JSON for who asks for it."""
    page = await api.send("GET", f"/problems/{code}", headers={"Accept": "text/html,application/json;q=0.9,*/*"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert PROBLEMS[code].title in page.body.decode()
    told = (await api.send("GET", f"/problems/{code}", headers={"Accept": "application/json"})).json()
    assert told == {
        "code": code,
        "status": PROBLEMS[code].status,
        "title": PROBLEMS[code].title,
        "cause": PROBLEMS[code].cause,
        "fix": PROBLEMS[code].fix,
    }


async def test_unknown_problem(api: ApiServer) -> None:
    """There is no page for a problem that we do not have."""
    assert (await api.send("GET", "/problems/nonsense")).status == 404


async def test_docs_page(api: ApiServer) -> None:
    """The page names every path and object, loads nothing, runs nothing, and its policy allows just its own style."""
    document = await openapi(api)
    answer = await api.send("GET", "/docs")
    html = answer.body.decode()
    for path in document["paths"]:
        assert path in html
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in html
    assert not re.search(r"<script|<link|<img|<iframe|\son\w+=|https?://|@import|url\(", html)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy


async def test_query_of_the_docs(api: ApiServer) -> None:
    """Unknown parameters are refused here, too, and not repeated as markup."""
    answer = await api.send("GET", "/docs?<script>=1")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
