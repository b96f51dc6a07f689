"""POST /v1/quotes: what an order would cost and when its money would be there."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.api import quote_token
from gateway.api.configured import faults_of
from gateway.api.keys import Scope
from gateway.api.payees import UNKNOWN
from gateway.api.problems import Code, Refused
from gateway.api.reading import Body
from gateway.api.reading import read as read_body
from gateway.api.replies import MoneyReply, Reply, Timestamp
from gateway.api.responses import as_json
from gateway.api.routes import Answer, Call, Route
from gateway.api.schemas import Amount, SavedPayee
from gateway.api.state import PublicState
from gateway.api.words import NOT_NULL, QUOTE_PATTERN, PreferenceName
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.errors import NotFound
from gateway.domain.money import Money
from gateway.domain.view import Json, money_view, timestamp
from gateway.operations import beneficiaries
from gateway.operations.quoting import Quoted, Wish, quote
from routing.candidate import Candidate
from routing.eligibility import RefusalCode

_METHOD, _BENEFICIARY = "method", "beneficiary"
_ONE_OF_THEM: dict[str, Any] = {"oneOf": [{"required": [_METHOD]}, {"required": [_BENEFICIARY]}]}


class AskQuote(Body):
    """What is to be paid, and to what kind of account: its `method`, or a saved beneficiary."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF_THEM)

    amount: Amount
    method: Annotated[Literal["wechat", "bank_account"] | None, NOT_NULL] = Field(default_factory=lambda: None)
    beneficiary: Annotated[SavedPayee | None, NOT_NULL] = Field(default_factory=lambda: None)
    preference: PreferenceName | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> AskQuote:
        if (self.method is None) == (self.beneficiary is None):
            raise PydanticCustomError("either", "not one of them", {"one": _METHOD, "other": _BENEFICIARY})
        return self

    def money(self) -> Money:
        return Money(self.amount.value, self.amount.currency)


class QuotedChannelReply(Reply):
    """A channel that would carry it."""

    channel: str
    fee: MoneyReply
    expected_s: float
    """From the moment it is sent, as measured."""
    expected_at: Timestamp
    """If it were sent now."""
    chance: float
    """That one attempt succeeds."""


class UnavailableReply(Reply):
    channel: str
    codes: list[RefusalCode]


class QuoteReply(Reply):
    """Channels' priced promises, best first. `id` goes into an order as `quote_id`, until `expires_at`."""

    object: Literal["quote"]
    id: Annotated[str, Field(pattern=QUOTE_PATTERN)] | None
    """Null when no channel would carry it now."""
    amount: MoneyReply
    method: BeneficiaryKind
    preference: str | None
    created_at: Timestamp
    expires_at: Timestamp | None
    channels: list[QuotedChannelReply]
    unavailable: list[UnavailableReply]
    """Who would not, and why."""


class Quotes:
    """The handler."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def create(self, call: Call) -> web.StreamResponse:
        asked = read_body(AskQuote, call.body)
        method = await self._method(call.app, asked)
        faults = [UNKNOWN] if method is None else []
        faults += faults_of(self._state, call.app, asked.money(), asked.preference)
        if faults or method is None:
            raise Refused(Code.INVALID_REQUEST, faults=faults)
        wish = Wish(call.app, asked.money(), method, asked.preference)
        quoted = await quote(self._state.services, wish)
        token = None if quoted.quote is None else quote_token.make(self._state.cursor_key, wish, quoted.quote)
        return as_json(quote_view(wish, quoted, token), 201)

    async def _method(self, app: str, asked: AskQuote) -> BeneficiaryKind | None:
        """None: nobody is saved under that id."""
        if asked.method is not None:
            return BeneficiaryKind(asked.method)
        assert asked.beneficiary is not None  # noqa: S101 - one of them is there
        try:
            saved = await beneficiaries.get(self._state.services, app, asked.beneficiary.id)
        except NotFound:
            return None
        return saved.beneficiary.kind


def quote_view(wish: Wish, quoted: Quoted, token: str | None) -> Json:
    """The quote object of docs/api.md."""
    refused: dict[str, list[str]] = {}
    for refusal in quoted.decision.refused:
        refused.setdefault(refusal.channel, []).append(str(refusal.code))
    return {
        "object": "quote",
        "id": token,
        "amount": money_view(wish.amount),
        "method": str(wish.method),
        "preference": wish.preference,
        "created_at": timestamp(quoted.at),
        "expires_at": None if quoted.quote is None else timestamp(quoted.quote.expires_at),
        "channels": [_channel(candidate, quoted, wish.amount.currency) for candidate in quoted.decision.ranked],
        "unavailable": [{"channel": channel, "codes": codes} for channel, codes in sorted(refused.items())],
    }


def _channel(candidate: Candidate, quoted: Quoted, currency: str) -> Json:
    return {
        "channel": candidate.channel,
        "fee": {"value": candidate.fee_minor, "currency": currency},
        "expected_s": candidate.usual_s,
        "expected_at": timestamp(quoted.at + timedelta(seconds=candidate.usual_s)),
        "chance": candidate.mean,
    }


def quote_routes(quotes: Quotes) -> tuple[Route, ...]:
    """What an app asks before it orders."""
    return (
        Route(
            "POST",
            "/v1/quotes",
            Scope.QUERY,
            "createQuote",
            "Eligible channels, fee and expected arrival, before any commitment",
            quotes.create,
            (Answer(201, "The quote; nothing is stored or reserved", QuoteReply),),
            frozenset({Code.INVALID_JSON, Code.INVALID_REQUEST}),
            body=AskQuote,
        ),
    )
