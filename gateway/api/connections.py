"""How many connections may be open: in all, and from one address (docs/reliability.md 4, row 10).

One more is closed before a byte of it is read. Proxies of ours speak for many, so for them only the total counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Networks = Sequence[IPv4Network | IPv6Network]

_HOST_PREFIX = 64
"""Whoever has one IPv6 address has its /64: all of it is one source."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`[limits] connections`, `connections_per_address`; `trusted` networks have the total only."""

    total: int = 10_000
    per_address: int = 256
    trusted: Networks = ()


class ConnectionCap:
    """Counts the open connections of one listener."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open = 0
        self._by_source: Counter[str] = Counter()

    def enter(self, peer: str) -> bool:
        """Whether a connection from `peer` may stay; it is counted if so."""
        source = _source(peer)
        crowded = self._by_source[source] >= self._limits.per_address and not within(peer, self._limits.trusted)
        if crowded or self._open >= self._limits.total:
            if not self._by_source[source]:
                del self._by_source[source]
            return False
        self._open += 1
        self._by_source[source] += 1
        return True

    def leave(self, peer: str) -> None:
        """A counted connection has ended."""
        source = _source(peer)
        self._open -= 1
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]


def within(address: str, networks: Networks) -> bool:
    """Whether `address` lies in one of `networks`; text that is no address lies nowhere."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


@lru_cache(maxsize=4096)
def _source(peer: str) -> str:
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Network((int(address) >> _HOST_PREFIX << _HOST_PREFIX, _HOST_PREFIX)))
    return str(address)
