"""Where a connection waits until its first head is here: nothing of aiohttp is made for whoever never sends one.

A thousand clients that send a byte now and then cost what it takes to count them and to look for the end of a head.
What is whole, or is nothing that could become a head, goes on to a `Connection` with all that was heard, and the
doorway is out of it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice
from typing import cast

from gateway.api.connections import ConnectionCap

HEAD_DEADLINE_S = 5.0
"""From the connection, or from a later head's first byte, to the head's end."""
LOOK_EVERY_S = 0.01
SENT_AWAY_AT_ONCE = 20
"""Of those who are late, in each `LOOK_EVERY_S`: two thousand a second."""
_HEARD_MAX = 8 * 1024
"""Of a longer head the parser decides."""
_ENDS = (b"\r\n\r\n", b"\n\n")

MakeConnection = Callable[[str, ConnectionCap], asyncio.Protocol]
"""What serves a connection from an address that was counted in; it counts it out at its end."""


class Porch:
    """All who wait at one listener, and who waits too long.

    Thousands that came together are late together. They are sent away a few at a time, the first to come first: closing
    them all in one turn of the loop would keep everybody else waiting, and they would come again together.
    """

    def __init__(self, cap: ConnectionCap, make: MakeConnection) -> None:
        self.cap = cap
        self.make = make
        self.waiting: OrderedDict[Doorway, float] = OrderedDict()
        """Until when (the loop's time), in the order in which they came."""
        self._looking: asyncio.TimerHandle | None = None

    def enter(self, doorway: Doorway) -> None:
        """One more waits."""
        loop = asyncio.get_running_loop()
        self.waiting[doorway] = loop.time() + HEAD_DEADLINE_S
        if self._looking is None:
            self._looking = loop.call_later(HEAD_DEADLINE_S, self._look)

    def leave(self, doorway: Doorway) -> None:
        """It waits no more."""
        self.waiting.pop(doorway, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        late = [each for each in islice(self.waiting, SENT_AWAY_AT_ONCE) if self.waiting[each] <= loop.time()]
        for doorway in late:
            del self.waiting[doorway]
        first_s = next(iter(self.waiting.values()), None)
        soonest_s = loop.time() + LOOK_EVERY_S
        self._looking = None if first_s is None else loop.call_at(max(first_s, soonest_s), self._look)
        for doorway in late:
            doorway.shut()

    def __call__(self) -> Doorway:
        """For one more connection."""
        return Doorway(self)

    def close(self) -> None:
        """Nobody who waits here has asked for anything yet."""
        for doorway in list(self.waiting):
            doorway.shut()


class Doorway(asyncio.Protocol):
    """One connection whose first head is not here yet."""

    __slots__ = ("_heard", "_peer", "_porch", "_transport")

    def __init__(self, porch: Porch) -> None:
        self._porch = porch
        self._peer = ""
        self._heard = b""
        self._transport: asyncio.Transport | None = None
        """None: it was not let in."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or close it at once where there are too many."""
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._porch.cap.enter(self._peer):
            tcp(transport).abort()
            return
        self._transport = tcp(transport)
        self._porch.enter(self)

    def data_received(self, data: bytes) -> None:
        """Go on with the first whole head, and with what can be none."""
        self._heard += data
        if self._transport is None or not self._goes_on():
            return
        connection = self._porch.make(self._peer, self._porch.cap)
        self._porch.leave(self)
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        connection.data_received(self._heard)

    def _goes_on(self) -> bool:
        heard = self._heard
        return any(end in heard for end in _ENDS) or len(heard) > _HEARD_MAX or not heard[:1].isupper()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It went away without having asked for anything."""
        if self._transport is not None:
            self._porch.leave(self)
            self._porch.cap.leave(self._peer)

    def shut(self) -> None:
        """It took too long, or the listener closes."""
        if self._transport is not None:
            self._transport.close()


def tcp(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """A listener's connections are TCP's. Not asked of its class: uvloop has one of its own, beside asyncio's."""
    return cast(asyncio.Transport, transport)
