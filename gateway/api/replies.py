"""The shapes of our answers, for the OpenAPI document. The views in `gateway.domain.view` make them; a test holds both
together, so that what is published is what is sent.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from gateway.api.problems import Code
from gateway.domain.event import EventType
from gateway.domain.identity import BATCH_ID_PATTERN, PAYOUT_ID_PATTERN
from gateway.domain.payout import AttemptState
from gateway.domain.reasons import Remedy, Source, StatusCode
from gateway.domain.status import Status
from gateway.domain.terms import OnExpiry

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Reply(BaseModel):
    """A part of an answer. New fields may be added to it within a version; readers ignore what they do not know."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"additionalProperties": True}, use_attribute_docstrings=True
    )


class MoneyReply(Reply):
    value: int
    currency: str


class MaskedWechatUser(Reply):
    type: Literal["wechat"]
    openid: str
    name: str | None


class MaskedBankAccount(Reply):
    type: Literal["bank_account"]
    account_number: str
    name: str
    bank_code: str
    country: str


MaskedPayee = Annotated[MaskedWechatUser | MaskedBankAccount, Field(discriminator="type")]


class Message(Reply):
    en: str
    zh: str


class StatusReasonReply(Reply):
    """Why the status is what it is."""

    code: StatusCode
    source: Source
    retryable: bool
    """Whether a new payout to the same beneficiary may succeed."""
    remedy: Remedy
    """What the app can do about it."""
    message: Message
    channel_code: str | None


class NextActionReply(BaseModel):
    """What the payee must do before the channel pays, with the fields that the channel's front end needs."""

    model_config = ConfigDict(extra="allow")

    type: str
    expires_at: Timestamp


class AttemptReply(Reply):
    """One try of the payout through one channel."""

    number: int
    channel: str
    channel_reference: str
    channel_payout_id: str | None
    state: AttemptState
    was_unknown: bool
    transmissions: int
    reason: StatusCode | None
    channel_code: str | None
    opened_at: Timestamp
    settled_at: Timestamp | None


class EventReply(Reply):
    """One change of the payout, and who or what caused it."""

    sequence: int
    at: Timestamp
    type: EventType
    actor: str
    attempt: int | None
    detail: dict[str, str | int | bool | None]


class QuotedFeeReply(Reply):
    channel: str
    fee: MoneyReply


class PayoutQuoteReply(Reply):
    """The quote of an order."""

    expires_at: Timestamp
    channels: list[QuotedFeeReply]
    """Best first."""
    honoured: bool | None
    """Whether its channel is one of these, chosen while the quote was good; null while it has none."""


class ChannelChoiceReply(Reply):
    allow: list[str]
    """No other ones; empty: any."""
    deny: list[str]


class PayerReply(Reply):
    account_id: str
    tier: str | None
    device_id: str | None
    ip: str | None


class PayoutReply(Reply):
    """A payout as it is now. Final: paid, failed, canceled, returned; a paid one may still become returned, and a
    failed one that turns out paid says `disputed`."""

    object: Literal["payout"]
    id: Annotated[str, Field(pattern=PAYOUT_ID_PATTERN)]
    reference: str
    status: Status
    status_reason: StatusReasonReply | None
    amount: MoneyReply
    beneficiary: MaskedPayee
    purpose: str | None
    description: str | None
    metadata: dict[str, str]
    preference: str | None
    """What the app asked for; null: the gateway's own."""
    send_at: Timestamp | None
    """Not before then; null: at once."""
    send_by: Timestamp | None
    on_expiry: OnExpiry
    channels: ChannelChoiceReply | None
    """Which may carry it, as the app said; null: any."""
    payer: PayerReply | None
    """The end user whose money it is, masked."""
    quote: PayoutQuoteReply | None
    """What it was ordered on; null: without a quote."""
    batch_id: Annotated[str, Field(pattern=BATCH_ID_PATTERN)] | None
    """The batch that it was ordered in."""
    retry_of: Annotated[str, Field(pattern=PAYOUT_ID_PATTERN)] | None
    """The failed payout that it orders again."""
    retried_as: Annotated[str, Field(pattern=PAYOUT_ID_PATTERN)] | None
    """The payout that orders it again: at most one."""
    channel: str | None
    returned_amount: MoneyReply | None
    next_action: NextActionReply | None
    cancel_requested: bool
    under_review: bool
    disputed: bool
    created_at: Timestamp
    settled_at: Timestamp | None
    erased_at: Timestamp | None
    """Since then it says no more whom it was for: account and name are empty."""
    archived_at: Timestamp | SkipJsonSchema[None] = Field(default_factory=lambda: None)
    """Only there once it was archived. Then status, its reason's code, amounts, channel, links and times are known; all
    else is null or empty, and nothing can be expanded."""
    attempts: list[AttemptReply] | SkipJsonSchema[None] = Field(default_factory=lambda: None)
    """With `expand=attempts` only."""
    timeline: list[EventReply] | SkipJsonSchema[None] = Field(default_factory=lambda: None)
    """With `expand=timeline` only."""


class PayoutPage(Reply):
    """Newest first."""

    data: list[PayoutReply]
    has_more: bool
    next_cursor: str | None


class AttemptList(Reply):
    data: list[AttemptReply]


class EventList(Reply):
    data: list[EventReply]


class CandidateReply(Reply):
    """A channel that could carry the payout. Costs are in minor units: the fee, the waiting, the risk of failing."""

    channel: str
    cost_minor: float
    fee_minor: int
    time_minor: float
    risk_minor: float
    expected_time_s: float
    chance: float
    """The chance of success it was ranked by; drawn around `chance_mean`, which rests on so many outcomes."""
    chance_mean: float
    chance_evidence: float


class RefusalReply(Reply):
    channel: str
    code: str


class DecisionReply(Reply):
    """`words` says it for people: the choice, every cost in parts, every refusal, what would have changed it."""

    attempt: int
    channel: str
    preference: str | None
    rule: str | None
    quoted: bool
    """Order and fees are those of the quote it was ordered on."""
    drawn: bool
    seed: str | None
    last_call: bool
    """Its time was over: any channel would do, however dear."""
    candidates: list[CandidateReply]
    refused: list[RefusalReply]
    words: list[str]


class DecisionList(Reply):
    data: list[DecisionReply]


class FaultReply(Reply):
    pointer: str
    """A JSON pointer into the body, or `?name` for a query parameter."""
    code: str
    detail: str


class Problem(Reply):
    """RFC 9457. `type` is a path of this server with cause and fix; `errors` lists all faults at once."""

    type: str
    title: str
    status: int
    code: Code
    detail: str | SkipJsonSchema[None] = Field(default_factory=lambda: None)
    errors: list[FaultReply]
    request_id: str


class ProblemPage(Reply):
    """What a problem means."""

    code: Code
    status: int
    title: str
    cause: str
    fix: str
