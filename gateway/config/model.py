"""The shape of config.toml: every key, its type, its default. The shipped config.toml says what each one means.

Strict: a string is not a number, `"false"` is not a bool, an unknown key is a fault. Names here carry their unit
(`lease_s`, `min_minor`); the alias is the word in the file.
"""

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
    DatabaseText,
    EventName,
    Listen,
    Minor,
    Network,
    PathText,
    PolicyReason,
    PublicKeyText,
    TimeZone,
    Url,
    Words,
    fault,
)
from gateway.config.routes import MaintenancePart, Part, PreferencePart
from gateway.config.urls import Address
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import MINOR_MAX
from gateway.secret import SecretRef
from routing.fees import FeeKind, FeeRule
from routing.policy import ChannelState
from routing.score import PREFERENCES, Preference
from routing.share import WHOLE
from routing.window import RateLimits

NAME = r"^[a-z][a-z0-9_-]{0,31}$"
"""Names of channels and apps: they stand in URLs, file names and metrics."""


class Mode(StrEnum):
    """Stamped into the store at its creation (R21)."""

    SANDBOX = "sandbox"
    LIVE = "live"


class Algorithm(StrEnum):
    """How an app signs its requests (docs/api.md)."""

    ED25519 = "ed25519"
    HMAC_SHA256 = "hmac-sha256"


class Scope(StrEnum):
    """What a key may be used for."""

    SUBMIT = "submit"
    QUERY = "query"
    CANCEL = "cancel"


class Tls(Part):
    """Certificate chain and key of the public listener, PEM. The key must not be readable by others."""

    cert: PathText
    key: Annotated[str, StringConstraints(pattern=r"^(file|credential):\S+$")]


class GatewayPart(Part):
    """`[gateway]`."""

    mode: Annotated[Mode, Words] = Mode.SANDBOX
    listen: Listen = Address("127.0.0.1", 8080)
    admin_listen: Listen = Address("127.0.0.1", 9090)
    health_listen: Listen | None = None
    public_url: Url | None = None
    state_dir: PathText = "state"
    database: DatabaseText | None = None
    shutdown_grace_s: Duration = Field(default=30.0, alias="shutdown_grace")
    timezone: TimeZone = "UTC"
    tls: Tls | None = None
    trusted_proxies: Annotated[tuple[Network, ...], Words] = ()
    sealing_key: SecretRef | None = None
    identity_key: SecretRef | None = None
    fingerprint_key: SecretRef | None = None


class LimitsPart(Part):
    """`[limits]`: how much may come in at once."""

    connections: Count = 10_000
    connections_per_address: Count = 256
    notifications: Annotated[int, Field(ge=1, le=10_000)] = 256
    orders: Annotated[int, Field(ge=1, le=10_000)] = 128
    reads: Annotated[int, Field(ge=1, le=10_000)] = 64
    commit_queue: Annotated[int, Field(ge=100, le=100_000)] = 2000
    commit_wait_s: Duration = Field(default=1.0, alias="commit_wait")
    paused: Annotated[int, Field(ge=1, le=10_000)] = 2000
    pause_s: Duration = Field(default=0.5, alias="pause")
    waiting: Annotated[int, Field(ge=1, le=100_000_000)] = 2_000_000

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.connections_per_address > self.connections:
            raise fault("connections_per_address is more than connections")
        return self


class RoutingPart(Part):
    """`[routing]`."""

    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    give_up_after_s: Duration = Field(default=72 * 3600.0, alias="give_up_after")
    retry_every_s: Duration = Field(default=5.0, alias="retry_every")
    failover_also_on: Annotated[frozenset[PolicyReason], Words] = frozenset()
    preference: str = "balanced"
    preferences: Mapping[str, PreferencePart] = Field(default_factory=dict)
    explore: bool = True

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        known = sorted({*PREFERENCES, *self.preferences})
        if self.preference not in known:
            raise fault(f"there is no preference {self.preference!r}; there are {', '.join(known)}")
        return self

    def chosen(self) -> Preference:
        """What payouts are ranked by whose app asks for nothing else."""
        return self.named()[self.preference]

    def named(self) -> dict[str, Preference]:
        """All that there are, by name: ours, and the operator's own, which may stand in for them."""
        return PREFERENCES | {name: part.preference(name) for name, part in self.preferences.items()}


class HoldsPart(Part):
    """`[holds]`: how long we wait before people are wanted (R12)."""

    unknown_after_s: Duration = Field(default=24 * 3600.0, alias="unknown_after")
    pending_after_s: Duration = Field(default=96 * 3600.0, alias="pending_after")
    alarm_after_s: Duration = Field(default=3600.0, alias="alarm_after")


class SafetyPart(Part):
    """`[safety]`."""

    ask_first_for_s: Duration = Field(default=30 * 86_400.0, alias="ask_first_for")
    confirm_success_above: Mapping[CurrencyCode, Minor] = Field(default_factory=dict)


class WorkerPart(Part):
    """`[worker]`. At least two places: one of them is kept for what is due."""

    concurrency: Annotated[int, Field(ge=2, le=10_000)] = 64
    waiting: Annotated[int, Field(ge=1, le=100_000)] = 2000
    rescue_every_s: Duration = Field(default=10.0, alias="rescue_every")
    lease_s: Duration = Field(default=60.0, alias="lease")


class CallbacksPart(Part):
    """`[callbacks]`."""

    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 64
    per_endpoint: Annotated[int, Field(ge=1, le=1000)] = 4
    timeout_s: Duration = Field(default=15.0, alias="timeout")


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


class ChannelPart(Part):
    """`[channels.NAME]`."""

    adapter: str
    state: Annotated[ChannelState, Words] = ChannelState.ENABLED
    weight: Annotated[int, Field(ge=0, le=WHOLE)] = WHOLE
    currencies: Annotated[frozenset[CurrencyCode], Words, Field(min_length=1)]
    methods: Annotated[frozenset[Annotated[BeneficiaryKind, Words]], Words, Field(min_length=1)]
    limits: Limits = Limits()
    timeouts: TimeoutsPart = TimeoutsPart()
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


class AppKeyPart(Part):
    """One of `[apps.NAME] keys`."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    algorithm: Annotated[Algorithm, Words]
    public_key: PublicKeyText | None = None
    secret: SecretRef | None = None
    scopes: Annotated[frozenset[Annotated[Scope, Words]], Words, Field(min_length=1)] = frozenset(Scope)
    allow_from: Annotated[tuple[Network, ...], Words] = ()

    @model_validator(mode="after")
    def _has_its_key(self) -> Self:
        ed25519 = self.algorithm is Algorithm.ED25519
        if (self.public_key is None) is ed25519 or (self.secret is None) is not ed25519:
            raise fault("an ed25519 key has a public_key, an hmac-sha256 key has a secret, and not the other")
        return self


class CallbackPart(Part):
    """One of `[apps.NAME] callbacks`."""

    url: Url
    secret: SecretRef | None = None
    signing_key: SecretRef | None = None
    events: Annotated[frozenset[EventName], Words] = frozenset()


class KeyLimitsPart(Part):
    """`[apps.NAME] limits`: of each of its keys; the weight is the app's, and so is what waits."""

    rps: Annotated[int, Field(ge=1, le=100_000)] = 1000
    in_flight: Annotated[int, Field(ge=1, le=10_000)] = 256
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    waiting: Annotated[int, Field(ge=1, le=100_000_000)] = 1_000_000


class AppPart(Part):
    """`[apps.NAME]`."""

    enabled: bool = True
    limits: KeyLimitsPart = KeyLimitsPart()
    max_amount: Mapping[CurrencyCode, Annotated[int, Field(ge=1, le=MINOR_MAX)]] = Field(default_factory=dict)
    """By currency, in minor units."""
    keys: Annotated[tuple[AppKeyPart, ...], Words] = ()
    callbacks: Annotated[tuple[CallbackPart, ...], Words] = ()
