"""Where a callback may go: which URL, and which address (hostile inputs 51-56). Pure.

A name is checked when it is configured and again here, and what it resolves to is checked when it is dialled: a name
that was public yesterday may point at our own network today. An address inside another address (mapped, NAT64, 6to4,
Teredo) is refused as such, because `ipaddress` calls some of them global whatever they carry.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]{1,253}|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?(?:[/?][!-~]*)?",
    re.ASCII,
)
URL_PATTERN = r"^https?://([a-z0-9.-]{1,253}|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?([/?][!-~]*)?$"
"""The same for a schema: what it can say of a URL that `check_url` lets pass."""
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*", re.ASCII)
_LOOKS_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)

_V6_UNICAST = IPv6Network("2000::/3")
"""The only IPv6 space that is given out: mapped, compatible, NAT64, local and multicast all lie outside it."""

REFUSED_NETWORKS: tuple[tuple[str, IPv4Network | IPv6Network], ...] = (
    ("shared address space", IPv4Network("100.64.0.0/10")),
    ("6to4 relay", IPv4Network("192.88.99.0/24")),
    ("multicast", IPv4Network("224.0.0.0/4")),
    ("mapped", IPv6Network("::ffff:0:0/96")),
    ("NAT64", IPv6Network("64:ff9b::/96")),
    ("NAT64", IPv6Network("64:ff9b:1::/48")),
    ("Teredo", IPv6Network("2001::/32")),
    ("6to4", IPv6Network("2002::/16")),
    ("documentation", IPv6Network("3fff::/20")),
    ("multicast", IPv6Network("ff00::/8")),
)
"""Refused in both modes, with the word that says why; what `ipaddress` itself knows to be private comes after."""

PORTS_REFUSED = frozenset({19, 22, 23, 25, 110, 143, 465, 587, 993, 995, 6379, 11211})
"""Ports of services that can be spoken to by accident through an HTTP request."""

_LOOPBACK: tuple[IPv4Network | IPv6Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


class RefusedTarget(OSError):
    """A URL or address that callbacks are not sent to. An `OSError`, so that a connector treats it as a failed dial."""


def check_url(url: str, live: bool) -> None:
    """Refuse a URL that a client could read in two ways, that is not https in live mode, or that names a bad address.

    Raises:
        RefusedTarget: with the reason.
    """
    match = _URL.fullmatch(url)
    if match is None or "\\" in url or "#" in url:
        raise RefusedTarget("not a plain http(s) URL with a lower-case ASCII host")
    if live and match["scheme"] != "https":
        raise RefusedTarget("live callbacks go by https only")
    host = match["host"].strip("[]")
    if match["host"] != host or _LOOKS_NUMERIC.fullmatch(host):
        check_address(host, live)
        if str(ip_address(host)) != host:
            raise RefusedTarget("the address is not in its usual form")
    elif not _NAME.fullmatch(host):
        raise RefusedTarget("the host is not a plain ASCII name")
    port = int(match["port"] or 0)
    if port > 65535:
        raise RefusedTarget("no such port")
    if port in PORTS_REFUSED:
        raise RefusedTarget("the port is not one to send HTTP to")


def check_address(text: str, live: bool) -> None:
    """Refuse an address that is not on the public internet; the sandbox may also call its own machine.

    Raises:
        RefusedTarget: with the reason.
    """
    try:
        address = ip_address(text)
    except ValueError as error:
        raise RefusedTarget("not an address in its usual form") from error
    reason = _why_not(address, live)
    if reason is not None:
        raise RefusedTarget(f"the address is refused: {reason}")


def _why_not(address: IPv4Address | IPv6Address, live: bool) -> str | None:
    if any(address in network for network in _LOOPBACK):
        return "loopback" if live else None
    for reason, network in REFUSED_NETWORKS:
        if address in network:
            return reason
    if isinstance(address, IPv6Address) and address not in _V6_UNICAST:
        return "not global unicast"
    return None if address.is_global else "not public"
