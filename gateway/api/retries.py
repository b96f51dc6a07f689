"""POST /v1/payouts/{id}/retry: a failed payout once more, under a new reference."""

from __future__ import annotations

from aiohttp import web

from gateway.api.keys import Scope
from gateway.api.payees import UNKNOWN, who
from gateway.api.problems import Code, Refused
from gateway.api.reading import read as read_body
from gateway.api.replies import PayoutReply
from gateway.api.responses import as_json
from gateway.api.routes import Answer, Call, Route
from gateway.api.schemas import RetryPayout
from gateway.api.state import PublicState
from gateway.domain.terms import OnExpiry
from gateway.domain.view import payout_view
from gateway.operations import read
from gateway.operations.retry import RetryWish, retry


class Retries:
    """The handler."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def create(self, call: Call) -> web.StreamResponse:
        """201 with the new payout; 200 where the same was asked before."""
        body, failed = read_body(RetryPayout, call.body), call.path["payout_id"]
        named = body.payee()
        payee = None if named is None else await who(self._state, call.app, named, body.reference, failed)
        if named is not None and payee is None:
            raise Refused(Code.INVALID_REQUEST, faults=[UNKNOWN])
        await self._check(call.app, failed)
        wish = RetryWish(
            app=call.app,
            payout_id=failed,
            reference=body.reference,
            beneficiary=payee,
            send_by=body.send_by,
            on_expiry=OnExpiry(body.on_expiry),
        )
        accepted = await retry(self._state.services, wish)
        view = payout_view(accepted.payout)
        if accepted.replayed:
            return as_json(view, 200, {"Idempotent-Replayed": "true"})
        self._state.backlog.came(call.app)
        return as_json(view, 201, {"Location": f"/v1/payouts/{accepted.payout.id}"})

    async def _check(self, app: str, payout_id: str) -> None:
        """Whether one more may wait. What was begun is finished whatever that says. Raises `Refused`."""
        refused = await self._state.backlog.refusal(self._state.services, app, self._state.doors.backlog)
        if refused is not None and (await read.get(self._state.services, app, payout_id)).retried_as is None:
            raise refused


def retry_routes(retries: Retries) -> tuple[Route, ...]:
    """The one route."""
    return (
        Route(
            "POST",
            "/v1/payouts/{payout_id}/retry",
            Scope.SUBMIT,
            "retryPayout",
            "Order a failed payout again, once, under a new reference and at will to a corrected beneficiary",
            retries.create,
            (
                Answer(201, "The new payout, linked by `retry_of`", PayoutReply, headers={"Location": "Its path"}),
                Answer(200, "The same was asked before", PayoutReply, headers={"Idempotent-Replayed": "true"}),
            ),
            frozenset(
                {
                    Code.NOT_FOUND,
                    Code.PAYOUT_ARCHIVED,
                    Code.NOT_RETRYABLE,
                    Code.REFERENCE_REUSED,
                    Code.INVALID_JSON,
                    Code.INVALID_REQUEST,
                    Code.COMMIT_UNKNOWN,
                }
            ),
            body=RetryPayout,
        ),
    )
