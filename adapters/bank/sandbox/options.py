"""How a sandbox bank is set up: everything it may be told before it starts. All times are on its own clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from adapters.sandbox.notifier import NotifyRules
from gateway.domain.payout import DuplicateMode

FUNDS_MINOR = 10**15
"""What each account holds at first, in minor units."""


class NotifyFormat(StrEnum):
    """What the bank posts: the report itself, or only a hint to ask."""

    XML = "xml"
    JSON = "json"


class Lookup(StrEnum):
    """Whether orders can be found by our EndToEndId."""

    ON = "on"
    OFF = "off"
    DELAYED = "delayed"


class StatementFault(StrEnum):
    """What is wrong with the statement."""

    DROP = "drop"
    """The last entry is missing; the balances stay."""
    DOUBLE = "double"
    ALTER = "alter"
    """The last entry's amount is one minor unit too high."""
    GAP = "gap"
    """A sequence number is left out."""
    BATCH = "batch"
    """All debits are one booking."""


@dataclass(frozen=True, slots=True)
class BankSandboxOptions:
    """The sandbox's settings; `port` 0 takes a free one."""

    keys: Path
    """A folder for throw-away keys, filled at first start (`keys.mint`)."""
    port: int = 0
    control_port: int = 0
    notify_url: str = field(default="", repr=False)
    """Where notifications go; empty: nowhere."""
    tls: bool = False
    """HTTPS, and a client certificate is demanded."""
    duplicate_mode: DuplicateMode = DuplicateMode.SAME_RESOURCE
    lookup: Lookup = Lookup.ON
    notify_format: NotifyFormat = NotifyFormat.XML
    notify_bookings: bool = False
    """Also post a camt.054 for each debit; returns are always posted."""
    notify_rules: NotifyRules = field(default_factory=NotifyRules)
    statement_fault: StatementFault | None = None
    accounts: Mapping[str, str] = field(
        default_factory=lambda: {"110000000000000001": "CNY", "DE89370400440532013000": "EUR"}, repr=False
    )
    """The client's accounts, with their currencies."""
    usual_s: float = 0.3
    """From RCVD by way of ACSP to ACSC."""
    later_s: float = 1.0
    return_s: float = 1.0
    slow_s: float = 3.0
    hang_s: float = 30.0
    """How long a request that gets no answer hangs before its connection breaks."""
    lookup_delay_s: float = 30.0
    utc_offset_h: int = 8
    """The bank's local time."""
