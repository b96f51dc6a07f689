"""The routes of the admin API. Every one needs a person's token; adding the first person takes the first token too."""

from __future__ import annotations

from gateway.api.admin.bodies import REQUEST_BYTES_MAX, AddPerson, MakeRequest, RenewToken
from gateway.api.admin.desk import Desk
from gateway.api.admin.handlers import People, Reviews
from gateway.api.problems import Code
from gateway.api.query import EXPAND, LIST_PARAMS, SINCE
from gateway.api.routes import Access, Answer, Route

_BODY = frozenset({Code.INVALID_JSON, Code.INVALID_REQUEST})
_CHANGES = frozenset({Code.REQUEST_REFUSED, Code.COMMIT_UNKNOWN})
_ONE = _CHANGES | {Code.NOT_FOUND, Code.PAYOUT_ARCHIVED}


def people_routes(people: People) -> tuple[Route, ...]:
    """Who may act on this gateway."""
    return (
        Route(
            "GET",
            "/admin/v1/principals",
            Access.PERSON,
            "listPrincipals",
            "Everybody who may act, or once could",
            people.page,
            (Answer(200, "The people, the oldest first"),),
        ),
        Route(
            "POST",
            "/admin/v1/principals",
            Access.FIRST,
            "addPrincipal",
            "Add a person; the answer is the only one that shows the token",
            people.add,
            (Answer(201, "Added; from the third on to be confirmed by another person"),),
            _BODY | _CHANGES,
            body=AddPerson,
        ),
        Route(
            "POST",
            "/admin/v1/principals/{person}/confirm",
            Access.PERSON,
            "confirmPrincipal",
            "Let somebody act whom another person has added",
            people.confirm,
            (Answer(200, "Confirmed"),),
            _ONE,
        ),
        Route(
            "DELETE",
            "/admin/v1/principals/{person}",
            Access.PERSON,
            "revokePrincipal",
            "End a person's tokens, for good",
            people.revoke,
            (Answer(200, "Revoked"),),
            _ONE,
        ),
        Route(
            "POST",
            "/admin/v1/token",
            Access.PERSON,
            "renewToken",
            "Exchange one's own token for a new one",
            people.renew,
            (Answer(201, "The old ones have ended; the only answer that shows the new one"),),
            _BODY | _CHANGES,
            body=RenewToken,
        ),
    )


def review_routes(reviews: Reviews) -> tuple[Route, ...]:
    """What one person asks for and another approves."""
    return (
        Route(
            "GET",
            "/admin/v1/requests",
            Access.PERSON,
            "listRequests",
            "Requests that wait for approval",
            reviews.page,
            (Answer(200, "The open requests"),),
        ),
        Route(
            "POST",
            "/admin/v1/requests",
            Access.PERSON,
            "makeRequest",
            "Ask for something that takes two",
            reviews.make,
            (Answer(201, "On record; nothing has happened yet"),),
            _BODY | _ONE,
            body=MakeRequest,
            body_bytes_max=REQUEST_BYTES_MAX,
        ),
        Route(
            "POST",
            "/admin/v1/requests/{request_id}/approve",
            Access.PERSON,
            "approveRequest",
            "Approve what another person asked for; it is done with that",
            reviews.approve,
            (Answer(200, "Done"),),
            _ONE,
        ),
        Route(
            "POST",
            "/admin/v1/requests/{request_id}/withdraw",
            Access.PERSON,
            "withdrawRequest",
            "Take a request back",
            reviews.withdraw,
            (Answer(200, "Withdrawn"),),
            _ONE,
        ),
        Route(
            "GET",
            "/admin/v1/holds",
            Access.PERSON,
            "listHolds",
            "Payouts that wait for people, the oldest first",
            reviews.holds,
            (Answer(200, "The held and frozen payouts"),),
        ),
    )


_LIST = tuple(param for param in LIST_PARAMS if param is not EXPAND)
_LOOK = frozenset({Code.NOT_FOUND})


def desk_routes(desk: Desk) -> tuple[Route, ...]:
    """What people look at."""
    return (
        Route(
            "GET",
            "/admin/v1/payouts/{payout_id}",
            Access.PERSON,
            "showPayout",
            "One payout with its attempts, history, evidence and callbacks",
            desk.show,
            (Answer(200, "Everything about it, masked"),),
            _LOOK,
        ),
        Route(
            "GET",
            "/admin/v1/apps/{app}/payouts",
            Access.PERSON,
            "listPayouts",
            "The payouts of one app, newest first",
            desk.page,
            (Answer(200, "A page of them"),),
            frozenset({Code.INVALID_REQUEST}),
            query=_LIST,
        ),
        Route(
            "GET",
            "/admin/v1/apps/{app}/payouts/{reference}",
            Access.PERSON,
            "showPayoutOfReference",
            "The payout of an app's reference",
            desk.by_reference,
            (Answer(200, "Everything about it, masked"),),
            _LOOK,
        ),
        Route(
            "POST",
            "/admin/v1/payouts/{payout_id}/events/{event_id}/redeliver",
            Access.PERSON,
            "redeliverCallback",
            "Tell the app of an event once more",
            desk.redeliver,
            (Answer(202, "Due now, at every endpoint"),),
            _LOOK | {Code.COMMIT_UNKNOWN},
        ),
        Route(
            "GET",
            "/admin/v1/audit",
            Access.PERSON,
            "listAudit",
            "What people did to the gateway, line by line",
            desk.audit,
            (Answer(200, "Up to a hundred lines after `since`"),),
            frozenset({Code.INVALID_REQUEST}),
            query=(SINCE,),
        ),
        Route(
            "GET",
            "/admin/v1/quarantine",
            Access.PERSON,
            "showQuarantine",
            "Whether new payouts are sent, and what keeps them from it",
            desk.quarantine,
            (Answer(200, "Where the store stands"),),
        ),
    )
