"""The routes of both listeners. What stands here is served, documented and guarded; nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.api.docs import Docs
from gateway.api.health import Probes
from gateway.api.keys import Scope
from gateway.api.notifications import NOTIFICATION_BYTES_MAX, Notifications
from gateway.api.payouts import Payouts
from gateway.api.problems import Code
from gateway.api.query import EXPAND, LANG, LIST_PARAMS, VERBOSE
from gateway.api.replies import AttemptList, DecisionList, EventList, PayoutPage, PayoutReply, ProblemPage
from gateway.api.routes import PUBLIC, Answer, Route
from gateway.api.schemas import CreatePayout

_LOCATION = {"Location": "The payout's path"}
_REPLAYED = {"Idempotent-Replayed": "true"}
_ORDERING = frozenset(
    {Code.INVALID_JSON, Code.INVALID_REQUEST, Code.REFERENCE_REUSED, Code.QUOTE_EXPIRED, Code.COMMIT_UNKNOWN}
)


def public_routes(
    payouts: Payouts, notifications: Notifications, docs: Docs, more: Sequence[Route] = ()
) -> tuple[Route, ...]:
    """The public listener: apps (`more` are `gateway.api.calls`), channels, and whoever reads the documentation."""
    return (*_payout_routes(payouts), *more, _notify_route(notifications), *_docs_routes(docs))


def _payout_routes(payouts: Payouts) -> tuple[Route, ...]:
    one = (Answer(200, "The payout", PayoutReply),)
    not_found = frozenset({Code.NOT_FOUND})
    archived = not_found | {Code.PAYOUT_ARCHIVED}
    return (
        Route(
            "POST",
            "/v1/payouts",
            Scope.SUBMIT,
            "createPayout",
            "Order a payout, once",
            payouts.create,
            (
                Answer(201, "Accepted: it is stored and will be worked on", PayoutReply, headers=_LOCATION),
                Answer(200, "The reference was known, with this content", PayoutReply, headers=_REPLAYED),
            ),
            _ORDERING,
            body=CreatePayout,
            uses_nonce=True,
        ),
        Route(
            "GET",
            "/v1/payouts",
            Scope.QUERY,
            "listPayouts",
            "List payouts, newest first",
            payouts.page,
            (Answer(200, "A page of payouts", PayoutPage),),
            frozenset({Code.INVALID_REQUEST}),
            query=LIST_PARAMS,
        ),
        Route(
            "GET",
            "/v1/payouts/{payout_id}",
            Scope.QUERY,
            "getPayout",
            "Read a payout",
            payouts.get,
            one,
            not_found | {Code.INVALID_REQUEST},
            query=(EXPAND,),
        ),
        Route(
            "GET",
            "/v1/payouts/by-reference/{reference}",
            Scope.QUERY,
            "getPayoutByReference",
            "Find a payout by your reference; a 404 proves nothing",
            payouts.by_reference,
            one,
            not_found | {Code.INVALID_REQUEST},
            query=(EXPAND,),
        ),
        Route(
            "POST",
            "/v1/payouts/{payout_id}/cancel",
            Scope.CANCEL,
            "cancelPayout",
            "Wish a payout canceled",
            payouts.cancel,
            (
                Answer(200, "Canceled: nothing was ever sent", PayoutReply),
                Answer(202, "The wish is noted; the payout ends canceled or paid", PayoutReply),
            ),
            archived | {Code.NOT_CANCELABLE, Code.COMMIT_UNKNOWN, Code.INVALID_REQUEST},
        ),
        Route(
            "GET",
            "/v1/payouts/{payout_id}/attempts",
            Scope.QUERY,
            "listAttempts",
            "Every try of a payout",
            payouts.attempts,
            (Answer(200, "The attempts, oldest first", AttemptList),),
            archived | {Code.INVALID_REQUEST},
        ),
        Route(
            "GET",
            "/v1/payouts/{payout_id}/timeline",
            Scope.QUERY,
            "listTimeline",
            "Every change of a payout, and who or what caused it",
            payouts.timeline,
            (Answer(200, "The changes, oldest first", EventList),),
            archived | {Code.INVALID_REQUEST},
        ),
        Route(
            "GET",
            "/v1/payouts/{payout_id}/decision",
            Scope.QUERY,
            "explainPayout",
            "Why this channel: what each would have cost, and what would have changed the choice",
            payouts.decision,
            (Answer(200, "A decision for each attempt, oldest first", DecisionList),),
            archived | {Code.INVALID_REQUEST},
            query=(LANG,),
        ),
    )


def _notify_route(notifications: Notifications) -> Route:
    return Route(
        "POST",
        "/notify/{channel}/{token}",
        PUBLIC,
        "notify",
        "A channel's notification; answered in that channel's own form, after the commit",
        notifications.notify,
        (Answer(200, "Taken in", media_type="*/*"),),
        frozenset({Code.NOT_FOUND, Code.BODY_TOO_LARGE, Code.REQUEST_TIMEOUT, Code.UNAVAILABLE}),
        query=None,
        body_bytes_max=NOTIFICATION_BYTES_MAX,
    )


def _docs_routes(docs: Docs) -> tuple[Route, ...]:
    refused = frozenset({Code.INVALID_REQUEST})
    return (
        Route(
            "GET",
            "/openapi.json",
            PUBLIC,
            "openapi",
            "This document",
            docs.openapi,
            (Answer(200, "OpenAPI 3.1"),),
            refused,
        ),
        Route(
            "GET",
            "/docs",
            PUBLIC,
            "docs",
            "This document as a page",
            docs.docs,
            (Answer(200, "A page", media_type="text/html"),),
            refused,
        ),
        Route(
            "GET",
            "/problems/{code}",
            PUBLIC,
            "getProblem",
            "What a problem means and what to do about it; a page unless JSON is asked for",
            docs.problem,
            (Answer(200, "Cause and fix", ProblemPage),),
            refused | {Code.NOT_FOUND},
        ),
    )


def admin_routes(probes: Probes) -> tuple[Route, ...]:
    """The admin listener, which is bound to the inside."""
    return (
        Route("GET", "/livez", PUBLIC, "livez", "Alive", probes.live, (Answer(200, "Alive"),)),
        Route(
            "GET",
            "/readyz",
            PUBLIC,
            "readyz",
            "Ready to take work",
            probes.ready,
            (Answer(200, "Ready"), Answer(503, "Not ready, or draining")),
            query=(VERBOSE,),
        ),
    )


def health_routes(probes: Probes) -> tuple[Route, ...]:
    """The health listener, for whoever may know whether we are there and no more: the probes without their detail."""
    return tuple(replace(route, query=()) for route in admin_routes(probes))
