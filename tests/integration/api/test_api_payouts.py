"""The payout calls over the real operations and store."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.domain.changes import open_attempt
from gateway.domain.errors import CommitUnknown, StaleWrite, StoreUnavailable
from gateway.domain.payout import OPEN, AttemptState
from gateway.store.port import Tx
from routing.candidate import Candidate
from routing.decision import Decision
from routing.eligibility import Refusal, RefusalCode
from routing.score import BALANCED, Worth
from tests.support.api_server import READER, RIVAL, SHOP_ED, WRITER, ApiServer
from tests.support.builders import an_opening


async def test_create_then_read(api: ApiServer) -> None:
    """A 201 names where the payout is, and it is there, with account and name masked."""
    made = await api.create(api.order("order-a", metadata={"shop": "7"}, description="三月工资"))
    assert made.status == 201, made.body
    read = await api.signed("GET", made.headers["location"])
    assert read.status == 200
    assert read.json() == made.json()
    told = read.json()
    assert told["reference"] == "order-a"
    assert told["amount"] == {"value": 12345, "currency": "CNY"}
    assert told["beneficiary"]["account_number"] == "6222********0199"
    assert told["beneficiary"]["name"] == "张*"
    assert told["metadata"] == {"shop": "7"}
    assert told["status"] == "accepted"
    assert "idempotent-replayed" not in made.headers


async def test_replay(api: ApiServer) -> None:
    """The same reference with the same content is the same payout, however it is spelt."""
    order = api.order("order-b")
    first = await api.create(order)
    spelt = json.dumps({**order, "amount": {"currency": "CNY", "value": 12345.0}}).encode()
    second = await api.signed("POST", "/v1/payouts", spelt, by=SHOP_ED)
    assert (first.status, second.status) == (201, 200)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.json()["id"] == first.json()["id"]


async def test_reference_reused(api: ApiServer) -> None:
    """The same reference with other content changes nothing and says so."""
    first = await api.create(api.order("order-c"))
    other = await api.create(api.order("order-c", amount={"value": 12346, "currency": "CNY"}))
    assert other.status == 409
    assert other.json()["code"] == "reference_reused"
    read = await api.signed("GET", first.headers["location"])
    assert read.json()["amount"]["value"] == 12345


async def test_apps_have_their_own_references(api: ApiServer) -> None:
    """Row 47: another app's same reference is another payout."""
    mine = await api.create(api.order("order-d"))
    theirs = await api.create(api.order("order-d"), by=RIVAL)
    assert (mine.status, theirs.status) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


async def test_references_are_case_sensitive(api: ApiServer) -> None:
    """Row 45: another case is another reference."""
    lower, upper = await api.create(api.order("order-e")), await api.create(api.order("ORDER-E"))
    assert (lower.status, upper.status) == (201, 201)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/payouts/{id}"),
        ("GET", "/v1/payouts/{id}?expand=attempts,timeline"),
        ("GET", "/v1/payouts/by-reference/{reference}"),
        ("GET", "/v1/payouts/{id}/attempts"),
        ("GET", "/v1/payouts/{id}/timeline"),
        ("GET", "/v1/payouts/{id}/decision"),
        ("POST", "/v1/payouts/{id}/cancel"),
    ],
)
async def test_foreign_payout_is_not_there(api: ApiServer, method: str, path: str) -> None:
    """Every route answers 404 for another app's payout, and 2xx for its owner (S4)."""
    made = (await api.create(api.order("order-f"))).json()
    target = path.format(id=made["id"], reference=made["reference"])
    foreign = await api.signed(method, target, by=RIVAL)
    assert (foreign.status, foreign.json()["code"]) == (404, "not_found")
    own = await api.signed(method, target)
    assert own.status in (200, 202), own.body


async def test_foreign_payouts_are_not_listed(api: ApiServer) -> None:
    """A list holds the caller's own payouts only, also when a filter names a foreign one."""
    await api.create(api.order("order-g"))
    await api.create(api.order("order-h"), by=RIVAL)
    mine = await api.signed("GET", "/v1/payouts")
    assert [each["reference"] for each in mine.json()["data"]] == ["order-g"]
    assert (await api.signed("GET", "/v1/payouts?reference=order-h")).json()["data"] == []


async def test_pages(api: ApiServer) -> None:
    """Following next_cursor shows each payout once, newest first, and ends."""
    for number in range(5):
        api.clock.move(1)
        assert (await api.create(api.order(f"page-{number}"))).status == 201
    seen, target = [], "/v1/payouts?limit=2&currency=CNY"
    for _ in range(5):
        page = (await api.signed("GET", target)).json()
        seen += [each["reference"] for each in page["data"]]
        if not page["has_more"]:
            assert page["next_cursor"] is None
            break
        target = f"/v1/payouts?limit=2&currency=CNY&cursor={page['next_cursor']}"
    assert seen == [f"page-{number}" for number in (4, 3, 2, 1, 0)]


async def test_cursor_is_bound(api: ApiServer) -> None:
    """A cursor forged, of another app, or under other filters is refused."""
    for app_key in (SHOP_ED, RIVAL):
        for number in range(2):
            await api.create(api.order(f"bound-{number}"), by=app_key)
    cursor = (await api.signed("GET", "/v1/payouts?limit=1")).json()["next_cursor"]
    assert (await api.signed("GET", f"/v1/payouts?limit=1&cursor={cursor}")).status == 200
    flipped = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    for target, by in (
        (f"/v1/payouts?cursor={cursor}", RIVAL),
        (f"/v1/payouts?currency=CNY&cursor={cursor}", SHOP_ED),
        (f"/v1/payouts?cursor={flipped}", SHOP_ED),
        ("/v1/payouts?cursor=AAAA", SHOP_ED),
    ):
        answer = await api.signed("GET", target, by=by)
        assert (answer.status, answer.codes()) == (400, {"?cursor": "bad_cursor"}), target


async def test_filters(api: ApiServer) -> None:
    """Each filter narrows; several statuses widen again."""
    await api.create(api.order("filter-a"))
    await api.create(api.order("filter-b", amount={"value": 5, "currency": "USD"}))
    canceled = (await api.create(api.order("filter-c"))).json()
    assert (await api.signed("POST", f"/v1/payouts/{canceled['id']}/cancel")).status == 200

    async def references(query: str) -> set[str]:
        answer = await api.signed("GET", f"/v1/payouts?{query}")
        assert answer.status == 200, answer.body
        return {each["reference"] for each in answer.json()["data"]}

    assert await references("currency=USD") == {"filter-b"}
    assert await references("status=canceled") == {"filter-c"}
    assert await references("status=canceled&status=accepted") == {"filter-a", "filter-b", "filter-c"}
    assert await references("reference=filter-a") == {"filter-a"}
    assert await references("channel=nowhere") == set()
    assert await references("created_lt=2020-01-01T00:00:00Z") == set()
    assert await references("created_gte=2020-01-01T00:00:00%2B08:00") == {"filter-a", "filter-b", "filter-c"}


async def test_all_query_faults_at_once(api: ApiServer) -> None:
    """Unknown, doubled and bad parameters are all named, and none of their values is repeated."""
    answer = await api.signed(
        "GET", "/v1/payouts?limit=101&status=lost&curency=CNY&reference=a&reference=b&created_lt=2026-02-30T00:00:00Z"
    )
    assert answer.status == 400
    assert answer.codes() == {
        "?limit": "bad_value",
        "?status": "bad_value",
        "?curency": "unknown_parameter",
        "?reference": "duplicate_parameter",
        "?created_lt": "bad_value",
    }
    assert b"lost" not in answer.body


async def test_expand(api: ApiServer) -> None:
    """The sub-lists are the same, expanded or asked for; without expand they are not there."""
    made = (await api.create(api.order("order-i"))).json()
    plain = (await api.signed("GET", f"/v1/payouts/{made['id']}")).json()
    assert not {"attempts", "timeline"} & plain.keys()
    full = (await api.signed("GET", "/v1/payouts/by-reference/order-i?expand=attempts,timeline")).json()
    listed = (await api.signed("GET", "/v1/payouts?expand=timeline")).json()["data"][0]
    timeline = (await api.signed("GET", f"/v1/payouts/{made['id']}/timeline")).json()["data"]
    attempts = (await api.signed("GET", f"/v1/payouts/{made['id']}/attempts")).json()["data"]
    assert full["timeline"] == listed["timeline"] == timeline
    assert full["attempts"] == attempts == []
    assert [(each["type"], each["actor"]) for each in timeline] == [("payout.accepted", "app:shop")]


@pytest.mark.parametrize(("lang", "word"), [("", "was chosen"), ("?lang=en", "was chosen"), ("?lang=zh", "选择了")])
async def test_why_this_channel(api: ApiServer, lang: str, word: str) -> None:
    """Each attempt's decision: the chosen channel first, every cost in its parts, in words of two languages."""
    made = (await api.create(api.order())).json()
    assert (await api.signed("GET", f"/v1/payouts/{made['id']}/decision{lang}")).json() == {"data": []}
    ranked = (Candidate("alpha", 5, 2.0, 0.9, 0.95, 40.0, 10.56), Candidate("beta", 200, 2.0, 0.9, 0.9, 2.0, 205.56))
    refused = (Refusal("gamma", RefusalCode.DAILY_LIMIT, "4711 of 5000 paid today"),)
    decision = Decision(ranked, refused, "balanced", Worth(20 / 3600, 50.0), drawn=True, seed=7)
    await attempt_in(api, made["id"], AttemptState.SUCCEEDED, decision.to_json())
    (told,) = (await api.signed("GET", f"/v1/payouts/{made['id']}/decision{lang}")).json()["data"]
    assert [each["channel"] for each in told["candidates"]] == ["alpha", "beta"]
    for each in told["candidates"]:
        parts = each["fee_minor"] + each["time_minor"] + each["risk_minor"]
        assert each["cost_minor"] == pytest.approx(parts, abs=0.001)
    assert told["refused"] == [{"channel": "gamma", "code": "daily_limit"}]
    assert (told["preference"], told["last_call"]) == ("balanced", False)
    assert word in told["words"][0]
    assert "4711" not in str(told)  # what all apps together pay is nobody's business


async def test_terms(api: ApiServer) -> None:
    """What is given is shown, in UTC; what is not has its default; and the same in another zone is the same order."""
    given = {"preference": "fastest", "send_by": "2026-01-02T08:00:00.5+08:00", "on_expiry": "any_channel"}
    made = await api.create(api.order("order-t", **given))
    assert made.status == 201, made.body
    shown = {key: made.json()[key] for key in given}
    assert shown == {**given, "send_by": "2026-01-02T00:00:00.500Z"}
    again = await api.create(api.order("order-t", **(given | {"send_by": "2026-01-02T00:00:00.500Z"})))
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    for other in ({"preference": "cheapest"}, {"send_by": "2026-01-02T00:00:00Z"}, {"on_expiry": "fail"}):
        assert (await api.create(api.order("order-t", **(given | other)))).json()["code"] == "reference_reused"
    plain = (await api.create(api.order("order-u"))).json()
    assert {key: plain[key] for key in given} == {"preference": None, "send_by": None, "on_expiry": "fail"}
    assert (await api.create(api.order("order-u", on_expiry="fail", preference=None))).status == 200


async def test_faults_of_terms_are_named_at_once(api: ApiServer) -> None:
    """With all others; what the configuration does not know comes when the body has none of its own."""
    bad = {"preference": "", "send_by": "tomorrow", "on_expiry": "hold", "purpose": ""}
    answer = await api.create(api.order(**bad))
    assert answer.codes() == {
        "/preference": "too_short",
        "/send_by": "bad_format",
        "/on_expiry": "unknown_value",
        "/purpose": "too_short",
    }
    for send_by in ("2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "0001-01-01T00:00:00+08:00", "2026-01-01"):
        assert (await api.create(api.order(send_by=send_by))).codes() == {"/send_by": "bad_format"}
    unknown = await api.create(api.order("order-v", preference="hasty"))
    assert unknown.codes() == {"/preference": "unknown_value"}
    assert b"balanced, cheapest, fastest" in unknown.body
    assert b"hasty" not in unknown.body


async def test_a_preference_that_is_gone_does_not_hide_its_payout(api: ApiServer) -> None:
    """The repeat of a known order is answered whatever the configuration knows by now: it may be on its way."""
    order = api.order("order-w", preference="fastest")
    made = await api.create(order)
    api.services.router.preferences = {}
    again = await api.create(order)
    assert (made.status, again.status) == (201, 200)
    assert (await api.create(api.order("order-x", preference="fastest"))).status == 400


async def test_the_published_preferences_are_those_of_the_configuration(api: ApiServer) -> None:
    """As they are at the moment: a reload may know others."""

    async def published() -> list[str]:
        document = (await api.send("GET", "/openapi.json")).json()
        fields = document["components"]["schemas"]["CreatePayout"]["properties"]
        return list(fields["preference"]["anyOf"][0]["enum"])

    assert await published() == ["balanced", "cheapest", "fastest"]
    api.services.router.preferences = {"patient": BALANCED}
    assert await published() == ["patient"]


async def test_a_language_that_is_not_spoken(api: ApiServer) -> None:
    """Refused with the parameter's name, not answered in another."""
    made = (await api.create(api.order())).json()
    answer = await api.signed("GET", f"/v1/payouts/{made['id']}/decision?lang=tlh")
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (400, "?lang")


async def test_cancel(api: ApiServer) -> None:
    """Nothing was transmitted, so it is canceled at once; a repeat says the same."""
    made = (await api.create(api.order())).json()
    first = await api.signed("POST", f"/v1/payouts/{made['id']}/cancel")
    again = await api.signed("POST", f"/v1/payouts/{made['id']}/cancel")
    assert (first.status, again.status) == (200, 200)
    assert first.json()["status"] == again.json()["status"] == "canceled"


async def attempt_in(api: ApiServer, payout_id: str, state: AttemptState, decision: str = "") -> None:
    """Give the stored payout an attempt in `state`, as the worker would have."""

    def unit(tx: Tx) -> None:
        before = tx.payout(payout_id)
        assert before is not None
        opened = open_attempt(before, an_opening(before), api.clock.now())
        settled_at = None if state in OPEN else api.clock.now()
        attempt = replace(opened.attempt(1), state=state, settled_at=settled_at, decision=decision)
        tx.save(before, opened.with_attempt(attempt), None)

    await api.store.run(unit)


async def test_cancel_is_a_wish(api: ApiServer) -> None:
    """R19: what may be on its way is not canceled yet: 202, and the wish shows."""
    made = (await api.create(api.order())).json()
    await attempt_in(api, made["id"], AttemptState.PENDING)
    answer = await api.signed("POST", f"/v1/payouts/{made['id']}/cancel")
    assert answer.status == 202, answer.body
    assert (answer.json()["status"], answer.json()["cancel_requested"]) == ("processing", True)


async def test_not_cancelable(api: ApiServer) -> None:
    """A paid payout cannot be canceled: 409, and it says that it is paid."""
    made = (await api.create(api.order())).json()
    await attempt_in(api, made["id"], AttemptState.SUCCEEDED)
    answer = await api.signed("POST", f"/v1/payouts/{made['id']}/cancel")
    assert (answer.status, answer.json()["code"]) == (409, "not_cancelable")
    assert answer.json()["detail"] == "the payout is paid"
    shown = (await api.signed("GET", f"/v1/payouts/{made['id']}?expand=attempts")).json()
    assert (shown["status"], shown["attempts"][0]["state"]) == ("paid", "succeeded")


async def test_cancel_takes_no_body(api: ApiServer) -> None:
    """A body that would be ignored is refused: it might have meant something to its sender."""
    made = (await api.create(api.order())).json()
    answer = await api.signed("POST", f"/v1/payouts/{made['id']}/cancel", b'{"reason":"x"}')
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    assert (await api.signed("GET", f"/v1/payouts/{made['id']}")).json()["cancel_requested"] is False


async def test_scopes(api: ApiServer) -> None:
    """Row 71: a key does only what its scopes say."""
    made = await api.create(api.order(), by=WRITER)
    assert made.status == 201
    target = made.headers["location"]
    assert (await api.signed("GET", target, by=READER)).status == 200
    for method, path, by in (
        ("GET", target, WRITER),
        ("GET", "/v1/payouts", WRITER),
        ("POST", f"{target}/cancel", READER),
    ):
        answer = await api.signed(method, path, by=by)
        assert (answer.status, answer.json()["code"]) == (403, "scope_missing"), path
    refused = await api.create(api.order(), by=READER)
    assert (refused.status, refused.json()["code"]) == (403, "scope_missing")


async def test_commit_unknown(api: ApiServer) -> None:
    """Nobody knows: a 500 that tells the app to repeat the same reference, and the repeat settles it (R18)."""
    order = api.order("order-j")
    api.store.run_errors = [None, CommitUnknown("commit"), CommitUnknown("commit")]
    unknown = await api.create(order)
    assert (unknown.status, unknown.json()["code"]) == (500, "commit_unknown")
    assert unknown.headers["retry-after"] == "1"
    assert (await api.create(order)).status in (200, 201)


@pytest.mark.parametrize("error", [StoreUnavailable("down"), StaleWrite("taken")])
async def test_store_unavailable(api: ApiServer, error: Exception) -> None:
    """Nothing was stored: 503, when to come again, and not a word of the database's own."""
    api.store.run_errors = [None, error, error]
    answer = await api.create(api.order())
    assert (answer.status, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert str(error).encode() not in answer.body


async def test_nonce_cannot_be_recorded(api: ApiServer) -> None:
    """Without the nonce on record nothing begins, so an unknown commit of it is a plain 503."""
    api.store.run_errors = [CommitUnknown("commit")]
    order = api.order("order-k")
    answer = await api.create(order)
    assert answer.status == 503
    found = await api.signed("GET", "/v1/payouts/by-reference/order-k")
    assert found.status == 404


async def test_an_order_said_again_with_its_nonce_is_nobodys(api: ApiServer) -> None:
    """Row 66: the nonce goes into the store with the order, and the order waits for what becomes of it: whoever says
    the same bytes again is told nothing, and it does not count for the key."""
    body = json.dumps(api.order("order-n")).encode()
    captured = api.auth("POST", "/v1/payouts", body)
    first = await api.send("POST", "/v1/payouts", body, captured)
    again = await api.send("POST", "/v1/payouts", body, captured)
    assert (first.status, again.status, again.json()["code"]) == (201, 401, "unauthorized")


@pytest.mark.parametrize(
    ("change", "status"), [({"amount": {"value": 0, "currency": "CNY"}}, 400), ({"preference": "dearest"}, 400)]
)
async def test_a_refused_order_has_used_its_nonce(api: ApiServer, change: dict[str, object], status: int) -> None:
    """What was refused today does not wait for a day on which somebody else says it and it is taken."""
    body = json.dumps(api.order("order-o", **change)).encode()
    captured = api.auth("POST", "/v1/payouts", body)
    assert (await api.send("POST", "/v1/payouts", body, captured)).status == status
    assert (await api.send("POST", "/v1/payouts", body, captured)).status == 401


async def test_who_may_not_order_has_used_the_nonce(api: ApiServer) -> None:
    """A scope that is missing is told once."""
    body = json.dumps(api.order("order-p")).encode()
    captured = api.auth("POST", "/v1/payouts", body, by=READER)
    assert (await api.send("POST", "/v1/payouts", body, captured)).status == 403
    assert (await api.send("POST", "/v1/payouts", body, captured)).status == 401


async def test_an_order_stored_beside_a_nonce_that_was_not(api: ApiServer) -> None:
    """The nonce's commit is unknown, the order's is not: it is there and answered, and said again it is the same."""
    order = api.order("order-q")
    api.store.run_errors_after = [CommitUnknown("commit")]
    made = await api.create(order)
    assert made.status == 201
    assert (await api.create(order)).json()["id"] == made.json()["id"]


async def test_last_resort(api: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of ours answers one id and no detail, and the log has the id and the place, not the text (S20)."""
    api.store.read_error = RuntimeError("account 6222000000000199")
    answer = await api.signed("GET", "/v1/payouts/by-reference/x", headers={"X-Request-Id": "req-77"})
    assert (answer.status, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["request_id"] == "req-77"
    assert b"6222000000000199" not in answer.body
    logged = capsys.readouterr().out
    assert "api.unhandled" in logged
    assert "req-77" in logged
    assert "6222000000000199" not in logged


async def test_nothing_is_stored_of_a_refused_order(api: ApiServer) -> None:
    """A body with faults leaves no payout behind."""
    assert (await api.create(api.order("order-l", amount={"value": 0, "currency": "CNY"}))).status == 400

    def known(tx: Tx) -> object:
        return tx.reference("shop", "order-l")

    assert await api.store.run(known) is None


@pytest.mark.parametrize("given", ["abc.DEF:1-2_3", "x" * 128])
async def test_request_id_is_echoed(api: ApiServer, given: str) -> None:
    """A sane id of the caller comes back in the header."""
    answer = await api.signed("GET", "/v1/payouts", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "é"])
async def test_request_id_is_minted(api: ApiServer, given: str) -> None:
    """Anything else is replaced, not repeated."""
    answer = await api.signed("GET", "/v1/payouts", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"].startswith("req_")
