"""The objects of the API, drawn from its OpenAPI document by draw_api.py. Do not edit.

Answers may grow: what this client does not know of an object is in its `extra`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

Json = Mapping[str, object]
"""An object as it came."""


class AttemptState(StrEnum):
    """Where one try of one payout through one channel stands (docs/states.md)."""

    PLANNED = "planned"
    SENDING = "sending"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    RETURNED = "returned"


class BatchForm(StrEnum):
    """What it came as."""

    JSON = "json"
    CSV = "csv"


class BatchStatus(StrEnum):
    """How far a batch is, as apps are told."""

    PROCESSING = "processing"
    COMPLETED = "completed"


class BeneficiaryKind(StrEnum):
    """What kind of account the money goes to; channels declare which they can pay."""

    WECHAT = "wechat"
    BANK_ACCOUNT = "bank_account"


class CallbackStand(StrEnum):
    """How far a callback has come."""

    DUE = "due"
    DELIVERED = "delivered"
    PARKED = "parked"


class ChannelState(StrEnum):
    """What an operator lets a channel do (R16)."""

    ENABLED = "enabled"
    DRAINING = "draining"
    DISABLED = "disabled"


class ProblemCode(StrEnum):
    """Every problem this API can answer with. Stable: apps branch on it."""

    BAD_REQUEST = "bad_request"
    DUPLICATE_HEADER = "duplicate_header"
    INVALID_JSON = "invalid_json"
    INVALID_REQUEST = "invalid_request"
    UNAUTHORIZED = "unauthorized"
    SCOPE_MISSING = "scope_missing"
    FORBIDDEN = "forbidden"
    ROLE_MISSING = "role_missing"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    REFERENCE_REUSED = "reference_reused"
    PAYOUT_ARCHIVED = "payout_archived"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    NOT_CANCELABLE = "not_cancelable"
    QUOTE_EXPIRED = "quote_expired"
    NOT_RETRYABLE = "not_retryable"
    ENDPOINT_REFUSED = "endpoint_refused"
    TRANSITION_REFUSED = "transition_refused"
    REQUEST_REFUSED = "request_refused"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    INTERNAL_ERROR = "internal_error"
    COMMIT_UNKNOWN = "commit_unknown"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"


class Condition(StrEnum):
    """A channel's health in one word."""

    SOUND = "sound"
    DEGRADED = "degraded"
    RESTING = "resting"


class DisabledFor(StrEnum):
    """Why nothing is sent to it any more."""

    GONE = "gone"
    DEAD = "dead"


class EventType(StrEnum):
    """Every kind of change a payout can go through."""

    PAYOUT_ACCEPTED = "payout.accepted"
    ATTEMPT_OPENED = "attempt.opened"
    ATTEMPT_REPEATED = "attempt.repeated"
    ATTEMPT_MOVED = "attempt.moved"
    ATTEMPT_GIVEN_UP = "attempt.given_up"
    PAYOUT_CANCEL_REQUESTED = "payout.cancel_requested"
    ATTEMPT_CANCEL_SENT = "attempt.cancel_sent"
    PAYOUT_WAITING = "payout.waiting"
    PAYOUT_CLOSED = "payout.closed"
    PAYOUT_FROZEN = "payout.frozen"
    PAYOUT_HELD = "payout.held"
    PAYOUT_RELEASED = "payout.released"
    PAYOUT_FREEZE_LIFTED = "payout.freeze_lifted"
    PAYOUT_RESOLVED = "payout.resolved"
    PAYOUT_RETRIED = "payout.retried"
    PAYOUT_ERASED = "payout.erased"


class FeeKind(StrEnum):
    """How a fee is reckoned."""

    FLAT = "flat"
    PERCENT = "percent"
    BOTH = "both"


class ItemStatus(StrEnum):
    """What became of an item."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    FAILED = "failed"


class KeyKind(StrEnum):
    """What a key signs with: the version that its signatures begin with."""

    V1 = "v1"
    V1A = "v1a"


class OnExpiry(StrEnum):
    """What becomes of a payout that no channel has carried in its time."""

    FAIL = "fail"
    ANY_CHANNEL = "any_channel"


class RefusalCode(StrEnum):
    """Why a channel may not carry this payout now."""

    STATE_DISABLED = "state_disabled"
    STATE_DRAINING = "state_draining"
    CURRENCY = "currency"
    BENEFICIARY_KIND = "beneficiary_kind"
    AMOUNT_BELOW_MIN = "amount_below_min"
    AMOUNT_ABOVE_MAX = "amount_above_max"
    NO_FEE_RULE = "no_fee_rule"
    ALREADY_TRIED = "already_tried"
    BREAKER_OPEN = "breaker_open"
    IN_FLIGHT_FULL = "in_flight_full"
    RATE_LIMITED = "rate_limited"
    UNSENDABLE = "unsendable"
    NOT_READY = "not_ready"
    STOPPED = "stopped"
    DAILY_LIMIT = "daily_limit"
    MONTHLY_LIMIT = "monthly_limit"
    BALANCE_LOW = "balance_low"
    MAINTENANCE = "maintenance"
    RULE = "rule"
    NOT_ALLOWED = "not_allowed"
    NOT_QUOTED = "not_quoted"
    DEARER = "dearer"


class Remedy(StrEnum):
    """What the app can do about it."""

    CORRECT_BENEFICIARY = "correct_beneficiary"
    BENEFICIARY_ACTS = "beneficiary_acts"
    CHANGE_ORDER = "change_order"
    RETRY_LATER = "retry_later"
    CONTACT_OPERATOR = "contact_operator"
    WAIT = "wait"
    NONE = "none"


class Source(StrEnum):
    """Whose doing a public status reason is."""

    BENEFICIARY = "beneficiary"
    BENEFICIARY_BANK = "beneficiary_bank"
    CHANNEL = "channel"
    GATEWAY = "gateway"
    RISK = "risk"
    APP = "app"


class Status(StrEnum):
    """What an app sees. Final ones are listed in `FINAL`."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    HELD = "held"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"
    RETURNED = "returned"


class StatusCode(StrEnum):
    """The public reasons that this version can give (docs/reasons.md lists them with their texts)."""

    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_NOT_FOUND = "account_not_found"
    INVALID_ACCOUNT_NUMBER = "invalid_account_number"
    NAME_MISMATCH = "name_mismatch"
    BENEFICIARY_LIMIT = "beneficiary_limit"
    BENEFICIARY_ACTION_REQUIRED = "beneficiary_action_required"
    BANK_UNAVAILABLE = "bank_unavailable"
    DECLINED_BY_BANK = "declined_by_bank"
    CHANNEL_BALANCE_LOW = "channel_balance_low"
    AMOUNT_LIMIT = "amount_limit"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    NO_ROUTE = "no_route"
    CHANNEL_UNAVAILABLE = "channel_unavailable"
    EXPIRED = "expired"
    CANCELED_BY_APP = "canceled_by_app"
    RETURNED_BY_BANK = "returned_by_bank"
    REVIEW_REJECTED = "review_rejected"
    OUTCOME_UNKNOWN = "outcome_unknown"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Money in integer minor units: 12500 CNY is 125.00 yuan. `1.0` is 1; `1.5`, `"1"` and `true` are refused."""

    value: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppEventPage:
    """Newest first."""

    data: tuple[AppEvent, ...]
    has_more: bool
    next_cursor: str | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppEvent:
    """One event, as it was or will be pushed, and how far it has come."""

    id: str
    type: str
    timestamp: datetime
    sequence: int
    """Counts the events about this object."""
    api_version: str
    corrects: Status | str | None = None
    """The final status that this event takes back; absent otherwise."""
    data: EventData
    callbacks: tuple[Callback, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """See `Arrival` in the API."""

    promised: Promise
    measured: Measured
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuote:
    """What is to be paid, and to what kind of account: its `method`, or a saved beneficiary."""

    amount: Amount
    method: BeneficiaryKind | None = None
    beneficiary: SavedPayee | None = None
    preference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptList:
    """See `AttemptList` in the API."""

    data: tuple[Attempt, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of the payout through one channel."""

    number: int
    channel: str
    channel_reference: str
    channel_payout_id: str | None
    state: AttemptState | str
    was_unknown: bool
    transmissions: int
    reason: StatusCode | str | None
    channel_code: str | None
    opened_at: datetime
    settled_at: datetime | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceList:
    """See `BalanceList` in the API."""

    data: tuple[Balance, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The funding of one channel in one currency."""

    object: Literal["balance"] = "balance"
    channel: str
    currency: str
    low: bool | None
    """It takes nothing more until it is topped up; null: nobody told us of an account that runs dry."""
    available: Money | None
    """What may still be given to it, for all apps; null where your app may not see it, or there is no such account."""
    as_of: datetime
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """A bank account: an IBAN or a plain number, with the bank's BIC or CNAPS line number."""

    type: Literal["bank_account"] = "bank_account"
    account_number: str = field(repr=False)
    name: str = field(repr=False)
    bank_code: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """How many items there are, and how many in each status."""

    total: int
    waiting: int
    accepted: int
    """They are payouts."""
    failed: int
    """They are none, and will be none."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItemPage:
    """As they were sent."""

    data: tuple[BatchItem, ...]
    has_more: bool
    next_cursor: str | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """What became of one item."""

    number: int
    """From 1, as they were sent."""
    row: int | None
    """Of a CSV: as a spreadsheet counts, the header being row 1."""
    reference: str | None
    status: ItemStatus | str
    payout_id: str | None
    faults: tuple[Fault, ...]
    """Each `pointer` leads into the item, as if it were an order by itself."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """One payout of a batch: an order, but for a quote."""

    reference: str
    amount: Amount
    beneficiary: WechatUser | BankAccount | SavedPayee
    purpose: str | None = None
    description: str | None = None
    preference: str | None = None
    send_at: datetime | None = None
    send_by: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.FAIL
    channels: ChannelsWish | None = None
    payer: PayerWish | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as it is now."""

    object: Literal["batch"] = "batch"
    id: str
    reference: str
    form: BatchForm | str
    status: BatchStatus | str
    items: BatchCounts
    ended: Mapping[str, int]
    """How its payouts ended, by status: as far as they were looked at, all of them once it is completed."""
    created_at: datetime
    completed_at: datetime | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeneficiaryPage:
    """Newest first."""

    data: tuple[Beneficiary, ...]
    has_more: bool
    next_cursor: str | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beneficiary:
    """A saved beneficiary, masked. Its `id` stands in orders in the place of the account."""

    object: Literal["beneficiary"] = "beneficiary"
    id: str
    beneficiary: MaskedWechatUser | MaskedBankAccount | Json
    created_at: datetime
    same_account: tuple[str, ...] | None = None
    """When it is saved: others of yours with the same account, under another name or bank."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """How it stands with one address."""

    endpoint: str
    url: str | None
    """Null when the address was deleted, or is no longer configured."""
    status: CallbackStand | str
    tries: int
    due_at: datetime | None
    delivered_at: datetime | None
    parked_at: datetime | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
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
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChoice:
    """See `ChannelChoice` in the API."""

    allow: tuple[str, ...]
    """No other ones; empty: any."""
    deny: tuple[str, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelList:
    """See `ChannelList` in the API."""

    data: tuple[Channel, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel: what it takes, what it costs, how fast and how sound it is."""

    object: Literal["channel"] = "channel"
    name: str
    state: ChannelState | str
    available: bool
    """Whether it takes new payouts at the moment."""
    not_now: tuple[RefusalCode | str, ...]
    """Why not."""
    currencies: tuple[str, ...]
    methods: tuple[BeneficiaryKind | str, ...]
    min_value: int | None
    max_value: int | None
    """The amounts it takes, in minor units of whatever currency."""
    fees: tuple[FeeRule, ...]
    """In order. What none of them fits is not carried."""
    arrival: Arrival
    health: Health
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsWish:
    """Which channels may carry it: none but those of `allow`, if it names any, and none of `deny`."""

    allow: Sequence[str] | None = None
    deny: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBatch:
    """Many orders in one call. Sent again with the same reference and content it is the batch as it is now."""

    reference: str
    items: Sequence[BatchOrder]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBeneficiary:
    """Somebody to keep, so that later orders name an id instead of an account."""

    beneficiary: WechatUser | BankAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEndpoint:
    """Where callbacks shall go. Its URL and events stay as they are; make another one, then delete this."""

    url: str
    events: Sequence[str] | None = None
    keys: Sequence[KeyKind] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePayout:
    """An order to pay. Sent again with the same reference and content it answers with the payout as it is now."""

    reference: str
    amount: Amount
    beneficiary: WechatUser | BankAccount | SavedPayee
    purpose: str | None = None
    description: str | None = None
    preference: str | None = None
    send_at: datetime | None = None
    send_by: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.FAIL
    channels: ChannelsWish | None = None
    payer: PayerWish | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    quote_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionList:
    """See `DecisionList` in the API."""

    data: tuple[Decision, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
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
    candidates: tuple[Candidate, ...]
    refused: tuple[Refusal, ...]
    words: tuple[str, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDeliveryPage:
    """Newest event first."""

    data: tuple[EndpointDelivery, ...]
    has_more: bool
    next_cursor: str | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDelivery:
    """One event, as this endpoint was or will be sent it."""

    event_id: str
    type: str
    status: CallbackStand | str
    created_at: datetime
    due_at: datetime | None
    delivered_at: datetime | None
    parked_at: datetime | None
    body: str
    """The very text that is signed and sent."""
    tries: tuple[Try, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointKey:
    """A key that callbacks are signed with."""

    kind: KeyKind | str
    public_key: str | None
    """Of `v1a`: `whpk_` and base64. Null for `v1`, whose secret is shown once."""
    created_at: datetime | None
    expires_at: datetime | None
    """Null: it is in use until it is rotated."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointList:
    """See `EndpointList` in the API."""

    data: tuple[Endpoint, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address of yours."""

    object: Literal["callback_endpoint"] = "callback_endpoint"
    id: str
    url: str
    source: str
    """What stands in the operator's configuration is read-only here."""
    events: tuple[str, ...]
    """Empty: all."""
    status: str
    disabled_for: DisabledFor | str | None
    disabled_at: datetime | None
    failing_since: datetime | None
    """Since when nothing was taken; null while it does well, and for one of the configuration."""
    keys: tuple[EndpointKey, ...]
    """In use; the newest first."""
    created_at: datetime | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventData:
    """See `EventData` in the API."""

    object: Json
    """What it is about, as it was then: a payout, masked, unless the type says otherwise."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventList:
    """See `EventList` in the API."""

    data: tuple[Event, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of the payout, and who or what caused it."""

    sequence: int
    at: datetime
    type: EventType | str
    actor: str
    attempt: int | None
    detail: Mapping[str, str | int | bool | None]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """See `Fault` in the API."""

    pointer: str
    """A JSON pointer into the body, or `?name` for a query parameter."""
    code: str
    detail: str
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRule:
    """One line of a price list; the first that fits an amount is its price. A bound that is null is none."""

    kind: FeeKind | str
    currency: str
    fixed: Money | None
    """The fixed part; null when percent."""
    bps: int | None
    """The share of the amount in basis points, rounded half up to minor units; null when flat."""
    min: Money | None
    max: Money | None
    """Of the fee."""
    amount_gte: Money | None
    amount_lte: Money | None
    month_volume_gte: Money | None
    month_volume_lte: Money | None
    """What the channel has paid this month before this payout, for all apps."""
    free_count: int
    """So many payouts a month cost nothing."""
    free_amount: Money | None
    """So much money a month costs nothing."""
    valid_from: str | None
    valid_until: str | None
    methods: tuple[BeneficiaryKind | str, ...] | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """See `Health` in the API."""

    condition: Condition | str
    records: tuple[Record, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedBankAccount:
    """See `MaskedBankAccount` in the API."""

    type: Literal["bank_account"] = "bank_account"
    account_number: str
    name: str
    bank_code: str
    country: str
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedWechatUser:
    """See `MaskedWechatUser` in the API."""

    type: Literal["wechat"] = "wechat"
    openid: str
    name: str | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """When it really arrives, for an order that is sent now. The promise itself while nothing was measured."""

    expected_s: float
    nearly_all_s: float
    """Later ones are late."""
    outcomes: float
    """How many payouts that rests on; older ones count less."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """See `Message` in the API."""

    en: str
    zh: str
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """See `Money` in the API."""

    value: int
    currency: str
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """The endpoint, with what is shown this once."""

    object: Literal["callback_endpoint"] = "callback_endpoint"
    id: str
    url: str
    source: str
    """What stands in the operator's configuration is read-only here."""
    events: tuple[str, ...]
    """Empty: all."""
    status: str
    disabled_for: DisabledFor | str | None
    disabled_at: datetime | None
    failing_since: datetime | None
    """Since when nothing was taken; null while it does well, and for one of the configuration."""
    keys: tuple[EndpointKey, ...]
    """In use; the newest first."""
    created_at: datetime | None
    secret: str | None
    """The `whsec_…` of the newest `v1` key; null where there is none, or where a repeat came too late for it."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """What the payee must do before the channel pays, with the fields that the channel's front end needs."""

    type: str
    expires_at: datetime
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """See `Payer` in the API."""

    account_id: str
    tier: str | None
    device_id: str | None
    ip: str | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerWish:
    """The end user whose money it is. Kept encrypted, and masked in answers; nothing is decided by it."""

    account_id: str
    tier: str | None = None
    device_id: str | None = None
    ip: object | object | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutPage:
    """Newest first."""

    data: tuple[Payout, ...]
    has_more: bool
    next_cursor: str | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutQuote:
    """The quote of an order."""

    expires_at: datetime
    channels: tuple[QuotedFee, ...]
    """Best first."""
    honoured: bool | None
    """Whether its channel is one of these, chosen while the quote was good; null while it has none."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A payout as it is now. Final: paid, failed, canceled, returned; a paid one may still become returned, and a
    failed one that turns out paid says `disputed`.
    """

    object: Literal["payout"] = "payout"
    id: str
    reference: str
    status: Status | str
    status_reason: StatusReason | None
    amount: Money
    beneficiary: MaskedWechatUser | MaskedBankAccount | Json
    purpose: str | None
    description: str | None
    metadata: Mapping[str, str]
    preference: str | None
    """What the app asked for; null: the gateway's own."""
    send_at: datetime | None
    """Not before then; null: at once."""
    send_by: datetime | None
    on_expiry: OnExpiry | str
    channels: ChannelChoice | None
    """Which may carry it, as the app said; null: any."""
    payer: Payer | None
    """The end user whose money it is, masked."""
    quote: PayoutQuote | None
    """What it was ordered on; null: without a quote."""
    batch_id: str | None
    """The batch that it was ordered in."""
    retry_of: str | None
    """The failed payout that it orders again."""
    retried_as: str | None
    """The payout that orders it again: at most one."""
    channel: str | None
    returned_amount: Money | None
    next_action: NextAction | None
    cancel_requested: bool
    under_review: bool
    disputed: bool
    created_at: datetime
    settled_at: datetime | None
    erased_at: datetime | None
    """Since then it says no more whom it was for: account and name are empty."""
    archived_at: datetime | None = None
    """Only there once it was archived. Then status, its reason's code, amounts, channel, links and times are known;
    all else is null or empty, and nothing can be expanded.
    """
    attempts: tuple[Attempt, ...] | None = None
    """With `expand=attempts` only."""
    timeline: tuple[Event, ...] | None = None
    """With `expand=timeline` only."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """RFC 9457. `type` is a path of this server with cause and fix; `errors` lists all faults at once."""

    type: str
    title: str
    status: int
    code: ProblemCode | str
    detail: str | None = None
    errors: tuple[Fault, ...]
    request_id: str
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemPage:
    """What a problem means."""

    code: ProblemCode | str
    status: int
    title: str
    cause: str
    fix: str
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """When the money arrives, by the channel's own word."""

    usual_s: float
    settles: str
    """`T+0`: on the day itself. `T+1`: on the next settlement day, and so on."""
    cut_off: str | None
    """Orders made later belong to the next settlement day; `time_zone` says whose clock that is."""
    time_zone: str
    now_s: float
    """For an order that is sent now."""
    arrives_at: datetime
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Channels' priced promises, best first. `id` goes into an order as `quote_id`, until `expires_at`."""

    object: Literal["quote"] = "quote"
    id: str | None
    """Null when no channel would carry it now."""
    amount: Money
    method: BeneficiaryKind | str
    preference: str | None
    created_at: datetime
    expires_at: datetime | None
    channels: tuple[QuotedChannel, ...]
    unavailable: tuple[Unavailable, ...]
    """Who would not, and why."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedChannel:
    """A channel that would carry it."""

    channel: str
    fee: Money
    expected_s: float
    """From the moment it is sent, as measured."""
    expected_at: datetime
    """If it were sent now."""
    chance: float
    """That one attempt succeeds."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedFee:
    """See `QuotedFee` in the API."""

    channel: str
    fee: Money
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How payouts of this method and amount do."""

    method: BeneficiaryKind | str
    amount_gte: int
    amount_lt: int | None
    """In minor units."""
    chance: float
    """That the next attempt succeeds."""
    evidence: float
    """How many outcomes that rests on."""
    unknown_share: float
    """Of recent attempts, those that nobody could tell the outcome of at first."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverEvents:
    """A window of events to be sent to the endpoint: made at `since` or later, and before `until`."""

    since: datetime
    until: datetime | None = None
    which: Literal["undelivered", "all"] = "undelivered"
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """So many events were made due. While `has_more` is true, ask again with the cursor."""

    due: int
    has_more: bool
    next_cursor: str | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """See `Refusal` in the API."""

    channel: str
    code: str
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPayout:
    """A failed payout again, under a new reference, to the same beneficiary or a corrected one."""

    reference: str
    beneficiary: WechatUser | BankAccount | SavedPayee | None = None
    send_by: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateSecret:
    """New keys, beside which the present ones go on signing for a while."""

    overlap_s: int = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPayee:
    """A saved beneficiary, by its id. The order takes a copy of it."""

    type: Literal["saved"] = "saved"
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReason:
    """Why the status is what it is."""

    code: StatusCode | str
    source: Source | str
    retryable: bool
    """Whether a new payout to the same beneficiary may succeed."""
    remedy: Remedy | str
    message: Message
    channel_code: str | None
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steer:
    """What the channel is to do with the payout's order."""

    to: Literal["paid", "rejected", "returned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """One of the events."""

    id: str | None = None
    """The line's sequence; `end` has none."""
    event: str
    """The line's type, or `end`."""
    data: str
    """JSON: the line as the timeline has it; with `end` the payout."""
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedOut:
    """What came back from a test event. Of the answer's content nothing is told."""

    event_id: str
    sent_at: datetime
    delivered: bool
    """It would have counted as delivered."""
    status: int | None
    """The HTTP status; null: there was no answer."""
    detail: str
    duration_ms: int
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """See `Try` in the API."""

    at: datetime
    status: int | None
    detail: str
    duration_ms: int
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """See `Unavailable` in the API."""

    channel: str
    codes: tuple[RefusalCode | str, ...]
    extra: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WechatUser:
    """A WeChat user of one of our app ids. The real name is needed for large amounts."""

    type: Literal["wechat"] = "wechat"
    openid: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
