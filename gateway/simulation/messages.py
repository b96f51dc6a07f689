"""HTTP messages as the simulated network carries them: parts, and how many bytes they come to on a wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus

Headers = tuple[tuple[str, str], ...]

_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `target` is path and query as on the wire."""

    method: str
    host: str
    target: str
    headers: Headers
    body: bytes = field(default=b"", repr=False)

    def head(self) -> bytes:
        """The request line and the headers, to the empty line."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return f"{self.method} {self.target} HTTP/1.1\r\n{lines}\r\n".encode()

    @property
    def size(self) -> int:
        """How many bytes it is on the wire: what `head` and `body` come to, without making them."""
        lines = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return len(self.method) + len(self.target) + 14 + lines + len(self.body)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with its whole body."""

    status: int
    headers: Headers
    body: bytes = field(default=b"", repr=False)

    def head(self) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return f"HTTP/1.1 {self.status} {_REASONS.get(self.status, '')}\r\n{lines}\r\n".encode()

    @property
    def size(self) -> int:
        return len(self.head()) + len(self.body)


Service = Callable[[Asked], Awaitable[Answered | None]]
"""The other side: does what is asked. None: it breaks the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a channel's call is for; known to the network because it is set around the call (`watched`)."""

    purpose: str
    """`submit`, `query`, `cancel`."""
    channel: str
    channel_reference: str
    about: str
    """`app/reference` of the order."""


CALL: ContextVar[Call | None] = ContextVar("call", default=None)
