"""On whose behalf an app pays: its own user, as far as it says. Kept for later, sealed; nothing is decided by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address

from gateway.domain.beneficiary import mask


@dataclass(frozen=True, slots=True)
class Payer:
    """The end user whose money it is."""

    account_id: str = field(repr=False)
    """The app's own id of the user."""
    tier: str | None = None
    """The app's own word for what kind of user it is."""
    device_id: str | None = field(default=None, repr=False)
    ip: str | None = field(default=None, repr=False)
    """In its usual form."""


def personal_of(payer: Payer | None) -> tuple[str | None, ...]:
    """What of it must not appear in any log line."""
    return () if payer is None else (payer.account_id, payer.device_id, payer.ip)


def payer_view(payer: Payer) -> dict[str, object]:
    """As answers show it: enough to recognise, not to use."""
    return {
        "account_id": mask(payer.account_id),
        "tier": payer.tier,
        "device_id": None if payer.device_id is None else mask(payer.device_id),
        "ip": None if payer.ip is None else _mask_ip(payer.ip),
    }


def _mask_ip(text: str) -> str:
    """The first half of an IPv4 address, the first two groups of an IPv6 one."""
    address = ip_address(text)
    if isinstance(address, IPv4Address):
        return ".".join([*text.split(".")[:2], "*", "*"])
    return ":".join([*address.exploded.split(":")[:2], "*"])
