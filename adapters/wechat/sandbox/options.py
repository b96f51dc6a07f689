"""How a sandbox is set up. Everything that takes time is here, in seconds, and short."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from adapters.sandbox.notifier import NotifyRules

GENERAL_WAITS_S = (15.0, 15.0, 30.0, 180.0, 600.0, 1200.0, *(1800.0,) * 3, 3600.0, *(10_800.0,) * 3, *(21_600.0,) * 2)
"""The service's preset `general` (sheet section 9)."""
TRANSFER_WAITS_S = (*(15.0,) * 10, *(300.0,) * 10, *(1800.0,) * 44)
"""The service's preset `transfer`."""


class KeyMode(StrEnum):
    """What answers and notifications are signed with."""

    CERTIFICATE = "certificate"
    PUBLIC_KEY = "public_key"
    MIXED = "mixed"
    """A merchant during its migration: answers as the request wishes, every second notification with the other key."""


@dataclass(frozen=True, slots=True)
class WechatSandboxOptions:
    """Where it listens, which keys it has, how long things take."""

    keys: Path
    """The folder that `mint` fills, shared with the gateway."""
    port: int = 0
    control_port: int = 0
    tls: bool = False
    key_mode: KeyMode = KeyMode.PUBLIC_KEY
    amount_magic: bool = False
    """Amounts ending in 77, 78 and 79 fen misbehave too."""
    usual_s: float = 0.3
    """From the payee being asked to the payee confirming."""
    transfer_s: float = 0.05
    """From confirming to being paid."""
    later_s: float = 0.6
    """Ending 0002: from taking the order to asking the payee."""
    cancel_s: float = 0.1
    slow_s: float = 3.0
    """Ending 0009: how late the answer is."""
    return_s: float = 0.5
    """Ending 0006: from paying to the money being back."""
    hold_s: float = 0.3
    """Ending 0007: by how much its notification is late."""
    hang_s: float = 60.0
    """How long an ordered time-out hangs."""
    amount_max_fen: int = 100_000_000
    balance_fen: int = 10**13
    notifications: NotifyRules = field(default_factory=NotifyRules)
