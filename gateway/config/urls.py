"""Addresses and URLs in the configuration. Only canonical ones: `127.1`, `0x7f.1` and `①②⑦.⓪.⓪.①` are 127.0.0.1 to
one HTTP client or another, so nothing that a client could read in two ways is let in (hostile inputs 51-56).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from gateway.callbacks.target import PORTS_REFUSED

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_LISTEN = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z.-]+):([0-9]{1,5})", re.ASCII)


class BadAddress(ValueError):
    """Not an address or URL that the gateway takes; the text says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)

    def clashes(self, other: Address) -> bool:
        """Whether both cannot be listened on: the same port of the same host, or of all hosts."""
        if self.port == 0 or self.port != other.port:
            return False
        return self.host == other.host or bool({self.host, other.host} & {"0.0.0.0", "::"})  # noqa: S104  compared, not bound


def parse_address(text: object) -> Address:
    """`127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`. Raises `BadAddress`."""
    match = _LISTEN.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[2]) > 65535:
        raise BadAddress('must be "HOST:PORT" with an IP address or localhost, e.g. "127.0.0.1:8080"')
    host = match[1].strip("[]")
    if host != "localhost" and _ip(host) is None:
        raise BadAddress("the host must be localhost or an IP address in its usual form")
    return Address(host, int(match[2]))


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine and nothing else."""
    ip = _ip(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)


def split_url(text: str) -> SplitResult:
    """An http or https URL that every client reads the same way.

    Raises:
        BadAddress: user info, fragment, anything but printable ASCII, a host or port that is not canonical.
    """
    if not re.fullmatch(r"[!-~]+", text) or "\\" in text:
        raise BadAddress("a URL has printable ASCII characters only")
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise BadAddress("not a URL") from error
    if url.scheme not in ("http", "https") or not text.startswith(f"{url.scheme}://"):
        raise BadAddress("must begin with https:// (or http:// in sandbox mode)")
    if "@" in url.netloc:
        raise BadAddress("a URL must not carry a user or password")
    if "#" in text:
        raise BadAddress("a URL must not have a fragment")
    _check_host(url.netloc, host, port)
    return url


def _check_host(netloc: str, host: str, port: int | None) -> None:
    written = f"[{host}]" if ":" in host else host
    if netloc != (written if port is None else f"{written}:{port}"):
        raise BadAddress("the host must be in lower case and its port a plain number")
    numeric = ":" in host or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2]) is not None
    if numeric and _ip(host) is None:
        raise BadAddress("the IP address is not in its usual form")
    if not numeric and not _NAME.fullmatch(host):
        raise BadAddress("the host is not a plain ASCII name")
    if port == 0 or port in PORTS_REFUSED:
        raise BadAddress(f"port {port} is not one to send HTTP to")


def is_private(host: str) -> bool:
    """Whether `host` is an IP literal that is not on the public internet, or a name of this machine."""
    ip = _ip(host)
    return host == "localhost" or (ip is not None and (not ip.is_global or ip.is_multicast))


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, if `host` is one in canonical form."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    return ip if str(ip) == host else None
