"""GET /v1/balances: whether channels have money for more payouts; how much, where the operator lets the app see it."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from gateway.api.keys import Scope
from gateway.api.problems import Code
from gateway.api.replies import MoneyReply, Reply, Timestamp
from gateway.api.responses import as_json
from gateway.api.routes import Answer, Call, Route
from gateway.api.state import PublicState
from gateway.domain.view import Json, timestamp
from gateway.operations.balances import Balance, balances


class BalanceReply(Reply):
    """The funding of one channel in one currency."""

    object: Literal["balance"]
    channel: str
    currency: str
    low: bool | None
    """It takes nothing more until it is topped up; null: nobody told us of an account that runs dry."""
    available: MoneyReply | None
    """What may still be given to it, for all apps; null where your app may not see it, or there is no such account."""
    as_of: Timestamp


class BalanceList(Reply):
    data: list[BalanceReply]


class Balances:
    """The handler."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def list(self, call: Call) -> web.StreamResponse:
        sees = call.app in self._state.doors.funding_seen_by
        found = await balances(self._state.services)
        return as_json({"data": [balance_view(each, amount=sees) for each in found]})


def balance_view(balance: Balance, *, amount: bool) -> Json:
    """The balance object of docs/api.md."""
    shown = amount and balance.available_minor is not None
    return {
        "object": "balance",
        "channel": balance.channel,
        "currency": balance.currency,
        "low": balance.low,
        "available": {"value": balance.available_minor, "currency": balance.currency} if shown else None,
        "as_of": timestamp(balance.at),
    }


def balance_routes(handlers: Balances) -> tuple[Route, ...]:
    """The one route."""
    return (
        Route(
            "GET",
            "/v1/balances",
            Scope.QUERY,
            "listBalances",
            "Whether channels have money for more payouts",
            handlers.list,
            (Answer(200, "Every channel that is not switched off, in each of its currencies", BalanceList),),
            frozenset({Code.INVALID_REQUEST}),
        ),
    )
