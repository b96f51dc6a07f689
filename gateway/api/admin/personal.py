"""The calls about whom payouts are for: find them by an account, and erase what is personal of one."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints

from gateway.api.admin.desk import line_view
from gateway.api.admin.handlers import bearer_of, principal_of
from gateway.api.problems import Code
from gateway.api.reading import Body, read
from gateway.api.responses import as_json
from gateway.api.routes import Access, Answer, Call, Route
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.view import masked_view
from gateway.operations.erase import erase
from gateway.operations.find import by_account
from gateway.operations.principals import still_may
from gateway.operations.services import Current


class FindPayouts(Body):
    """Whose payouts: an account number or an openid. In a body, for addresses are written down on the way."""

    type: Annotated[BeneficiaryKind, Field(strict=False)]
    account: Annotated[str, StringConstraints(min_length=1, max_length=100), Field(repr=False)]


class ErasePayout(Body):
    """Why. It stands in the audit; it names no payee."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]


class Personal:
    """The handlers."""

    def __init__(self, current: Current) -> None:
        self._current = current

    async def find(self, call: Call) -> web.StreamResponse:
        wanted = read(FindPayouts, call.body)
        found, has_more = await by_account(self._current.services, wanted.type, wanted.account)
        return as_json({"data": [line_view(each) for each in found], "has_more": has_more})

    async def erase(self, call: Call) -> web.StreamResponse:
        """200: it says no more whom it was for. 409: it has not ended, or its app has not been told everything."""
        wanted, services = read(ErasePayout, call.body), self._current.services
        still = still_may(services, bearer_of(call))
        left = await erase(services, call.path["payout_id"], wanted.reason.strip(), principal_of(call), still)
        return as_json(masked_view(left))


_BODY = frozenset({Code.INVALID_JSON, Code.INVALID_REQUEST})


def personal_routes(personal: Personal) -> tuple[Route, ...]:
    """Whom payouts are for."""
    return (
        Route(
            "POST",
            "/admin/v1/payouts/search",
            Access.PERSON,
            "findPayouts",
            "The payouts to one account, of all apps, newest first",
            personal.find,
            (Answer(200, "Up to a hundred of them"),),
            _BODY,
            body=FindPayouts,
        ),
        Route(
            "POST",
            "/admin/v1/payouts/{payout_id}/erase",
            Access.PERSON,
            "erasePayout",
            "Erase whom an ended payout was for, for good",
            personal.erase,
            (Answer(200, "What is left of it"),),
            _BODY | {Code.NOT_FOUND, Code.PAYOUT_ARCHIVED, Code.REQUEST_REFUSED, Code.COMMIT_UNKNOWN},
            body=ErasePayout,
        ),
    )
