"""The one way in which anything leaves for a channel: a prepared request in; an answer, or the proof of what was sent.

What money needs of it, whatever stands under it:

* **proof of "not sent"** (R3): whether the head of a request may have begun to be written is told by what the transport
  was seen to do. Exception classes prove nothing: the same one is raised on both sides of that line. A transport that
  says nothing proves nothing.
* **one exchange per connection**: what is left over on a kept connection (an answer sent twice, a body longer than its
  `Content-Length`) would be read as the answer to the next request, that is to another order. A kept connection that
  dies under a submit would make it unknown besides.
* **never sent again** behind our back, and no redirect followed: a redirected submit is an answer we do not know.
* **a total deadline**: a channel that trickles a byte a second never meets a time-out of a read.
* **a cap** on what is read, and no decoding: `Content-Encoding` in an answer makes it unreadable, so a compression bomb
  is never unpacked.
* no proxy from the environment; a small pool for each channel, and its own TLS identity.

tests/wire holds every implementation to it.
"""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

ANSWER_MAX_BYTES = 256 * 1024
"""The longest answer read by default; longer ones are no answer."""

METHODS = frozenset({"DELETE", "GET", "POST"})
"""What adapters use, and what was proved to leave once (tests/wire)."""

HEADERS = {"User-Agent": "paymux", "Accept-Encoding": "identity", "Connection": "close"}
"""With every request, whichever client writes it: no answer is compressed, and no connection is kept."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer. `headers` has lower-case names; a name that came twice is in `doubled`."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    doubled: frozenset[str] = frozenset()

    def evidence(self) -> bytes:
        """Status line, headers and body as they came, for the record."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"HTTP {self.status}\r\n{head}\r\n".encode() + self.body


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """There is no answer to read. `sent` is False only if the transport proved that no byte of the head was written."""

    sent: bool
    error: str
    """What went wrong, for people: an exception's class and text, never proof of anything."""
    local: bool = False
    """It never left for want of a free connection in our own pool: nobody's fault but ours."""

    def evidence(self) -> bytes:
        return f"no answer ({'sent' if self.sent else 'not sent'}): {self.error}".encode()


class ChannelHttp(ABC):
    """HTTP for one channel."""

    @abstractmethod
    async def send(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes = b"",
        max_bytes: int = ANSWER_MAX_BYTES,
    ) -> HttpAnswer | NoAnswer:
        """One request, one answer. Only a cancellation escapes, and `ValueError` for a method that is not in `METHODS`,
        whichever client stands under it: before anything is sent, so that a test of the adapter meets it.

        The caller waits as long as it likes (its deadline is its own business); the call itself is closed after
        twice the total deadline, so that a late answer is still read (R10).
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything. Nothing is sent afterwards."""


class HttpClientFactory(Protocol):
    """Makes the HTTP client of one channel; tests and the simulation hand in another one."""

    def __call__(self, tls: ssl.SSLContext | None = None) -> ChannelHttp: ...


class Unreadable(Exception):
    """An answer came, and is not one that we read."""


def check_method(method: str) -> None:
    """Raises `ValueError` for one that was not proved to leave once."""
    if method not in METHODS:
        raise ValueError(f"{method} is not among the methods that are sent")


def check_readable(content_encoding: str | None) -> None:
    """Raises `Unreadable` for an answer that would have to be unpacked."""
    if content_encoding is not None and content_encoding != "identity":
        raise Unreadable("the answer has a content coding")


def too_long(max_bytes: int) -> Unreadable:
    return Unreadable(f"the answer is longer than {max_bytes} bytes")


def describe(error: BaseException) -> str:
    """For people: an exception's class and text."""
    text = str(error)
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
