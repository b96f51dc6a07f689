"""The shape of `[channels.NAME]`: every key, its type, its default (`gateway.config.model` has the rules for all)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.channel import Timeouts
from gateway.config.durations import Duration
from gateway.config.fields import (
    Count,
    CurrencyCode,
    Minor,
    Words,
    fault,
)
from gateway.config.routes import MaintenancePart, Part
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import MINOR_MAX
from routing.fees import FeeKind, FeeRule
from routing.policy import ChannelState
from routing.share import WHOLE
from routing.window import RateLimits

Allowance = Annotated[int, Field(ge=0, le=MINOR_MAX)]
"""Minor units that a channel may be given."""


class Limits(Part):
    """`[channels.NAME] limits`."""

    min_minor: Annotated[int, Field(ge=1, le=MINOR_MAX, alias="min")] = 1
    max_minor: Annotated[int, Field(ge=1, le=MINOR_MAX, alias="max")] = MINOR_MAX
    rps: Count = 20
    in_flight: Count = 50
    daily_minor: Allowance | None = Field(default=None, alias="daily")
    monthly_minor: Allowance | None = Field(default=None, alias="monthly")
    funding_minor: Allowance | None = Field(default=None, alias="funding")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_minor > self.max_minor:
            raise fault(f"min = {self.min_minor} is more than max = {self.max_minor}")
        if _crossed(self.daily_minor, self.monthly_minor):
            raise fault(f"daily = {self.daily_minor} is more than monthly = {self.monthly_minor}")
        return self


class TimeoutsPart(Part):
    """`[channels.NAME] timeouts`."""

    connect_s: Duration = Field(default=2.0, alias="connect")
    read_s: Duration = Field(default=10.0, alias="read")
    total_s: Duration = Field(default=20.0, alias="total")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if max(self.connect_s, self.read_s) > self.total_s:
            raise fault("connect and read must not be longer than total")
        return self


Percent = Annotated[int, Field(ge=1, le=99)]


class Breaker(Part):
    """`[channels.NAME] breaker`: when no call is made, and for how long; then one trial."""

    failures: Count = 5
    open_s: Duration = Field(default=20.0, alias="open")
    failure_percent: Percent = 5
    slow_percent: Percent = 50
    slow_s: Duration | None = Field(default=None, alias="slow")
    certainty_percent: Percent = 95
    window_s: Duration = Field(default=60.0, alias="window")
    ramp_s: Duration = Field(default=20.0, alias="ramp")

    def rates(self) -> RateLimits:
        """As the window takes them."""
        return RateLimits(
            failure_rate=self.failure_percent / 100,
            slow_rate=self.slow_percent / 100,
            slow_s=self.slow_s,
            confidence=self.certainty_percent / 100,
            window_s=self.window_s,
        )


class Fee(Part):
    """`[[channels.NAME.fees]]`: the first that fits amount and currency is the price."""

    kind: Annotated[FeeKind, Words]
    currency: CurrencyCode
    amount_minor: Minor | None = Field(default=None, alias="amount")
    bps: Annotated[int, Field(ge=0, le=10_000)] | None = None
    min_minor: Minor | None = Field(default=None, alias="min")
    max_minor: Minor | None = Field(default=None, alias="max")
    amount_gte_minor: Minor | None = Field(default=None, alias="amount_gte")
    amount_lte_minor: Minor | None = Field(default=None, alias="amount_lte")
    volume_gte_minor: Minor | None = Field(default=None, alias="volume_gte")
    volume_lte_minor: Minor | None = Field(default=None, alias="volume_lte")
    free_count: Annotated[int, Field(ge=0, le=MINOR_MAX)] = 0
    free_minor: Minor = Field(default=0, alias="free")
    valid_from: date | None = None
    valid_until: date | None = None
    methods: Annotated[frozenset[Annotated[BeneficiaryKind, Words]], Words] | None = None

    @property
    def counted(self) -> bool:
        """Whether the month's payouts decide the price."""
        by_volume = (self.volume_gte_minor, self.volume_lte_minor) != (None, None)
        return by_volume or bool(self.free_count or self.free_minor)

    def rule(self) -> FeeRule:
        """As the router takes it."""
        return FeeRule(
            kind=self.kind,
            currency=self.currency,
            amount_minor=self.amount_minor or 0,
            bps=self.bps or 0,
            min_minor=self.min_minor,
            max_minor=self.max_minor,
            amount_gte=self.amount_gte_minor,
            amount_lte=self.amount_lte_minor,
            volume_gte=self.volume_gte_minor,
            volume_lte=self.volume_lte_minor,
            free_count=self.free_count,
            free_minor=self.free_minor,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            kinds=self.methods,
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        flat, percent = self.amount_minor is not None, self.bps is not None
        wanted = {FeeKind.FLAT: (True, False), FeeKind.PERCENT: (False, True), FeeKind.BOTH: (True, True)}
        bounded = (self.min_minor, self.max_minor) != (None, None)
        if (flat, percent) != wanted[self.kind] or (bounded and not percent):
            raise fault("a flat fee has an amount, a percent fee bps, both have both; with bps it may have min and max")
        if _crossed(self.volume_gte_minor, self.volume_lte_minor):
            raise fault("volume_gte is more than volume_lte")
        if self.valid_from is not None and self.valid_until is not None and self.valid_until < self.valid_from:
            raise fault("valid_until is before valid_from")
        if _crossed(self.min_minor, self.max_minor):
            raise fault("min is more than max")
        if _crossed(self.amount_gte_minor, self.amount_lte_minor):
            raise fault("amount_gte is more than amount_lte")
        return self


def _crossed(low: int | None, high: int | None) -> bool:
    return low is not None and high is not None and low > high


class Transport(StrEnum):
    """What carries a channel's calls."""

    AIOHTTP = "aiohttp"
    HTTPX = "httpx"


class ChannelPart(Part):
    """`[channels.NAME]`."""

    adapter: str
    state: Annotated[ChannelState, Words] = ChannelState.ENABLED
    weight: Annotated[int, Field(ge=0, le=WHOLE)] = WHOLE
    currencies: Annotated[frozenset[CurrencyCode], Words, Field(min_length=1)]
    methods: Annotated[frozenset[Annotated[BeneficiaryKind, Words]], Words, Field(min_length=1)]
    limits: Limits = Limits()
    timeouts: TimeoutsPart = TimeoutsPart()
    transport: Annotated[Transport, Words] = Transport.AIOHTTP
    poll_s: Annotated[tuple[Duration, ...], Words, Field(min_length=1, alias="poll")] = (
        30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
    )  # fmt: skip
    usual_s: Duration = Field(default=1.0, alias="usual")
    settles: Annotated[str, StringConstraints(pattern=r"^T\+([0-9]|[12][0-9]|30)$")] = "T+0"
    cut_off: time | None = None
    calendar: str | None = None
    failure_domain: Annotated[str, StringConstraints(max_length=64)] = ""
    maintenance: Annotated[tuple[MaintenancePart, ...], Words] = ()
    breaker: Breaker = Breaker()
    fees: Annotated[tuple[Fee, ...], Words] = ()
    settings: Mapping[str, Any] = Field(default_factory=dict, repr=False)
    """For the adapter's own strict model, which takes nothing but a plain dict."""

    def call_timeouts(self) -> Timeouts:
        """As the channel port takes them."""
        return Timeouts(self.timeouts.connect_s, self.timeouts.read_s, self.timeouts.total_s)
