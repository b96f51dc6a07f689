"""GET /v1/channels: what an app may know of each channel before it orders anything."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from gateway.api.keys import Scope
from gateway.api.problems import Code
from gateway.api.replies import MoneyReply, Reply, Timestamp
from gateway.api.responses import as_json
from gateway.api.routes import Answer, Call, Route
from gateway.api.state import PublicState
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.view import Json, timestamp
from gateway.operations.published import Condition, Published, Record, published
from routing.eligibility import RefusalCode
from routing.fees import FeeKind, FeeRule
from routing.policy import ChannelState

Method = BeneficiaryKind
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]


class FeeRuleReply(Reply):
    """One line of a price list; the first that fits an amount is its price. A bound that is null is none."""

    kind: FeeKind
    currency: str
    fixed: MoneyReply | None
    """The fixed part; null when percent."""
    bps: int | None
    """The share of the amount in basis points, rounded half up to minor units; null when flat."""
    min: MoneyReply | None
    max: MoneyReply | None
    """Of the fee."""
    amount_gte: MoneyReply | None
    amount_lte: MoneyReply | None
    month_volume_gte: MoneyReply | None
    month_volume_lte: MoneyReply | None
    """What the channel has paid this month before this payout, for all apps."""
    free_count: int
    """So many payouts a month cost nothing."""
    free_amount: MoneyReply | None
    """So much money a month costs nothing."""
    valid_from: Day | None
    valid_until: Day | None
    methods: list[Method] | None


class PromiseReply(Reply):
    """When the money arrives, by the channel's own word."""

    usual_s: float
    settles: str
    """`T+0`: on the day itself. `T+1`: on the next settlement day, and so on."""
    cut_off: str | None
    """Orders made later belong to the next settlement day; `time_zone` says whose clock that is."""
    time_zone: str
    now_s: float
    """For an order that is sent now."""
    arrives_at: Timestamp


class MeasuredReply(Reply):
    """When it really arrives, for an order that is sent now. The promise itself while nothing was measured."""

    expected_s: float
    nearly_all_s: float
    """Later ones are late."""
    outcomes: float
    """How many payouts that rests on; older ones count less."""


class ArrivalReply(Reply):
    promised: PromiseReply
    measured: MeasuredReply


class RecordReply(Reply):
    """How payouts of this method and amount do."""

    method: Method
    amount_gte: int
    amount_lt: int | None
    """In minor units."""
    chance: float
    """That the next attempt succeeds."""
    evidence: float
    """How many outcomes that rests on."""
    unknown_share: float
    """Of recent attempts, those that nobody could tell the outcome of at first."""


class HealthReply(Reply):
    condition: Condition
    records: list[RecordReply]


class ChannelReply(Reply):
    """A channel: what it takes, what it costs, how fast and how sound it is."""

    object: Literal["channel"]
    name: str
    state: ChannelState
    available: bool
    """Whether it takes new payouts at the moment."""
    not_now: list[RefusalCode]
    """Why not."""
    currencies: list[str]
    methods: list[Method]
    min_value: int | None
    max_value: int | None
    """The amounts it takes, in minor units of whatever currency."""
    fees: list[FeeRuleReply]
    """In order. What none of them fits is not carried."""
    arrival: ArrivalReply
    health: HealthReply


class ChannelList(Reply):
    data: list[ChannelReply]


class Channels:
    """The handler."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def list(self, call: Call) -> web.StreamResponse:
        services = self._state.services
        now = services.clock.now()

        def at(seconds: float) -> str:
            return timestamp(now + timedelta(seconds=seconds))

        return as_json({"data": [channel_view(each, at(each.promised_s)) for each in published(services)]})


def channel_view(channel: Published, arrives_at: str) -> Json:
    """The channel object of docs/api.md."""
    policy = channel.policy
    return {
        "object": "channel",
        "name": policy.name,
        "state": str(policy.state),
        "available": not channel.not_now,
        "not_now": [str(code) for code in channel.not_now],
        "currencies": sorted(policy.currencies),
        "methods": sorted(map(str, policy.kinds)),
        "min_value": policy.min_minor,
        "max_value": policy.max_minor,
        "fees": [fee_view(rule) for rule in policy.fees],
        "arrival": {"promised": _promised(channel, arrives_at), "measured": _measured(channel)},
        "health": {
            "condition": str(channel.condition),
            "records": [_record(record) for record in channel.records],
        },
    }


def fee_view(rule: FeeRule) -> Json:
    """One line of a price list."""

    def money(minor: int | None) -> Json | None:
        return None if minor is None else {"value": minor, "currency": rule.currency}

    return {
        "kind": str(rule.kind),
        "currency": rule.currency,
        "fixed": None if rule.kind is FeeKind.PERCENT else money(rule.amount_minor),
        "bps": None if rule.kind is FeeKind.FLAT else rule.bps,
        "min": money(rule.min_minor),
        "max": money(rule.max_minor),
        "amount_gte": money(rule.amount_gte),
        "amount_lte": money(rule.amount_lte),
        "month_volume_gte": money(rule.volume_gte),
        "month_volume_lte": money(rule.volume_lte),
        "free_count": rule.free_count,
        "free_amount": money(rule.free_minor or None),
        "valid_from": None if rule.valid_from is None else rule.valid_from.isoformat(),
        "valid_until": None if rule.valid_until is None else rule.valid_until.isoformat(),
        "methods": None if rule.kinds is None else sorted(map(str, rule.kinds)),
    }


def _promised(channel: Published, arrives_at: str) -> Json:
    promise = channel.policy.promise
    cut_off = None if promise is None or promise.cut_off is None else promise.cut_off.isoformat("minutes")
    return {
        "usual_s": channel.policy.usual_s,
        "settles": f"T+{0 if promise is None else promise.days}",
        "cut_off": cut_off,
        "time_zone": str(channel.policy.zone if promise is None else promise.zone),
        "now_s": channel.promised_s,
        "arrives_at": arrives_at,
    }


def _measured(channel: Published) -> Json:
    arrivals = channel.arrivals
    return {
        "expected_s": channel.promised_s * arrivals.factor,
        "nearly_all_s": channel.promised_s * arrivals.late_factor,
        "outcomes": arrivals.count,
    }


def _record(record: Record) -> Json:
    return {
        "method": str(record.method),
        "amount_gte": record.amount_gte,
        "amount_lt": record.amount_lt,
        "chance": record.chance,
        "evidence": record.evidence,
        "unknown_share": record.unknown_share,
    }


def channel_routes(channels: Channels) -> tuple[Route, ...]:
    """What an app asks of channels."""
    return (
        Route(
            "GET",
            "/v1/channels",
            Scope.QUERY,
            "listChannels",
            "The channels: fees, promised and measured arrival, health",
            channels.list,
            (Answer(200, "Every channel, by name", ChannelList),),
            frozenset({Code.INVALID_REQUEST}),
        ),
    )
