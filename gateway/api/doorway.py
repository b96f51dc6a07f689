"""Where a connection waits until its first head is here: nothing of aiohttp is made for whoever never sends one.

A thousand clients that send a byte now and then cost what it takes to count them and to look for the end of a head.
What is whole, or is nothing that could become a head, goes on to a `Connection` with all that was heard, and the
doorway is out of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from gateway.api.connections import ConnectionCap

HEAD_DEADLINE_S = 5.0
"""From the connection, or from a later head's first byte, to the head's end."""
_HEARD_MAX = 8 * 1024
"""Of a longer head the parser decides."""
_ENDS = (b"\r\n\r\n", b"\n\n")

MakeConnection = Callable[[str, ConnectionCap], asyncio.Protocol]
"""What serves a connection from an address that was counted in; it counts it out at its end."""


class Porch:
    """All who wait at one listener."""

    def __init__(self, cap: ConnectionCap, make: MakeConnection) -> None:
        self.cap = cap
        self.make = make
        self.waiting: set[Doorway] = set()

    def __call__(self) -> Doorway:
        """For one more connection."""
        return Doorway(self)

    def close(self) -> None:
        """Nobody who waits here has asked for anything yet."""
        for doorway in list(self.waiting):
            doorway.shut()


class Doorway(asyncio.Protocol):
    """One connection whose first head is not here yet."""

    __slots__ = ("_heard", "_late", "_peer", "_porch", "_transport")

    def __init__(self, porch: Porch) -> None:
        self._porch = porch
        self._peer = ""
        self._heard = b""
        self._transport: asyncio.Transport | None = None
        """None: it was not let in."""
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or close it at once where there are too many."""
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._porch.cap.enter(self._peer):
            tcp(transport).abort()
            return
        self._transport = tcp(transport)
        self._late = asyncio.get_running_loop().call_later(HEAD_DEADLINE_S, self.shut)
        self._porch.waiting.add(self)

    def data_received(self, data: bytes) -> None:
        """Go on with the first whole head, and with what can be none."""
        self._heard += data
        if self._transport is None or not self._goes_on():
            return
        connection = self._porch.make(self._peer, self._porch.cap)
        self._left()
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        connection.data_received(self._heard)

    def _goes_on(self) -> bool:
        heard = self._heard
        return any(end in heard for end in _ENDS) or len(heard) > _HEARD_MAX or not heard[:1].isupper()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It went away without having asked for anything."""
        if self._transport is not None:
            self._left()
            self._porch.cap.leave(self._peer)

    def _left(self) -> None:
        self._porch.waiting.discard(self)
        if self._late is not None:
            self._late.cancel()

    def shut(self) -> None:
        """It took too long, or the listener closes."""
        if self._transport is not None:
            self._transport.close()


def tcp(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """A listener's connections are TCP's. Not asked of its class: uvloop has one of its own, beside asyncio's."""
    return cast(asyncio.Transport, transport)
