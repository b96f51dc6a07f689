"""POST /v1/sandbox/payouts/{id}/transition: the bank's hand, in the sandbox."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from adapters.steering import Transition
from gateway.api.keys import Scope
from gateway.api.problems import Code, Refused
from gateway.api.reading import Body
from gateway.api.reading import read as read_body
from gateway.api.replies import PayoutReply
from gateway.api.responses import as_json
from gateway.api.routes import Answer, Call, Route
from gateway.api.state import PublicState
from gateway.domain.view import payout_view
from gateway.operations.steering import steer


class Steer(Body):
    """What the channel is to do with the payout's order."""

    to: Literal["paid", "rejected", "returned"]


class Steering:
    """The handler."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def transition(self, call: Call) -> web.StreamResponse:
        """403 in live mode, before anything else is looked at."""
        if not self._state.sandbox:
            raise Refused(Code.FORBIDDEN, "this gateway is no sandbox")
        wanted = Transition(read_body(Steer, call.body).to)
        return as_json(payout_view(await steer(self._state.services, call.app, call.path["payout_id"], wanted)))


def steering_routes(steering: Steering) -> tuple[Route, ...]:
    """The one route."""
    return (
        Route(
            "POST",
            "/v1/sandbox/payouts/{payout_id}/transition",
            Scope.SUBMIT,
            "steerPayout",
            "Sandbox only: have the channel pay, refuse or return it; we hear of that as of everything",
            steering.transition,
            (Answer(200, "Done at the channel; the payout as it is for us yet", PayoutReply),),
            frozenset({Code.NOT_FOUND, Code.TRANSITION_REFUSED, Code.INVALID_JSON, Code.INVALID_REQUEST}),
            body=Steer,
        ),
    )
