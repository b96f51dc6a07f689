"""The tables: problems, routes, and what hangs on both."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace

import pytest

from gateway.api import openapi
from gateway.api.calls import calls
from gateway.api.dispatch import Dispatcher
from gateway.api.docs import Docs, render
from gateway.api.health import Health, Probes
from gateway.api.keys import Scope
from gateway.api.problems import PROBLEMS, Code, Fault, Refused, document, refusal
from gateway.api.routes import PUBLIC, Answer, Route, RouteTable
from gateway.api.table import admin_routes, public_routes
from gateway.domain import errors


class Anything:
    """Stands for the handlers: the tables only name them."""

    def __getattr__(self, name: str) -> str:
        return name


ROUTES = public_routes(Anything(), Anything(), Docs(), calls(Anything()))  # type: ignore[arg-type]  # only their names
ADMIN = admin_routes(Probes(Health({})))


def test_every_code_has_a_page() -> None:
    """Each code has its row, each row a cause and a fix, and a status that is an error."""
    assert PROBLEMS.keys() == set(Code)
    for kind in PROBLEMS.values():
        assert 400 <= kind.status < 600
        assert kind.title
        assert kind.cause.endswith(".")
        assert kind.fix.endswith(".")


def test_domain_errors_have_their_problem() -> None:
    """Each leaf of the tree of domain errors is translated on purpose."""
    made = {
        errors.NotFound("x"): Code.NOT_FOUND,
        errors.ReferenceReused("po_1"): Code.REFERENCE_REUSED,
        errors.IdempotencyKeyReused(): Code.IDEMPOTENCY_KEY_REUSED,
        errors.AlreadyFinal("paid"): Code.NOT_CANCELABLE,
        errors.TransitionRefused("nothing is there"): Code.TRANSITION_REFUSED,
        errors.NotRetryable("not_failed", "it has not failed"): Code.NOT_RETRYABLE,
        errors.EndpointRefused("configured", "it is the operator's"): Code.ENDPOINT_REFUSED,
        errors.RequestRefused("not_held", "it is not held"): Code.REQUEST_REFUSED,
        errors.StaleWrite("x"): Code.UNAVAILABLE,
        errors.CommitUnknown("x"): Code.COMMIT_UNKNOWN,
        errors.StoreUnavailable("x"): Code.UNAVAILABLE,
    }
    leaves = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.PaymuxError) and not kind.__subclasses__()
    }
    assert {type(error) for error in made} == leaves
    for error, code in made.items():
        assert refusal(error).code is code


def test_an_error_without_a_row_is_ours() -> None:
    """Fail closed: what nobody thought of is a 500 without its text."""
    refused = refusal(errors.StoreError("the password is x"))
    assert refused.code is Code.INTERNAL_ERROR
    assert "password" not in str(document(refused, "r"))


def test_told_details() -> None:
    """A conflict says with what; it is the app's own payout."""
    assert document(refusal(errors.AlreadyFinal("paid")), "r")["detail"] == "the payout is paid"
    assert "po_1" in str(document(refusal(errors.ReferenceReused("po_1")), "r")["detail"])


def test_document() -> None:
    """The members of RFC 9457 and ours, in full."""
    refused = Refused(Code.INVALID_REQUEST, faults=[Fault("/a", "missing", "d")])
    assert document(refused, "r-1") == {
        "type": "/problems/invalid_request",
        "title": "The request has faults",
        "status": 400,
        "code": "invalid_request",
        "errors": [{"pointer": "/a", "code": "missing", "detail": "d"}],
        "request_id": "r-1",
    }


def test_routes_without_a_scope() -> None:
    """S5: these need no key, and no other route does without. Add to this list only on purpose."""
    public = {f"{route.method} {route.path}" for route in ROUTES if route.access is PUBLIC}
    assert public == {
        "POST /notify/{channel}/{token}",
        "GET /openapi.json",
        "GET /docs",
        "GET /problems/{code}",
    }
    scopes = {f"{route.method} {route.path}": route.access for route in ROUTES if route.access is not PUBLIC}
    assert scopes == {
        "POST /v1/payouts": Scope.SUBMIT,
        "GET /v1/payouts": Scope.QUERY,
        "GET /v1/payouts/{payout_id}": Scope.QUERY,
        "GET /v1/payouts/by-reference/{reference}": Scope.QUERY,
        "POST /v1/payouts/{payout_id}/cancel": Scope.CANCEL,
        "GET /v1/payouts/{payout_id}/attempts": Scope.QUERY,
        "GET /v1/payouts/{payout_id}/timeline": Scope.QUERY,
        "GET /v1/payouts/{payout_id}/decision": Scope.QUERY,
        "GET /v1/channels": Scope.QUERY,
        "POST /v1/quotes": Scope.QUERY,
        "POST /v1/sandbox/payouts/{payout_id}/transition": Scope.SUBMIT,
        "POST /v1/payouts/{payout_id}/retry": Scope.SUBMIT,
        "GET /v1/balances": Scope.QUERY,
        "POST /v1/batches": Scope.SUBMIT,
        "GET /v1/batches/{batch_id}": Scope.QUERY,
        "GET /v1/batches/{batch_id}/items": Scope.QUERY,
        "POST /v1/beneficiaries": Scope.SUBMIT,
        "GET /v1/beneficiaries": Scope.QUERY,
        "GET /v1/beneficiaries/{beneficiary_id}": Scope.QUERY,
        "DELETE /v1/beneficiaries/{beneficiary_id}": Scope.SUBMIT,
        "GET /v1/payouts/{payout_id}/stream": Scope.QUERY,
        "GET /v1/events": Scope.QUERY,
        "GET /v1/events/{event_id}": Scope.QUERY,
        "POST /v1/events/{event_id}/redeliver": Scope.SUBMIT,
        "POST /v1/callback_endpoints": Scope.CALLBACKS,
        "GET /v1/callback_endpoints": Scope.QUERY,
        "GET /v1/callback_endpoints/{endpoint_id}": Scope.QUERY,
        "DELETE /v1/callback_endpoints/{endpoint_id}": Scope.CALLBACKS,
        "POST /v1/callback_endpoints/{endpoint_id}/test": Scope.CALLBACKS,
        "POST /v1/callback_endpoints/{endpoint_id}/rotate_secret": Scope.CALLBACKS,
        "POST /v1/callback_endpoints/{endpoint_id}/recover": Scope.CALLBACKS,
        "GET /v1/callback_endpoints/{endpoint_id}/deliveries": Scope.QUERY,
    }


def test_access_cannot_be_left_out() -> None:
    """Deny by default: a route that says nothing of access cannot be made, one that needs a key not be served bare."""
    with pytest.raises(TypeError):
        Route("GET", "/x", name="x", summary="x", handler=Probes(Health({})).live, answers=())  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="scope"):
        Dispatcher(RouteTable(ROUTES), None)


def test_admin_routes() -> None:
    """The admin listener serves the probes and nothing else."""
    assert {f"{route.method} {route.path}" for route in ADMIN} == {"GET /livez", "GET /readyz"}


def test_one_route_per_method_and_path() -> None:
    """A second route for the same call is a fault of ours, found at start."""
    with pytest.raises(ValueError, match="two routes"):
        RouteTable([*ADMIN, replace(ADMIN[0], name="again")])


@pytest.mark.parametrize(
    "path", ["/v1/payouts/po_x/", "/v1/payouts/po_%41", "/v1/payouts/..", "/problems/A", "/problems/", "/docs/"]
)
def test_paths_are_exact(path: str) -> None:
    """What is not a path of the table to the letter is not found."""
    with pytest.raises(Refused) as refused:
        RouteTable(ROUTES).match("GET", path)
    assert refused.value.code is Code.NOT_FOUND


def test_variables() -> None:
    """The variable parts of a path come out as they stand there."""
    route, variables = RouteTable(ROUTES).match("GET", "/v1/payouts/by-reference/A-b_9")
    assert (route.name, variables) == ("getPayoutByReference", {"reference": "A-b_9"})


def test_security_is_in_the_document_where_a_scope_is() -> None:
    """The document asks for a key exactly where the server does; bearer only in the sandbox."""
    for sandbox in (False, True):
        made = openapi.build(ROUTES, "1", sandbox=sandbox)
        for route in ROUTES:
            operation = made["paths"][route.path][route.method.lower()]  # type: ignore[index]  # JSON
            assert bool(operation["security"]) == isinstance(route.access, Scope)
            assert ({"testKey": []} in operation["security"]) == (sandbox and isinstance(route.access, Scope))


def test_docs_escape_what_they_render() -> None:
    """Text of the document is text on the page, never markup."""
    nasty = "<script>alert(1)</script>"
    route = Route("GET", "/x", PUBLIC, "x", nasty, Probes(Health({})).live, (Answer(200, nasty),))
    html = render(openapi.build([route], nasty, sandbox=True))
    assert not re.search(r"<script", html)
    assert html.count("&lt;script&gt;") == 3
